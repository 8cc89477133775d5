//! Workloads: what a Softwarebetreiber wants to run, and what it demands of a place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{DistanceClass, Maintenance, Millis, Requirements};
use crate::document::Document;
use crate::id::{ExceptionName, KeyId, OrgName, SecretName, SiteName, WorkloadName};

/// What holds an exclusive workload's old copy back when its cluster is out of reach (design 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceLevel {
    /// The data store refuses older epochs.
    Data,
    /// `verbund guard` is process 1 in each container.
    Guard,
    /// The agent stops it and signs a receipt; time alone activates nothing elsewhere.
    Agent,
}

/// How many copies may be active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Mode {
    /// Never two.
    Exclusive {
        /// What holds the old one back.
        fence: FenceLevel,
    },
    /// Any number; this many are wanted, each at a site of its own.
    Parallel {
        /// How many, 1 to 8.
        copies: u8,
    },
}

/// Whether a lost workload moves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailoverAuthority {
    /// By itself, as a standard change approved before or as an emergency change.
    Automatic,
    /// A decision is asked for, by an incident that awaits it, and made by a person who says `failover`.
    Ask,
    /// Only when a person says `failover`; nobody is asked to.
    Manual,
}

/// What fallback a workload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standby {
    /// How far away from the active copy.
    pub distance: DistanceClass,
}

/// What a Softwarebetreiber wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSpec {
    /// What it demands of a place.
    pub requirements: Requirements,
    /// Exclusive or parallel.
    pub mode: Mode,
    /// The fallback it demands; none: another place is looked for when it is needed.
    #[serde(default)]
    pub standby: Option<Standby>,
    /// Whose turn comes first when much is lost: higher before lower.
    #[serde(default)]
    pub priority: u16,
    /// How long its containers may take to stop, in milliseconds.
    pub stop_budget: u32,
    /// The longest that it may be away, in seconds; 0: not given.
    #[serde(default)]
    pub rto: u32,
    /// The most that it may lose, in seconds; 0: nothing may be lost.
    #[serde(default)]
    pub rpo: u32,
    /// Whether it moves by itself.
    pub failover: FailoverAuthority,
    /// When it may be moved as planned.
    #[serde(default)]
    pub maintenance: Maintenance,
    /// The secrets that it needs: it runs only at sites which can open every one of them.
    #[serde(default)]
    pub secrets: BTreeSet<SecretName>,
    /// The objects to apply, as Kubernetes documents.
    pub manifests: Vec<Document>,
}

/// A Fachverfahren or Softwarelösung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Its name.
    pub name: WorkloadName,
    /// The organisation that runs it.
    pub organisation: OrgName,
    /// Whose data it is, if another's; its consent is needed (Rahmenwerk 4.2).
    pub customer: Option<OrgName>,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// Whether it was deleted, and only waits until the last copy has stopped.
    pub deleting: bool,
}

/// A customer's consent that its data is processed at a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// The customer.
    pub customer: OrgName,
    /// The workload.
    pub workload: WorkloadName,
    /// The sites; empty: all.
    pub sites: BTreeSet<SiteName>,
}

/// A deviation from a standard: justified, dated, approved by two coordinators (Rahmenwerk 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exception {
    /// Its name.
    pub name: ExceptionName,
    /// The rule, such as `georedundancy`.
    pub rule: String,
    /// The workload for which it holds.
    pub workload: WorkloadName,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Millis,
    /// The coordinators' keys that approved it; it holds with two.
    pub approvals: BTreeSet<KeyId>,
}
