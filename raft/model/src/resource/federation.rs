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
    /// Switches on the formats and the behaviour of a later release, once every member understands them (design 4). A
    /// daemon that does not halts here, and goes on after an update.
    SwitchOn {
        /// One above the one in force.
        format: u32,
    },
    /// Sets how long leases last and how soon loss is found.
    SetTimings {
        /// The timings.
        timings: Timings,
    },
}

/// How long leases last, and how soon a site counts as lost. Times in milliseconds. Shown together with their sum before
/// they are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timings {
    /// L: how long a lease lasts from the sending of its renewal.
    pub lease: u32,
    /// m: how much longer a voter waits before it states that it ended; at least 2ρL / (1 − ρ) and a granule of the clock.
    pub margin: u32,
    /// ρ: the bound on the drift of every clock, in millionths.
    pub drift: u32,
    /// After how long without a word from a site a voter states that it is unreachable.
    pub unreachable_after: u32,
    /// For how long a lost site must be heard of before a voter states that it returned.
    pub returned_after: u32,
    /// Whether a verdict must bear one voter that lies: with five voters it then takes four statements (lease.md, What is
    /// assumed).
    pub one_liar: bool,
}

impl Timings {
    /// The greatest error of reading a clock, in milliseconds.
    pub const GRANULE: u32 = 10;

    /// The smallest margin that is safe with this lease and drift (lease.md, Numbers): 2ρL / (1 − ρ), rounded up, and a
    /// granule of the clock. None for a drift of a million millionths or more.
    #[must_use]
    pub const fn least_margin(&self) -> Option<u64> {
        let Some(rest) = 1_000_000_u64.checked_sub(self.drift as u64) else { return None };
        if rest == 0 {
            return None;
        }
        Some((2 * self.drift as u64 * self.lease as u64).div_ceil(rest) + Self::GRANULE as u64)
    }
}

impl Default for Timings {
    /// Exclusive workloads are activated elsewhere within lease + margin + 2 s = 12 s. The drift covers NTP's slewing by one
    /// twelfth.
    fn default() -> Self {
        Self {
            lease: 8_400,
            margin: 1_600,
            drift: 84_000,
            unreachable_after: 2_000,
            returned_after: 10_000,
            one_liar: false,
        }
    }
}

/// The timings in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimingsInForce {
    /// What was set last.
    pub timings: Timings,
    /// The longest lease that may still be granted from before, in milliseconds; 0: none. A shorter lease takes effect when
    /// this one and its margin are over since the change (lease.md 12).
    pub lease_before: u32,
    /// The margin of that time.
    pub margin_before: u32,
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
