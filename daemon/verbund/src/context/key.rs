//! Where an own key lies.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use verbund_keys::{TokenUri, TokenUriError};

use crate::t;

/// A reference to a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// A sealed key file.
    File(PathBuf),
    /// A key in an HSM or smartcard (RFC 7512).
    Pkcs11(TokenUri),
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
    /// No URI of a key in a token.
    #[error("{}", t!("context-key-pkcs11", reason = crate::words::chain(.source)))]
    Pkcs11 {
        /// What is wrong with it.
        source: TokenUriError,
    },
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Pkcs11(uri) => write!(f, "{uri}"),
        }
    }
}

impl FromStr for KeyReference {
    type Err = KeyReferenceError;

    fn from_str(text: &str) -> Result<Self, KeyReferenceError> {
        match text.split_once(':') {
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.into())),
            Some(("file", path)) if !path.is_empty() => Err(KeyReferenceError::Relative { got: path.to_owned() }),
            Some(("pkcs11", rest)) if !rest.is_empty() => named(text).map(Self::Pkcs11),
            _ => Err(KeyReferenceError::Form { got: text.chars().take(80).collect() }),
        }
    }
}

/// A URI that names a key, and not only a token.
fn named(text: &str) -> Result<TokenUri, KeyReferenceError> {
    let uri: TokenUri = text.parse().map_err(|source| KeyReferenceError::Pkcs11 { source })?;
    if uri.object.is_none() && uri.id.is_none() {
        let source = TokenUriError::Value { name: "object", why: "a key is needed, and only a token is named" };
        return Err(KeyReferenceError::Pkcs11 { source });
    }
    Ok(uri)
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
