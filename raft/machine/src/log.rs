//! What apply knows of the log: positions, and the kinds of entries.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use verbund_model::NodeId;

/// Position in the log: the leader that appended the entry, by term and node, and the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogId {
    /// The leader's term.
    pub term: u64,
    /// The leader ([`NodeId`]'s number).
    pub node: u64,
    /// The index.
    pub index: u64,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.index, self.term, NodeId(self.node))
    }
}

/// The members of the Raft group as an entry names them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    /// The voters: one set (uniform) or two (joint: a majority of each is needed). None before the first entry.
    pub configs: Vec<BTreeSet<NodeId>>,
    /// Who receives the log and does not vote.
    pub learners: BTreeSet<NodeId>,
}

impl Membership {
    /// Every voter of any of the sets.
    #[must_use]
    pub fn voters(&self) -> BTreeSet<NodeId> {
        self.configs.iter().flatten().copied().collect()
    }

    /// Voters and learners.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        self.voters().union(&self.learners).copied().collect()
    }
}

/// A committed log entry.
#[derive(Clone, Copy, Debug)]
pub enum LogEntry<'a> {
    /// The entry with which a leader begins its term.
    Blank,
    /// A change of the Raft group's members.
    Membership {
        /// The members from here on.
        membership: &'a Membership,
        /// The applied index from whose state the leader derived it (formats 8).
        basis: u64,
    },
    /// The bytes of an [`crate::Entry`].
    Command(&'a [u8]),
}
