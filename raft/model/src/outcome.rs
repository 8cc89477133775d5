//! What apply answers: accepted, or refused with a reason. Equal on every replica, kept in the audit chain.

use serde::{Deserialize, Serialize};

use crate::id::{FederationId, Hash, KeyId, NodeId, WorkloadName};
use crate::resource::{MaintenanceOf, Millis};

/// The answer to one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The change is made.
    Accepted(Accepted),
    /// Nothing has changed but, for an authenticated author, the session's memory of this refusal.
    Refused(Refusal),
}

/// What became of an accepted change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Accepted {
    /// A resource was created, changed or deleted at this index, which is its new resource version.
    Changed {
        /// Log index.
        version: u64,
    },
    /// The statement already described the state: nothing was changed.
    Unchanged {
        /// The resource version that stands.
        version: u64,
    },
    /// A session is open.
    SessionOpened {
        /// When it ends.
        until: Millis,
    },
    /// A request or proposal has some but not all approvals it needs.
    Waiting {
        /// What coordinators approve.
        subject: Hash,
        /// Approvals so far.
        have: u32,
        /// Approvals needed.
        need: u32,
    },
    /// A node was admitted.
    Admitted {
        /// Its id.
        node: NodeId,
    },
}

/// Why a change was refused. Variants stand in the order in which they came: records hold their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Refusal {
    /// The payload does not follow its schema.
    #[error("the statement could not be read: {reason}")]
    Malformed {
        /// What was wrong, and where.
        reason: String,
    },
    /// Something is larger than allowed.
    #[error("{what} is {found}, more than the {limit} allowed")]
    TooLarge {
        /// What.
        what: String,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The variant is reserved and not switched on.
    #[error("{what} are not enabled in this federation yet")]
    NotEnabled {
        /// Which variant.
        what: String,
    },
    /// Made for another federation.
    #[error("the statement is for federation {found}, not for this one")]
    WrongFederation {
        /// Which one it names.
        found: FederationId,
    },
    /// Made for another federation generation.
    #[error("the statement is for federation generation {found}, but this is {current}")]
    WrongGeneration {
        /// The one it names.
        found: u32,
        /// The one in force.
        current: u32,
    },
    /// No such key is registered.
    #[error("the key {key} is not registered")]
    UnknownKey {
        /// The key.
        key: KeyId,
    },
    /// The key was revoked.
    #[error("the key {key} was revoked")]
    KeyRevoked {
        /// The key.
        key: KeyId,
    },
    /// The signature is not the key's over these bytes.
    #[error("the signature is not one of key {key} over this statement")]
    BadSignature {
        /// The key.
        key: KeyId,
    },
    /// Its time is over.
    #[error("the statement was valid until {not_after} and it is {now} (milliseconds since 1970)")]
    Expired {
        /// Until when it was valid.
        not_after: Millis,
        /// The log's time.
        now: Millis,
    },
    /// It would be valid for too long.
    #[error("the statement is valid until {not_after}, more than {limit} ms after the log's time {now}")]
    ValidTooLong {
        /// Until when it is valid.
        not_after: Millis,
        /// The log's time.
        now: Millis,
        /// How long it may be.
        limit: Millis,
    },
    /// The session is not open.
    #[error("session {session} of this key is not open: open a new one")]
    NoSession {
        /// Its number.
        session: u64,
    },
    /// A session's number must rise.
    #[error("session {session} cannot be opened: the last one of this key had number {last}")]
    SessionNotNew {
        /// The number wanted.
        session: u64,
        /// The last number.
        last: u64,
    },
    /// Too many sessions of one key.
    #[error("the key has {limit} open sessions, which is the most: wait until one ends at {first_end}")]
    TooManySessions {
        /// The limit.
        limit: u32,
        /// When the first of them ends.
        first_end: Millis,
    },
    /// Outside the window.
    #[error("sequence number {sequence} is older than the window of this session, which begins at {oldest}")]
    SequenceTooOld {
        /// The number.
        sequence: u64,
        /// The oldest that counts.
        oldest: u64,
    },
    /// Same number, other bytes.
    #[error("sequence number {sequence} of this session was used for another statement")]
    SequenceReused {
        /// The number.
        sequence: u64,
    },
    /// The author may not do this.
    #[error("{author} may not do this: {needed} may")]
    NotAuthorised {
        /// Who asked.
        author: String,
        /// Who may.
        needed: String,
    },
    /// A member is suspended.
    #[error("{what} is suspended")]
    Suspended {
        /// Which member.
        what: String,
    },
    /// The resource is not as the author thought.
    #[error("{what} has version {found}, not {expected}: read it again and decide anew")]
    VersionMismatch {
        /// The resource.
        what: String,
        /// The version that was expected.
        expected: u64,
        /// The version found (0: it does not exist).
        found: u64,
    },
    /// The resource exists.
    #[error("{what} exists already (version {version})")]
    AlreadyExists {
        /// The resource.
        what: String,
        /// Its version.
        version: u64,
    },
    /// The resource does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// The resource.
        what: String,
    },
    /// A field is wrong.
    #[error("{field}: {reason}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What was found and what is allowed.
        reason: String,
    },
    /// The invitation cannot be used (again).
    #[error("the invitation {reason}")]
    InvitationSpent {
        /// What became of it.
        reason: String,
    },
    /// A proof of possession does not hold.
    #[error("the proof that the site holds its {which} key does not hold")]
    BadProof {
        /// Which key.
        which: String,
    },
    /// It would break a rule that holds for the state as a whole.
    #[error("{what}")]
    Conflict {
        /// Which rule, and what to do.
        what: String,
    },
    /// A planned move, and the time for it is not now: outside of windows, or in a freeze.
    #[error(
        "workload {workload} is not moved now: {}. {}; what can't wait can be an emergency with a reason",
        closed(.by, .freeze.as_deref()),
        opens(*.next)
    )]
    NotNow {
        /// What would move.
        workload: WorkloadName,
        /// Whose windows or freeze it is.
        by: MaintenanceOf,
        /// The reason of the freeze; none: no window is open.
        freeze: Option<String>,
        /// When it may be moved, if everything stays as it is; none: the windows have no time in common.
        next: Option<Millis>,
    },
    /// What is named was excluded by a directive.
    #[error(
        "{what} was excluded and does not return under this name or with these keys: it takes an invitation with new ones"
    )]
    Excluded {
        /// What.
        what: String,
    },
    /// What is to be recorded is no directive that counts.
    #[error("this is no directive that counts: {reason}")]
    BadDirective {
        /// Why not.
        reason: String,
    },
}

