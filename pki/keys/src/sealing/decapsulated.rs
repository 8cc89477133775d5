//! The second half of opening (RFC 9180), for a key that can only agree on a secret where it is kept: from the secret of the
//! Diffie-Hellman step on. The same as the library does with a key in memory, which the tests check against it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// DHKEM(P-384, HKDF-SHA384), HKDF-SHA384, AES-256-GCM (RFC 9180, 7).
const KEM: [u8; 2] = [0, 0x11];
const KDF: [u8; 2] = [0, 2];
const AEAD: [u8; 2] = [0, 2];
/// Bytes of SHA-384, of the KEM's secret, and the most that one round of HKDF's expansion gives.
const HASH: usize = 48;
const MODE_BASE: u8 = 0;

type Secret = Zeroizing<Vec<u8>>;

/// Opens `ciphertext`. `agreed`: the x coordinate of the Diffie-Hellman step between `encapsulated` and the recipient's key;
/// `recipient`: that key's point. `None`: it does not open.
pub(super) fn open(
    agreed: &[u8],
    encapsulated: &[u8],
    recipient: &[u8],
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Secret> {
    let kem = [&b"KEM"[..], &KEM].concat();
    let prk = extract(&kem, &[], b"eae_prk", agreed);
    let shared = expand(&kem, &prk, b"shared_secret", &[encapsulated, recipient].concat(), HASH)?;

    let suite = [&b"HPKE"[..], &KEM, &KDF, &AEAD].concat();
    let psk_id_hash = extract(&suite, &[], b"psk_id_hash", &[]);
    let info_hash = extract(&suite, &[], b"info_hash", info);
    let context = [&[MODE_BASE], &psk_id_hash[..], &info_hash[..]].concat();
    let secret = extract(&suite, &shared, b"secret", &[]);
    let key = expand(&suite, &secret, b"key", &context, AES_256_GCM.key_len())?;
    let nonce = expand(&suite, &secret, b"base_nonce", &context, NONCE_LEN)?;

    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(aad), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// LabeledExtract (RFC 9180, 4).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], input: &[u8]) -> Secret {
    hash(salt, &[b"HPKE-v1", suite, label, input])
}

/// LabeledExpand (RFC 9180, 4), for as much as one round gives.
fn expand(suite: &[u8], prk: &[u8], label: &[u8], info: &[u8], length: usize) -> Option<Secret> {
    let size = u16::try_from(length).ok().filter(|_| length <= HASH)?;
    let mut output = hash(prk, &[&size.to_be_bytes(), b"HPKE-v1", suite, label, info, &[1]]);
    output.truncate(length);
    Some(output)
}

fn hash(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA384, key));
    parts.iter().for_each(|part| context.update(part));
    Zeroizing::new(context.sign().as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement;
    use verbund_model::Algorithm;

    use crate::custody::SoftwareKey;
    use crate::sealing::{ENCAPSULATED, Opener as _, SealingKey, seal};

    #[test]
    fn opens_what_the_library_seals() {
        for round in 0..20u8 {
            let scalar = SoftwareKey::generate(Algorithm::P384).unwrap().scalar().unwrap();
            let key = SealingKey::from_scalar(&scalar).unwrap();
            let plaintext = vec![round; usize::from(round) * 3];
            let sealed = seal(key.public_key(), b"info", b"aad", &plaintext).unwrap();
            let (encapsulated, ciphertext) = sealed.split_at(ENCAPSULATED);
            let private = agreement::PrivateKey::from_private_key(&agreement::ECDH_P384, &scalar).unwrap();
            let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P384, encapsulated);
            let agreed = agreement::agree(&private, peer, (), |secret| Ok(secret.to_vec())).unwrap();
            let open = |agreed: &[u8], info: &[u8], aad: &[u8]| {
                super::open(agreed, encapsulated, key.public_key().point(), info, aad, ciphertext)
            };
            assert_eq!(*open(&agreed, b"info", b"aad").unwrap(), plaintext);
            assert!(open(&agreed, b"other", b"aad").is_none());
            assert!(open(&agreed, b"info", b"other").is_none());
            assert!(open(&[7; 48], b"info", b"aad").is_none());
        }
    }
}
