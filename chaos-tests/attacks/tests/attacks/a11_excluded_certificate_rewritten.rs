//! Attack 11: a certificate that was excluded is written in another way, so that its fingerprint is another one (Nebula's
//! GHSA-69x3-g4r3-p962: the second signature that ECDSA allows for one message).
//!
//! Expected: refused, because sites are excluded by name and by public keys, never by the bytes of certificates. The control is the
//! attack on a list of fingerprints: every one of these certificates is new to such a list, and holds before the exclusion.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use verbund_attacks::der::{bit_string, sequence};
use verbund_attacks::world::{BEGINNING, Site, start};
use verbund_identity::{SpiffeId, Subject};
use verbund_keys::{LeafRequest, ProvenKey, SoftwareKey};
use verbund_model::{Algorithm, NodeId};
use verbund_tls::{Bundle, Certificate, Domain, Role, Trust, TrustError};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// It is shortly after the certificates were issued.
#[derive(Debug)]
struct Then;

impl TimeProvider for Then {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(BEGINNING + 60_000)))
    }
}

fn leaf(site: &Site, key: &SoftwareKey, names: &[&str]) -> Vec<u8> {
    let spiffe_id = SpiffeId { trust_domain: site.domain.clone(), subject: Subject::Node(NodeId::mint(0, 2)) };
    let dns_names = names.iter().map(|name| (*name).to_owned()).collect();
    let (key, lifetime) = (ProvenKey::held(key), Duration::from_secs(24 * 60 * 60));
    let request = LeafRequest { spiffe_id, key, dns_names, ip_addresses: vec![], lifetime };
    site.ca.issue_leaf(&request, start().unwrap()).unwrap().der().to_vec()
}

/// The same certificate under the other signature that fits: `n − s` in the place of `s`.
fn malleated(der: &[u8]) -> Vec<u8> {
    let (_, parsed) = X509Certificate::from_der(der).unwrap();
    let signature = p384::ecdsa::Signature::from_der(&parsed.signature_value.data).unwrap();
    let (r, s) = signature.split_scalars();
    let other = p384::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
    let tbs = parsed.tbs_certificate.as_ref();
    // What stands between the two is the algorithm, which is the same in all.
    let inner = &der[der.len() - (parsed_content(der))..];
    let algorithm = &inner[tbs.len()..inner.len() - bit_string(&parsed.signature_value.data).len()];
    sequence(&[tbs, algorithm, &bit_string(other.to_der().as_bytes())].concat())
}

/// Length of what is inside a certificate's outer SEQUENCE.
fn parsed_content(der: &[u8]) -> usize {
    let header = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
    der.len() - header
}

fn bundle(site: &Site, sequence: u64, change: impl FnOnce(&mut Bundle)) -> Bundle {
    let domain = Domain { anchors: vec![site.root.der().to_vec()], ..Domain::default() };
    let mut bundle = Bundle { sequence, domains: [(site.domain.clone(), domain)].into(), ..Bundle::default() };
    change(&mut bundle);
    bundle
}

#[test]
fn another_writing_does_not_help() {
    let site = Site::new("west", "land").unwrap();
    let key = SoftwareKey::generate(Algorithm::P256).unwrap();
    let first = leaf(&site, &key, &[]);
    let forms = [
        ("as it was", first.clone()),
        ("the other signature", malleated(&first)),
        ("issued again", leaf(&site, &key, &[])),
        ("with another name beside", leaf(&site, &key, &["west.example"])),
    ];
    let fingerprints: BTreeSet<_> = forms.iter().map(|(_, der)| Certificate::read(der).unwrap().fingerprint).collect();
    assert_eq!(fingerprints.len(), forms.len(), "a list of fingerprints would know the first alone");

    let issuing = CertificateDer::from(site.ca.certificate().der().to_vec());
    let check = |trust: &Arc<Trust>, der: &[u8]| {
        trust.check(&[CertificateDer::from(der.to_vec()), issuing.clone()], Role::Client).map(drop)
    };
    let trust = Trust::with_clock(bundle(&site, 1, |_| {}), Arc::new(Then));
    for (what, der) in &forms {
        assert_eq!(check(&trust, der), Ok(()), "control, {what}: it holds before the exclusion");
    }
    let id = Certificate::read(&first).unwrap().key;
    trust.set_bundle(bundle(&site, 2, |bundle| bundle.refused_keys.extend([id]))).unwrap();
    for (what, der) in &forms {
        assert!(matches!(check(&trust, der), Err(TrustError::RefusedKey { .. })), "{what}: {:?}", check(&trust, der));
    }
    let fresh = leaf(&site, &SoftwareKey::generate(Algorithm::P256).unwrap(), &[]);
    assert_eq!(check(&trust, &fresh), Ok(()), "control: another key of the same site counts");
    // By the site's name nothing of it counts, also what its CA makes afterwards.
    let by_name = bundle(&site, 3, |bundle| bundle.excluded_sites.extend([site.domain.site.clone()]));
    trust.set_bundle(by_name).unwrap();
    for der in forms.iter().map(|(_, der)| der).chain([&fresh]) {
        assert!(matches!(check(&trust, der), Err(TrustError::ExcludedSite { .. })));
    }
}
