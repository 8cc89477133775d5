//! Every kind of certificate that is issued here against TLS_CERT_01 to 12 of BSI TR-03116-TS, by our own checks and by
//! openssl. A site that says where it publishes keeps them all; each rule is shown to find what it is for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;
use crate::certificate::checks::{MAX_INTERMEDIATE, MAX_LEAF, MAX_ROOT};

const HOST: &str = "k1.berlin.example";
const ADDRESS: &str = "192.0.2.1";

/// A kind of certificate with its chain (itself first) and what it is asked for.
struct Kind {
    what: &'static str,
    chain: Vec<Certificate>,
    names: Vec<String>,
    purpose: Option<&'static str>,
}

struct World {
    site: Site,
    kinds: Vec<Kind>,
    web: BTreeMap<String, Vec<u8>>,
    lists: Vec<RevocationList>,
}

fn published() -> Publication {
    "http://pki.berlin.example:7103".parse().unwrap()
}

fn world() -> World {
    let (root_key, ca_key) = (key(Algorithm::P384), key(Algorithm::P384));
    let trust_domain = domain("berlin.verbund");
    let root = make_root(&*root_key, &trust_domain, 5 * 365 * DAY, now()).unwrap();
    let published = published();
    let signed = |key: &SoftwareKey| {
        issue_ca_for(&*root_key, &root, key.public_key(), &trust_domain, Some(&published), 365 * DAY, now()).unwrap()
    };
    let renewed = signed(&ca_key);
    let first = signed(&ca_key);
    let ca = IssuingCa::new(trust_domain, first, ca_key).unwrap().published_at(Some(published.clone()));
    let list = ca.issue_crl(7, &[], 3 * DAY, now()).unwrap();
    let root_id = verbund_identity::key_id(root_key.public_key());
    let web = BTreeMap::from([
        (published.list_url(&ca.id()), list.der().to_vec()),
        (published.certificate_url(&ca.id()), ca.certificate().der().to_vec()),
        (published.certificate_url(&root_id), root.der().to_vec()),
    ]);
    let site = Site { root_key, root, ca };
    let mut kinds = vec![
        Kind { what: "root", chain: vec![site.root.clone()], names: vec![], purpose: None },
        Kind {
            what: "issuing CA",
            chain: vec![site.ca.certificate().clone(), site.root.clone()],
            names: vec![],
            purpose: None,
        },
        Kind { what: "renewed issuing CA", chain: vec![renewed, site.root.clone()], names: vec![], purpose: None },
    ];
    for (what, subject, purpose) in
        [("node", node(7), "sslserver"), ("agent", agents("c1"), "sslclient"), ("user", users("u-1"), "sslclient")]
    {
        let leaf_key = key(Algorithm::P256);
        let mut request = site.request(subject, ProvenKey::held(&*leaf_key));
        if what == "node" {
            request.dns_names = vec![HOST.to_owned()];
            request.ip_addresses = vec![ADDRESS.parse::<IpAddr>().unwrap()];
        }
        let mut names = vec![request.spiffe_id.to_string()];
        names.extend(request.dns_names.iter().cloned());
        names.extend(request.ip_addresses.iter().map(ToString::to_string));
        let leaf = site.ca.issue_leaf(&request, now()).unwrap();
        let chain = vec![leaf, site.ca.certificate().clone(), site.root.clone()];
        kinds.push(Kind { what, chain, names, purpose: Some(purpose) });
    }
    World { site, kinds, web, lists: vec![list] }
}

impl World {
    fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        self.web.get(url).cloned().ok_or_else(|| "404".to_owned())
    }

    /// Everything that our checks find in one kind.
    fn findings(&self, kind: &Kind) -> Vec<Finding> {
        let leaf = kind.chain[0].der();
        let names: Vec<&str> = kind.names.iter().map(String::as_str).collect();
        let chain: Vec<&[u8]> = kind.chain.iter().map(Certificate::der).collect();
        let mut all = check_chain(&chain, now()).unwrap();
        all.extend(check_pointers(leaf, |url| self.fetch(url)).unwrap());
        all.extend(check_revocation(leaf, &self.lists, now()).unwrap());
        all.extend(check_names(leaf, &names).unwrap());
        all
    }
}

