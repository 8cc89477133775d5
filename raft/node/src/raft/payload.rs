//! What an entry of the log carries. Membership entries name the index whose state authorises them (formats 8).

use std::fmt;

use bytes::Bytes;
use openraft::entry::RaftPayload;
use serde::{Deserialize, Serialize};

use super::Membership;

/// The bytes of one [`verbund_machine::Entry`]: the leader's stamp and an envelope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command({} bytes)", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The kinds of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A new leader's first entry.
    Blank,
    /// A change that somebody asked for.
    Command(Command),
    /// A change of who votes and who learns.
    Membership(Membership),
}

/// An entry's content. `basis` counts for membership entries only: the index whose state gives the voter set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) body: Body,
    pub(crate) basis: u64,
}

impl Payload {
    /// The payload that `change_membership_with_payload` fills with the membership that it computes.
    pub(crate) const fn with_basis(basis: u64) -> Self {
        Self { body: Body::Blank, basis }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Blank => f.write_str("blank"),
            Body::Command(command) => fmt::Display::fmt(command, f),
            Body::Membership(membership) => write!(f, "membership {membership} by index {}", self.basis),
        }
    }
}

impl RaftPayload for Payload {
    type D = Command;
    type NodeId = u64;
    type Node = ();

    fn blank() -> Self {
        Self::with_basis(0)
    }

    fn with_normal(self, data: Command) -> Self {
        Self { body: Body::Command(data), basis: self.basis }
    }

    fn with_membership(self, membership: Membership) -> Self {
        Self { body: Body::Membership(membership), basis: self.basis }
    }

    fn get_membership(&self) -> Option<Membership> {
        match &self.body {
            Body::Membership(membership) => Some(membership.clone()),
            Body::Blank | Body::Command(_) => None,
        }
    }
}
