//! What the API needs of the federation. The binary implements it over the node; the tests over a state in memory.

mod asked;
mod directives;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbund_identity::SignatureVerifier;
use verbund_model::resource::{Cause, KeyOwner, Millis, RegisteredKey, Workload};
use verbund_model::view::{Event, Kind, Resource};
use verbund_model::{ClusterName, FederationId, Hash, KeyId, Outcome, Refusal, UserId, WorkloadName};

use crate::status::{Notice, Status};

pub use asked::{Asked, CopyAnswer, NoAnswer};
pub use directives::{Awaited, DirectiveView, Drawn, TakeError, Wanted};

/// The federation, as seen from one of its nodes.
pub trait Federation: Send + Sync + 'static {
    /// Brings an envelope (binary form, at most `MAX_ENVELOPE` bytes) into the log and waits for its outcome; whichever
    /// node leads. What is malformed, has no registered key or is wrongly signed is refused at the edge as
    /// [`SubmitError::Refused`], and the log never sees it. Sending the same envelope again is safe: it returns the first
    /// outcome. A call that is first polled before another one enters the log before it, as far as that is in this node's
    /// hands. The future may be dropped: the outcome is unknown then.
    fn submit(&self, envelope: Bytes) -> impl Future<Output = Result<Submitted, SubmitError>> + Send;

    /// The state: with [`Consistency::Linearizable`] not older than this call, else whatever this node has.
    fn read(&self, consistency: Consistency) -> impl Future<Output = Result<View, ReadError>> + Send;

    /// How the federation and this node are. Asks nobody: answered from what the node knows.
    fn status(&self) -> impl Future<Output = Status> + Send;

    /// All changes of resources of `kinds` from the entry with index `from` on (that one included, even if this node has
    /// not applied it yet), ordered by (index, part), without gaps or repeats. [`WatchItem::Progress`] may stand anywhere
    /// between entries. Errors: [`WatchError::Gone`] if an entry from `from` on is no longer held.
    fn watch(
        &self,
        from: u64,
        kinds: &[Kind],
    ) -> impl Future<Output = Result<BoxStream<'static, WatchResult>, WatchError>> + Send;

    /// An export of the audit records `from..=to` (`None`: the first held, the newest checkpoint or head), in the form
    /// that `verbund audit verify` reads.
    fn audit_export(
        &self,
        from: Option<u64>,
        to: Option<u64>,
    ) -> impl Future<Output = Result<BoxStream<'static, std::io::Result<Bytes>>, AuditError>> + Send;

    /// Issues a user certificate below the site's CA. The API has checked who asks. The implementer takes nothing from the
    /// signing request but its key, and only if the request's own signature proves that the asker holds it.
    fn issue_certificate(
        &self,
        order: CertificateOrder,
    ) -> impl Future<Output = Result<IssuedCertificate, IssueError>> + Send;

    /// Asks the agents of the clusters where the workload of the question has a copy (active, standby or stopping), each at its own
    /// site, and gives what each said, in the order of the clusters' names. Nothing of it is kept. Errors: there is no such
    /// workload, or no copy of it at the cluster that is named.
    fn ask_agents(&self, asked: Asked) -> impl Future<Output = Result<Vec<CopyAnswer>, Refusal>> + Send;

    /// Takes a directive: JSON of a signed one. It needs no quorum. When this returns, it is in effect at this node. Taking it
    /// again changes nothing.
    fn take_directive(&self, signed: Bytes) -> impl Future<Output = Result<DirectiveView, TakeError>> + Send;

    /// The directives that this node holds, by number.
    fn directives(&self) -> Vec<DirectiveView>;

    /// An item at once, and whenever a directive or a receipt has reached this node since.
    fn watch_directives(&self) -> BoxStream<'static, ()>;

    /// The node's clock.
    fn now(&self) -> Millis;

    /// Checks signatures of login requests.
    fn verifier(&self) -> &dyn SignatureVerifier;
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// It shows every change that was acknowledged before it began.
    #[default]
    Linearizable,
    /// It shows what the node has, which may be old; the answer says how old.
    Stale,
}

impl Consistency {
    /// The word in queries and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::Stale => "stale",
        }
    }
}

/// A consistent copy of the state.
#[derive(Clone)]
pub struct View {
    /// The copy.
    pub state: Arc<dyn ReadState>,
    /// How long ago this node last knew that its state was the newest, [`Duration::MAX`] if never. Only stale reads look
    /// at it.
    pub age: Duration,
}

