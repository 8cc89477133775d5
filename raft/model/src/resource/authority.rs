//! The issuing CAs of a site beside the one that issues, and the steps by which one takes the other's place (design 3.8).
//!
//! ```text
//!            prepare             activate              taint              revoke
//! (nothing) ─────────▶ prepared ──────────▶ issuing ──────────▶ tainted ─────────▶ retired, for ever
//!                │  ▲                        │    ▲ activate       │
//!       withdraw │  │    another is activated ▼    │                │
//!                ▼  └───                   previous ◀──────────────┘ activate: the way back
//!             retired
//! ```

use serde::{Deserialize, Serialize};

use super::Der;
use crate::id::KeyId;
use crate::key::PublicKey;

/// Where a CA that does not issue is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityPhase {
    /// Announced, so that everybody knows it before it issues.
    Prepared,
    /// It issued before; what it issued still counts.
    Previous,
    /// What it issued is to be replaced: the next step takes it out.
    Tainted,
}

/// A CA of a site that does not issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteAuthority {
    /// Its key.
    pub key: PublicKey,
    /// Where it is in its life.
    pub phase: AuthorityPhase,
}

/// One step of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AuthorityStep {
    /// Announces a new CA.
    Prepare {
        /// Its certificate: path length 0, a key that was never any CA's. It is below the site's registered root, or, at a site
        /// below an authority's PKI, becomes an anchor beside the others.
        certificate: Der,
        /// Its key's signature over `verbund_identity::authority_binding`: whoever announces it holds it.
        proof: Der,
        /// The issuing CA's signature over the same, where no registered root can vouch for the new one.
        #[serde(default)]
        endorsement: Option<Der>,
    },
    /// Has a CA issue that was announced or that issued before; the one that issues now becomes the previous one.
    Activate {
        /// Its key.
        key: KeyId,
    },
    /// Says that what a previous CA issued is to be replaced.
    Taint {
        /// Its key.
        key: KeyId,
    },
    /// Takes a tainted CA out for ever: nothing that it issued counts any more, anywhere.
    Revoke {
        /// Its key.
        key: KeyId,
    },
    /// Takes an announced CA back for ever, before it issued.
    Withdraw {
        /// Its key.
        key: KeyId,
    },
}
