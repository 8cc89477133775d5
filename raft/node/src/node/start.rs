//! Wiring a node up.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use verbund_identity::{SignatureVerifier, Subject};
use verbund_machine::State;
use verbund_model::NodeId;
use verbund_store::Store;
use verbund_tls::Incoming;

use super::{Inner, NodeHandle};
use crate::alarm::Alarms;
use crate::clock::Clock;
use crate::config::{NodeConfig, NodeParts, StartError};
use crate::counters::Counters;
use crate::directives::{Depot, Hearing, MAX_EXCHANGE, Marshal, Spread};
use crate::events::Feed;
use crate::heads::{Book, Exchange};
use crate::inquiry::{AT_ONCE, MAX_QUESTION};
use crate::lease::{Beats, Desk, RefusalFile, Rounds};
use crate::members::Members;
use crate::peers::{KEEPALIVE, MAX_MESSAGE, Peers};
use crate::proto::archive_server::ArchiveServer;
use crate::proto::directives_server::DirectivesServer;
use crate::proto::forward_server::ForwardServer;
use crate::proto::heads_server::HeadsServer;
use crate::proto::inquiry_server::InquiryServer;
use crate::proto::lease_server::LeaseServer;
use crate::proto::raft_server::RaftServer;
use crate::published::Published;
use crate::raft::Raft;
use crate::raft::log::Log;
use crate::raft::machine::Machine;
use crate::raft::network::Network;
use crate::read::Reads;
use crate::repeats::Repeats;
use crate::served::Served;
use crate::service::archive::ArchiveService;
use crate::service::directives::DirectivesService;
use crate::service::forward::ForwardService;
use crate::service::heads::HeadsService;
use crate::service::inquiry::InquiryService;
use crate::service::lease::LeaseService;
use crate::service::raft::RaftService;
use crate::shared::{Shared, check_of};
use crate::submit::Submitter;
use crate::told::CatchUp;
use crate::transport::Transport;
use crate::verifier::{CachedVerifier, Helpers};

/// Peers with whom directives are to be exchanged, in line.
const DUE: usize = 256;
/// The most calls at once over one connection.
const MAX_STREAMS: u32 = 512;

impl NodeHandle {
    /// Starts a node over its store: takes up snapshot and log, serves peers, and takes part. A node with a log needs no
    /// order to go on. Errors: [`StartError`]; then nothing runs.
    pub async fn start(config: NodeConfig, parts: NodeParts) -> Result<Self, StartError> {
        let NodeParts { store, trust, lines, incoming, verifier, signer, clock } = parts;
        let genesis = State::from_genesis(&config.genesis)?;
        check_store(&store, &config, &genesis)?;
        let raft_config = config.timing.to_openraft(genesis.federation().value.id.to_string())?;
        let (meet, due) = mpsc::channel(DUE);
        let shared = share(&config, &genesis, &store, verifier, clock, meet)?;
        let machine = Machine::new(shared.clone(), genesis, store.snapshots().clone(), config.timing.snapshot_bytes);
        let peers = Arc::new(Peers::new(shared.clone(), lines.clone()));
        let last = store.log().last().map_err(|e| StartError::Raft { why: e.to_string() })?;
        let purged = store.log().purged().map_err(|e| StartError::Raft { why: e.to_string() })?;
        let begun = last.is_some() || purged.is_some();
        let refusals = RefusalFile::open(store.dir(), begun).map_err(|e| StartError::Raft { why: e.to_string() })?;
        let last = last.map_or(0, |last| last.index);
        let log = Log::new(store.log().clone(), store.archive().clone());
        let raft = Raft::new(config.id.0, Arc::new(raft_config), Network::new(peers.clone()), log, machine);
        let raft = raft.await.map_err(|e| StartError::Raft { why: e.to_string() })?;
        if config.found {
            found(&raft, config.id).await?;
        }
        let reads = Reads::start(shared.clone(), raft.clone(), peers.clone());
        let submitter = Submitter::start(shared.clone(), raft.clone(), peers.clone(), reads.clone());
        let book = Arc::new(Book::new(shared.clone(), signer.clone(), config.heads.clone()));
        let desk = Arc::new(Desk::new(shared.clone(), raft.clone(), signer.clone(), refusals, last));
        let site = lines.own().trust_domain.site;
        let transport = Arc::new(Transport {
            shared: shared.clone(),
            trust: trust.clone(),
            lines: lines.clone(),
            peers: peers.clone(),
            networks: config.networks.clone(),
            accepts_nothing: config.accepts_nothing,
            site: site.clone(),
            given: trust.sequence(),
            keepers: Mutex::default(),
        });
        // Before the first handshake.
        transport.follow();
        let (busy, marshal) = (Mutex::default(), OnceLock::new());
        let spread = Arc::new(Spread { shared: shared.clone(), peers: peers.clone(), busy, marshal });
        let answering = Mutex::default();
        let (orders, telling) = (transport.clone(), spread.clone());
        let marshal =
            Arc::new(Marshal { shared: shared.clone(), transport: orders, spread: telling, signer, site, answering });
        // It is new, so nothing was set before.
        let _ = spread.marshal.set(Arc::downgrade(&marshal));
        let rounds = Rounds { shared: shared.clone(), peers: peers.clone(), desk: desk.clone() };
        let inner = Inner {
            shared,
            raft,
            trust,
            peers,
            book,
            desk,
            rounds,
            transport,
            spread,
            marshal,
            submitter,
            reads,
            store: Mutex::new(Some(store)),
            tasks: Mutex::default(),
            closing: CancellationToken::new(),
        };
        let node = Self(Arc::new(inner));
        node.spawn_all(&config, incoming, due);
        Ok(node)
    }

