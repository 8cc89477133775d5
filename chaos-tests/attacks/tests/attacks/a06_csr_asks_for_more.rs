//! Attack 6: whoever may have a certificate asks for more than is due: another's name, the rights of a CA, other usages
//! (design 3.2; `formats.md` 4).
//!
//! Expected: the certificate is built from the issuer's record, never from the request; rights of a CA are refused outright. The
//! control shows that the wishes really stand in the request.

use std::time::Duration;

use rcgen::{Attribute, CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use verbund_attacks::world::{Site, start};
use verbund_identity::{SpiffeId, Subject};
use verbund_keys::{Certificate, CsrError, LeafRequest, ProvenKey};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// extensionRequest (PKCS #9) with basicConstraints, critical, CA:TRUE.
const CA_TRUE: [u8; 21] = [
    0x31, 0x13, 0x30, 0x11, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01,
    0x01, 0xff,
];
const EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113_549, 1, 9, 14];
const FOREIGN: [&str; 2] = ["spiffe://nord.dvc/node/0.1", "spiffe://west.dvc/node/0.2"];

fn issued(site: &Site, key: ProvenKey) -> Certificate {
    let spiffe_id = SpiffeId { trust_domain: site.domain.clone(), subject: Subject::User("erika".parse().unwrap()) };
    let lifetime = Duration::from_secs(3600);
    let request = LeafRequest { spiffe_id, key, dns_names: vec![], ip_addresses: vec![], lifetime };
    site.ca.issue_leaf(&request, start().unwrap()).unwrap()
}

#[test]
fn what_a_request_asks_for_is_not_in_the_certificate() {
    let site = Site::new("west", "land").unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut wishes = CertificateParams::default();
    wishes.subject_alt_names = FOREIGN.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    wishes.subject_alt_names.push(SanType::DnsName("api.nord.example".try_into().unwrap()));
    wishes.subject_alt_names.push(SanType::IpAddress("203.0.113.9".parse().unwrap()));
    wishes.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::CodeSigning];
    let request = wishes.serialize_request(&key).unwrap();
    let holds = |der: &[u8], text: &[u8]| der.windows(text.len()).any(|window| window == text);
    assert!(holds(request.der(), b"nord.dvc/node/0.1"), "control: the wish stands in the request");

    let leaf = issued(&site, ProvenKey::from_csr(request.der()).unwrap());
    let info = leaf.info().unwrap();
    assert_eq!(info.uris, ["spiffe://west.dvc/user/erika"], "the record's name and no other");
    assert!(info.dns_names.is_empty() && info.ip_addresses.is_empty());
    let (_, parsed) = X509Certificate::from_der(leaf.der()).unwrap();
    let usages = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usages.client_auth && !usages.server_auth && !usages.code_signing && !usages.any);
    assert!(!parsed.is_ca());
    for wish in [&b"node/0."[..], b"api.nord", b"nord.dvc"] {
        assert!(!holds(leaf.der(), wish), "{}", String::from_utf8_lossy(wish));
    }
}

#[test]
fn rights_of_a_ca_are_refused_wherever_they_stand() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let hidden = || Attribute { oid: EXTENSION_REQUEST, values: CA_TRUE.to_vec() };
    let plain = CertificateParams::default();
    let mut named = CertificateParams::default();
    // Then the extensions that rcgen writes come first, and the wish stands in a second attribute of the same kind.
    named.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
    for params in [plain, named.clone()] {
        let request = params.serialize_request_with_attributes(&key, vec![hidden()]).unwrap();
        let refused = ProvenKey::from_csr(request.der()).unwrap_err();
        assert!(matches!(refused, CsrError::AsksForCa { .. }), "{refused}");
    }
    assert!(
        ProvenKey::from_csr(named.serialize_request(&key).unwrap().der()).is_ok(),
        "positive control: without the wish"
    );
}
