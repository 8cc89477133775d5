//! What the federation wants of a cluster, as its site's daemon tells the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Amounts, ApiKind, FenceLevel, Mode};
use verbund_model::{ClusterName, Document, OrgName, WorkloadName};

use crate::secret::DesiredSecret;

/// What a copy is there for, as far as the agent is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum DesiredRole {
    /// It serves.
    Active,
    /// Its place is prepared, nothing of it runs.
    Standby,
    /// It is to be stopped, with a receipt.
    Stopping,
    /// The federation has no copy here.
    Gone {
        /// Whether the workload itself was deleted: then nothing is left. Otherwise its volumes and its namespace stay.
        deleted: bool,
    },
}

/// One copy that the federation wants, or does not want any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DesiredCopy {
    /// The workload; its namespace has this name.
    pub workload: WorkloadName,
    /// Whose workload.
    pub organisation: OrgName,
    /// The epoch of this copy's activation; for one that is gone the workload's last.
    pub epoch: u64,
    /// What it is there for.
    pub role: DesiredRole,
    /// Exclusive, with its fence level, or parallel.
    pub mode: Mode,
    /// The lease generation under which an exclusive copy runs; 0 for others.
    pub generation: u64,
    /// Milliseconds that its containers have to stop.
    pub stop_budget: u32,
    /// The objects to apply.
    pub manifests: Arc<[Document]>,
    /// The secrets that it needs, in clear: this goes to the agents of sites that can open them, and nowhere else.
    #[serde(default)]
    pub secrets: Arc<[DesiredSecret]>,
    /// What it may use.
    pub amounts: Amounts,
}

impl DesiredCopy {
    /// Whether there may never be two.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        matches!(self.mode, Mode::Exclusive { .. })
    }

    /// The fence level of an exclusive one.
    #[must_use]
    pub const fn fence(&self) -> Option<FenceLevel> {
        match self.mode {
            Mode::Exclusive { fence } => Some(fence),
            Mode::Parallel { .. } => None,
        }
    }
}

/// The lease that is open for the cluster, as the state has it (lease.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DesiredLease {
    /// The open generation.
    pub generation: u64,
    /// Log index of the entry that opened it.
    pub opened: u64,
    /// L, in milliseconds.
    pub length: u64,
    /// m, in milliseconds.
    pub margin: u64,
    /// The largest L of any lease that may still live, in milliseconds.
    pub longest_length: u64,
    /// The largest m of any lease that may still live, in milliseconds.
    pub longest_margin: u64,
    /// The agent's newest incarnation that the log registered; 0 if it registered none yet.
    pub incarnation: u64,
}

/// All that the federation wants of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Desired {
    /// Log index of the state that this was taken from.
    pub index: u64,
    /// The cluster.
    pub cluster: ClusterName,
    /// Its lease, if one is open.
    pub lease: Option<DesiredLease>,
    /// Cluster-scoped kinds that its operator lets workloads bring.
    pub cluster_kinds: BTreeSet<ApiKind>,
    /// The copies.
    pub workloads: BTreeMap<WorkloadName, Arc<DesiredCopy>>,
}

impl Desired {
    /// Nothing wanted, and nothing known.
    #[must_use]
    pub const fn nothing(cluster: ClusterName) -> Self {
        Self { index: 0, cluster, lease: None, cluster_kinds: BTreeSet::new(), workloads: BTreeMap::new() }
    }
}
