//! Sealing for a recipient: HPKE (RFC 9180) in base mode with DHKEM(P-384, HKDF-SHA384), HKDF-SHA384 and AES-256-GCM
//! (design 3.8). Form of what is sealed: encapsulated key (97 bytes) ‖ ciphertext ‖ tag (16 bytes).

#[cfg(any(feature = "pkcs11", test))]
mod decapsulated;

use std::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha384;
use hpke::kem::{DhP384HkdfSha384, Kem as KemTrait};
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use verbund_model::{Algorithm, PublicKey};
use zeroize::Zeroizing;

use crate::custody::{KeyError, Signer as _, SoftwareKey, TokenError};

type Kem = DhP384HkdfSha384;
type PrivateKey = <Kem as KemTrait>::PrivateKey;
type EncappedKey = <Kem as KemTrait>::EncappedKey;

/// Bytes of an encapsulated key: an uncompressed point on P-384.
const ENCAPSULATED: usize = 97;
/// Bytes of AES-GCM's tag.
const TAG: usize = 16;

/// Why something was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The recipient's key is not one that can be sealed for.
    #[error(
        "nothing can be sealed for {recipient}: a sealing key is a point on P-384; ask the recipient's site for its sealing key"
    )]
    Recipient {
        /// The key that was given.
        recipient: PublicKey,
    },
    /// The random source or the library failed.
    #[error("sealing failed ({reason}); nothing was sealed")]
    Library {
        /// What it said.
        reason: String,
    },
}

/// Why something did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or not beginning with a point on P-384.
    #[error(
        "{length} bytes that are no sealed message: wanted an encapsulated key of {ENCAPSULATED} bytes, then a ciphertext"
    )]
    Form {
        /// How many bytes came.
        length: usize,
    },
    /// Not for this key and context, or altered. Which of these is not to be known.
    #[error(
        "the sealed message does not open with the key {recipient}: it was sealed for another key or context, or was altered"
    )]
    Refused {
        /// The key that was used.
        recipient: PublicKey,
    },
    /// The token that keeps the key failed or refused.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Seals `plaintext` for the holder of `recipient`'s private key. `info` binds the purpose, `aad` the place it belongs to;
/// both are needed again to open it. Errors: [`SealError`].
pub fn seal(recipient: &PublicKey, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let no_recipient = || SealError::Recipient { recipient: recipient.clone() };
    if recipient.algorithm() != Algorithm::P384 {
        return Err(no_recipient());
    }
    let point = <Kem as KemTrait>::PublicKey::from_bytes(recipient.point()).map_err(|_| no_recipient())?;
    let mut random = StdRng::try_from_os_rng().map_err(|e| SealError::Library { reason: e.to_string() })?;
    let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha384, Kem, _>(
        &OpModeS::Base,
        &point,
        info,
        plaintext,
        aad,
        &mut random,
    )
    .map_err(|e| SealError::Library { reason: e.to_string() })?;
    Ok([&encapsulated.to_bytes()[..], &ciphertext].concat())
}

/// Opens what was sealed for one key, which itself never comes out.
pub trait Opener: Send + Sync {
    /// The public half, for which others seal.
    fn public_key(&self) -> &PublicKey;

    /// Opens what [`seal`] made with the same `info` and `aad`; the plaintext is wiped when dropped. Errors: [`OpenError`].
    fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError>;
}

/// Opens with a key that only agrees on secrets, where it is kept: `agree` gives the x coordinate of its Diffie-Hellman step
/// with a point, which is on P-384 for certain (RFC 9180, 7.1.4).
#[cfg(feature = "pkcs11")]
pub(crate) fn open_by_agreement(
    recipient: &PublicKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
    agree: impl FnOnce(&[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError>,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (_, encapsulated, ciphertext) = split(sealed)?;
    let agreed = agree(encapsulated)?;
    decapsulated::open(&agreed, encapsulated, recipient.point(), info, aad, ciphertext)
        .ok_or_else(|| OpenError::Refused { recipient: recipient.clone() })
}

/// The encapsulated key, its bytes, and the ciphertext with its tag. A point that is not on the curve is refused here.
fn split(sealed: &[u8]) -> Result<(EncappedKey, &[u8], &[u8]), OpenError> {
    let form = OpenError::Form { length: sealed.len() };
    if sealed.len() < ENCAPSULATED + TAG {
        return Err(form);
    }
    let (encapsulated, ciphertext) = sealed.split_at(ENCAPSULATED);
    let key = EncappedKey::from_bytes(encapsulated).map_err(|_| form)?;
    Ok((key, encapsulated, ciphertext))
}

/// A sealing key in memory. `Debug` shows the public half only.
pub struct SealingKey {
    private: PrivateKey,
    public: PublicKey,
}

impl SealingKey {
    /// Makes a new key. Errors: [`KeyError`].
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_scalar(&SoftwareKey::generate(Algorithm::P384)?.scalar()?)
    }

    /// Takes a private scalar on P-384, 48 bytes, big-endian. Errors: [`KeyError::Scalar`].
    pub fn from_scalar(scalar: &[u8]) -> Result<Self, KeyError> {
        let public = SoftwareKey::from_scalar(Algorithm::P384, scalar)?.public_key().clone();
        let private = PrivateKey::from_bytes(scalar)
            .map_err(|_| KeyError::Scalar { algorithm: Algorithm::P384, length: scalar.len() })?;
        Ok(Self { private, public })
    }
}

impl Opener for SealingKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (encapsulated, _, ciphertext) = split(sealed)?;
        hpke::single_shot_open::<AesGcm256, HkdfSha384, Kem>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            info,
            ciphertext,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| OpenError::Refused { recipient: self.public.clone() })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}, private part not shown)", self.public)
    }
}

#[cfg(test)]
mod tests;