fn closed(by: &MaintenanceOf, freeze: Option<&str>) -> String {
    match freeze {
        Some(reason) => format!("there is a freeze of {by} ({reason})"),
        None => format!("no window of {by} is open"),
    }
}

fn opens(next: Option<Millis>) -> String {
    match next {
        Some(next) => format!("It may be moved from {} on", crate::local::text(next)),
        None => "The windows have no time in common".to_owned(),
    }
}

impl Refusal {
    /// The refusal's stable name, for problem types, metrics and tests.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::NotEnabled { .. } => "not-enabled",
            Self::WrongFederation { .. } => "wrong-federation",
            Self::WrongGeneration { .. } => "wrong-generation",
            Self::UnknownKey { .. } => "unknown-key",
            Self::KeyRevoked { .. } => "key-revoked",
            Self::BadSignature { .. } => "bad-signature",
            Self::Expired { .. } => "expired",
            Self::ValidTooLong { .. } => "valid-too-long",
            Self::NoSession { .. } => "no-session",
            Self::SessionNotNew { .. } => "session-not-new",
            Self::TooManySessions { .. } => "too-many-sessions",
            Self::SequenceTooOld { .. } => "sequence-too-old",
            Self::SequenceReused { .. } => "sequence-reused",
            Self::NotAuthorised { .. } => "not-authorised",
            Self::Suspended { .. } => "suspended",
            Self::Excluded { .. } => "excluded",
            Self::BadDirective { .. } => "bad-directive",
            Self::VersionMismatch { .. } => "version-mismatch",
            Self::AlreadyExists { .. } => "already-exists",
            Self::NotFound { .. } => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::InvitationSpent { .. } => "invitation-spent",
            Self::BadProof { .. } => "bad-proof",
            Self::Conflict { .. } => "conflict",
            Self::NotNow { .. } => "not-now",
        }
    }
}
