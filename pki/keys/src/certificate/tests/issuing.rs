use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use verbund_identity::CaCertificate;

use super::*;
use crate::certificate::x509::parse;
use crate::custody::SignError;

#[test]
fn root_and_ca_say_what_they_should() {
    let site = site("berlin.verbund");
    let root = site.root.info().unwrap();
    assert!(root.is_ca && root.self_issued && root.path_len == Some(1));
    assert_eq!(root.trust_domain, Some(domain("berlin.verbund")));
    assert_eq!(root.spiffe_id, None);
    assert_eq!(root.uris, ["spiffe://berlin.verbund"]);
    assert_eq!(root.key_id, Some(verbund_identity::key_id(site.root_key.public_key())));
    assert!(root.subject.starts_with("CN=berlin.verbund root "), "{}", root.subject);
    assert_eq!(root.authority_key_id, root.subject_key_id);

    let ca = site.ca.certificate().info().unwrap();
    assert!(ca.is_ca && !ca.self_issued && ca.path_len == Some(0));
    assert_eq!(ca.authority_key_id, root.subject_key_id);
    assert!(ca.subject_key_id.is_some() && ca.subject_key_id != root.subject_key_id);
    assert_eq!(ca.issuer, root.subject);
    assert_eq!(ca.trust_domain, root.trust_domain);
    for certificate in [&site.root, site.ca.certificate()] {
        let certificate = parse(certificate.der()).unwrap();
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.flags.count_ones() == 2);
        assert!(usage.value.key_cert_sign() && usage.value.crl_sign());
        assert!(certificate.basic_constraints().unwrap().unwrap().critical);
    }
}

#[test]
fn each_kind_of_leaf_has_its_own_usages_and_names() {
    let site = site("berlin.verbund");
    for (subject, server) in [(node(7), true), (agents("c1"), false), (users("u-1"), false)] {
        let leaf_key = key(Algorithm::P256);
        let mut request = site.request(subject.clone(), ProvenKey::held(&*leaf_key));
        request.dns_names = vec!["k1.berlin.example".to_owned()];
        request.ip_addresses = vec![IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().unwrap()];
        let leaf = site.ca.issue_leaf(&request, now()).unwrap();
        let info = leaf.info().unwrap();
        assert_eq!(info.spiffe_id.as_ref(), Some(&request.spiffe_id));
        assert_eq!(info.spiffe_id.unwrap().subject, subject);
        assert_eq!(info.public_key.as_ref(), Some(leaf_key.public_key()));
        assert_eq!((info.dns_names, info.ip_addresses), (request.dns_names, request.ip_addresses));
        assert_eq!(info.uris.len(), 1);
        assert!(!info.is_ca && info.path_len.is_none());
        assert_eq!(info.not_before, now() - Duration::from_secs(300));
        assert_eq!(info.not_after, now() + DAY);
        assert_eq!(info.authority_key_id, site.ca.certificate().info().unwrap().subject_key_id);
        assert!(info.subject_key_id.is_some());
        assert_eq!(info.serial.len(), 16);

        let parsed = parse(leaf.der()).unwrap();
        let usage = parsed.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.flags.count_ones() == 1 && usage.value.digital_signature());
        let extended = parsed.extended_key_usage().unwrap().unwrap().value;
        assert_eq!((extended.server_auth, extended.client_auth), (server, true));
        assert!(!extended.any && !extended.code_signing && extended.other.is_empty());
        assert!(is_signed_by(&leaf, site.ca.certificate()) && !is_signed_by(&leaf, &site.root));
    }
}

#[test]
fn serials_are_random_and_identities_have_fresh_keys() {
    let site = site("berlin.verbund");
    let one = site.ca.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let two = site.ca.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    assert_ne!(one.key.public_key(), two.key.public_key());
    let infos = [&one, &two].map(|identity| identity.chain[0].info().unwrap());
    assert_ne!(infos[0].serial, infos[1].serial);
    assert_eq!(infos[0].public_key.as_ref(), Some(one.key.public_key()));
    assert_eq!(one.chain[1], *site.ca.certificate());
    assert_eq!(one.not_after, now() + DAY);
    assert!(one.key.to_pkcs8().unwrap().len() > 100);
}

