//! What the state remembers of its authors' sessions (formats 7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_model::resource::Millis;
use verbund_model::{Accepted, Hash, KeyId, Outcome};

use crate::table::Row;

/// What an author needs to know to go on, or to open the next session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The number of the key's last session; the next must be higher.
    pub number: u64,
    /// When that session ends, or ended.
    pub until: Millis,
    /// The highest sequence number used in it; `None` once the session is forgotten.
    pub highest: Option<u64>,
}

/// A session. Found by key and number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Log index at which it was opened: names it in the table of answers.
    pub(crate) id: u64,
    /// SHA-256 of the payload that opened it.
    pub(crate) opening: Hash,
    /// When it ends for new statements.
    pub(crate) until: Millis,
    /// The highest sequence number seen.
    pub(crate) highest: u64,
}

impl Row for Session {
    const TAG: u8 = 32;
    type Key = (KeyId, u64);
}

/// The first answer to a sequence number. Found by the session's id and the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// SHA-256 of the payload that it answers.
    pub(crate) payload: Hash,
    /// The answer.
    pub(crate) outcome: Kept,
}

impl Row for Answer {
    const TAG: u8 = 33;
    type Key = (u64, u64);
}

/// The number of a key's last session, which outlives the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastSession {
    pub(crate) number: u64,
    pub(crate) until: Millis,
}

impl Row for LastSession {
    const TAG: u8 = 34;
    type Key = KeyId;
}

/// The answer to the one request of an invitation. Found by the invitation's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvitationAnswer {
    pub(crate) outcome: Outcome,
}

impl Row for InvitationAnswer {
    const TAG: u8 = 35;
    type Key = KeyId;
}

/// An outcome in little room: by far the most are plain changes, and windows hold many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Outcome", into = "Outcome")]
pub(crate) enum Kept {
    Changed(u64),
    Other(Arc<Outcome>),
}

impl From<Outcome> for Kept {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(Accepted::Changed { version }) => Self::Changed(version),
            other => Self::Other(Arc::new(other)),
        }
    }
}

impl From<Kept> for Outcome {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Changed(version) => Self::Accepted(Accepted::Changed { version }),
            Kept::Other(outcome) => Arc::unwrap_or_clone(outcome),
        }
    }
}
