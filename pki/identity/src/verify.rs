//! Signatures: their fixed form, and the port behind which they are checked.
//!
//! A signature is raw `r ‖ s` with low `s` (formats 6): of the two that ECDSA allows for one message, only one counts,
//! so that nobody but the signer can make a second envelope from a first.

use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};
use verbund_model::{Algorithm, Hash, KeyId, PublicKey};

/// A key's id: SHA-256 over the name of its algorithm, a colon, and its uncompressed point.
#[must_use]
pub fn key_id(key: &PublicKey) -> KeyId {
    let mut hasher = Sha256::new();
    hasher.update(key.algorithm().as_str().as_bytes());
    hasher.update(b":");
    hasher.update(key.point());
    KeyId(Hash(hasher.finalize().into()))
}

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Checks one signature. A pure function of its arguments, whoever implements it: the answer may be computed early, in
/// parallel, and remembered by those exact bytes.
pub trait SignatureVerifier: Send + Sync {
    /// Whether `signature` (raw `r ‖ s`, low `s`) is `key`'s over `message`, hashed with SHA-256 for P-256 and with
    /// SHA-384 for P-384. Anything malformed is simply `false`.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;
}

/// Whether the bytes are `r ‖ s` of the right length with `s` at most half the group's order.
#[must_use]
pub fn is_fixed_form(algorithm: Algorithm, signature: &[u8]) -> bool {
    if signature.len() != 2 * algorithm.coordinate_len() {
        return false;
    }
    match algorithm {
        Algorithm::P256 => p256::ecdsa::Signature::from_slice(signature).is_ok_and(|s| s.normalize_s().is_none()),
        Algorithm::P384 => p384::ecdsa::Signature::from_slice(signature).is_ok_and(|s| s.normalize_s().is_none()),
    }
}

/// Brings a raw `r ‖ s` signature to low `s`. `None` if the bytes are no signature of that algorithm.
#[must_use]
pub fn normalise(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::P256 => {
            let parsed = p256::ecdsa::Signature::from_slice(signature).ok()?;
            Some(parsed.normalize_s().unwrap_or(parsed).to_bytes().to_vec())
        }
        Algorithm::P384 => {
            let parsed = p384::ecdsa::Signature::from_slice(signature).ok()?;
            Some(parsed.normalize_s().unwrap_or(parsed).to_bytes().to_vec())
        }
    }
}

/// The verifier in pure Rust: slower than the one of the daemon (`verbund-keys`), and the reference for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PureVerifier;

impl SignatureVerifier for PureVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        if !is_fixed_form(key.algorithm(), signature) {
            return false;
        }
        match key.algorithm() {
            Algorithm::P256 => {
                let Ok(verifying) = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.point()) else { return false };
                p256::ecdsa::Signature::from_slice(signature).is_ok_and(|s| verifying.verify(message, &s).is_ok())
            }
            Algorithm::P384 => {
                let Ok(verifying) = p384::ecdsa::VerifyingKey::from_sec1_bytes(key.point()) else { return false };
                p384::ecdsa::Signature::from_slice(signature).is_ok_and(|s| verifying.verify(message, &s).is_ok())
            }
        }
    }
}

/// Whether the key's point lies on its curve, so that it may be registered.
#[must_use]
pub fn is_on_curve(key: &PublicKey) -> bool {
    match key.algorithm() {
        Algorithm::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(key.point()).is_ok(),
        Algorithm::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(key.point()).is_ok(),
    }
}
