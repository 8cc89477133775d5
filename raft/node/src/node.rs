//! One node, wired up and running.

#[cfg(feature = "tamper")]
mod hooks;
mod start;
mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use verbund_identity::SignedHead;
use verbund_machine::State;
use verbund_model::NodeId;
use verbund_store::{Archive, Store};
use verbund_tls::Trust;

use crate::alarm::{ClearError, RaisedAlarm};
use crate::counters::Counts;
use crate::directives::{Marshal, Spread};
use crate::events::{Gone, Watch};
use crate::heads::Book;
use crate::lease::{Desk, Found, RenewalResult, Rounds};
use crate::peers::Peers;
use crate::raft::Raft;
use crate::read::{ReadError, Reads};
use crate::shared::Shared;
use crate::status::Role;
use crate::submit::{SubmitError, Submitted, Submitter};
use crate::transport::Transport;

/// How long after a node has stopped by itself that is noticed at the latest.
const STOPPED_LOOK: Duration = Duration::from_millis(100);
/// How long a leader that stops waits for another to take over.
const HAND_OVER: Duration = Duration::from_secs(3);
/// How long a stopping node waits for its last snapshot.
const LAST_SNAPSHOT: Duration = Duration::from_secs(5);

struct Inner {
    shared: Arc<Shared>,
    raft: Raft,
    trust: Arc<Trust>,
    peers: Arc<Peers>,
    book: Arc<Book>,
    desk: Arc<Desk>,
    rounds: Rounds,
    transport: Arc<Transport>,
    spread: Arc<Spread>,
    marshal: Arc<Marshal>,
    submitter: Submitter,
    reads: Reads,
    store: Mutex<Option<Store>>,
    tasks: Mutex<JoinSet<()>>,
    /// Ends the connections on which peers are served.
    closing: CancellationToken,
}

/// A running node. Clones are the same node.
#[derive(Clone)]
pub struct NodeHandle(Arc<Inner>);

impl std::fmt::Debug for NodeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeHandle({})", self.0.shared.id)
    }
}

impl NodeHandle {
    /// Writes: brings an envelope into the log and gives its outcome once it is applied **at this node**, so that whoever
    /// reads here afterwards sees it. The very same bytes may be sent again; they are carried out once.
    ///
    /// Errors: [`SubmitError`], which says for each case whether anything may have been written.
    pub async fn submit(&self, envelope: impl Into<Bytes>) -> Result<Submitted, SubmitError> {
        self.0.submitter.submit(envelope.into()).await
    }

    /// The same for several at once, in the order given. Whether one depends on another is for sessions and preconditions to
    /// say: they may reach the log in any order.
    pub async fn submit_all(&self, envelopes: Vec<Bytes>) -> Vec<Result<Submitted, SubmitError>> {
        self.0.submitter.submit_all(envelopes).await
    }

    /// A linearizable read: a state that contains everything that was committed when this was called. Errors:
    /// [`ReadError`].
    pub async fn read(&self) -> Result<Arc<State>, ReadError> {
        self.0.reads.linearize().await
    }

    /// The state as it is here, and how long ago this node last knew that its leader lived; `None`: never since its
    /// start. Always answers; its index is `head().index`.
    #[must_use]
    pub fn read_stale(&self) -> (Arc<State>, Option<Duration>) {
        (self.0.shared.published.state(), self.age())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.0.peers
    }

    pub(crate) fn marshal(&self) -> &Arc<Marshal> {
        &self.0.marshal
    }

    fn age(&self) -> Option<Duration> {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow_watched();
        let leads = metrics.current_leader == Some(self.0.shared.id.0);
        // Who votes alone needs nobody's word that it still leads.
        if leads && metrics.membership_config.voter_ids().count() == 1 {
            return Some(Duration::ZERO);
        }
        let acked = metrics.last_quorum_acked.as_ref().filter(|_| leads).map(|at| at.elapsed());
        acked.into_iter().chain(self.0.shared.published.age()).min()
    }

    /// Waits until `index` is applied here; `false` if that takes longer than `wait`.
    pub async fn wait_applied(&self, index: u64, wait: Duration) -> bool {
        self.0.shared.published.wait_for(index, wait).await
    }

    /// Changes after index `after`, in order, without gaps or repeats. Errors: [`Gone`] if they are no longer kept.
    pub fn watch(&self, after: u64) -> Result<Watch, Gone> {
        Watch::new(self.0.shared.feed.clone(), after)
    }