/// A state at one index. Everything it returns is of that index.
pub trait ReadState: Send + Sync {
    /// The federation's id.
    fn federation(&self) -> FederationId;
    /// The federation generation.
    fn generation(&self) -> u32;
    /// Index of the last applied entry.
    fn index(&self) -> u64;
    /// The highest resource version among sites and nodes: it rises when an address or an anchor changes.
    fn directory(&self) -> u64;
    /// The log's time.
    fn time(&self) -> Millis;
    /// One resource; `None` also for what is no name of that kind.
    fn get(&self, kind: Kind, name: &str) -> Option<Resource>;
    /// Up to `limit` resources of a kind in the order of their names, after the name `after` (which need not exist).
    fn list(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Resource>;
    /// A registered key.
    fn key(&self, id: &KeyId) -> Option<RegisteredKey>;
    /// The session of a key with the highest number; `None` if it never had one.
    fn session(&self, key: &KeyId) -> Option<SessionInfo>;
    /// The genesis document, byte for byte.
    fn genesis(&self) -> Bytes;
    /// What the planner answers at `now`, as a JSON document: a dry run of `verbund-machine`, a report or a list of losses
    /// of `verbund-planner`. Errors: the refusal that the like command would get. May take a while.
    fn ask(&self, question: &Question, now: Millis) -> Result<Value, Refusal>;
}

/// What is asked of the planner. Nothing is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where a workload would be placed if it were applied like this.
    Apply(Box<Workload>),
    /// What would become of a workload that is moved.
    Move {
        /// The workload.
        workload: WorkloadName,
        /// Failover, relocate, failback or drill.
        cause: Cause,
        /// Where to, if a place is named.
        to: Option<ClusterName>,
    },
    /// For each cluster, which rules the workload's place keeps there.
    Why(WorkloadName),
    /// For each site, whether it can be lost now.
    Capacity,
    /// What an exclusion would do, and its directive, which follows the one with this number and hash (none: it is the first).
    Exclude(Box<Wanted>, Option<(u64, Hash)>),
}

/// What an author needs to know of its last session to sign the next statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionInfo {
    /// The number of the key's last session; the next must be higher.
    pub number: u64,
    /// When that session ends, or ended, milliseconds since 1970 by the log's time.
    pub until: Millis,
    /// The highest sequence number used in it; `None` once the session is forgotten.
    pub highest: Option<u64>,
}

/// What became of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submitted {
    /// Log index of an entry with this outcome: for an envelope that was sent again, the first or the repetition.
    pub index: u64,
    /// The outcome.
    pub outcome: Outcome,
}

/// Why an envelope has no outcome. But for [`SubmitError::OutcomeUnknown`], nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// There is no leader, or it cannot be reached.
    #[error("there is no leader that can be reached")]
    NoLeader,
    /// The envelope may or may not be in the log. Sending the same one again is safe.
    #[error("the outcome is not known: send the same envelope again")]
    OutcomeUnknown,
    /// Writes are refused before the disk is full.
    #[error("writes are refused because the disk has less than {low_water} bytes free ({free})")]
    LowDisk {
        /// Bytes free.
        free: u64,
        /// Bytes that must be free.
        low_water: u64,
    },
    /// An alarm has stopped writes.
    #[error("writes are stopped by the alarm {}", alarm.name)]
    WritesStopped {
        /// Which.
        alarm: Notice,
    },
    /// Refused at the edge: the log has not seen it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many envelopes are waiting.
    #[error("too many envelopes are waiting")]
    Busy,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Why there is nothing to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A linearizable read needs the quorum, and it cannot be reached.
    #[error("a linearizable read needs a quorum, which cannot be reached")]
    NoQuorum,
    /// The node has no state yet: it waits for its admission or for its first snapshot.
    #[error("the node has no state yet")]
    Starting,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// One item of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    /// A change.
    Event(Box<Event>),
    /// Everything up to and with this index was delivered.
    Progress(u64),
}

/// An item of a watch, or its end before time.
pub type WatchResult = Result<WatchItem, WatchInterrupted>;

/// Why a running watch ends. It can be resumed behind the last event that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchInterrupted {
    /// The reader was too slow, and the events it lacks are no longer kept in memory.
    #[error("the reader was too slow")]
    Lagged,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Why a watch cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The entries wanted are no longer held.
    #[error("changes before index {oldest} are no longer held")]
    Gone {
        /// The oldest index from which a watch can begin.
        oldest: u64,
    },
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Why an audit export cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The archive does not hold the range.
    #[error("the archive holds the records {oldest} to {newest}")]
    NotHeld {
        /// The oldest index held.
        oldest: u64,
        /// The newest index held.
        newest: u64,
    },
    /// A majority of sites vouches for no index up to the one that was asked for.
    #[error("a majority of sites vouches for no index up to {wanted}")]
    NotVouched {
        /// The last index that was asked for.
        wanted: u64,
        /// The first index above it for which one does; none yet: sites tell each other each second.
        first: Option<u64>,
    },
    /// The archive could not be read.
    #[error("the archive could not be read: {reason}")]
    Failed {
        /// What happened; shown to the caller.
        reason: String,
    },
}

/// A certificate to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateOrder {
    /// Certificate signing request in PEM, as sent.
    pub csr: String,
    /// The name: `spiffe://<site>.<federation>/user/<name>`.
    pub name: UserId,
    /// The subject's common name, for people's eyes.
    pub common_name: String,
    /// Whose key signed the request.
    pub owner: KeyOwner,
    /// The registered key.
    pub key: KeyId,
}

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuedCertificate {
    /// The certificate, followed by its issuers up to but without the root, in PEM.
    pub chain: String,
    /// The SPIFFE id that it carries.
    pub id: String,
    /// Until when it is valid, milliseconds since 1970.
    pub not_after: Millis,
}

/// Why no certificate was issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The signing request is not acceptable.
    #[error("the certificate signing request was refused: {reason}")]
    Csr {
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
    /// The CA's key cannot be used at present.
    #[error("the site's CA cannot sign at present: {reason}")]
    Unavailable {
        /// Why; shown to the caller.
        reason: String,
    },
}
