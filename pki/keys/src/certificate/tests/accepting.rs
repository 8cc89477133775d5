use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType,
};

use super::*;
use crate::certificate::key_adapter::{KeyAdapter, Subject as Certified};

/// An authority's PKI that does what it likes.
struct Authority {
    key: Arc<SoftwareKey>,
    certificate: Certificate,
}

fn authority() -> Authority {
    let key = key(Algorithm::P384);
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = parameters.self_signed(&KeyAdapter::new(&key)).unwrap();
    Authority { key, certificate: Certificate::from_der(certificate.der().to_vec()).unwrap() }
}

fn good() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CountryName, "DE");
    parameters.distinguished_name.push(DnType::CommonName, "Berlin CA 7");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.subject_alt_names = vec![uri("spiffe://berlin.verbund")];
    parameters.not_before = now() - DAY;
    parameters.not_after = now() + 365 * DAY;
    parameters
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

impl Authority {
    fn sign(&self, parameters: &CertificateParams, key: &verbund_model::PublicKey) -> Certificate {
        let adapter = KeyAdapter::new(&self.key);
        let issuer = Issuer::from_ca_cert_der(&self.certificate.der().into(), &adapter).unwrap();
        Certificate::from_der(parameters.signed_by(&Certified(key), &issuer).unwrap().der().to_vec()).unwrap()
    }
}

#[test]
fn an_answer_is_taken_or_refused_for_its_reason() {
    let authority = authority();
    let ca_key = key(Algorithm::P384);
    let accept = |change: &dyn Fn(&mut CertificateParams)| {
        let mut parameters = good();
        change(&mut parameters);
        let certificate = authority.sign(&parameters, ca_key.public_key());
        accept_ca(&certificate, ca_key.public_key(), &domain("berlin.verbund"), now()).map_err(|e| e.to_string())
    };
    assert_eq!(accept(&|_| ()).unwrap(), [], "positive control");
    accept(&|p| p.subject_alt_names.clear()).unwrap();
    accept(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth])
        .unwrap();

    // permittedSubtrees [0] { base uniformResourceIdentifier [6] "a.b" }
    let uri_constraint =
        CustomExtension::from_oid_content(&[2, 5, 29, 30], vec![0x30, 9, 0xa0, 7, 0x30, 5, 0x86, 3, b'a', b'.', b'b']);
    type Change<'a> = &'a dyn Fn(&mut CertificateParams);
    let cases: [(&str, Change<'_>); 12] = [
        ("trust domain", &|p| p.subject_alt_names = vec![uri("spiffe://hamburg.verbund")]),
        ("trust domain", &|p| p.subject_alt_names.push(uri("spiffe://hamburg.verbund"))),
        ("basicConstraints: CA false", &|p| p.is_ca = IsCa::ExplicitNoCa),
        ("no basicConstraints", &|p| p.is_ca = IsCa::NoCa),
        ("path length None", &|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        ("path length Some(1)", &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(1))),
        ("no keyUsage", &|p| p.key_usages.clear()),
        ("keyUsage", &|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
        ("extendedKeyUsage", &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]),
        ("which is not now", &|p| p.not_after = now() - Duration::from_secs(1)),
        ("which is not now", &|p| p.not_before = now() + Duration::from_secs(1)),
        ("five years", &|p| p.not_after = now() + 6 * 365 * DAY),
    ];
    for (wanted, change) in cases {
        let message = accept(change).unwrap_err();
        assert!(message.contains(wanted), "{wanted}: {message}");
    }
    let message = accept(&|p| p.custom_extensions = vec![uri_constraint.clone()]).unwrap_err();
    assert!(message.contains("nameConstraints"), "{message}");
}

#[test]
fn an_answer_for_another_key_is_refused() {
    let (authority, ca_key, other) = (authority(), key(Algorithm::P384), key(Algorithm::P384));
    let certificate = authority.sign(&good(), other.public_key());
    let error = accept_ca(&certificate, ca_key.public_key(), &domain("berlin.verbund"), now()).unwrap_err();
    assert!(matches!(error, AcceptError::OtherKey { .. }), "{error}");
}

/// A PKI run with openssl signs our request, with a name of several parts, and what the CA issues then verifies.
#[test]
fn openssl_signs_our_request_and_verifies_what_the_ca_issues() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let ca_key = key(Algorithm::P384);
    let trust_domain = domain("berlin.verbund");
    write(dir.path(), "ca.csr", &csr_for_ca(&*ca_key, &trust_domain).unwrap());
    openssl_ok(&["req", "-in", &file("ca.csr"), "-noout", "-verify"]);
    let subject = "/C=DE/O=Land Berlin/OU=ITDZ/CN=Authority Root";
    let root = ["-newkey", "rsa:3072", "-nodes", "-sha256", "-subj", subject, "-days", "30"];
    let usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl_ok(
        &[&["req", "-x509", "-keyout", &file("root.key"), "-out", &file("root.pem")], &root[..], &usage].concat(),
    );
    write(
        dir.path(),
        "ext",
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
        subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    );
    let sign = ["-CA", &file("root.pem"), "-CAkey", &file("root.key"), "-CAcreateserial", "-days", "20", "-sha256"];
    let files = ["-in", &file("ca.csr"), "-extfile", &file("ext"), "-out", &file("ca.pem")];
    openssl_ok(&[&["x509", "-req"], &sign[..], &files].concat());

    let certificate = Certificate::from_pem(&std::fs::read_to_string(file("ca.pem")).unwrap()).unwrap();
    // openssl takes the machine's time, so that the test's follows from it.
    let now = certificate.info().unwrap().not_before + Duration::from_secs(60);
    let findings = accept_ca(&certificate, ca_key.public_key(), &trust_domain, now).unwrap();
    let rules: Vec<_> = findings.iter().map(|f| f.rule).collect();
    assert_eq!(rules, ["TLS_CERT_02"], "RSA with PKCS #1 v1.5 is withdrawn: {findings:?}");
    let info = certificate.info().unwrap();
    assert_eq!(info.trust_domain, None, "this PKI left the URI out");

    let ca = IssuingCa::new(trust_domain, certificate, ca_key).unwrap();
    let identity = ca.issue_identity(node(1), vec![], vec![], DAY, now).unwrap();
    write(dir.path(), "leaf.pem", &identity.chain[0].pem());
    let chain = ["-CAfile", &file("root.pem"), "-untrusted", &file("ca.pem"), &file("leaf.pem")];
    openssl_ok(&[&["verify", "-x509_strict", "-attime", &now.unix_timestamp().to_string()], &chain[..]].concat());
    assert_eq!(identity.chain[0].info().unwrap().authority_key_id, info.subject_key_id, "SHA-1 of another maker");
}

/// Names with a part twice (OU and OU) cannot be repeated by the library: found out when the answer comes, not at the
/// first leaf.
#[test]
fn a_name_that_cannot_be_repeated_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let config = "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\n0.OU=one\n1.OU=two\nCN=x\n\
        [ext]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n";
    write(dir.path(), "config", config);
    openssl_ok(&["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", &file("key")]);
    let request = ["req", "-x509", "-new", "-config", &file("config"), "-key", &file("key"), "-out", &file("pem")];
    openssl_ok(&request);
    let certificate = Certificate::from_pem(&std::fs::read_to_string(file("pem")).unwrap()).unwrap();
    let info = certificate.info().unwrap();
    let now = info.not_before + Duration::from_secs(60);
    let error = accept_ca(&certificate, &info.public_key.unwrap(), &domain("berlin.verbund"), now).unwrap_err();
    assert!(error.to_string().contains("cannot be repeated exactly"), "{error}");
}