    /// The node's counts since its start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.shared.counters.counts()
    }

    /// The alarms.
    #[must_use]
    pub fn alarms(&self) -> Vec<RaisedAlarm> {
        self.0.shared.alarms.all()
    }

    /// Clears all alarms, so that writes go on after a fork. The evidence stays on disk under another name. If what raised
    /// them is still so, they return within a few exchanges of heads.
    pub fn clear_alarms(&self) -> Result<(), ClearError> {
        self.0.book.clear();
        self.0.shared.alarms.clear()
    }

    /// The newest head that this node signed: what an export of the audit trail is anchored to.
    #[must_use]
    pub fn signed_head(&self) -> Option<SignedHead> {
        self.0.book.newest_own()
    }

    /// The newest index not above `most` for which a majority of active sites is known to vouch, and its signed heads.
    #[must_use]
    pub fn vouched_heads(&self, most: u64) -> Option<(u64, Vec<SignedHead>)> {
        self.0.book.vouched(most)
    }

    /// The audit archive.
    #[must_use]
    pub fn archive(&self) -> Arc<Archive> {
        self.0.shared.archive.clone()
    }

    /// Fetches audit records `first..=last` from a peer, for a member that joined later; at most a million at once. That
    /// they belong to the chain is for the caller to verify. Errors: what the peer or the connection said.
    pub async fn fetch_records(&self, from: NodeId, first: u64, last: u64) -> Result<Vec<Bytes>, String> {
        let peers = &self.0.peers;
        let request = peers.request(from, crate::proto::FetchRequest { first, last }, Some(Duration::from_secs(60)));
        let fail = |status: tonic::Status| status.message().to_owned();
        let mut replies = peers.archive(from).fetch(request).await.map_err(fail)?.into_inner();
        let mut records = Vec::new();
        while let Some(reply) = replies.message().await.map_err(fail)? {
            records.extend(reply.records.iter().map(|record| Bytes::copy_from_slice(record)));
        }
        Ok(records)
    }

    /// Brings renewals of the own site's clusters to every voter. For each, in order, what the voters said that answered in
    /// time; each answer is the named voter's own, as its certificate says.
    pub async fn renew(&self, renewals: &[verbund_lease::Renewal]) -> Vec<Vec<RenewalResult>> {
        self.0.rounds.renew(renewals).await
    }

    /// Brings one renewal to every voter, and gives what each says as it comes: nobody waits for a voter out of reach.
    #[must_use]
    pub fn renew_each(&self, renewal: verbund_lease::Renewal) -> futures::stream::BoxStream<'static, RenewalResult> {
        self.0.rounds.renew_each(renewal)
    }

    /// Asks every voter to state what it found itself.
    pub async fn find(&self, finding: &verbund_model::resource::Finding) -> Found {
        self.0.rounds.find(finding).await
    }

    /// How this node judges each active site, by what it heard itself.
    pub async fn standings(&self) -> std::collections::BTreeMap<verbund_model::SiteName, verbund_lease::Standing> {
        self.0.desk.standings().await
    }

    /// The sites that are heard again and do not count as reachable yet, each with the milliseconds until this node would say
    /// so.
    pub async fn returning(&self) -> std::collections::BTreeMap<verbund_model::SiteName, u64> {
        self.0.desk.returning().await
    }

    /// How long ago each cluster's agent last asked for its lease at this voter, in milliseconds.
    pub async fn asked(&self) -> std::collections::BTreeMap<verbund_model::ClusterName, u64> {
        self.0.desk.asked().await
    }

    /// Takes a snapshot now instead of when it is due.
    pub async fn take_snapshot(&self) {
        // It fails only when Raft has stopped, and then there is nothing to take.
        let _ = self.0.raft.trigger().snapshot().await;
    }

    /// Hands leadership to `node`, if this node leads; it wins the election unless something is in its way.
    pub async fn transfer_leader(&self, node: NodeId) {
        // As above.
        let _ = self.0.raft.trigger().transfer_leader(node.0).await;
    }

    /// Waits until the node takes part no more: it was stopped, it halted, or its disk failed. Gives why.
    pub async fn stopped(&self) -> String {
        let mut metrics = self.0.raft.metrics();
        loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                return fatal.to_string();
            }
            // The metrics move with every write, and the daemon's main thread, which waits here, would be woken each time.
            tokio::time::sleep(STOPPED_LOOK).await;
            if metrics.changed().await.is_err() {
                return "it was stopped".to_owned();
            }
        }
    }

    /// Stops in order: hands leadership over, takes a snapshot, makes everything durable, closes the store. Errors: what
    /// could not be made durable.
    pub async fn shutdown(&self) -> Result<(), verbund_store::StoreFailure> {
        self.hand_over().await;
        self.leave_nothing_to_replay().await;
        self.stop().await;
        let store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(store) = store else { return Ok(()) };
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        closed.unwrap_or_else(|error| {
            Err(verbund_store::StoreFailure::Failed { what: "closing the store".to_owned(), why: error.to_string() })
        })
    }

    /// Stops at once, without handing anything over; the store is closed when the last handle is gone. What a crash would
    /// leave behind is on the disk anyway.
    pub async fn stop(&self) {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.0.closing.cancel();
        self.0.peers.forget(|_| false);
        // The core task's own panic was logged where it happened.
        let _ = self.0.raft.shutdown().await;
    }

    /// Takes a snapshot of what is applied, for the next start (formats 11). If it cannot be had in time, that start takes
    /// longer, which is no reason not to stop.
    async fn leave_nothing_to_replay(&self) {
        let applied = self.status().head.index;
        let mut metrics = self.0.raft.metrics();
        self.take_snapshot().await;
        let taken = async {
            while metrics.borrow_watched().snapshot.map_or(0, |id| id.index) < applied {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(LAST_SNAPSHOT, taken).await.is_err() {
            tracing::warn!(applied, "the last snapshot was not ready in time; the next start replays the log");
        }
    }

    async fn hand_over(&self) {
        let status = self.status();
        if status.role != Role::Leader {
            return;
        }
        let voters = status.peers.iter().filter(|peer| peer.votes && peer.lag.is_some());
        let Some(best) = voters.min_by_key(|peer| peer.lag) else { return };
        self.transfer_leader(best.node).await;
        let mut metrics = self.0.raft.metrics();
        let me = self.0.shared.id.0;
        let handed = async {
            while metrics.borrow_watched().current_leader == Some(me) {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(HAND_OVER, handed).await.is_err() {
            tracing::warn!(to = %best.node, "leadership was not taken over in time; the others elect");
        }
    }
}
