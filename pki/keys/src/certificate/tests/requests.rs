use rcgen::{Attribute, CertificateParams, SanType};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::*;
use crate::certificate::key_adapter::KeyAdapter;

/// Has openssl make a request; returns it in PEM.
fn openssl_request(new_key: &[&str], hash: &str, extensions: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (csr, private) = (dir.path().join("csr"), dir.path().join("key"));
    let mut arguments = vec!["req", "-new", "-nodes", "-subj", "/CN=root/O=evil", "-newkey"];
    arguments.extend(new_key);
    arguments.extend(["-keyout", private.to_str().unwrap(), "-out", csr.to_str().unwrap()]);
    if !hash.is_empty() {
        arguments.push(hash);
    }
    for extension in extensions {
        arguments.extend(["-addext", extension]);
    }
    openssl_ok(&arguments);
    std::fs::read(csr).unwrap()
}

const P256: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];

#[test]
fn our_own_request_proves_its_key() {
    for algorithm in [Algorithm::P256, Algorithm::P384] {
        let key = key(algorithm);
        let request = csr_for_leaf(&*key).unwrap();
        assert_eq!(ProvenKey::from_csr(&request).unwrap().public_key(), key.public_key());
    }
}

#[test]
fn requests_of_openssl_are_taken_in_pem_and_der() {
    for (curve, hash) in [(P256, "-sha256"), (P384, "-sha384")] {
        let text = openssl_request(&curve, hash, &[]);
        let key = ProvenKey::from_csr(&text).unwrap();
        let der = pem::parse(&text).unwrap().into_contents();
        assert_eq!(ProvenKey::from_csr(&der).unwrap(), key);
    }
}

#[test]
fn names_and_usages_of_a_request_never_reach_the_certificate() {
    let text = openssl_request(
        &P256,
        "-sha256",
        &[
            "subjectAltName=URI:spiffe://hamburg.verbund/node/0.1,DNS:evil.example,DNS:*.example,IP:203.0.113.9",
            "extendedKeyUsage=serverAuth,codeSigning,anyExtendedKeyUsage",
            "keyUsage=digitalSignature,keyAgreement",
            "1.2.3.4=ASN1:UTF8String:strange",
        ],
    );
    let site = site("berlin.verbund");
    let mut request = site.request(users("u-1"), ProvenKey::from_csr(&text).unwrap());
    request.dns_names = vec!["mine.example".to_owned()];
    let leaf = site.ca.issue_leaf(&request, now()).unwrap();
    let info = leaf.info().unwrap();
    assert_eq!(info.uris, ["spiffe://berlin.verbund/user/u-1"]);
    assert_eq!((info.dns_names, info.ip_addresses.len()), (vec!["mine.example".to_owned()], 0));
    assert_eq!(info.subject, "CN=user/u-1");
    let parsed = x509::parse(leaf.der()).unwrap();
    let extended = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.client_auth && !extended.server_auth && !extended.code_signing && !extended.any);
    assert_eq!(parsed.key_usage().unwrap().unwrap().value.flags.count_ones(), 1);
    assert!(!leaf.der().windows(4).any(|w| w == b"evil") && !leaf.der().windows(7).any(|w| w == b"strange"));
}