    fn spawn_all(&self, config: &NodeConfig, incoming: Incoming, due: mpsc::Receiver<NodeId>) {
        let Inner { shared, raft, peers, book, transport, spread, marshal, .. } = &*self.0;
        let (shared, raft, peers, book) = (shared.clone(), raft.clone(), peers.clone(), book.clone());
        let hearing = Hearing {
            shared: shared.clone(),
            spread: spread.clone(),
            raft: raft.clone(),
            site: marshal.site.clone(),
            limit: config.hear,
        };
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(hearing.run());
        tasks.spawn(transport.clone().run());
        tasks.spawn(spread.clone().run(due));
        tasks.spawn(marshal.clone().keep_up());
        tasks.spawn(Members { shared: shared.clone(), raft: raft.clone() }.run());
        tasks.spawn(take_snapshots(shared.clone(), raft.clone()));
        tasks.spawn(halt_if_told(shared.clone(), raft.clone()));
        let interval = config.heads.interval;
        let catch_up = CatchUp { shared: shared.clone(), book: book.clone(), peers: peers.clone(), interval };
        tasks.spawn(catch_up.run());
        tasks.spawn(Exchange { shared, book, peers, raft }.run());
        tasks.spawn(Beats { desk: self.0.desk.clone(), rounds: self.0.rounds.clone() }.run());
        tasks.spawn(self.serve(incoming));
    }

    /// The services, on every connection of a member, whoever dialled it.
    fn serve(&self, incoming: Incoming) -> impl Future<Output = ()> + Send + 'static {
        let Inner { shared, raft, submitter, reads, book, store, .. } = &*self.0;
        let snapshots = store.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|s| s.snapshots().clone());
        let (shared, raft) = (shared.clone(), raft.clone());
        let closing = self.0.closing.clone();
        let greeting = shared.clone();
        let incoming = incoming.map(move |line| {
            line.map(|line| {
                // Who connects may have been away, or this node.
                if let Some(Subject::Node(peer)) = line.peer().map(|peer| &peer.id.subject) {
                    greeting.meet(*peer);
                }
                Served::new(line, &closing)
            })
        });
        let marshal = self.0.marshal.clone();
        let directives = DirectivesService { shared: shared.clone(), marshal, calls: Arc::default() };
        let heads = HeadsService { shared: shared.clone(), book: book.clone() };
        let inquiry = InquiryService { shared: shared.clone(), places: Arc::new(Semaphore::new(AT_ONCE)) };
        let lease = LeaseService { shared: shared.clone(), desk: self.0.desk.clone() };
        let forward = ForwardService {
            shared: shared.clone(),
            raft: raft.clone(),
            submitter: submitter.clone(),
            reads: reads.clone(),
        };
        async move {
            let Some(snapshots) = snapshots else { return };
            let archive = ArchiveService { shared: shared.clone() };
            let raft_service = RaftService { shared, raft, snapshots, receiving: Arc::new(Semaphore::new(1)) };
            let served = Server::builder()
                .http2_keepalive_interval(Some(KEEPALIVE))
                .http2_keepalive_timeout(Some(KEEPALIVE))
                .max_concurrent_streams(Some(MAX_STREAMS))
                .initial_stream_window_size(1024 * 1024)
                .initial_connection_window_size(4 * 1024 * 1024)
                .add_service(RaftServer::new(raft_service).max_decoding_message_size(MAX_MESSAGE))
                .add_service(HeadsServer::new(heads).max_decoding_message_size(MAX_MESSAGE))
                .add_service(LeaseServer::new(lease).max_decoding_message_size(MAX_MESSAGE))
                .add_service(InquiryServer::new(inquiry).max_decoding_message_size(2 * MAX_QUESTION))
                .add_service(DirectivesServer::new(directives).max_decoding_message_size(MAX_EXCHANGE))
                .add_service(ForwardServer::new(forward).max_decoding_message_size(MAX_MESSAGE))
                .add_service(ArchiveServer::new(archive).max_decoding_message_size(MAX_MESSAGE))
                .serve_with_incoming(incoming)
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "peers are served no more");
            }
        }
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
    verifier: Arc<dyn SignatureVerifier>,
    clock: Arc<dyn Clock>,
    meet: mpsc::Sender<NodeId>,
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
    let dir = store.dir().join("directives");
    let unreadable = |source| StartError::Directives { dir: dir.display().to_string(), source };
    let depot = Depot::open(&dir, &id, &*verifier).map_err(unreadable)?;
    Ok(Arc::new_cyclic(|weak: &Weak<Shared>| {
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
            refused: Repeats::default(),
            counters,
            clock,
            archive,
            disk: store.disk().clone(),
            inquiries: std::sync::OnceLock::new(),
            members_changed: tokio::sync::Notify::new(),
            snapshot_due: tokio::sync::Notify::new(),
            depot,
            open: watch::Sender::new(false),
            meet,
            told: std::sync::Mutex::new(None),
            #[cfg(feature = "tamper")]
            tamper: crate::tamper::Tamper::knowing(config.known_format),
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
