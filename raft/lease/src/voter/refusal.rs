//! Ending a lease: what must be durable first, and what may stand against it.

use serde::{Deserialize, Serialize};
use verbund_model::ClusterName;

use crate::Tick;
use crate::number::Generation;
use crate::statement::Statement;

/// What a voter makes durable before it states that a lease has ended: it never answers this generation, or one before it,
/// again. A name that is removed and registered anew must go on from its last generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// The cluster.
    pub cluster: ClusterName,
    /// The generation.
    pub generation: Generation,
}

/// What a starting voter knows of its refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// All of them; none for a node that is new.
    Intact(Vec<Refusal>),
    /// They may be lost, or older than what was stated: a lost disk, a restored backup. The node grants and states nothing
    /// until it is replaced (rule 13).
    Lost,
}

/// How far ending a lease has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Make this durable, then call [`crate::Voter::persisted`]. Should that fail, end the process.
    MustPersist(Refusal),
    /// To be signed and sent.
    Statement(Statement),
}

/// Why a voter does not state that a lease has ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum CannotClose {
    /// Rule 13.
    #[error("this node may have lost what it promised, and states nothing: replace it by a new one")]
    Lost,
    /// Nothing to end.
    #[error("generation {asked} of the lease is not open here (open: {}): nothing to end", open.map_or("none".to_owned(), |open| open.to_string()))]
    NotOpen {
        /// What was asked for.
        asked: Generation,
        /// What is open.
        open: Option<Generation>,
    },
    /// Its holder may still rely on it.
    #[error("the lease may still be held: nothing can be stated before tick {until}")]
    Waiting {
        /// When to ask again, by the own clock.
        until: Tick,
    },
}
