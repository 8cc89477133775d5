//! What counts as a proof of a name, without sockets. Every refusal stands beside a proof that is accepted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use verbund_tls::{BundleError, Certificate, CertificateError, RevocationList, Role, Trust, TrustError};

use crate::ca::{Issued, Leaf, Site, bundle};
use crate::node::name;

fn check(trust: &Trust, issued: &Issued) -> Result<(), TrustError> {
    trust.check(&issued.chain, Role::Server).map(drop)?;
    trust.check(&issued.chain, Role::Client).map(drop)
}

#[test]
fn a_name_counts_under_its_own_domains_anchor_only() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let honest = b.issue(&Leaf::named(&name(&b, 2)));
    // Site A's CA signs a name of site B: a perfect chain, to the wrong anchor.
    let forged = a.issue(&Leaf::named(&name(&b, 2)));
    let trust = Trust::new(bundle(1, &[&a, &b]));
    assert_eq!(check(&trust, &honest), Ok(()));
    let error = check(&trust, &forged).unwrap_err();
    assert!(matches!(error, TrustError::NotVouchedFor { .. }), "{error}");
    // The very same leaf counts where the bundle lists that CA for B's domain.
    let mut swapped = bundle(2, &[&a, &b]);
    swapped.domains.insert(b.domain.clone(), a.entry());
    trust.set_bundle(swapped).unwrap();
    assert_eq!(check(&trust, &forged), Ok(()));
    assert!(check(&trust, &honest).is_err());
}

#[test]
fn a_domain_that_the_bundle_does_not_list_is_unknown() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let issued = b.issue(&Leaf::named(&name(&b, 2)));
    let trust = Trust::new(bundle(1, &[&a]));
    assert!(matches!(check(&trust, &issued), Err(TrustError::UnknownDomain { sequence: 1, .. })));
    trust.set_bundle(bundle(2, &[&a, &b])).unwrap();
    assert_eq!(check(&trust, &issued), Ok(()));
}

#[test]
fn an_issuing_ca_below_an_authority_can_be_the_anchor() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named(&name(&a, 1)));
    let mut below = bundle(1, &[&a]);
    below.domains.get_mut(&a.domain).unwrap().anchors = vec![a.issuing.to_vec()];
    assert_eq!(check(&Trust::new(below), &issued), Ok(()));
}

#[test]
fn dates_are_kept_to() {
    let a = Site::new("a");
    let trust = Trust::new(bundle(1, &[&a]));
    let dated = |days| a.issue(&Leaf { days, ..Leaf::named(&name(&a, 1)) });
    assert_eq!(check(&trust, &dated((-2, 1))), Ok(()));
    assert!(matches!(check(&trust, &dated((-2, -1))), Err(TrustError::Expired { .. })));
    assert!(matches!(check(&trust, &dated((1, 2))), Err(TrustError::NotYetValid { .. })));
    let old = Site::with_root("old", (-10, -1));
    let under_it = old.issue(&Leaf::named(&name(&old, 1)));
    let trust = Trust::new(bundle(1, &[&old]));
    assert!(matches!(check(&trust, &under_it), Err(TrustError::AnchorsOutOfDate { .. })));
}

#[test]
fn exactly_one_name_of_a_known_form() {
    let a = Site::new("a");
    let trust = Trust::new(bundle(1, &[&a]));
    let uris = |uris: &[&str]| {
        let uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        check(&trust, &a.issue(&Leaf { uris, ..Leaf::named("") }))
    };
    assert_eq!(uris(&["spiffe://a.fed/node/0.1"]), Ok(()));
    let none = uris(&[]);
    assert!(matches!(none, Err(TrustError::Certificate(CertificateError::Uris { count: 0 }))), "{none:?}");
    let two = uris(&["spiffe://a.fed/node/0.1", "spiffe://a.fed/node/0.2"]);
    assert!(matches!(two, Err(TrustError::Certificate(CertificateError::Uris { count: 2 }))), "{two:?}");
    for odd in ["https://a.fed/node/0.1", "spiffe://a.fed/node/1", "spiffe://a.fed/root/0.1", "spiffe://A.fed/node/0.1"]
    {
        assert!(matches!(uris(&[odd]), Err(TrustError::Certificate(CertificateError::Name(_)))), "{odd}");
    }
}

#[test]
fn usage_must_be_stated_and_fit() {
    let a = Site::new("a");
    let trust = Trust::new(bundle(1, &[&a]));
    let with = |usages: &[ExtendedKeyUsagePurpose]| {
        let issued = a.issue(&Leaf { usages: usages.to_vec(), ..Leaf::named(&name(&a, 1)) });
        [Role::Server, Role::Client].map(|role| trust.check(&issued.chain, role).is_ok())
    };
    use ExtendedKeyUsagePurpose::{ClientAuth, CodeSigning, ServerAuth};
    assert_eq!(with(&[ServerAuth, ClientAuth]), [true, true]);
    assert_eq!(with(&[ServerAuth]), [true, false]);
    assert_eq!(with(&[ClientAuth]), [false, true]);
    assert_eq!(with(&[CodeSigning]), [false, false]);
    assert_eq!(with(&[]), [false, false]);
}

