//! What is to be done, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_model::WorkloadName;
use verbund_model::resource::CopyPhase;

use crate::object::{Object, ObjectKey};

/// Why something is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Why {
    /// It is not there yet.
    Missing,
    /// What is wanted has changed.
    Changed,
    /// Somebody else changed it in the cluster.
    Drifted {
        /// The first field that differs.
        field: String,
    },
    /// It left the manifest.
    LeftManifest,
    /// Its kind cannot be changed in place, so it is made anew.
    Immutable,
    /// The federation wants it stopped.
    Stopping,
    /// The federation has no copy here.
    Gone,
    /// Only a standby is wanted here.
    Standby,
    /// The lease is not held, or not for this generation, or the desired state is older than the lease.
    NoLease,
    /// It is as it should be; this is what is told.
    Observed,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Applies what every namespace has: itself, quota, default-deny, ServiceAccount; in this order.
    EnsureNamespace {
        /// The objects.
        objects: Vec<Arc<Object>>,
    },
    /// Applies one object of the manifest.
    Apply {
        /// It.
        object: Arc<Object>,
    },
    /// Removes objects that are ours.
    Prune {
        /// Their keys, in this order.
        objects: Vec<ObjectKey>,
    },
    /// Lets no pod start any more: the namespace marked as fenced, the quota at no pods; in this order.
    SetQuotaZero {
        /// The objects.
        objects: Vec<Arc<Object>>,
    },
    /// Takes traffic away: Services that select nothing.
    CutTraffic {
        /// The objects.
        objects: Vec<Arc<Object>>,
    },
    /// Ends all pods of the namespace.
    DeletePods {
        /// Milliseconds that they have.
        grace: u32,
    },
    /// Writes into the namespace that this epoch was stopped, before anybody is told so.
    MarkStopped {
        /// The namespace.
        object: Arc<Object>,
    },
    /// Tells the federation, signed, that this epoch has stopped (lease.md 11).
    SignReceipt {
        /// The epoch.
        epoch: u64,
    },
    /// Tells the federation how far it has come.
    Report {
        /// The epoch.
        epoch: u64,
        /// How far.
        phase: CopyPhase,
    },
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The workload.
    pub workload: WorkloadName,
    /// What.
    pub act: Act,
    /// Why.
    pub why: Why,
}
