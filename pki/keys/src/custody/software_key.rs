//! A private key in this process's memory (aws-lc, which wipes it when it is dropped).

use std::fmt;

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use verbund_identity::normalise;
use verbund_model::{Algorithm, PublicKey};
use zeroize::Zeroizing;

use super::signer::{SignError, Signer};

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library made none.
    #[error("a new {} key could not be made: the cryptographic library failed; check the system's random source", .algorithm.as_str())]
    Generate {
        /// Of which kind.
        algorithm: Algorithm,
    },
    /// The bytes are no private key. Their value is not shown.
    #[error("the {length} bytes given are no private scalar for {}: wanted {} bytes, between 1 and the group's order", .algorithm.as_str(), .algorithm.coordinate_len())]
    Scalar {
        /// For which kind.
        algorithm: Algorithm,
        /// How many bytes came.
        length: usize,
    },
}

/// A private key in memory. `Debug` shows the public half only.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl SoftwareKey {
    /// Makes a new key from the system's random source. Errors: [`KeyError::Generate`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let error = KeyError::Generate { algorithm };
        let pair = EcdsaKeyPair::generate(signing_algorithm(algorithm)).map_err(|_| error.clone())?;
        Self::from_pair(algorithm, pair).ok_or(error)
    }

    /// Takes a private scalar, big-endian, of the curve's full length. Errors: [`KeyError::Scalar`].
    pub fn from_scalar(algorithm: Algorithm, scalar: &[u8]) -> Result<Self, KeyError> {
        let error = || KeyError::Scalar { algorithm, length: scalar.len() };
        if scalar.len() != algorithm.coordinate_len() {
            return Err(error());
        }
        let curve = match algorithm {
            Algorithm::P256 => &agreement::ECDH_P256,
            Algorithm::P384 => &agreement::ECDH_P384,
        };
        let private = agreement::PrivateKey::from_private_key(curve, scalar).map_err(|_| error())?;
        let public = private.compute_public_key().map_err(|_| error())?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing_algorithm(algorithm), scalar, public.as_ref())
            .map_err(|_| error())?;
        Self::from_pair(algorithm, pair).ok_or_else(error)
    }

    /// The private scalar, big-endian, of the curve's full length; wiped when dropped. For sealing into a key file and for
    /// one-time keys that travel in an invitation. Errors: the library could not give it.
    pub fn scalar(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = self.pair.private_key().as_be_bytes();
        let bytes = bytes.map_err(|_| KeyError::Generate { algorithm: self.public.algorithm() })?;
        Ok(Zeroizing::new(bytes.as_ref().to_vec()))
    }

    /// The key as unencrypted PKCS#8 (RFC 5208), wiped when dropped. For handing a TLS leaf's key to the TLS library
    /// within this process, never for a file. Errors: the library could not encode it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.pair.to_pkcs8v1();
        let document = document.map_err(|_| KeyError::Generate { algorithm: self.public.algorithm() })?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    fn from_pair(algorithm: Algorithm, pair: EcdsaKeyPair) -> Option<Self> {
        let public = PublicKey::from_point(algorithm, pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public })
    }
}

fn signing_algorithm(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| SignError::Keeper {
            key: self.public.clone(),
            reason: "the cryptographic library failed".to_owned(),
        })?;
        normalise(self.public.algorithm(), signature.as_ref())
            .ok_or_else(|| SignError::Malformed { key: self.public.clone(), length: signature.as_ref().len() })
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({}, private part not shown)", self.public)
    }
}

#[cfg(test)]
mod tests {
    use verbund_identity::{PureVerifier, SignatureVerifier as _, is_fixed_form};

    use super::*;

    #[test]
    fn signatures_are_low_s_and_verify_in_pure_rust() {
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let key = SoftwareKey::generate(algorithm).unwrap();
            // ECDSA is random: half of the raw signatures have a high s, so 40 leave no chance to a missing step.
            for round in 0..40u8 {
                let signature = key.sign(&[round; 77]).unwrap();
                assert!(is_fixed_form(algorithm, &signature));
                assert!(PureVerifier.verify(key.public_key(), &[round; 77], &signature));
                assert!(!PureVerifier.verify(key.public_key(), &[round; 76], &signature));
            }
        }
    }

    #[test]
    fn a_scalar_gives_the_same_key_back() {
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let key = SoftwareKey::generate(algorithm).unwrap();
            let again = SoftwareKey::from_scalar(algorithm, &key.scalar().unwrap()).unwrap();
            assert_eq!(key.public_key(), again.public_key());
            assert!(PureVerifier.verify(key.public_key(), b"m", &again.sign(b"m").unwrap()));
        }
    }

    #[test]
    fn bytes_that_are_no_scalar_are_refused() {
        // The order of P-256 (FIPS 186-5) is the first number that is too large.
        let order: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
            0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        let mut below = order;
        below[31] -= 1;
        assert!(SoftwareKey::from_scalar(Algorithm::P256, &below).is_ok(), "positive control");
        for bytes in [&order[..], &[0; 32], &[0xff; 32], &[1; 31], &[1; 33], &[]] {
            assert!(matches!(SoftwareKey::from_scalar(Algorithm::P256, bytes), Err(KeyError::Scalar { .. })));
        }
        assert!(SoftwareKey::from_scalar(Algorithm::P384, &below).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SoftwareKey::generate(Algorithm::P256).unwrap();
        let shown = format!("{key:?}");
        let scalar = key.scalar().unwrap();
        let hex: String = scalar.iter().map(|b| format!("{b:02x}")).collect();
        let list = format!("{:?}", &scalar[..4]);
        assert!(shown.contains("p256:") && !shown.contains(&hex) && !shown.contains(list.trim_matches(['[', ']'])));
    }
}
