//! Public keys in the one form in which they are registered, compared and hashed.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The algorithm of a registered key, fixed when it is registered (formats 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5): nodes, users, invitations.
    P256,
    /// ECDSA on P-384 with SHA-384: certification authorities and coordinators.
    P384,
}

impl Algorithm {
    /// Bytes of one coordinate, and so half of a raw `r ‖ s` signature.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The word for it in text forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
        }
    }
}

/// Why a text or bytes are no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public key is written as p256:<base64url> or p384:<base64url> of the uncompressed point (SEC 1), but got {got:?}"
)]
pub struct KeyError {
    /// What was given, cut to 80 characters.
    pub got: String,
}

/// A public key: algorithm and uncompressed point `04 ‖ x ‖ y` (SEC 1, 2.3.3). Only the form is checked here; that the
/// point lies on its curve is checked where the key is registered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    algorithm: Algorithm,
    point: Vec<u8>,
}

impl PublicKey {
    /// Takes an uncompressed point of the right length. Errors: [`KeyError`].
    pub fn from_point(algorithm: Algorithm, point: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let point = point.into();
        if point.len() == 1 + 2 * algorithm.coordinate_len() && point[0] == 4 {
            Ok(Self { algorithm, point })
        } else {
            Err(KeyError { got: format!("{} bytes for {}", point.len(), algorithm.as_str()) })
        }
    }

    /// The key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The uncompressed point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), BASE64URL_NOPAD.encode(&self.point))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError { got: text.chars().take(80).collect() };
        let (algorithm, point) = text.split_once(':').ok_or_else(error)?;
        let algorithm = match algorithm {
            "p256" => Algorithm::P256,
            "p384" => Algorithm::P384,
            _ => return Err(error()),
        };
        let point = BASE64URL_NOPAD.decode(point.as_bytes()).map_err(|_| error())?;
        Self::from_point(algorithm, point).map_err(|_| error())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
