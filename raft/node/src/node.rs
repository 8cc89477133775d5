//! One node, wired up and running.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use verbund_identity::SignedHead;
use verbund_machine::{State, voter_plan};
use verbund_model::NodeId;
use verbund_store::{Archive, Store};
use verbund_tls::{Incoming, Lines, Trust};

use crate::alarm::{Alarms, ClearError, RaisedAlarm};
use crate::config::{NodeConfig, NodeParts, StartError};
use crate::counters::{Counters, Counts};
use crate::events::{Feed, Gone, Watch};
use crate::heads::{Book, Exchange};
use crate::members::Members;
use crate::peers::{KEEPALIVE, MAX_MESSAGE, Peers};
use crate::proto::archive_server::ArchiveServer;
use crate::proto::forward_server::ForwardServer;
use crate::proto::heads_server::HeadsServer;
use crate::proto::raft_server::RaftServer;
use crate::published::Published;
use crate::raft::Raft;
use crate::raft::log::Log;
use crate::raft::machine::Machine;
use crate::raft::network::Network;
use crate::read::{ReadError, Reads};
use crate::served::Served;
use crate::service::archive::ArchiveService;
use crate::service::forward::ForwardService;
use crate::service::heads::HeadsService;
use crate::service::raft::RaftService;
use crate::shared::{Shared, check_of};
use crate::status::{Connection, PeerStatus, Role, Status};
use crate::submit::{SubmitError, Submitted, Submitter};
use crate::transport::Transport;
use crate::verifier::{CachedVerifier, Helpers};

/// How long a leader that stops waits for another to take over.
const HAND_OVER: Duration = Duration::from_secs(3);
/// The most calls at once over one connection.
const MAX_STREAMS: u32 = 512;

struct Inner {
    shared: Arc<Shared>,
    raft: Raft,
    trust: Arc<Trust>,
    lines: Lines,
    peers: Arc<Peers>,
    book: Arc<Book>,
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
    /// Starts a node over its store: takes up snapshot and log, serves peers, and takes part. A node with a log needs no
    /// order to go on. Errors: [`StartError`]; then nothing runs.
    pub async fn start(config: NodeConfig, parts: NodeParts) -> Result<Self, StartError> {
        let NodeParts { store, trust, lines, incoming, verifier, signer, clock } = parts;
        let genesis = State::from_genesis(&config.genesis)?;
        check_store(&store, &config, &genesis)?;
        let raft_config = config.timing.to_openraft(genesis.federation().value.id.to_string())?;
        let shared = share(&config, &genesis, &store, verifier, clock)?;
        let machine = Machine::new(shared.clone(), genesis, store.snapshots().clone(), config.timing.snapshot_bytes);
        let peers = Arc::new(Peers::new(shared.clone(), lines.clone()));
        let log = Log::new(store.log().clone(), store.archive().clone());
        let raft = Raft::new(config.id.0, Arc::new(raft_config), Network::new(peers.clone()), log, machine);
        let raft = raft.await.map_err(|e| StartError::Raft { why: e.to_string() })?;
        if config.found {
            found(&raft, config.id).await?;
        }
        let reads = Reads::start(shared.clone(), raft.clone(), peers.clone());
        let submitter = Submitter::start(shared.clone(), raft.clone(), peers.clone(), reads.clone());
        let book = Arc::new(Book::new(shared.clone(), signer, config.heads.clone()));
        let inner = Inner {
            shared,
            raft,
            trust,
            lines,
            peers,
            book,
            submitter,
            reads,
            store: Mutex::new(Some(store)),
            tasks: Mutex::default(),
            closing: CancellationToken::new(),
        };
        let node = Self(Arc::new(inner));
        node.spawn_all(&config, incoming);
        Ok(node)
    }

    fn spawn_all(&self, config: &NodeConfig, incoming: Incoming) {
        let Inner { shared, raft, peers, book, .. } = &*self.0;
        let (shared, raft, peers, book) = (shared.clone(), raft.clone(), peers.clone(), book.clone());
        let transport = Transport {
            shared: shared.clone(),
            trust: self.0.trust.clone(),
            lines: self.0.lines.clone(),
            peers: peers.clone(),
            networks: config.networks.clone(),
            accepts_nothing: config.accepts_nothing,
        };
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(transport.run());
        tasks.spawn(Members { shared: shared.clone(), raft: raft.clone() }.run());
        tasks.spawn(take_snapshots(shared.clone(), raft.clone()));
        tasks.spawn(halt_if_told(shared.clone(), raft.clone()));
        tasks.spawn(Exchange { shared, book, peers, raft }.run());
        tasks.spawn(self.serve(incoming));
    }