#[test]
fn tls_cert_01_to_12_find_nothing_in_any_kind() {
    let world = world();
    for kind in &world.kinds {
        assert_eq!(world.findings(kind), [], "{}", kind.what);
    }
}

/// What x509-parser reads, rule by rule, without our own checks in between.
#[test]
fn the_table_of_tls_cert_holds_for_each_kind() {
    let world = world();
    for kind in &world.kinds {
        let what = kind.what;
        let certificate = x509::parse(kind.chain[0].der()).unwrap();
        let info = kind.chain[0].info().unwrap();
        let (is_ca, is_root) = (info.is_ca, info.self_issued);
        // TLS_CERT_01: key lengths.
        let wanted = if is_ca { Algorithm::P384 } else { Algorithm::P256 };
        assert_eq!(info.public_key.as_ref().map(|key| key.algorithm()), Some(wanted), "01 {what}");
        // TLS_CERT_02: every signature here is a P-384 CA's.
        let ecdsa = x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA384;
        assert_eq!(certificate.signature_algorithm.algorithm, ecdsa, "02 {what}");
        // TLS_CERT_03: no wildcards.
        let all = [&info.uris[..], &info.dns_names[..], std::slice::from_ref(&info.subject)].concat();
        assert!(!all.iter().any(|name| name.contains('*')), "03 {what}");
        // TLS_CERT_04: where to look, but for the root; a CA has no list above it, but says where the root is.
        let base = published().to_string();
        assert_eq!(info.list_urls.len(), usize::from(!is_ca), "04 {what}");
        assert_eq!(info.issuer_urls.len(), usize::from(!is_root), "04 {what}");
        assert!(info.list_urls.iter().chain(&info.issuer_urls).all(|url| url.starts_with(&base)), "04 {what}");
        // TLS_CERT_05: the list counts, and it is not on it.
        assert!(world.lists[0].next_update() > now() && world.lists[0].revoked().is_empty(), "05 {what}");
        // TLS_CERT_06 and 07: keyUsage critical, and nothing more than is needed.
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical, "06/07 {what}");
        let wanted = if is_ca { (false, true, true, 2) } else { (true, false, false, 1) };
        let value = usage.value;
        let found = (value.digital_signature(), value.key_cert_sign(), value.crl_sign(), value.flags.count_ones());
        assert_eq!(found, wanted, "06/07 {what}");
        // TLS_CERT_08: extendedKeyUsage by the kind.
        let extended = certificate.extended_key_usage().unwrap().map(|e| (e.value.server_auth, e.value.client_auth));
        let wanted = if is_ca { None } else { Some((what == "node", true)) };
        assert_eq!(extended, wanted, "08 {what}");
        // TLS_CERT_09: the names in use, and exactly one SPIFFE id.
        assert_eq!(info.uris.len(), 1, "09 {what}");
        // TLS_CERT_10: basicConstraints critical, path length as small as it can be.
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        let path_len = is_ca.then_some(u32::from(is_root));
        let found = (constraints.critical, constraints.value.ca, constraints.value.path_len_constraint);
        assert_eq!(found, (true, is_ca, path_len), "10 {what}");
        // TLS_CERT_11: at most 6, 5 and 3 years.
        let most = if is_root {
            MAX_ROOT
        } else if is_ca {
            MAX_INTERMEDIATE
        } else {
            MAX_LEAF
        };
        assert!(info.not_after - info.not_before <= most, "11 {what}");
        // TLS_CERT_12: valid now.
        assert!(info.is_valid_at(now()), "12 {what}");
    }
}