#[test]
fn an_issuing_ca_makes_no_further_cas() {
    let a = Site::new("a");
    let leaf = Leaf::named(&name(&a, 1));
    let trust = Trust::new(bundle(1, &[&a]));
    assert_eq!(check(&trust, &a.issue(&leaf)), Ok(()));
    let error = check(&trust, &a.issue_below_a_second_ca(&leaf)).unwrap_err();
    assert!(matches!(error, TrustError::NotVouchedFor { .. }), "{error}");
}

#[test]
fn excluded_sites_names_and_keys_do_not_count() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let issued = a.issue(&Leaf::named(&name(&a, 1)));
    let key_of = |der: &CertificateDer<'_>| Certificate::read(der).unwrap().key;
    let plain = bundle(1, &[&a, &b]);
    assert_eq!(check(&Trust::new(plain.clone()), &issued), Ok(()));

    let mut site = plain.clone();
    site.excluded_sites.insert(a.domain.site.clone());
    assert!(matches!(check(&Trust::new(site), &issued), Err(TrustError::ExcludedSite { .. })));

    let mut id = plain.clone();
    id.excluded_ids.insert(name(&a, 1).parse().unwrap());
    assert!(matches!(check(&Trust::new(id), &issued), Err(TrustError::ExcludedId { .. })));

    for der in [&issued.chain[0], &a.issuing, &a.root] {
        let mut everywhere = plain.clone();
        everywhere.refused_keys.insert(key_of(der));
        assert!(matches!(check(&Trust::new(everywhere), &issued), Err(TrustError::RefusedKey { .. })));
        let mut within = plain.clone();
        within.domains.get_mut(&a.domain).unwrap().refused_keys.insert(key_of(der));
        assert!(matches!(check(&Trust::new(within), &issued), Err(TrustError::RefusedKey { .. })));
        // What a site refuses for itself does not touch another.
        let mut elsewhere = plain.clone();
        elsewhere.domains.get_mut(&b.domain).unwrap().refused_keys.insert(key_of(der));
        assert_eq!(check(&Trust::new(elsewhere), &issued), Ok(()));
    }
}

/// The public half of a key, with its point written in 33 bytes instead of 65.
struct Compressed(Vec<u8>);

impl PublicKeyData for Compressed {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

#[test]
fn a_refused_key_does_not_come_back_in_another_form() {
    let a = Site::new("a");
    let leaf = Leaf::named(&name(&a, 1));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let point = key.public_key_raw();
    let mut short = vec![2 + (point[64] & 1)];
    short.extend_from_slice(&point[1..33]);
    let trust = Trust::new(bundle(1, &[&a]));
    let judge = |der| trust.check(&[der, a.issuing.clone()], Role::Server);
    assert!(judge(a.sign(&leaf, &key).0).is_ok());
    let error = judge(a.sign(&leaf, &Compressed(short)).0).unwrap_err();
    assert_eq!(error, TrustError::Certificate(CertificateError::Key));
}

#[test]
fn revocation_lists_count_and_run_out() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let issued = a.issue(&Leaf::named(&name(&a, 1)));
    let of_b = b.issue(&Leaf::named(&name(&b, 2)));
    let trust = Trust::new(bundle(1, &[&a, &b]));
    let mut sequence = 1;
    let mut with = |crls: Vec<Vec<u8>>| {
        sequence += 1;
        let mut bundle = bundle(sequence, &[&a, &b]);
        bundle.domains.get_mut(&a.domain).unwrap().crls = crls;
        let applied = trust.set_bundle(bundle).unwrap();
        assert_eq!(check(&trust, &of_b), Ok(()), "one site's list is nothing to another");
        (check(&trust, &issued), applied.faults.len())
    };
    let (empty, other) = (a.crl(&[], (-2, 1)), a.crl(&[issued.serial + 1000], (-2, 1)));
    assert_eq!(with(vec![empty.clone()]), (Ok(()), 0));
    assert_eq!(with(vec![other]), (Ok(()), 0));
    let revoking = a.crl(&[issued.serial], (-1, 1));
    assert!(matches!(with(vec![revoking.clone()]), (Err(TrustError::Revoked { .. }), 0)));
    assert!(matches!(with(vec![empty, revoking]), (Err(TrustError::Revoked { .. }), 0)), "the newest counts");
    let old = a.crl(&[], (-3, -1));
    assert!(matches!(with(vec![old]), (Err(TrustError::RevocationListExpired { .. }), 0)));
    // What is no list at all closes A until it is repaired.
    assert!(matches!(with(vec![b"not a list".to_vec()]), (Err(TrustError::Domain(_)), 1)));
}

