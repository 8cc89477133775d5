//! What a key is for. A key serves one purpose only, and its file says which.

use std::fmt;

use serde::{Deserialize, Serialize};
use verbund_model::Algorithm;

/// The purpose of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyLabel {
    /// Signs directives of the Koordinierungsstelle.
    Coordinator,
    /// Signs a person's or program's envelopes.
    User,
    /// Signs what a daemon reports. It is not the key of a TLS leaf.
    Node,
    /// Signs the site's issuing CA; can be kept offline.
    SiteRoot,
    /// Signs leaves.
    IssuingCa,
    /// Opens what was sealed for the site (HPKE); never signs.
    Sealing,
}

impl KeyLabel {
    /// The one algorithm of keys with this purpose (design 3.8).
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::User | Self::Node => Algorithm::P256,
            Self::Coordinator | Self::SiteRoot | Self::IssuingCa | Self::Sealing => Algorithm::P384,
        }
    }

    /// The word for it in files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::User => "user",
            Self::Node => "node",
            Self::SiteRoot => "site-root",
            Self::IssuingCa => "issuing-ca",
            Self::Sealing => "sealing",
        }
    }

    /// How a message asks for such a key.
    pub(super) const fn needed(self) -> &'static str {
        match self {
            Self::Coordinator => "a coordinator's key",
            Self::User => "a user's key",
            Self::Node => "a node's key",
            Self::SiteRoot => "a site root's key",
            Self::IssuingCa => "an issuing CA's key",
            Self::Sealing => "a sealing key",
        }
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