#[test]
fn openssl_agrees_about_each_kind() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), "root.pem", &world.site.root.pem());
    let ca = write(dir.path(), "ca.pem", &world.site.ca.certificate().pem());
    let list = write(dir.path(), "ca.crl", &world.lists[0].pem());
    let at = now().unix_timestamp().to_string();
    for kind in &world.kinds {
        let file = write(dir.path(), "it.pem", &kind.chain[0].pem());
        let (root, ca, file) = (root.to_str().unwrap(), ca.to_str().unwrap(), file.to_str().unwrap());
        let mut arguments = vec!["verify", "-x509_strict", "-attime", &at, "-auth_level", "3", "-CAfile", root];
        if let Some(purpose) = kind.purpose {
            arguments.extend(["-untrusted", ca, "-purpose", purpose, "-crl_check", "-CRLfile", list.to_str().unwrap()]);
        }
        arguments.push(file);
        openssl_ok(&arguments);
        let text = openssl(&["x509", "-in", file, "-noout", "-text"]);
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        let info = kind.chain[0].info().unwrap();
        for url in info.list_urls.iter().chain(&info.issuer_urls) {
            assert!(text.contains(&format!("URI:{url}")), "{}: {text}", kind.what);
        }
        assert_eq!(text.contains("CA Issuers - URI:"), !info.self_issued, "{}: {text}", kind.what);
        assert_eq!(text.contains("X509v3 CRL Distribution Points"), !info.is_ca, "{}: {text}", kind.what);
        assert!(text.contains("X509v3 Key Usage: critical"), "{}: {text}", kind.what);
        assert!(text.contains("X509v3 Basic Constraints: critical"), "{}: {text}", kind.what);
    }
    let text = openssl(&["crl", "-in", list.to_str().unwrap(), "-noout", "-text", "-CAfile", ca.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&text.stderr).contains("verify OK"), "{text:?}");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("X509v3 CRL Number") && text.contains("ecdsa-with-SHA384"), "{text}");
}

#[test]
fn the_rules_beyond_the_certificate_find_what_they_are_for() {
    let mut world = world();
    let leaf = world.kinds[3].chain[0].clone();
    let rules = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.rule).collect::<Vec<_>>();
    // 04: nothing named, nothing reachable, and something else than was promised.
    let silent = site("berlin.verbund");
    let identity = silent.ca.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let fetch = |url: &str| world.fetch(url);
    assert_eq!(rules(check_pointers(identity.chain[0].der(), fetch).unwrap()), ["TLS_CERT_04"]);
    assert_eq!(rules(check_pointers(identity.chain[1].der(), fetch).unwrap()), ["TLS_CERT_04"]);
    let gone = |_: &str| Err("connection refused".to_owned());
    assert_eq!(rules(check_pointers(leaf.der(), gone).unwrap()), ["TLS_CERT_04"; 2]);
    let other = |_: &str| Ok(world.site.root.der().to_vec());
    assert_eq!(rules(check_pointers(leaf.der(), other).unwrap()), ["TLS_CERT_04"; 2]);
    // 05: revoked, no list at all, a list that ran out.
    let serial = leaf.info().unwrap().serial;
    let revoked = [Revoked { serial: serial.clone(), since: now(), reason: Reason::KeyCompromise }];
    let revoking = world.site.ca.issue_crl(8, &revoked, DAY, now()).unwrap();
    assert_eq!(revoking.revoked(), revoked);
    assert_eq!(rules(check_revocation(leaf.der(), &[revoking], now()).unwrap()), ["TLS_CERT_05"]);
    assert_eq!(rules(check_revocation(leaf.der(), &[], now()).unwrap()), ["TLS_CERT_05"]);
    assert_eq!(rules(check_revocation(leaf.der(), &world.lists, now() + 4 * DAY).unwrap()), ["TLS_CERT_05"]);
    let foreign = vec![silent.ca.issue_crl(9, &[], DAY, now()).unwrap()];
    assert_eq!(rules(check_revocation(leaf.der(), &foreign, now()).unwrap()), ["TLS_CERT_05"]);
    // 09: a name that is not in it, and one that is only like it.
    for name in ["k2.berlin.example", "192.0.2.2", "spiffe://berlin.verbund/node/8", "berlin.example"] {
        assert_eq!(rules(check_names(leaf.der(), &[name, HOST]).unwrap()), ["TLS_CERT_09"], "{name}");
    }
    world.web.clear();
    let all = world.kinds.iter().map(|kind| world.findings(kind).len()).collect::<Vec<_>>();
    assert_eq!(all, [0, 1, 1, 2, 2, 2], "what cannot be reached is found in every kind but the root");
}
