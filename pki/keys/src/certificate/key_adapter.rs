//! Lets rcgen sign with any [`Signer`], and certify any public key.

use std::sync::Mutex;

use rcgen::SignatureAlgorithm;
use verbund_model::{Algorithm, PublicKey};

use crate::custody::{SignError, Signer};

fn rcgen_algorithm(algorithm: Algorithm) -> &'static SignatureAlgorithm {
    match algorithm {
        Algorithm::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Algorithm::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
    }
}

/// A public key that gets a certificate.
pub(super) struct Subject<'a>(pub(super) &'a PublicKey);

impl rcgen::PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.0.algorithm())
    }
}

/// A signer as rcgen wants one. It keeps the reason of a failure, for which rcgen has no room.
pub(super) struct KeyAdapter<'a> {
    signer: &'a dyn Signer,
    failure: Mutex<Option<SignError>>,
}

impl<'a> KeyAdapter<'a> {
    pub(super) fn new(signer: &'a dyn Signer) -> Self {
        Self { signer, failure: Mutex::new(None) }
    }

    /// Why the last signing failed, if it did.
    pub(super) fn failure(&self) -> Option<SignError> {
        self.failure.lock().ok().and_then(|mut failure| failure.take())
    }
}

impl rcgen::PublicKeyData for KeyAdapter<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.signer.public_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.signer.public_key().algorithm())
    }
}

impl rcgen::SigningKey for KeyAdapter<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let key = self.signer.public_key();
        let signature = self.signer.sign(message).and_then(|raw| {
            asn1(key.algorithm(), &raw).ok_or(SignError::Malformed { key: key.clone(), length: raw.len() })
        });
        signature.map_err(|error| {
            if let Ok(mut failure) = self.failure.lock() {
                *failure = Some(error);
            }
            rcgen::Error::RemoteKeyError
        })
    }
}

/// Raw `r ‖ s` as X.509 wants it (Ecdsa-Sig-Value, RFC 3279).
fn asn1(algorithm: Algorithm, raw: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::P256 => Some(p256::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
        Algorithm::P384 => Some(p384::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
    }
}
