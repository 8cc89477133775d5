//! What a voter sees of its own log and state when it is asked.

use std::collections::BTreeMap;

use verbund_model::ClusterName;
use verbund_model::resource::MembershipId;

use crate::number::{Generation, Incarnation};
use crate::settings::Terms;

/// A cluster's open lease, as the applied state has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpenLease {
    /// The generation that is open.
    pub generation: Generation,
    /// L and m now.
    pub terms: Terms,
    /// The largest L and m (each for itself) that any lease which may still live was granted with: what a voter reckons with
    /// that remembers nothing (rule 12). Never below `terms`; the largest since the generation was opened is right.
    pub longest: Terms,
    /// The agent's newest incarnation that the log registered; 0 if it registered none yet.
    ///
    /// Voters answer that one alone, so that two processes of one agent cannot both be believed, whatever voters forget and
    /// however the membership changes. What a voter remembers of whom it answered would not be enough: two that restart
    /// forget it, and with them a majority of three. The model shows both.
    pub incarnation: Incarnation,
}

/// Where the applied state keeps leases.
pub trait Leases {
    /// The open lease of `cluster`. `None`: unknown cluster, or its generation is closed.
    fn lease(&self, cluster: &ClusterName) -> Option<OpenLease>;

    /// Shows every open lease to `visit`, in any order.
    fn each(&self, visit: &mut dyn FnMut(&ClusterName, OpenLease));
}

impl Leases for BTreeMap<ClusterName, OpenLease> {
    fn lease(&self, cluster: &ClusterName) -> Option<OpenLease> {
        self.get(cluster).copied()
    }

    fn each(&self, visit: &mut dyn FnMut(&ClusterName, OpenLease)) {
        self.iter().for_each(|(cluster, lease)| visit(cluster, *lease));
    }
}

/// One consistent look at a voter's log and state. Who makes it must read all of it at one moment: in particular,
/// `effective` must not be older than what the log holds when the answer or the statement leaves.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The last index applied.
    pub applied: u64,
    /// The membership that is effective: the last entry *in the log*, applied or not, that changed a set of voters.
    pub effective: MembershipId,
    /// The index of the entry that changed a set of voters before that one; 0 if there is none.
    pub previous: u64,
    /// The leases as applied.
    pub leases: &'a dyn Leases,
}