    /// The services, on every connection of a member, whoever dialled it.
    fn serve(&self, incoming: Incoming) -> impl Future<Output = ()> + Send + 'static {
        let Inner { shared, raft, submitter, reads, book, store, .. } = &*self.0;
        let snapshots = store.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|s| s.snapshots().clone());
        let (shared, raft) = (shared.clone(), raft.clone());
        let closing = self.0.closing.clone();
        let incoming = incoming.map(move |line| line.map(|line| Served::new(line, &closing)));
        let heads = HeadsService { shared: shared.clone(), book: book.clone() };
        let forward = ForwardService {
            shared: shared.clone(),
            raft: raft.clone(),
            submitter: submitter.clone(),
            reads: reads.clone(),
        };
        async move {
            let Some(snapshots) = snapshots else { return };
            let archive = ArchiveService { shared: shared.clone() };
            let served = Server::builder()
                .http2_keepalive_interval(Some(KEEPALIVE))
                .http2_keepalive_timeout(Some(KEEPALIVE))
                .max_concurrent_streams(Some(MAX_STREAMS))
                .initial_stream_window_size(1024 * 1024)
                .initial_connection_window_size(4 * 1024 * 1024)
                .add_service(
                    RaftServer::new(RaftService { shared, raft, snapshots }).max_decoding_message_size(MAX_MESSAGE),
                )
                .add_service(HeadsServer::new(heads).max_decoding_message_size(MAX_MESSAGE))
                .add_service(ForwardServer::new(forward).max_decoding_message_size(MAX_MESSAGE))
                .add_service(ArchiveServer::new(archive).max_decoding_message_size(MAX_MESSAGE))
                .serve_with_incoming(incoming)
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "peers are served no more");
            }
        }
    }

    /// Writes: brings an envelope into the log and gives its outcome once it is applied **at this node**, so that whoever
    /// reads here afterwards sees it. The very same bytes may be sent again; they are carried out once.
    ///
    /// Errors: [`SubmitError`], which says for each case whether anything may have been written.
    pub async fn submit(&self, envelope: impl Into<Bytes>) -> Result<Submitted, SubmitError> {
        self.0.submitter.submit(envelope.into()).await
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

    fn age(&self) -> Option<Duration> {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow_watched();
        let leads = metrics.current_leader == Some(self.0.shared.id.0);
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

    /// How the node is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let Inner { shared, raft, trust, book, .. } = &*self.0;
        let state = shared.published.state();
        let age = self.age();
        let metrics = raft.metrics().borrow_watched().clone();
        let membership = crate::raft::to_machine(metrics.membership_config.membership());
        let voters = membership.voters();
        let ahead = book.ahead();
        let peer =
            |(node, site): (&verbund_machine::Held<verbund_model::resource::Node>, &verbund_machine::Held<_>)| {
                let site: &verbund_model::resource::Site = &site.value;
                let id = node.value.id;
                let matched =
                    metrics.replication.as_ref().and_then(|all| all.get(&id.0)).map(|at| at.map_or(0, |at| at.index));
                PeerStatus {
                    node: id,
                    site: site.name.clone(),
                    votes: voters.contains(&id),
                    matched,
                    lag: matched.map(|at| metrics.last_log_index.unwrap_or(0).saturating_sub(at)),
                    clock_ahead: ahead.get(&id).copied(),
                }
            };
        let peers = state.active_nodes().filter(|(node, _)| node.value.id != shared.id).map(peer).collect();
        let connection = |peer: Arc<verbund_tls::Peer>| Connection {
            peer: peer.id.clone(),
            direction: peer.direction,
            remote: peer.remote,
        };
        Status {
            node: shared.id,
            role: role(&metrics),
            leader: metrics.current_leader.map(NodeId),
            term: metrics.current_term,
            last: metrics.last_log_index,
            committed: metrics.local_committed.map(|id| id.index),
            head: state.head(),
            snapshot: metrics.snapshot.map(|id| id.index),
            purged: metrics.purged.map(|id| id.index),
            age,
            voters: membership.configs,
            learners: membership.learners,
            warnings: voter_plan(&state).warnings,
            peers,
            alarms: shared.alarms.all(),
            writes_stopped: shared.alarms.writes_stopped(),
            connections: trust.connections().into_iter().map(connection).collect(),
            free_bytes: shared.disk.free_bytes(),
            low_disk: shared.disk.is_low(),
        }
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
            if metrics.changed().await.is_err() {
                return "it was stopped".to_owned();
            }
        }
    }

    /// Stops in order: hands leadership over, makes everything durable, closes the store. Errors: what could not be made
    /// durable.
    pub async fn shutdown(&self) -> Result<(), verbund_store::StoreFailure> {
        self.hand_over().await;
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

/// Hooks for tests of a hostile leader.
#[cfg(feature = "tamper")]
impl NodeHandle {
    /// The switches of this node.
    #[must_use]
    pub fn tamper(&self) -> &crate::tamper::Tamper {
        &self.0.shared.tamper
    }

    /// As leader: appends an envelope that nobody looked at.
    pub async fn forge(&self, envelope: Vec<u8>) -> Result<Submitted, SubmitError> {
        self.0.submitter.append(envelope.into()).await
    }

    /// As leader: installs a membership of its own with a basis of its own, as far as the others let it. Waits for
    /// `wait` and gives whether it was committed.
    pub async fn force_members(&self, voters: std::collections::BTreeSet<NodeId>, basis: u64, wait: Duration) -> bool {
        use crate::raft::{Payload, Types};
        let voters: std::collections::BTreeSet<u64> = voters.into_iter().map(|node| node.0).collect();
        let request = openraft::raft::ChangeMembershipRequest::<Types>::new(voters, true);
        let request = request.with_payload(Payload::with_basis(basis), Payload::with_basis(basis));
        matches!(tokio::time::timeout(wait, self.0.raft.change_membership_with_payload(request)).await, Ok(Ok(_)))
    }

    /// Calls another node's Raft service with a vote in the name of `claimed`, and gives the answer's code and message.
    pub async fn call_as(&self, node: NodeId, claimed: NodeId) -> (tonic::Code, String) {
        let vote = crate::proto::Vote { term: 1_000_000, node: claimed.0, committed: false };
        let message = crate::proto::VoteRequest { vote: Some(vote), last: None, transfer: false };
        let request = self.0.peers.request(node, message, Some(Duration::from_secs(5)));
        match self.0.peers.raft(node).pre_vote(request).await {
            Ok(_) => (tonic::Code::Ok, String::new()),
            Err(status) => (status.code(), status.message().to_owned()),
        }
    }
}

fn role(metrics: &openraft::RaftMetrics<crate::raft::Types>) -> Role {
    use openraft::ServerState;
    if metrics.running_state.is_err() {
        return Role::Stopped;
    }
    match metrics.state {
        ServerState::Leader => Role::Leader,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::Stopped,
    }
}

fn check_store(store: &Store, config: &NodeConfig, genesis: &State) -> Result<(), StartError> {
    let header = store.header();
    if header.node == config.id.0 && header.federation == genesis.federation().value.id.0.0 {
        return Ok(());
    }
    let dir = store.dir().display().to_string();
    Err(StartError::WrongStore { dir, found: header.to_string(), wanted: config.id })
}

fn open_alarms(dir: &Path) -> Result<Alarms, StartError> {
    Alarms::open(dir).map_err(|source| StartError::Alarms { dir: dir.display().to_string(), source })
}

fn share(
    config: &NodeConfig,
    genesis: &State,
    store: &Store,
    verifier: Arc<dyn verbund_identity::SignatureVerifier>,
    clock: Arc<dyn crate::clock::Clock>,
) -> Result<Arc<Shared>, StartError> {
    let alarms = open_alarms(&store.dir().join("alarms"))?;
    let archive = store.archive().clone();
    if archive.next().is_none() {
        archive.start_at(0).map_err(|e| StartError::Raft { why: e.to_string() })?;
    }
    let counters = Arc::new(Counters::default());
    let verifier = Arc::new(CachedVerifier::new(verifier, counters.clone()));
    let federation = &genesis.federation().value;
    let (id, generation) = (federation.id, federation.generation);
    Ok(Arc::new_cyclic(|weak: &std::sync::Weak<Shared>| {
        let weak = weak.clone();
        let extract = move |command: &[u8]| check_of(&weak.upgrade()?.published.state(), command);
        Shared {
            id: config.id,
            federation: id,
            generation,
            published: Published::new(genesis.clone()),
            helpers: Helpers::start(&verifier, Arc::new(extract)),
            verifier,
            alarms,
            ring: crate::ring::Ring::default(),
            feed: Arc::new(Feed::new(genesis.applied().index)),
            counters,
            clock,
            archive,
            disk: store.disk().clone(),
            members_changed: tokio::sync::Notify::new(),
            snapshot_due: tokio::sync::Notify::new(),
            #[cfg(feature = "tamper")]
            tamper: crate::tamper::Tamper::default(),
        }
    }))
}

/// The first start of a federation: this node alone votes. A log that has begun is left as it is.
async fn found(raft: &Raft, id: NodeId) -> Result<(), StartError> {
    let begun = raft.is_initialized().await.map_err(|e| StartError::Raft { why: e.to_string() })?;
    if begun {
        return Ok(());
    }
    let members = std::collections::BTreeMap::from([(id.0, ())]);
    raft.initialize(members).await.map_err(|e| StartError::Raft { why: e.to_string() })
}

async fn take_snapshots(shared: Arc<Shared>, raft: Raft) {
    loop {
        shared.snapshot_due.notified().await;
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
    }
}

/// A node whose history differs from the voters' takes no further part.
async fn halt_if_told(shared: Arc<Shared>, raft: Raft) {
    while !shared.alarms.halted() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tracing::error!(node = %shared.id, "this node halts: its history differs from that of the voters");
    // The core task's own panic was logged where it happened.
    let _ = raft.shutdown().await;
}
