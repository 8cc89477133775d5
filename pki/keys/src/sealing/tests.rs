use rustls::crypto::aws_lc_rs::hpke::DH_KEM_P384_HKDF_SHA384_AES_256;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

use super::*;

#[test]
fn what_was_sealed_opens_with_the_same_key_and_context_only() {
    let key = SealingKey::generate().unwrap();
    let other = SealingKey::generate().unwrap();
    for plaintext in [&b""[..], b"x", &[7; 100_000]] {
        let sealed = seal(key.public_key(), b"info", b"aad", plaintext).unwrap();
        assert_eq!(sealed.len(), plaintext.len() + ENCAPSULATED + TAG);
        assert_eq!(*key.open(b"info", b"aad", &sealed).unwrap(), plaintext);
        assert!(matches!(key.open(b"Info", b"aad", &sealed), Err(OpenError::Refused { .. })));
        assert!(matches!(key.open(b"info", b"", &sealed), Err(OpenError::Refused { .. })));
        assert!(matches!(other.open(b"info", b"aad", &sealed), Err(OpenError::Refused { .. })));
    }
    let twice = [(); 2].map(|()| seal(key.public_key(), b"", b"", b"same").unwrap());
    assert_ne!(twice[0], twice[1]);
}

#[test]
fn any_flipped_bit_and_any_cut_is_refused() {
    let key = SealingKey::generate().unwrap();
    let sealed = seal(key.public_key(), b"i", b"a", b"secret").unwrap();
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(key.open(b"i", b"a", &altered).is_err(), "byte {at}");
        assert!(key.open(b"i", b"a", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn only_points_on_p384_are_recipients() {
    let p256 = SoftwareKey::generate(Algorithm::P256).unwrap();
    let off_curve = PublicKey::from_point(Algorithm::P384, [&[4u8][..], &[9; 96]].concat()).unwrap();
    for recipient in [p256.public_key(), &off_curve] {
        assert!(matches!(seal(recipient, b"", b"", b""), Err(SealError::Recipient { .. })));
    }
}

/// RFC 9180 has no vectors for P-384, so another implementation (rustls on aws-lc) has to agree, in both directions.
#[test]
fn another_implementation_opens_what_we_seal_and_the_other_way_round() {
    let hpke: &dyn Hpke = DH_KEM_P384_HKDF_SHA384_AES_256;
    let scalar = SoftwareKey::generate(Algorithm::P384).unwrap().scalar().unwrap();
    let key = SealingKey::from_scalar(&scalar).unwrap();

    let sealed = seal(key.public_key(), b"verbund test", b"place", b"to them").unwrap();
    let encapsulated = EncapsulatedSecret(sealed[..ENCAPSULATED].to_vec());
    let private = HpkePrivateKey::from(scalar.to_vec());
    let opened = hpke.open(&encapsulated, b"verbund test", b"place", &sealed[ENCAPSULATED..], &private).unwrap();
    assert_eq!(opened, b"to them");

    let public = HpkePublicKey(key.public_key().point().to_vec());
    let (encapsulated, ciphertext) = hpke.seal(b"verbund test", b"place", b"to us", &public).unwrap();
    let sealed = [encapsulated.0, ciphertext].concat();
    assert_eq!(*key.open(b"verbund test", b"place", &sealed).unwrap(), b"to us");
}

#[test]
fn debug_shows_no_secret() {
    let key = SealingKey::from_scalar(&[0x5a; 48]).unwrap();
    let shown = format!("{key:?}");
    assert!(
        shown.contains("p384:") && !shown.contains("5a5a") && !shown.contains("90, 90") && !shown.contains("WlpaWlpa")
    );
}

/// What rustls (0.23, aws-lc) sealed once for a fixed key: sealed data outlives versions of libraries.
#[test]
fn a_message_of_another_implementation_opens_for_ever() {
    const SEALED: &str = "043ff9fd113081c107c69bd56479c01eb29fd02dd4df553bc1c8a18d8601435f96f5210e67b472fa56bfcb23df820903\
        26c2ab9130c038e86b8897b059cef4f24ee865f100995c85ada7c2bc66ad1764b7ab16acec379c5a4a3cdc0762cc3f4e\
        317619e47844ad3c06868e5ac5a90889163b3280ee2379";
    let sealed: Vec<u8> =
        (0..SEALED.len()).step_by(2).map(|at| u8::from_str_radix(&SEALED[at..at + 2], 16).unwrap()).collect();
    let key = SealingKey::from_scalar(&[0x5a; 48]).unwrap();
    assert_eq!(*key.open(b"verbund test", b"place", &sealed).unwrap(), b"frozen");
}
