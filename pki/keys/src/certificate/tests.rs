use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use verbund_identity::{Subject, TrustDomain};
use verbund_model::{Algorithm, NodeId, SiteName, UserId};

use super::*;
use crate::custody::{Signer, SoftwareKey};

mod accepting;
mod checking;
mod issuing;
mod requests;
mod tls_cert;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// 18 November 2026, and no other time: tests never look at the clock.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap()
}

pub(crate) fn domain(text: &str) -> TrustDomain {
    text.parse().unwrap()
}

pub(crate) fn node(counter: u32) -> Subject {
    Subject::Node(NodeId::mint(0, counter))
}

fn key(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm).unwrap())
}

/// A site with root and issuing CA in memory.
struct Site {
    root_key: Arc<SoftwareKey>,
    root: Certificate,
    ca: IssuingCa,
}

fn site(name: &str) -> Site {
    let (root_key, ca_key) = (key(Algorithm::P384), key(Algorithm::P384));
    let trust_domain = domain(name);
    let root = make_root(&*root_key, &trust_domain, 5 * 365 * DAY, now()).unwrap();
    let ca = issue_ca(&*root_key, &root, ca_key.public_key(), &trust_domain, 365 * DAY, now()).unwrap();
    Site { root_key, root, ca: IssuingCa::new(trust_domain, ca, ca_key).unwrap() }
}

impl Site {
    fn request(&self, subject: Subject, key: ProvenKey) -> LeafRequest {
        LeafRequest {
            spiffe_id: verbund_identity::SpiffeId { trust_domain: self.ca.trust_domain().clone(), subject },
            key,
            dns_names: vec![],
            ip_addresses: vec![],
            lifetime: DAY,
        }
    }
}

/// Runs the openssl command line, which these tests need: another implementation has to agree.
fn openssl(arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).output().expect("these tests need openssl: apt install openssl")
}

fn openssl_ok(arguments: &[&str]) {
    let output = openssl(arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn users(name: &str) -> Subject {
    Subject::User(UserId::new(name).unwrap())
}

fn agents(name: &str) -> Subject {
    Subject::Agent(SiteName::new(name).unwrap())
}

#[test]
fn pem_comes_back_as_it_was_and_other_text_is_refused() {
    let site = site("berlin.verbund");
    let pem = site.root.pem();
    assert_eq!(Certificate::from_pem(&pem).unwrap(), site.root);
    let two = format!("{pem}{}", site.ca.certificate().pem());
    assert_eq!(Certificate::all_from_pem(&two).unwrap().len(), 2);
    assert!(Certificate::from_pem(&two).unwrap_err().to_string().contains("there are 2"));
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for bad in ["", "x", key, &format!("{pem}{key}"), &pem[..100], &"A".repeat(MAX_PEM + 1)] {
        assert!(Certificate::all_from_pem(bad).is_err(), "{bad:.60}");
    }
}

#[test]
fn no_altered_certificate_makes_the_parser_panic_or_keeps_its_signature() {
    let site = site("berlin.verbund");
    let good = site.ca.certificate().der();
    let parsed = x509::parse(good).unwrap();
    let start = good.windows(8).position(|w| w == &parsed.tbs_certificate.as_ref()[..8]).unwrap();
    let signed = start..start + parsed.tbs_certificate.as_ref().len();
    assert!(is_signed_by(site.ca.certificate(), &site.root), "positive control");
    for at in 0..good.len() {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let _ = check_certificate(&bytes, now());
        let _ = CertificateInfo::parse(&bytes);
        if let Ok(altered) = Certificate::from_der(bytes) {
            // The parser takes some freedom with the frame around what is signed, from which nothing is read.
            assert!(!is_signed_by(&altered, &site.root) || !signed.contains(&at), "byte {at}");
        }
        assert!(Certificate::from_der(&good[..at]).is_err());
    }
    assert!(Certificate::from_der([good, &[0]].concat()).is_err());
    assert!(matches!(Certificate::from_der(vec![0x30; 1 << 20]), Err(CertificateError::Size { .. })));
}
