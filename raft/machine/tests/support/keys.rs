//! Keys, signatures, and the verifier.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use sha2::{Digest as _, Sha256};
use verbund_identity::{PureVerifier, SignatureVerifier, key_id, normalise};
use verbund_model::{Algorithm, KeyId, PublicKey};

#[derive(Clone)]
enum Secret {
    Real256(p256::ecdsa::SigningKey),
    Real384(p384::ecdsa::SigningKey),
    Cheap,
}

/// Somebody who signs.
#[derive(Clone)]
pub struct Signer {
    pub key: PublicKey,
    pub id: KeyId,
    secret: Secret,
}

impl Signer {
    fn new(key: PublicKey, secret: Secret) -> Self {
        Self { id: key_id(&key), key, secret }
    }

    /// A real P-256 key from a small scalar.
    pub fn real256(number: u8) -> Self {
        let mut scalar = [7; 32];
        scalar[31] = number;
        let secret = p256::ecdsa::SigningKey::from_slice(&scalar).unwrap();
        let point = secret.verifying_key().to_encoded_point(false);
        Self::new(PublicKey::from_point(Algorithm::P256, point.as_bytes()).unwrap(), Secret::Real256(secret))
    }

    /// A real P-384 key from a small scalar.
    pub fn real384(number: u8) -> Self {
        let mut scalar = [7; 48];
        scalar[47] = number;
        let secret = p384::ecdsa::SigningKey::from_slice(&scalar).unwrap();
        let point = secret.verifying_key().to_encoded_point(false);
        Self::new(PublicKey::from_point(Algorithm::P384, point.as_bytes()).unwrap(), Secret::Real384(secret))
    }

    /// Raw `r ‖ s`, low `s`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Real256(secret) => {
                let signature: p256::ecdsa::Signature = secret.sign(message);
                normalise(Algorithm::P256, &signature.to_bytes()).unwrap()
            }
            Secret::Real384(secret) => {
                let signature: p384::ecdsa::Signature = secret.sign(message);
                normalise(Algorithm::P384, &signature.to_bytes()).unwrap()
            }
            Secret::Cheap => cheap_signature(&self.key, message),
        }
    }

    pub fn is_real(&self) -> bool {
        !matches!(self.secret, Secret::Cheap)
    }
}

/// Makes cheap keys: each the last point plus the generator, so that all lie on their curve and none comes twice.
pub struct Keyring {
    next256: p256::ProjectivePoint,
    next384: p384::ProjectivePoint,
}

impl Keyring {
    pub fn new(seed: u64) -> Self {
        Self {
            next256: p256::ProjectivePoint::GENERATOR * p256::Scalar::from(seed | 1 << 40),
            next384: p384::ProjectivePoint::GENERATOR * p384::Scalar::from(seed | 1 << 40),
        }
    }

    pub fn p256(&mut self) -> Signer {
        self.next256 += p256::ProjectivePoint::GENERATOR;
        let point = self.next256.to_affine().to_encoded_point(false);
        Signer::new(PublicKey::from_point(Algorithm::P256, point.as_bytes()).unwrap(), Secret::Cheap)
    }

    pub fn p384(&mut self) -> Signer {
        self.next384 += p384::ProjectivePoint::GENERATOR;
        let point = self.next384.to_affine().to_encoded_point(false);
        Signer::new(PublicKey::from_point(Algorithm::P384, point.as_bytes()).unwrap(), Secret::Cheap)
    }
}

/// Two hashes of key and message in the fixed form: below the order, not zero, and the second below its half.
fn cheap_signature(key: &PublicKey, message: &[u8]) -> Vec<u8> {
    let half = key.algorithm().coordinate_len();
    let part = |which: &[u8]| {
        let digest = Sha256::new().chain_update(which).chain_update(key.point()).chain_update(message).finalize();
        let mut part = vec![0x55; half];
        part[half - 31..].copy_from_slice(&digest[..31]);
        part[0] = 1;
        part
    };
    [part(b"r"), part(b"s")].concat()
}

/// Checks real keys' signatures with the reference verifier, and remembers the answers; cheap ones by their rule.
#[derive(Default)]
pub struct TestVerifier {
    real: BTreeSet<KeyId>,
    known: Mutex<HashMap<[u8; 32], bool>>,
}

impl TestVerifier {
    pub fn new<'a>(real: impl IntoIterator<Item = &'a Signer>) -> Self {
        Self { real: real.into_iter().map(|signer| signer.id).collect(), known: Mutex::default() }
    }

    fn check_real(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let mut hasher = Sha256::new();
        for part in [key.point(), message, signature] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut known = self.known.lock().unwrap();
        *known.entry(hasher.finalize().into()).or_insert_with(|| PureVerifier.verify(key, message, signature))
    }
}

impl SignatureVerifier for TestVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        if self.real.contains(&key_id(key)) {
            self.check_real(key, message, signature)
        } else {
            signature == cheap_signature(key, message)
        }
    }
}

impl rcgen::PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.key.point()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.key.algorithm() {
            Algorithm::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl rcgen::SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let raw = Signer::sign(self, message);
        Ok(match self.key.algorithm() {
            Algorithm::P256 => p256::ecdsa::Signature::from_slice(&raw).unwrap().to_der().as_bytes().to_vec(),
            Algorithm::P384 => p384::ecdsa::Signature::from_slice(&raw).unwrap().to_der().as_bytes().to_vec(),
        })
    }
}