#[test]
fn each_hostile_request_has_its_own_answer() {
    let is_ca = |e: &CsrError| matches!(e, CsrError::AsksForCa { .. });
    let algorithm = |e: &CsrError| matches!(e, CsrError::Algorithm { .. });
    let hash = |e: &CsrError| matches!(e, CsrError::Hash { .. });
    type Expected = fn(&CsrError) -> bool;
    type Case<'a> = (&'a str, &'a [&'a str], &'a str, &'a [&'a str], Expected);
    let cases: [Case<'_>; 10] = [
        ("CA:TRUE", &P256, "-sha256", &["basicConstraints=critical,CA:TRUE"], is_ca),
        ("CA:TRUE, not critical", &P384, "-sha384", &["basicConstraints=CA:TRUE,pathlen:0"], is_ca),
        ("keyCertSign", &P256, "-sha256", &["keyUsage=digitalSignature,keyCertSign"], is_ca),
        ("cRLSign", &P256, "-sha256", &["keyUsage=cRLSign"], is_ca),
        ("RSA 1024", &["rsa:1024"], "-sha256", &[], algorithm),
        ("RSA 4096", &["rsa:4096"], "-sha256", &[], algorithm),
        ("Ed25519", &["ed25519"], "", &[], algorithm),
        ("secp256k1", &["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "-sha256", &[], algorithm),
        ("P-521", &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "-sha512", &[], algorithm),
        ("P-384 with SHA-256", &P384, "-sha256", &[], hash),
    ];
    for (what, new_key, digest, extensions, expected) in cases {
        let error = ProvenKey::from_csr(&openssl_request(new_key, digest, extensions)).unwrap_err();
        assert!(expected(&error), "{what}: {error}");
    }
    let harmless = openssl_request(&P256, "-sha256", &["basicConstraints=CA:FALSE"]);
    assert!(ProvenKey::from_csr(&harmless).is_ok(), "positive control");
    let sha1 = ProvenKey::from_csr(&openssl_request(&P256, "-sha1", &[])).unwrap_err();
    assert!(hash(&sha1), "{sha1}");
}

#[test]
fn explicit_curve_parameters_are_refused() {
    let explicit = [&P256[..], &["-pkeyopt", "ec_param_enc:explicit"]].concat();
    let error = ProvenKey::from_csr(&openssl_request(&explicit, "-sha256", &[])).unwrap_err();
    assert!(matches!(error, CsrError::Algorithm { .. }), "{error}");
}

#[test]
fn a_wish_hidden_in_a_second_attribute_is_found() {
    // extensionRequest (PKCS #9) with basicConstraints critical CA:TRUE.
    const HIDDEN: [u8; 21] = [
        0x31, 0x13, 0x30, 0x11, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03,
        0x01, 0x01, 0xff,
    ];
    let key = key(Algorithm::P256);
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
    let adapter = KeyAdapter::new(&key);
    let hidden = Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 14], values: HIDDEN.to_vec() };
    let request = parameters.serialize_request_with_attributes(&adapter, vec![hidden]).unwrap();
    let error = ProvenKey::from_csr(request.der()).unwrap_err();
    assert!(matches!(error, CsrError::AsksForCa { .. }), "{error}");
}

#[test]
fn a_request_signed_by_another_key_proves_nothing() {
    // The first request's content under the second one's signature: the same lengths, so only the proof is wrong.
    let signature = |der: &[u8]| X509CertificationRequest::from_der(der).unwrap().1.signature_value.data.to_vec();
    let mine = key(Algorithm::P256);
    let stolen = csr_for_leaf(&*mine).unwrap();
    let own = signature(&stolen);
    // ECDSA signatures vary in length by their leading zeros: take one that fits.
    let forged = std::iter::repeat_with(|| csr_for_leaf(&*key(Algorithm::P256)).unwrap())
        .take(200)
        .find(|other| signature(other).len() == own.len())
        .map(|other| [&stolen[..stolen.len() - own.len()], &signature(&other)[..]].concat())
        .unwrap();
    assert!(ProvenKey::from_csr(&stolen).is_ok(), "positive control");
    assert_eq!(ProvenKey::from_csr(&forged).unwrap_err(), CsrError::Proof);
}

#[test]
fn no_flipped_bit_changes_the_key_and_no_cut_is_taken() {
    let good = csr_for_leaf(&*key(Algorithm::P256)).unwrap();
    let proven = ProvenKey::from_csr(&good).unwrap();
    let content = X509CertificationRequest::from_der(&good).unwrap().1.certification_request_info.raw;
    let start = good.windows(content.len()).position(|w| w == content).unwrap();
    let signed = start..start + content.len();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            // The parser takes some freedom with the frame around what is signed, from which nothing is read.
            match ProvenKey::from_csr(&bytes) {
                Ok(key) => assert!(!signed.contains(&at) && key == proven, "byte {at}, bit {bit}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        assert!(ProvenKey::from_csr(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(ProvenKey::from_csr(&[&good[..], b"\0"].concat()).is_err());
}

#[test]
fn sizes_are_bounded_and_text_is_one_request() {
    let megabyte = vec![b'A'; 1 << 20];
    assert_eq!(ProvenKey::from_csr(&megabyte).unwrap_err(), CsrError::Size { length: 1 << 20 });
    let pem = pem_text("CERTIFICATE REQUEST", &csr_for_leaf(&*key(Algorithm::P256)).unwrap());
    assert!(ProvenKey::from_csr(pem.as_bytes()).is_ok(), "positive control");
    let mut padded = pem.clone().into_bytes();
    padded.resize(16 * 1024 + 1, b'\n');
    assert!(matches!(ProvenKey::from_csr(&padded), Err(CsrError::Size { .. })));
    let as_certificate = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    for bad in [format!("{pem}{pem}"), as_certificate, "-----BEGIN".to_owned(), String::new()] {
        assert!(matches!(ProvenKey::from_csr(bad.as_bytes()), Err(CsrError::Form { .. })), "{bad:.40}");
    }
}
