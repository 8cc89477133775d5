//! The controller at the leader: members of the Raft group follow the state (formats 8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::raft::ChangeMembershipRequest;
use verbund_machine::{State, voter_plan};
use verbund_model::NodeId;
use verbund_model::resource::NodeStanding;

use crate::raft::{Membership, Payload, Raft, Types};
use crate::shared::Shared;

/// Between two looks, when nothing rings.
const LOOK: Duration = Duration::from_millis(300);
/// A learner this near to the log's end has caught up.
const NEAR: u64 = 512;

/// One step towards what the state wants.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Members get the log, without a vote.
    AddLearners(BTreeSet<u64>),
    /// Exactly these vote from now on. Who voted before goes on as a learner if `keep`, and else gets the log no more.
    Voters {
        /// Who votes.
        voters: BTreeSet<u64>,
        /// Whether the others stay.
        keep: bool,
    },
    /// A joint step that somebody began is brought to its end.
    Finish,
    /// Removed members get the log no more.
    Drop(BTreeSet<u64>),
}

/// The controller.
pub(crate) struct Members {
    pub(crate) shared: Arc<Shared>,
    pub(crate) raft: Raft,
}

impl Members {
    /// Runs until it is dropped. Only a leader does anything.
    pub(crate) async fn run(self) {
        let mut applied = self.shared.published.subscribe();
        loop {
            // The applied index moves with every write: once a while is enough.
            tokio::time::sleep(LOOK).await;
            if self.raft.current_leader().await == Some(self.shared.id.0) {
                self.look().await;
            } else if applied.changed().await.is_err() {
                return;
            }
        }
    }

    async fn look(&self) {
        if self.shared.alarms.writes_stopped() || self.shared.alarms.halted() {
            return;
        }
        let state = self.shared.published.state();
        let under_way = self.raft.with_raft_state(|raft| {
            let members = &raft.membership_state;
            let settled = members.committed().log_id() == members.effective().log_id();
            (settled, members.effective().membership().clone())
        });
        let Ok((true, membership)) = under_way.await else { return };
        let Some(step) = next_step(&state, &membership, &self.matched()) else { return };
        let basis = state.applied().index;
        if let Err(error) = self.take(&step, basis).await {
            tracing::warn!(?step, basis, %error, "a change of members was not made; it is tried again");
        }
    }

    /// How far each member's log is known to match, and how long this node's own is.
    fn matched(&self) -> (BTreeMap<u64, u64>, u64) {
        use openraft::async_runtime::WatchReceiver as _;
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let last = metrics.last_log_index.unwrap_or(0);
        let of = |(node, id): (&u64, &Option<crate::raft::LogId>)| id.as_ref().map(|id| (*node, id.index));
        let mut matched: BTreeMap<u64, u64> =
            metrics.replication.as_ref().map(|all| all.iter().filter_map(of).collect()).unwrap_or_default();
        matched.insert(self.shared.id.0, last);
        (matched, last)
    }

    async fn take(&self, step: &Step, basis: u64) -> Result<(), String> {
        let nodes = |nodes: &BTreeSet<u64>| nodes.iter().map(|node| (*node, ())).collect::<BTreeMap<_, _>>();
        let change: ChangeMembers<u64, ()> = match step {
            Step::AddLearners(learners) => ChangeMembers::AddNodes(nodes(learners)),
            Step::Voters { voters, .. } => ChangeMembers::ReplaceAllVoters(voters.clone()),
            Step::Finish => ChangeMembers::AddVoterIds(BTreeSet::new()),
            Step::Drop(removed) => ChangeMembers::RemoveNodes(removed.clone()),
        };
        tracing::info!(?step, basis, "changing the members");
        let keep = !matches!(step, Step::Voters { keep: false, .. });
        let request = ChangeMembershipRequest::<Types>::new(change, keep);
        let request = request.with_payload(Payload::with_basis(basis), Payload::with_basis(basis));
        // A change that a follower holds must not hold this loop for ever.
        let changed = tokio::time::timeout(Duration::from_secs(10), self.raft.change_membership_with_payload(request));
        match changed.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it was not committed in time".to_owned()),
        }
    }
}

/// What is to be done first, if anything.
fn next_step(state: &State, membership: &Membership, (matched, last): &(BTreeMap<u64, u64>, u64)) -> Option<Step> {
    let configs = membership.get_joint_config();
    if configs.len() > 1 {
        return Some(Step::Finish);
    }
    let members: BTreeSet<u64> = membership.nodes().map(|(node, ())| *node).collect();
    let standing = |wanted: NodeStanding| {
        state.nodes().filter(move |node| node.value.standing == wanted).map(|node| node.value.id.0)
    };
    let missing: BTreeSet<u64> = standing(NodeStanding::Active).filter(|node| !members.contains(node)).collect();
    if !missing.is_empty() {
        return Some(Step::AddLearners(missing));
    }
    let plan: BTreeSet<u64> = voter_plan(state).voters.iter().map(|NodeId(node)| *node).collect();
    let voters = configs.first().cloned().unwrap_or_default();
    if !plan.is_empty() && plan != voters {
        let ready = |node: &u64| voters.contains(node) || matched.get(node).is_some_and(|at| at + NEAR >= *last);
        // One change to exactly the plan, once everybody in it has caught up; never a half one.
        // Followers let no removed node become a learner; an active one that goes with it is added again.
        let keep = !standing(NodeStanding::Removed).any(|node| voters.contains(&node));
        return plan.iter().all(ready).then_some(Step::Voters { voters: plan, keep });
    }
    let gone: BTreeSet<u64> =
        standing(NodeStanding::Removed).filter(|node| members.contains(node) && !voters.contains(node)).collect();
    (!gone.is_empty()).then_some(Step::Drop(gone))
}
