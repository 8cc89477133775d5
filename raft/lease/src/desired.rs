//! What an agent read of the replicated state about its own cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verbund_model::WorkloadName;

use crate::Tick;
use crate::number::{Epoch, Generation, Incarnation};
use crate::settings::Terms;

/// The lease that is open for the cluster, as the desired state has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Granted {
    /// The open generation.
    pub generation: Generation,
    /// Log index of the entry that opened it.
    pub opened: u64,
    /// L and m.
    pub terms: Terms,
    /// The largest L and m of any lease that may still live ([`crate::OpenLease::longest`]).
    pub longest: Terms,
    /// The agent's newest incarnation that the log registered; 0 if it registered none yet.
    pub incarnation: Incarnation,
}

/// The part of the replicated state, at one index, on which exclusive workloads of one cluster hang.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Desired {
    /// The log index at which it was read.
    pub index: u64,
    /// The cluster's open lease, if one is open.
    pub lease: Option<Granted>,
    /// The exclusive workloads that are **active** here, with the epoch of their activation. One that is to stop is not
    /// among them.
    pub active: BTreeMap<WorkloadName, Epoch>,
}

/// How a desired state was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Read {
    /// By a linearizable read that was begun at this tick of the holder.
    Linearizable {
        /// When.
        begun: Tick,
    },
    /// By following changes, or from a stale read.
    Followed,
}
