//! Why a holder cannot do what it was asked to.

use crate::number::Incarnation;

/// Why a desired state was not taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum AdoptError {
    /// Rule 9.
    #[error("nothing is activated after a start before the desired state was read linearizably: read it so")]
    NotRead,
    /// It was overtaken.
    #[error("the desired state of index {index} is older than that of {known}, which is known already")]
    Older {
        /// Its index.
        index: u64,
        /// The index of the known one.
        known: u64,
    },
    /// Rule 8.
    #[error("the desired state of index {index} is from before the lease was opened at {opened}: read it again")]
    BeforeOpening {
        /// Its index.
        index: u64,
        /// The entry that opened the lease.
        opened: u64,
    },
    /// Two agents of one cluster.
    #[error("incarnation {registered} of this agent has started after this one ({own}): this process must end")]
    Superseded {
        /// This one.
        own: Incarnation,
        /// The newest one.
        registered: Incarnation,
    },
    /// Read before the own registration was applied there.
    #[error(
        "the desired state knows incarnation {registered} of this agent, but not this one ({own}) yet: read it again"
    )]
    Unregistered {
        /// This one.
        own: Incarnation,
        /// The newest one there.
        registered: Incarnation,
    },
}

/// Why there is no renewal to send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RenewError {
    /// Rule 9.
    #[error("the desired state was not read since the start: read it first")]
    NotRead,
    /// Nothing to renew.
    #[error("no lease is open for this cluster: wait for a new generation")]
    NoneOpen,
    /// This process must end.
    #[error("a newer incarnation of this agent has started: this process must end")]
    Superseded,
}

/// Why an answer was not counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum AnswerError {
    /// To somebody else.
    #[error("the answer is to a renewal of another cluster, incarnation, generation or length")]
    Foreign,
    /// Too late, or overtaken.
    #[error("the answer is to a renewal that is not waited for any more")]
    NotWaitedFor,
}

/// Why nothing exclusive may be active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum NoLease {
    /// Rule 9.
    #[error("the desired state was not read since the start")]
    NotRead,
    /// Acting on what is known to be outdated.
    #[error("the desired state of index {index} is not the latest one known, {known}")]
    NotLatest {
        /// The index given.
        index: u64,
        /// The latest.
        known: u64,
    },
    /// Not granted, or over.
    #[error("the lease is not held")]
    NotHeld,
    /// This process must end.
    #[error("a newer incarnation of this agent has started")]
    Superseded,
}