#[test]
fn nothing_outlives_its_issuer_or_the_maxima() {
    let site = site("berlin.verbund");
    let held = ProvenKey::held(&*key(Algorithm::P256));
    let mut request = site.request(node(1), held);
    request.lifetime = 2 * 365 * DAY;
    let leaf = site.ca.issue_leaf(&request, now()).unwrap().info().unwrap();
    assert_eq!(leaf.not_after, site.ca.certificate().info().unwrap().not_after, "the CA ends after one year");

    for lifetime in [Duration::ZERO, Duration::from_millis(999), 3 * 366 * DAY, Duration::MAX] {
        request.lifetime = lifetime;
        let error = site.ca.issue_leaf(&request, now()).unwrap_err();
        assert!(matches!(error, IssueError::Lifetime { .. }), "{error}");
    }
    request.lifetime = DAY;
    for wrong_time in [now() - DAY, now() + 366 * DAY] {
        let error = site.ca.issue_leaf(&request, wrong_time).unwrap_err();
        assert!(matches!(error, IssueError::CaNotValid { .. }), "{error}");
    }
    let (root_key, trust_domain) = (&*site.root_key, domain("berlin.verbund"));
    assert!(make_root(root_key, &trust_domain, 6 * 365 * DAY, now()).is_ok());
    assert!(matches!(make_root(root_key, &trust_domain, 7 * 365 * DAY, now()), Err(IssueError::Lifetime { .. })));
    let ca = |days| issue_ca(root_key, &site.root, root_key.public_key(), &trust_domain, days * DAY, now());
    assert!(matches!(ca(6 * 365), Err(IssueError::Lifetime { .. })));
    let longest = ca(5 * 365).unwrap().info().unwrap();
    assert!(longest.not_after <= site.root.info().unwrap().not_after);
}

#[test]
fn what_may_not_be_issued_is_refused_with_its_reason() {
    let site = site("berlin.verbund");
    let held = ProvenKey::held(&*key(Algorithm::P256));
    let base = site.request(node(1), held);
    let with_names = |names: &[&str]| {
        let mut request = base.clone();
        request.dns_names = names.iter().map(|n| (*n).to_owned()).collect();
        site.ca.issue_leaf(&request, now())
    };
    assert!(with_names(&["a.example", "localhost", "xn--mnchen-3ya.de"]).is_ok(), "positive control");
    for bad in [
        "*.example",
        "",
        ".",
        "a..b",
        "a.example.",
        "-a",
        "a-",
        "A.example",
        "ä.de",
        "a b",
        "a\0b",
        "1.2.3.4",
        "::1",
        "a.7",
    ] {
        assert!(matches!(with_names(&[bad]), Err(IssueError::DnsName { .. })), "{bad:?}");
    }
    let long = format!("{}.{}", "a".repeat(63), "b".repeat(64));
    assert!(with_names(&[&long]).is_err());
    assert!(matches!(with_names(&["a.example"; 33]), Err(IssueError::Names { count: 33, .. })));

    let mut foreign = base.clone();
    foreign.spiffe_id.trust_domain = domain("hamburg.verbund");
    assert!(matches!(site.ca.issue_leaf(&foreign, now()), Err(IssueError::TrustDomain { .. })));
    let mut workload = base.clone();
    workload.spiffe_id.subject = Subject::Workload(SiteName::new("w").unwrap());
    assert!(matches!(site.ca.issue_leaf(&workload, now()), Err(IssueError::Kind { .. })));
}

#[test]
fn keys_and_certificates_that_do_not_belong_together_are_refused() {
    let (site, other) = (site("berlin.verbund"), site("hamburg.verbund"));
    let trust_domain = domain("berlin.verbund");
    let certificate = site.ca.certificate().clone();
    let error = IssuingCa::new(trust_domain.clone(), certificate, other.ca.signer().clone()).unwrap_err();
    assert_eq!(error, IssueError::OtherKey);
    let error = IssuingCa::new(domain("hamburg.verbund"), site.ca.certificate().clone(), site.ca.signer().clone());
    assert!(matches!(error, Err(IssueError::CaTrustDomain { .. })), "{error:?}");
    let ca_key = site.ca.signer().public_key();
    let error = issue_ca(&*other.root_key, &site.root, ca_key, &trust_domain, DAY, now()).unwrap_err();
    assert_eq!(error, IssueError::OtherKey);
    let small = key(Algorithm::P256);
    assert!(matches!(make_root(&*small, &trust_domain, DAY, now()), Err(IssueError::CaKey { .. })));
    assert!(csr_for_ca(&*small, &trust_domain).is_err());
}

