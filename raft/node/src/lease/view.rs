//! One look at log and state, as the voter needs it.

use std::sync::Arc;

use verbund_lease::{Generation, Incarnation, Leases, OpenLease, Terms, View, Voters};
use verbund_machine::State;
use verbund_model::resource::MembershipId;
use verbund_model::{ClusterName, NodeId};

use crate::raft::{LogId, Membership, Raft, StoredMembership};
use crate::shared::Shared;

/// The state as applied, and the membership as the log has it.
pub(super) struct Look {
    pub(super) state: Arc<State>,
    effective: MembershipId,
    previous: u64,
}

impl Look {
    /// Looks. `None`: Raft has stopped, or there is no membership yet.
    pub(super) async fn take(shared: &Shared, raft: &Raft) -> Option<Self> {
        let members = raft.with_raft_state(|raft| {
            let members = &raft.membership_state;
            let part =
                |stored: &StoredMembership| stored.log_id().as_ref().map(|id| (*id, stored.membership().clone()));
            (part(members.committed()), part(members.effective()))
        });
        let (committed, effective) = members.await.ok()?;
        let (effective_at, membership) = effective?;
        // Applied only after the log was looked at: it then holds no less than what the log's members rest on.
        let state = shared.published.state();
        let (known, known_id) = state.membership();
        let applied = state.applied().index;
        let known_id = MembershipId { term: known_id.term, node: known_id.node, index: known_id.index };
        let same = known.configs == sets(&membership);
        // Everything committed about members must be applied before the sets can be compared: between what is applied and
        // what is effective lies one change at most.
        let unknown = committed.map_or(0, |(at, _)| at.index).max(known_id.index);
        if applied >= unknown && same {
            // It added or dropped a learner, or nothing.
            return Some(Self { state, effective: known_id, previous: 0 });
        }
        Some(Self { state, effective: id_of(&effective_at), previous: unknown })
    }

    pub(super) fn view<'a>(&self, leases: &'a StateLeases<'a>) -> View<'a> {
        View { applied: self.state.applied().index, effective: self.effective, previous: self.previous, leases }
    }

    pub(super) fn leases(&self) -> StateLeases<'_> {
        StateLeases(&self.state)
    }

    pub(super) const fn effective(&self) -> MembershipId {
        self.effective
    }
}

fn id_of(id: &LogId) -> MembershipId {
    MembershipId { term: id.committed_leader_id().term, node: id.committed_leader_id().node_id, index: id.index }
}

fn sets(membership: &Membership) -> Vec<std::collections::BTreeSet<NodeId>> {
    membership.get_joint_config().iter().map(|set| set.iter().copied().map(NodeId).collect()).collect()
}

/// The sets of voters of the last membership applied.
pub(super) fn voters(state: &State) -> Voters {
    Voters::new(state.membership().0.configs.clone())
}

/// The leases of a state.
pub(super) struct StateLeases<'a>(&'a State);

impl StateLeases<'_> {
    fn open(&self, lease: &verbund_model::resource::Lease) -> OpenLease {
        let in_force = &self.0.timings().value;
        let (terms, before) = (Terms::now(in_force), Terms::before(in_force));
        OpenLease {
            generation: Generation(lease.generation),
            terms,
            longest: terms.longer(before),
            incarnation: Incarnation(self.0.cluster(&lease.cluster).map_or(0, |cluster| cluster.value.incarnation)),
        }
    }
}

impl Leases for StateLeases<'_> {
    fn lease(&self, cluster: &ClusterName) -> Option<OpenLease> {
        self.0.lease(cluster).filter(|lease| lease.value.open).map(|lease| self.open(&lease.value))
    }

    fn each(&self, visit: &mut dyn FnMut(&ClusterName, OpenLease)) {
        for lease in self.0.leases().filter(|lease| lease.value.open) {
            visit(&lease.value.cluster, self.open(&lease.value));
        }
    }
}