#[test]
fn sequences_only_rise_and_a_broken_domain_stands_alone() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let of_b = b.issue(&Leaf::named(&name(&b, 2)));
    let trust = Trust::new(bundle(5, &[&a, &b]));
    assert_eq!(trust.set_bundle(bundle(4, &[&a])), Err(BundleError::Stale { got: 4, current: 5 }));
    assert_eq!(trust.set_bundle(bundle(5, &[&a])), Err(BundleError::Stale { got: 5, current: 5 }));
    assert!(trust.set_bundle(bundle(5, &[&a, &b])).is_ok(), "the same again is no change");
    assert_eq!(check(&trust, &of_b), Ok(()));
    let mut broken = bundle(6, &[&a, &b]);
    broken.domains.get_mut(&a.domain).unwrap().anchors = vec![vec![0x30, 0x03, 1, 2, 3]];
    let applied = trust.set_bundle(broken).unwrap();
    assert_eq!(applied.faults.iter().map(|fault| &fault.domain).collect::<Vec<_>>(), [&a.domain]);
    assert_eq!(check(&trust, &of_b), Ok(()));
    let of_a = a.issue(&Leaf::named(&name(&a, 1)));
    assert!(matches!(check(&trust, &of_a), Err(TrustError::Domain(_))));
}

#[derive(Debug)]
struct Clock(Mutex<UnixTime>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(*self.0.lock().unwrap())
    }
}

#[test]
fn the_clock_is_the_trusts_own() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named(&name(&a, 1)));
    let clock = Arc::new(Clock(Mutex::new(UnixTime::now())));
    let trust = Trust::with_clock(bundle(1, &[&a]), clock.clone());
    assert_eq!(check(&trust, &issued), Ok(()));
    let later = UnixTime::now().as_secs() + 31 * 86_400;
    *clock.0.lock().unwrap() = UnixTime::since_unix_epoch(Duration::from_secs(later));
    assert!(matches!(check(&trust, &issued), Err(TrustError::Expired { .. })));
}

#[test]
fn hostile_bytes_are_errors() {
    let a = Site::new("a");
    let trust = Trust::new(bundle(1, &[&a]));
    let good = a.issue(&Leaf::named(&name(&a, 1)));
    assert!(matches!(trust.check(&[], Role::Server), Err(TrustError::Length { got: 0 })));
    let long = vec![good.chain[0].clone(); 5];
    assert!(matches!(trust.check(&long, Role::Server), Err(TrustError::Length { got: 5 })));
    let whole = good.chain[0].to_vec();
    for cut in (0..whole.len()).step_by(7) {
        let chain = [CertificateDer::from(whole[..cut].to_vec()), a.issuing.clone()];
        assert!(trust.check(&chain, Role::Server).is_err());
    }
    for place in (0..whole.len()).step_by(3) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        let chain = [CertificateDer::from(flipped), a.issuing.clone()];
        assert!(trust.check(&chain, Role::Server).is_err(), "byte {place}");
    }
}

#[test]
fn a_revocation_list_is_proven_by_its_ca_alone() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let twin = Site::new("a");
    let list = a.crl(&[7, 8], (-1, 1));
    let proven = RevocationList::prove(&list, &a.issuing, &a.entry()).unwrap();
    assert_eq!((proven.revoked, proven.issuer), (2, Certificate::read(&a.issuing).unwrap().key));
    assert!(proven.next_update > proven.issued);
    let mut below = a.entry();
    below.anchors = vec![a.issuing.to_vec()];
    assert_eq!(RevocationList::prove(&list, &a.issuing, &below), Ok(proven), "the CA may be the anchor itself");

    let refused = |crl: &[u8], issuer: &[u8], site: &Site, why: &str| {
        let error = RevocationList::prove(crl, issuer, &site.entry()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&list, &a.issuing, &b, "no anchor");
    refused(&b.crl(&[7], (-1, 1)), &a.issuing, &a, "another issuer");
    // A CA of the same name with another key: signed by it, and shown with the true CA's certificate or its own.
    refused(&twin.crl(&[7], (-1, 1)), &a.issuing, &a, "signature");
    refused(&twin.crl(&[7], (-1, 1)), &twin.issuing, &a, "no anchor");
    let leaf = a.issue(&Leaf::named(&name(&a, 1)));
    refused(&list, &leaf.chain[0], &a, "may not sign");
    let mut flipped = list.clone();
    let place = flipped.len() / 3;
    flipped[place] ^= 1;
    assert!(RevocationList::prove(&flipped, &a.issuing, &a.entry()).is_err());
}