#[test]
fn two_roots_never_have_one_name_and_names_keep_their_limit() {
    let trust_domain = domain(&format!("{}.{}", "a".repeat(40), "b".repeat(40)));
    let roots: Vec<CertificateInfo> =
        [(); 2].map(|()| make_root(&*key(Algorithm::P384), &trust_domain, DAY, now()).unwrap().info().unwrap()).into();
    assert_ne!(roots[0].subject, roots[1].subject);
    assert_eq!(roots[0].subject.len(), "CN=".len() + 64);
    assert_eq!(roots[0].trust_domain, Some(trust_domain));
}

/// A keeper that fails, as an HSM that was pulled out does.
struct Unplugged(Arc<SoftwareKey>);

impl Signer for Unplugged {
    fn public_key(&self) -> &verbund_model::PublicKey {
        self.0.public_key()
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::Keeper { key: self.public_key().clone(), reason: "token removed".to_owned() })
    }
}

#[test]
fn a_keeper_that_fails_is_named_in_the_error() {
    let unplugged = Unplugged(key(Algorithm::P384));
    let error = make_root(&unplugged, &domain("berlin.verbund"), DAY, now()).unwrap_err();
    assert!(error.to_string().contains("token removed"), "{error}");
    assert!(csr_for_leaf(&unplugged).unwrap_err().to_string().contains("token removed"));
}

#[test]
fn openssl_verifies_the_chain_and_refuses_what_it_should() {
    let (site, other) = (site("berlin.verbund"), site("hamburg.verbund"));
    let leaf_key = key(Algorithm::P256);
    let issue = |subject| site.ca.issue_leaf(&site.request(subject, ProvenKey::held(&*leaf_key)), now()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| write(dir.path(), name, text).to_str().unwrap().to_owned();
    let (root, foreign) = (path("root.pem", &site.root.pem()), path("foreign.pem", &other.root.pem()));
    let ca = path("ca.pem", &site.ca.certificate().pem());
    let (node, user) = (path("node.pem", &issue(node(1)).pem()), path("user.pem", &issue(users("u")).pem()));
    let verify = |root: &str, purpose: &str, leaf: &str, at: OffsetDateTime| {
        let at = at.unix_timestamp().to_string();
        let options = ["-x509_strict", "-policy_check", "-check_ss_sig", "-attime", &at, "-purpose", purpose];
        openssl(&[&["verify"], &options[..], &["-CAfile", root, "-untrusted", &ca, leaf]].concat()).status.success()
    };
    assert!(verify(&root, "sslserver", &node, now()));
    assert!(verify(&root, "sslclient", &node, now()));
    assert!(verify(&root, "sslclient", &user, now()));
    assert!(!verify(&root, "sslserver", &user, now()), "a user is no server");
    assert!(!verify(&foreign, "sslserver", &node, now()), "another site's root");
    assert!(!verify(&root, "sslserver", &node, now() + 2 * DAY), "ended");
}

/// The library that will verify at run time agrees, with the root and with the CA itself as the anchor.
#[test]
fn webpki_verifies_the_chain_below_either_anchor() {
    let (site, other) = (site("berlin.verbund"), site("hamburg.verbund"));
    let identity = site.ca.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
    let chain: Vec<_> = identity.chain.iter().map(der).collect();
    let verify = |anchor: &Certificate| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(anchor)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now().unix_timestamp().unsigned_abs()));
        verifier.verify_client_cert(&chain[0], &chain[1..], at).map(|_| ())
    };
    verify(&site.root).unwrap();
    verify(site.ca.certificate()).unwrap();
    assert!(verify(&other.root).is_err());
    assert!(verify(other.ca.certificate()).is_err());
}

/// What the replicated state reads of a CA is what we wrote.
#[test]
fn the_state_reads_the_same_of_a_ca() {
    let site = site("berlin.verbund");
    for (certificate, path_len) in [(&site.root, 1), (site.ca.certificate(), 0)] {
        let (ours, state) = (certificate.info().unwrap(), CaCertificate::from_der(certificate.der()).unwrap());
        assert_eq!(Some(&state.key), ours.public_key.as_ref());
        assert_eq!(state.path_len, Some(path_len));
        assert_eq!(
            (state.not_before, state.not_after),
            (ours.not_before.unix_timestamp(), ours.not_after.unix_timestamp())
        );
    }
    let leaf = site.ca.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    assert!(CaCertificate::from_der(leaf.chain[0].der()).is_err(), "a leaf is no CA");
}
