use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::*;

fn leaf() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.not_before = now() - DAY;
    parameters.not_after = now() + DAY;
    parameters
}

fn root() -> CertificateParams {
    let mut parameters = leaf();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.extended_key_usages.clear();
    parameters
}

fn rules(der: &[u8]) -> Vec<&'static str> {
    check_certificate(der, now()).unwrap().into_iter().map(|finding| finding.rule).collect()
}

fn self_signed(parameters: &CertificateParams, key: &KeyPair) -> Vec<u8> {
    parameters.self_signed(key).unwrap().der().to_vec()
}

#[test]
fn what_we_issue_has_no_findings() {
    let site = site("berlin.verbund");
    let identity = site.ca.issue_identity(node(1), vec!["a.example".to_owned()], vec![], DAY, now()).unwrap();
    let chain = [identity.chain[0].der(), identity.chain[1].der(), site.root.der()];
    assert_eq!(check_chain(&chain, now()).unwrap(), []);
    assert!(check_chain(&[site.root.der(); 11], now()).is_err());
    let later: Vec<_> = check_chain(&chain, now() + 400 * DAY).unwrap();
    assert_eq!(later.iter().map(|f| f.rule).collect::<Vec<_>>(), ["TLS_CERT_12"; 2], "leaf and CA ended, the root not");
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let key = KeyPair::generate().unwrap();
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    type Change<'a> = &'a dyn Fn(&mut CertificateParams);
    let leaves: [(&[&str], Change<'_>); 12] = [
        (&[], &|_| ()),
        (&["TLS_CERT_03"], &|p| p.subject_alt_names = vec![dns("*.example")]),
        (&["TLS_CERT_03"], &|p| p.distinguished_name.push(rcgen::DnType::CommonName, "*.example")),
        (&["TLS_CERT_06"], &|p| p.key_usages.clear()),
        (&["TLS_CERT_06"], &|p| p.key_usages.push(KeyUsagePurpose::KeyCertSign)),
        (&["TLS_CERT_06"], &|p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        (&["TLS_CERT_08"], &|p| p.extended_key_usages.clear()),
        (&["TLS_CERT_08"], &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
        (&["TLS_CERT_08"], &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]),
        (&["TLS_CERT_11"], &|p| p.not_after = now() + 3 * 366 * DAY),
        (&["TLS_CERT_12"], &|p| p.not_after = now() - Duration::from_secs(1)),
        (&["TLS_CERT_12"], &|p| p.not_before = now() + Duration::from_secs(1)),
    ];
    for (index, (wanted, change)) in leaves.into_iter().enumerate() {
        let mut parameters = leaf();
        change(&mut parameters);
        assert_eq!(rules(&self_signed(&parameters, &key)), wanted, "leaf {index}");
    }
    let roots: [(&[&str], Change<'_>); 5] = [
        (&[], &|_| ()),
        (&["TLS_CERT_07"], &|p| p.key_usages.truncate(1)),
        (&["TLS_CERT_10"], &|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        (&["TLS_CERT_10"], &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(2))),
        (&["TLS_CERT_11"], &|p| p.not_after = now() + 7 * 365 * DAY),
    ];
    for (index, (wanted, change)) in roots.into_iter().enumerate() {
        let mut parameters = root();
        change(&mut parameters);
        assert_eq!(rules(&self_signed(&parameters, &key)), wanted, "root {index}");
    }
}

#[test]
fn the_maxima_hold_over_leap_years() {
    let key = KeyPair::generate().unwrap();
    let mut parameters = leaf();
    let date = |year, month, day| time::Date::from_calendar_date(year, month, day).unwrap().midnight().assume_utc();
    // Three calendar years with 29 February 2028 in them.
    parameters.not_before = date(2026, time::Month::March, 1);
    parameters.not_after = date(2029, time::Month::March, 1);
    assert_eq!(rules(&self_signed(&parameters, &key)), [""; 0]);
    parameters.not_after += Duration::from_secs(1);
    assert_eq!(rules(&self_signed(&parameters, &key)), ["TLS_CERT_11"]);
}

#[test]
fn weak_keys_and_signatures_of_others_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let made = |arguments: &[&str]| {
        let out = dir.path().join("pem").to_str().unwrap().to_owned();
        let private = dir.path().join("key").to_str().unwrap().to_owned();
        let usages = ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=clientAuth"];
        let no_ca = ["-addext", "basicConstraints=critical,CA:FALSE"];
        let fixed = ["req", "-x509", "-nodes", "-subj", "/CN=x", "-days", "10", "-keyout", &private, "-out", &out];
        openssl_ok(&[&fixed, &usages[..], &no_ca, arguments].concat());
        let certificate = Certificate::from_pem(&std::fs::read_to_string(out).unwrap()).unwrap();
        let now = certificate.info().unwrap().not_before + Duration::from_secs(60);
        let findings = check_certificate(certificate.der(), now).unwrap();
        findings.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    let p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let k256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    let pss = ["-sigopt", "rsa_padding_mode:pss"];
    assert_eq!(made(&[&p256, &["-sha256"][..]].concat()), [""; 0]);
    assert_eq!(made(&[&p256, &["-sha1"][..]].concat()), ["TLS_CERT_02"]);
    assert_eq!(made(&[&k256, &["-sha256"][..]].concat()), ["TLS_CERT_01"]);
    assert_eq!(made(&[&["-newkey", "rsa:3072", "-sha256"], &pss[..]].concat()), [""; 0]);
    assert_eq!(made(&["-newkey", "rsa:3072", "-sha256"]), ["TLS_CERT_02"]);
    assert_eq!(made(&[&["-newkey", "rsa:2048", "-sha256"], &pss[..]].concat()), ["TLS_CERT_01"]);
    assert_eq!(made(&["-newkey", "ed25519"]), ["TLS_CERT_01", "TLS_CERT_02"]);
}

#[test]
fn a_certificate_with_two_uris_names_nobody() {
    let key = KeyPair::generate().unwrap();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let mut parameters = leaf();
    parameters.subject_alt_names = vec![uri("spiffe://a.b/node/0.1")];
    let one = CertificateInfo::parse(&self_signed(&parameters, &key)).unwrap();
    assert!(one.spiffe_id.is_some() && one.trust_domain == Some(domain("a.b")), "positive control");
    parameters.subject_alt_names.push(uri("spiffe://c.d/node/0.1"));
    let two = CertificateInfo::parse(&self_signed(&parameters, &key)).unwrap();
    assert!(two.spiffe_id.is_none() && two.trust_domain.is_none() && two.uris.len() == 2);
    for foreign in ["https://a.b/node/0.1", "spiffe://a.b/node/0.1/x", "spiffe://a.b/", "spiffe://A.b"] {
        parameters.subject_alt_names = vec![uri(foreign)];
        let info = CertificateInfo::parse(&self_signed(&parameters, &key)).unwrap();
        assert!(info.spiffe_id.is_none() && info.trust_domain.is_none(), "{foreign}");
    }
}
