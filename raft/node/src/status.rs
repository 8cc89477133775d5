//! How a node is doing, for people and for the API.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use verbund_identity::{Head, SpiffeId};
use verbund_machine::VoterWarning;
use verbund_model::{NodeId, SiteName};
use verbund_tls::Direction;

use crate::alarm::RaisedAlarm;

/// What a node is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It votes and follows.
    Follower,
    /// It stands for election.
    Candidate,
    /// It receives the log and does not vote.
    Learner,
    /// It takes no part: it was stopped, or halted.
    Stopped,
}

/// Another member, as the leader sees it; followers know its standing only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// The node.
    pub node: NodeId,
    /// Its site.
    pub site: SiteName,
    /// Whether it votes.
    pub votes: bool,
    /// How far its log is known to match; only at the leader.
    pub matched: Option<u64>,
    /// Entries that it lacks; only at the leader.
    pub lag: Option<u64>,
    /// By how many milliseconds this node's clock is ahead of its.
    pub clock_ahead: Option<i64>,
    /// How long ago it was last heard of; `None`: never since this node's start.
    pub heard: Option<Duration>,
    /// The newest index of which it signed a head that reached this node.
    pub signed: Option<u64>,
}

/// An open connection between nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who is at the other end.
    pub peer: SpiffeId,
    /// Who dialled.
    pub direction: Direction,
    /// The other end's address.
    pub remote: SocketAddr,
}

/// How a node is doing.
#[derive(Debug, Clone)]
pub struct Status {
    /// The node.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Who leads, if that is known.
    pub leader: Option<NodeId>,
    /// The term of the log.
    pub term: u64,
    /// Index of the last entry of its log.
    pub last: Option<u64>,
    /// Up to which index it knows the log to be committed.
    pub committed: Option<u64>,
    /// Where its state stands.
    pub head: Head,
    /// Index of its newest snapshot.
    pub snapshot: Option<u64>,
    /// Up to which index its log was purged.
    pub purged: Option<u64>,
    /// How long ago it last knew that its leader lived (as leader: that a quorum followed).
    pub age: Option<Duration>,
    /// Who votes: one set, or two while a change is under way.
    pub voters: Vec<BTreeSet<NodeId>>,
    /// Who learns.
    pub learners: BTreeSet<NodeId>,
    /// What the plan of voters warns of.
    pub warnings: Vec<VoterWarning>,
    /// The other members.
    pub peers: Vec<PeerStatus>,
    /// The alarms.
    pub alarms: Vec<RaisedAlarm>,
    /// Whether a fork was seen, so that nothing is written here.
    pub writes_stopped: bool,
    /// The open connections between nodes.
    pub connections: Vec<Connection>,
    /// Free bytes on the disk.
    pub free_bytes: u64,
    /// Whether that is so little that writes are refused.
    pub low_disk: bool,
}
