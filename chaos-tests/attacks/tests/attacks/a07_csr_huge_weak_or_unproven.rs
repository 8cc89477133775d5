//! Attack 7: requests for certificates that cost the issuer work or give it a weak key: huge ones, RSA of any size, curves that
//! are not allowed, a proof that does not hold (design 3.2, SPIRE's CVE on CPU exhaustion).
//!
//! Expected: refused, and cheaply. The plan's bound of 10 ms is held by construction and not by a clock: more than 16 KiB are not
//! looked at, keys of other kinds are refused before any arithmetic with them, and of the two curves one signature is checked. The
//! slowest refusal of the run is printed.

use std::time::{Duration, Instant};

use rand::Rng as _;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use verbund_attacks::der::{bit_string, sequence, tagged};
use verbund_keys::{CsrError, ProvenKey};
use verbund_kit::seeded;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

const CASES: usize = 4_000;
const LARGEST: usize = 16 * 1024;
/// rsaEncryption with NULL, sha256WithRSAEncryption with NULL (RFC 8017).
const RSA: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const SHA256_RSA: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];

/// A request for an RSA key of so many bytes, under a signature that nobody made.
fn rsa(bytes: usize) -> Vec<u8> {
    let modulus = tagged(2, &[&[0][..], &vec![0xff; bytes]].concat());
    let key = sequence(&[&modulus[..], &[2, 3, 1, 0, 1]].concat());
    let info = sequence(&[&sequence(&RSA)[..], &bit_string(&key)].concat());
    let content = sequence(&[&[2, 1, 0][..], &sequence(&[]), &info, &tagged(0xa0, &[])].concat());
    sequence(&[&content[..], &sequence(&SHA256_RSA), &bit_string(&vec![1; bytes])].concat())
}

fn good(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
}

#[test]
fn large_and_weak_ones_are_refused_for_what_they_are() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        assert!(ProvenKey::from_csr(&good(algorithm)).is_ok(), "positive control");
    }
    for bytes in [64, 128, 256, 2048, 7_000] {
        let request = rsa(bytes);
        assert!(X509CertificationRequest::from_der(&request).is_ok(), "VOID: it is no request at all");
        let refused = ProvenKey::from_csr(&request).unwrap_err();
        assert!(matches!(refused, CsrError::Algorithm { .. }), "{bytes} bytes of RSA: {refused}");
    }
    let huge = rsa(1 << 20);
    assert_eq!(ProvenKey::from_csr(&huge), Err(CsrError::Size { length: huge.len() }));
    let mut padded = good(&PKCS_ECDSA_P256_SHA256);
    padded.resize(LARGEST + 1, 0);
    assert_eq!(ProvenKey::from_csr(&padded), Err(CsrError::Size { length: LARGEST + 1 }));
}

#[test]
fn no_altered_request_is_believed() {
    let mut rng = seeded("attacks", "a07_csr_huge_weak_or_unproven::no_altered_request_is_believed");
    let mut slowest = Duration::ZERO;
    let all =
        [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384].map(good);
    for case in 0..CASES {
        let request = all[case % all.len()].clone();
        let key = ProvenKey::from_csr(&request).unwrap();
        let signed = X509CertificationRequest::from_der(&request).unwrap().1.certification_request_info.raw.to_vec();
        let mut altered = request.clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..altered.len());
            match rng.random_range(0..4) {
                0 => altered[at] ^= 1 << rng.random_range(0..8),
                1 => altered[at] = rng.random(),
                2 => drop(altered.remove(at)),
                _ => altered.insert(at, rng.random()),
            }
        }
        let since = Instant::now();
        let answer = ProvenKey::from_csr(&altered);
        slowest = slowest.max(since.elapsed());
        if let Ok(believed) = answer {
            // What is signed is untouched, then: from the frame around it nothing is read.
            let whole = altered.windows(signed.len()).any(|window| window == signed);
            assert!(whole && believed == key, "case {case}");
        }
    }
    println!("{CASES} altered requests; the slowest answer took {slowest:?} (the plan: 10 ms)");
}

#[test]
fn any_bytes_get_an_answer() {
    let mut rng = seeded("attacks", "a07_csr_huge_weak_or_unproven::any_bytes_get_an_answer");
    for _ in 0..CASES {
        let mut bytes = vec![0; rng.random_range(0..600)];
        rng.fill(&mut bytes[..]);
        // As if it were a request, at least at its beginning.
        let frame = rng.random_range(0..3);
        let bytes = (0..frame).fold(bytes, |inner, _| sequence(&inner));
        assert!(ProvenKey::from_csr(&bytes).is_err());
    }
}
