//! The only module that names openraft's types, so that another version touches nothing else.

pub(crate) mod codec;
pub(crate) mod config;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod payload;
pub(crate) mod snapshot;
pub(crate) mod wire;

use openraft::type_config::alias;
use serde::{Deserialize, Serialize};
use verbund_model::Outcome;

pub(crate) use payload::{Body, Command, Payload};

openraft::declare_raft_types!(
    /// The types of this federation's log.
    pub(crate) Types:
        D = Command,
        R = Reply,
        NodeId = u64,
        Node = (),
        Payload = Payload,
        AsyncRuntime = openraft_rt_tokio::TokioRuntime,
);

/// What apply gives back to the writer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The answer; none for an entry that carries no envelope.
    pub(crate) outcome: Option<Outcome>,
}

pub(crate) type Raft = openraft::Raft<Types, machine::Machine>;
pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, ()>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = alias::SnapshotOf<Types, snapshot::SnapshotData>;
/// What `client_write_many` answers, in the order of the writes.
pub(crate) type WriteResults =
    openraft::base::BoxStream<'static, Result<openraft::raft::WriteResult<Types>, openraft::errors::Fatal<Types>>>;
pub(crate) type AppendEntries = openraft::raft::AppendEntriesRequest<Types>;

/// The node that leads, or wants to lead, under that vote.
pub(crate) fn node_of(vote: &Vote) -> u64 {
    vote.leader_id.node_id
}

/// A membership in the machine's words.
pub(crate) fn to_machine(membership: &Membership) -> verbund_machine::Membership {
    use verbund_model::NodeId;
    verbund_machine::Membership {
        configs: membership.get_joint_config().iter().map(|set| set.iter().copied().map(NodeId).collect()).collect(),
        learners: membership.learner_ids().map(NodeId).collect(),
    }
}

/// A log id in the machine's words.
pub(crate) fn log_id_to_machine(id: &LogId) -> verbund_machine::LogId {
    verbund_machine::LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}
