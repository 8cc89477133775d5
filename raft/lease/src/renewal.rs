//! What travels between holder, voters, agent and guard. The daemon in between forwards these as they are, many in one
//! message: it relies on no lease itself, so it keeps no time and needs no rule.

use serde::{Deserialize, Serialize};
use verbund_model::resource::MembershipId;
use verbund_model::{ClusterName, NodeId, WorkloadName};

use crate::number::{Epoch, Generation, Incarnation, Nonce};

/// A holder's request to renew its lease, the same to every voter (rule 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renewal {
    /// The cluster. Who receives it checks that the sender may speak for it.
    pub cluster: ClusterName,
    /// The generation of its lease.
    pub generation: Generation,
    /// L, in milliseconds: how long the holder will rely on a majority's answers.
    pub length: u64,
    /// Rises with each renewal of an incarnation.
    pub nonce: Nonce,
    /// Which start of the agent asks: the number that the log minted for it.
    pub incarnation: Incarnation,
}

/// A voter's yes (rule 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// What is answered, word for word.
    pub renewal: Renewal,
    /// The voter. Who receives it checks that it came from there.
    pub voter: NodeId,
    /// The voter's effective membership.
    pub membership: MembershipId,
}

/// Why a voter does not answer a renewal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Refused {
    /// Rule 13.
    #[error("this node may have lost what it promised never to grant, and grants nothing: replace it by a new one")]
    Lost,
    /// Rule 4, first half; also after a start, until as much is applied as may have been before.
    #[error("renewals are answered from index {needed} on, but {applied} is applied here: ask again")]
    Behind {
        /// What must be applied.
        needed: u64,
        /// What is.
        applied: u64,
    },
    /// Rule 4, second half: closed, or not yet opened, in the state applied here.
    #[error("generation {asked} of the lease is not open here (open: {}): read the desired state again", open.map_or("none".to_owned(), |open| open.to_string()))]
    NotOpen {
        /// What was asked for.
        asked: Generation,
        /// What is open.
        open: Option<Generation>,
    },
    /// Rule 5: for ever.
    #[error("generation {generation} of the lease is refused for ever: wait for a new generation")]
    Ended {
        /// The generation.
        generation: Generation,
    },
    /// Rule 2.
    #[error("incarnation {asked} of the agent asks, but the newest is {newest}: only one agent may run for a cluster")]
    Superseded {
        /// Who asks.
        asked: Incarnation,
        /// The newest.
        newest: Incarnation,
    },
    /// The registration of this incarnation is not applied here yet.
    #[error("incarnation {asked} of the agent is not registered here yet (newest: {registered}): ask again")]
    Unregistered {
        /// Who asks.
        asked: Incarnation,
        /// The newest that is.
        registered: Incarnation,
    },
    /// Rule 12.
    #[error("a lease of {asked} ms was asked for, but at most {allowed} ms are granted: read the settings again")]
    TooLong {
        /// What was asked for.
        asked: u64,
        /// What is granted.
        allowed: u64,
    },
}

/// A guard's question to the agent: may this container run? (rule 10)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// The workload.
    pub workload: WorkloadName,
    /// The epoch with which the container was started.
    pub epoch: Epoch,
    /// A number that the guard drew at its start, so that no earlier guard's grant is taken for its own.
    pub guard: u64,
    /// Rises with each question of a guard.
    pub nonce: Nonce,
}

/// The agent's yes to a guard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// What is answered, word for word.
    pub question: Question,
    /// How long the container may run, in milliseconds **from the guard's own sending of the question**.
    pub remaining: u64,
}
