//! The federation itself, and what takes several coordinators.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{FederationId, Hash, KeyId, NodeId, PolicyName, SiteName};
use crate::key::PublicKey;

/// The coordinators: n keys, of which m must agree, m > n/2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoordinatorSet {
    /// Rises with every change.
    pub version: u64,
    /// The keys (P-384).
    pub keys: Vec<PublicKey>,
    /// m: how many of them must agree.
    pub threshold: u32,
}

impl CoordinatorSet {
    /// Whether m > n/2, m ≤ n, and no key stands twice.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let distinct: BTreeSet<_> = self.keys.iter().collect();
        let (m, n) = (self.threshold as usize, self.keys.len());
        distinct.len() == n && m <= n && m * 2 > n
    }
}

/// The federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Federation {
    /// SHA-256 of the genesis bytes.
    pub id: FederationId,
    /// The name that ends every trust domain.
    pub name: SiteName,
    /// Raised by a recovery only.
    pub generation: u32,
    /// Who steers.
    pub coordinators: CoordinatorSet,
}

/// What m coordinators decide together by proposal and approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Sets a policy.
    SetPolicy {
        /// Its name.
        name: PolicyName,
        /// What it says.
        document: Document,
    },
    /// Removes a policy.
    DeletePolicy {
        /// Its name.
        name: PolicyName,
    },
    /// Gives a lost node up for ever, so that another takes its place.
    ReplaceVoter {
        /// The lost node.
        lost: NodeId,
    },
    /// Replaces the set of coordinators.
    SetCoordinators {
        /// The new keys (P-384).
        keys: Vec<PublicKey>,
        /// The new m.
        threshold: u32,
    },
}

/// An action that waits for its approvals, or had them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proposal {
    /// SHA-256 of the proposing payload's bytes: what coordinators approve.
    pub hash: Hash,
    /// What is proposed.
    pub action: Action,
    /// The version of the coordinator set under which it was proposed; under another it is void.
    pub coordinator_set_version: u64,
    /// Keys of the coordinators who agreed, the proposer's first.
    pub approvals: BTreeSet<KeyId>,
    /// Whether it was carried out.
    pub done: bool,
}
