//! The independent checker of placements (I16): what the planner made, looked at again against the hard rules, in other
//! words than the filters' and from the state alone.

mod fits;
mod moves;

use verbund_model::resource::{Millis, Placement};
use verbund_model::{ClusterName, SiteName, WorkloadName};

use crate::inventory::Inventory;
use crate::rule::Rule;

/// Why a placement must not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// There is no such workload.
    #[error("the placement is of the workload {0}, which is not there")]
    UnknownWorkload(WorkloadName),
    /// Copies are not in the order of cluster names, or two are at one cluster.
    #[error("the copies of {0} are not in the order of their clusters' names, each once")]
    Order(WorkloadName),
    /// A copy is at a cluster that is not there.
    #[error("a copy is to be at the cluster {0}, which is not there")]
    UnknownCluster(ClusterName),
    /// A rule of the place is not kept.
    #[error("the cluster {cluster} does not keep the rule {rule:?} ({})", rule.standard())]
    Place {
        /// The cluster.
        cluster: ClusterName,
        /// The rule.
        rule: Rule,
    },
    /// More active copies than wanted.
    #[error("{found} copies would be active, {wanted} are wanted")]
    TooManyActive {
        /// How many there would be.
        found: usize,
        /// How many are wanted.
        wanted: usize,
    },
    /// More standbys than wanted.
    #[error("{found} standbys would be reserved, {wanted} are wanted")]
    TooManyStandbys {
        /// How many there would be.
        found: usize,
        /// How many are wanted.
        wanted: usize,
    },
    /// Two copies at one site.
    #[error("two copies would be at the site {0}")]
    SameSite(SiteName),
    /// An epoch does not rise, or is above the placement's.
    #[error(
        "the epoch of the copy at {cluster} or of the placement does not follow: it only rises by activations (I6)"
    )]
    Epoch {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The epoch of the placement falls, or rises without an activation.
    #[error("the placement's epoch goes from {before} to {after} with {activations} activations (I6)")]
    PlacementEpoch {
        /// Before.
        before: u64,
        /// After.
        after: u64,
        /// How many copies were activated.
        activations: usize,
    },
    /// A copy would run under another generation than the open one.
    #[error("the copy at {cluster} would run under generation {found}, open is {open:?}")]
    Generation {
        /// The cluster.
        cluster: ClusterName,
        /// The copy's generation; 0 for none.
        found: u64,
        /// The open one, if any.
        open: Option<u64>,
    },
    /// An old copy is not proven stopped.
    #[error("the old copy at {0} is not proven stopped (I5)")]
    NotFenced(ClusterName),
    /// A copy that ran vanishes without a receipt.
    #[error("the copy at {0} would vanish: only a receipt or a person's confirmation takes one away")]
    Vanished(ClusterName),
    /// A copy begins as stopping, or a standby is told to stop.
    #[error("the copy at {0} is to be stopped, but nothing was active there")]
    NothingToStop(ClusterName),
    /// The workload's failover waits for a person, and no person spoke.
    #[error("the copy at {0} would replace a lost one, which needs a person's word")]
    Authority(ClusterName),
    /// It waits for something although it needs nothing, or does not say for what.
    #[error("the placement says wrongly for what it waits")]
    Waiting,
}

/// Whether a placement may follow the one in `inventory`. Copies that stay as they are need to keep only what binds what runs
/// ([`Rule::binds_what_runs`]); every new, moved or activated one needs to keep every rule now.
pub fn check(inventory: &Inventory, placement: &Placement, now: Millis) -> Result<(), Violation> {
    let demand = inventory.demands.get(&placement.workload);
    let demand = demand.ok_or_else(|| Violation::UnknownWorkload(placement.workload.clone()))?;
    let before = inventory.placements.get(&placement.workload).map(AsRef::as_ref);
    let case = Case { inventory, demand, before, placement, now };
    case.moves()?;
    case.places()
}

/// What is looked at.
struct Case<'a> {
    inventory: &'a Inventory,
    demand: &'a crate::demand::Demand,
    before: Option<&'a Placement>,
    placement: &'a Placement,
    now: Millis,
}

impl Case<'_> {
    /// The copy at the same cluster before.
    fn old(&self, cluster: &ClusterName) -> Option<&verbund_model::resource::PlacedCopy> {
        self.before?.copies.iter().find(|copy| copy.cluster == *cluster)
    }
}
