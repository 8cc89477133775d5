//! Where an own key lies.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::t;

/// A reference to a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// A sealed key file.
    File(PathBuf),
    /// A key in an HSM or smartcard (RFC 7512).
    Pkcs11(String),
}

/// Why a text names no key, or one that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyReferenceError {
    /// Neither of the two forms.
    #[error("{}", t!("context-key-form", got = .got.as_str()))]
    Form {
        /// What was given.
        got: String,
    },
    /// A relative path, which would mean another file in another directory.
    #[error("{}", t!("context-key-relative", got = .got.as_str()))]
    Relative {
        /// What was given.
        got: String,
    },
    /// The build has no PKCS#11.
    #[error("{}", t!("context-key-pkcs11", uri = .uri.as_str()))]
    NoPkcs11 {
        /// The key's URI.
        uri: String,
    },
}

impl KeyReference {
    /// The key's file. Errors: [`KeyReferenceError::NoPkcs11`].
    pub fn file(&self) -> Result<&PathBuf, KeyReferenceError> {
        match self {
            Self::File(path) => Ok(path),
            Self::Pkcs11(uri) => Err(KeyReferenceError::NoPkcs11 { uri: uri.clone() }),
        }
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Pkcs11(uri) => f.write_str(uri),
        }
    }
}

impl FromStr for KeyReference {
    type Err = KeyReferenceError;

    fn from_str(text: &str) -> Result<Self, KeyReferenceError> {
        match text.split_once(':') {
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.into())),
            Some(("file", path)) if !path.is_empty() => Err(KeyReferenceError::Relative { got: path.to_owned() }),
            Some(("pkcs11", rest)) if !rest.is_empty() => Ok(Self::Pkcs11(text.to_owned())),
            _ => Err(KeyReferenceError::Form { got: text.chars().take(80).collect() }),
        }
    }
}

impl Serialize for KeyReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
