//! Whole nodes in one process: real keys and certificates, real TLS on loopback, real stores in temporary directories.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{Authentication, Envelope, Genesis, Statement, Subject, TrustDomain, admission_binding, key_id};
use verbund_keys::{AwsVerifier, Certificate, IssuingCa, Signer, SoftwareKey, issue_ca, make_root};
use verbund_model::resource::{AdmissionRequest, CoordinatorSet, Der, OrgRole, Proofs, UserRole};
use verbund_model::{
    Accepted, Algorithm, Command, Document, FederationId, Hash, NodeId, OrgName, Outcome, PublicKey, SiteName, UserId,
};
use verbund_node::{
    Clock, HeadSettings, HeadSigner, NodeConfig, NodeHandle, NodeParts, Role, StartError, SystemClock, Timing,
    bundle_of, routes_of,
};
use verbund_store::{FORMAT, Header, Store, StoreOptions};
use verbund_tls::{Acceptor, Bundle, Ends, Limits, Lines, LinesSettings, Listener, LiveIdentity, Trust};

/// How long a condition is waited for before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LANDS: [&str; 6] = ["DE-NI", "DE-HH", "DE-BE", "DE-BY", "DE-SN", "DE-NW"];

/// Shows what nodes log when `RUST_LOG` asks for it.
fn log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
    });
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The system's clock, set wrong by so many milliseconds.
#[derive(Default)]
pub struct ShiftedClock(AtomicI64);

impl ShiftedClock {
    pub fn shift(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> u64 {
        SystemClock.now().saturating_add_signed(self.0.load(Ordering::SeqCst))
    }
}

/// Somebody with a key and a session.
pub struct Author {
    pub key: Arc<SoftwareKey>,
    federation: FederationId,
    session: u64,
    sequence: AtomicU64,
}

impl Author {
    pub fn new(federation: FederationId, key: Arc<SoftwareKey>, session: u64) -> Self {
        Self { key, federation, session, sequence: AtomicU64::new(0) }
    }

    /// Somebody whom nobody registered.
    pub fn stranger(cluster: &Cluster) -> Self {
        Self::new(cluster.federation, Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap()), 1)
    }

    pub fn envelope(&self, command: Command) -> Bytes {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
        let statement = Statement {
            v: 1,
            federation: self.federation,
            generation: 0,
            key: key_id(self.key.public_key()),
            session: self.session,
            sequence,
            not_after: SystemClock.now() + 10 * 60 * 1000,
            precondition: None,
            command,
            sealed: Vec::new(),
        };
        self.sign(&statement)
    }

    pub fn sign(&self, statement: &Statement) -> Bytes {
        let authentication = Authentication::Direct { signature: Vec::new() };
        let mut envelope = Envelope { payload: statement.to_payload(), key: statement.key, authentication };
        let message = envelope.signed().unwrap().message;
        envelope.authentication = Authentication::Direct { signature: self.key.sign(&message).unwrap() };
        envelope.to_bytes().into()
    }
}

/// The keys of one site.
pub struct Site {
    pub name: SiteName,
    pub organisation: OrgName,
    root: Certificate,
    ca: IssuingCa,
    pub node_key: Arc<SoftwareKey>,
    sealing_key: PublicKey,
    land: &'static str,
}

impl Site {
    pub fn new(number: usize, federation: &SiteName) -> Self {
        let name = SiteName::new(format!("site-{number}")).unwrap();
        let domain = TrustDomain { site: name.clone(), federation: federation.clone() };
        let now = OffsetDateTime::now_utc();
        let p384 = || SoftwareKey::generate(Algorithm::P384).unwrap();
        let (root_key, ca_key) = (p384(), Arc::new(p384()));
        let root = make_root(&root_key, &domain, 30 * DAY, now).unwrap();
        let certificate = issue_ca(&root_key, &root, ca_key.public_key(), &domain, 20 * DAY, now).unwrap();
        let ca = IssuingCa::new(domain, certificate, ca_key).unwrap();
        Self {
            name,
            organisation: OrgName::new(format!("org-{number}")).unwrap(),
            root,
            ca,
            node_key: Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap()),
            sealing_key: p384().public_key().clone(),
            land: LANDS[(number - 1) % LANDS.len()],
        }
    }

    pub fn anchor(&self) -> Der {
        Der(self.root.der().to_vec())
    }

    /// A certificate of this site's CA for whatever name.
    pub fn identity(&self, subject: Subject) -> Arc<LiveIdentity> {
        let names = vec!["localhost".to_owned()];
        let identity = self.ca.issue_identity(subject, names, Vec::new(), DAY, OffsetDateTime::now_utc()).unwrap();
        let chain = identity.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
        let key = PrivatePkcs8KeyDer::from(identity.key.to_pkcs8().unwrap().to_vec());
        LiveIdentity::from_pkcs8(chain, CertificateDer::from(self.root.der().to_vec()), key).unwrap()
    }
}

struct Heads(Arc<SoftwareKey>);

impl HeadSigner for Heads {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.0.sign(message).map_err(|e| e.to_string())
    }
}

/// A running node with what is needed to start it again.
pub struct Running {
    pub id: NodeId,
    pub site: usize,
    pub node: NodeHandle,
    pub trust: Arc<Trust>,
    pub clock: Arc<ShiftedClock>,
    pub address: Option<SocketAddr>,
    /// What its disk says is free, in bytes.
    pub free: Arc<AtomicU64>,
    listening: Option<JoinHandle<()>>,
}

/// What is needed to start a killed node again.
pub type Gone = (NodeId, usize, Option<SocketAddr>);

impl Running {
    pub fn alarms(&self) -> Vec<&'static str> {
        self.node.alarms().iter().map(|raised| raised.alarm.name()).collect()
    }

    pub fn has_alarm(&self, name: &str) -> bool {
        self.alarms().contains(&name)
    }
}

/// A federation. Nodes that were stopped leave `None`.
pub struct Cluster {
    pub genesis: Vec<u8>,
    pub federation: FederationId,
    pub name: SiteName,
    pub sites: Vec<Site>,
    pub nodes: Vec<Option<Running>>,
    pub coordinator: Author,
    pub admin: Author,
    pub timing: Timing,
    pub heads: HeadSettings,
    /// The latest format that nodes know which are started from now on.
    pub knows_format: u32,
    dirs: TempDir,
}

fn document() -> Document {
    Document::from_value(&serde_json::json!({})).unwrap()
}

/// Elections in half a second, so that tests need not wait long.
pub fn quick() -> Timing {
    Timing {
        heartbeat: Duration::from_millis(100),
        election_min: Duration::from_millis(500),
        election_max: Duration::from_millis(1000),
        ..Timing::default()
    }
}

impl Cluster {
    /// One founder, which leads, with an open session for coordinator and administrator.
    pub async fn found() -> Self {
        Self::found_with(quick()).await
    }

    pub async fn found_with(timing: Timing) -> Self {
        log();
        let name = SiteName::new("verbund").unwrap();
        let site = Site::new(1, &name);
        let (listener, address) = listen().await;
        let coordinator = Arc::new(SoftwareKey::generate(Algorithm::P384).unwrap());
        let admin = Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap());
        let genesis = genesis(&name, &site, address, &coordinator, &admin);
        let federation = FederationId(verbund_identity::sha256(&genesis));
        let mut cluster = Self {
            coordinator: Author::new(federation, coordinator, 1),
            admin: Author::new(federation, admin, 1),
            genesis,
            federation,
            name,
            sites: vec![site],
            nodes: Vec::new(),
            timing,
            heads: HeadSettings { interval: Duration::from_millis(200), ..HeadSettings::default() },
            knows_format: verbund_machine::FORMAT,
            dirs: tempfile::tempdir().unwrap(),
        };
        let running = cluster.start(NodeId::mint(0, 1), 0, Some(listener), true, None).await;
        cluster.nodes.push(Some(running));
        until("the founder leads", || cluster.node(0).status().role == Role::Leader).await;
        cluster.open_sessions().await;
        cluster
    }

    /// A federation of `count` voters, each of an own organisation and Land.
    pub async fn of(count: usize) -> Self {
        let mut cluster = Self::found().await;
        for _ in 1..count {
            cluster.admit().await;
        }
        cluster.until_voters(count).await;
        cluster
    }

    async fn open_sessions(&self) {
        self.must(0, self.coordinator.envelope(Command::OpenSession {})).await;
        self.must(0, self.admin.envelope(Command::OpenSession {})).await;
        let bind = Command::BindRole {
            organisation: self.sites[0].organisation.clone(),
            user: UserId::new("admin").unwrap(),
            role: UserRole::CloudServiceAnbieter,
            sites: std::collections::BTreeSet::new(),
        };
        self.must(0, self.admin.envelope(bind)).await;
    }

    pub fn running(&self, index: usize) -> &Running {
        self.nodes[index].as_ref().expect("the node runs")
    }

    pub fn node(&self, index: usize) -> &NodeHandle {
        &self.running(index).node
    }

    pub fn all(&self) -> impl Iterator<Item = &Running> {
        self.nodes.iter().flatten()
    }

    /// Submits at a node, again while nobody leads or the outcome is unknown.
    pub async fn submit(&self, index: usize, envelope: Bytes) -> Outcome {
        let since = Instant::now();
        loop {
            match self.node(index).submit(envelope.clone()).await {
                Ok(submitted) => return submitted.outcome,
                Err(error) => assert!(since.elapsed() < PATIENCE, "submitted in vain: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same, and it must be accepted.
    pub async fn must(&self, index: usize, envelope: Bytes) -> Accepted {
        match self.submit(index, envelope).await {
            Outcome::Accepted(accepted) => accepted,
            Outcome::Refused(refusal) => panic!("refused: {refusal}"),
        }
    }

    /// A catalogue entry of that name, as the administrator writes it.
    pub fn entry(&self, name: &str) -> Bytes {
        self.entry_of(name, 10)
    }

    /// The same with a document of about so many bytes.
    pub fn entry_of(&self, name: &str, bytes: usize) -> Bytes {
        let document = Document::from_value(&serde_json::json!({ "text": "x".repeat(bytes) })).unwrap();
        self.admin.envelope(Command::ApplyCatalogueEntry {
            name: name.parse().unwrap(),
            organisation: self.sites[0].organisation.clone(),
            schema_version: 1,
            document,
        })
    }

    /// Invites, requests and approves a further site, and starts its node.
    pub async fn admit(&mut self) -> usize {
        let (listener, address) = listen().await;
        let id = self.admit_only(Some(address)).await;
        self.start_joiner(id, Some(listener)).await
    }

    /// The same with a site that allows nothing inbound.
    pub async fn admit_silent(&mut self) -> usize {
        let id = self.admit_only(None).await;
        self.start_joiner(id, None).await
    }

    /// Invites, requests and approves a further site.
    async fn admit_only(&mut self, address: Option<SocketAddr>) -> NodeId {
        let number = self.sites.len() + 1;
        let site = Site::new(number, &self.name);
        let contact = self.nodes.iter().position(Option::is_some).unwrap();
        let org_admin = SoftwareKey::generate(Algorithm::P256).unwrap();
        let create = Command::CreateOrganisation {
            name: site.organisation.clone(),
            display_name: format!("Organisation {number}"),
            roles: [OrgRole::Plattformbetreiber].into(),
            administrator: UserId::new("admin").unwrap(),
            administrator_key: org_admin.public_key().clone(),
        };
        self.must(contact, self.coordinator.envelope(create)).await;
        let one_time = Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap());
        let invite = Command::Invite {
            key: one_time.public_key().clone(),
            site: site.name.clone(),
            organisation: site.organisation.clone(),
            expires: SystemClock.now() + 60 * 60 * 1000,
        };
        self.must(contact, self.coordinator.envelope(invite)).await;
        let hash = self.request(contact, &site, &one_time, address).await;
        let approved = self.must(contact, self.coordinator.envelope(Command::Approve { subject: hash })).await;
        let Accepted::Admitted { node } = approved else { panic!("not admitted but {approved:?}") };
        self.sites.push(site);
        node
    }

    async fn request(
        &self,
        contact: usize,
        site: &Site,
        one_time: &Arc<SoftwareKey>,
        address: Option<SocketAddr>,
    ) -> Hash {
        let request = AdmissionRequest {
            site: site.name.clone(),
            organisation: site.organisation.clone(),
            land: site.land.parse().unwrap(),
            anchors: vec![site.anchor()],
            issuing_certificate: Der(site.ca.certificate().der().to_vec()),
            sealing_key: site.sealing_key.clone(),
            node_key: site.node_key.public_key().clone(),
            addresses: address.iter().map(|address| address.to_string().parse().unwrap()).collect(),
        };
        let binding = admission_binding(&self.federation, &key_id(one_time.public_key()), &request);
        let proofs = Proofs {
            node: Der(site.node_key.sign(&binding).unwrap()),
            issuing: Der(site.ca.signer().sign(&binding).unwrap()),
        };
        let author = Author::new(self.federation, one_time.clone(), 0);
        let accepted = self.must(contact, author.envelope(Command::RequestAdmission { request, proofs })).await;
        let Accepted::Waiting { subject, .. } = accepted else { panic!("not waiting but {accepted:?}") };
        subject
    }

    /// Starts an admitted node with the trust and routes that its contact gives it.
    async fn start_joiner(&mut self, id: NodeId, listener: Option<TcpListener>) -> usize {
        let contact = self.all().next().unwrap().node.read_stale().0;
        let given = (bundle_of(&contact, &Bundle::default()), routes_of(&contact, id, &Default::default()));
        let running = self.start(id, self.sites.len() - 1, listener, false, Some(given)).await;
        self.nodes.push(Some(running));
        self.nodes.len() - 1
    }

    async fn start(
        &self,
        id: NodeId,
        site: usize,
        listener: Option<TcpListener>,
        found: bool,
        given: Option<(Bundle, BTreeMap<NodeId, verbund_tls::Route>)>,
    ) -> Running {
        self.try_start(id, site, listener, found, given).await.unwrap()
    }

    async fn try_start(
        &self,
        id: NodeId,
        site: usize,
        listener: Option<TcpListener>,
        found: bool,
        given: Option<(Bundle, BTreeMap<NodeId, verbund_tls::Route>)>,
    ) -> Result<Running, StartError> {
        let dir = self.dirs.path().join(id.to_string());
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let header = Header { format: FORMAT, node: id.0, federation: self.federation.0.0 };
        let store = match Store::header_of(&dir).unwrap() {
            Some(_) => reopen(&dir, header, &free).await,
            None => Store::create(&dir, header, options(&free)).unwrap(),
        };
        let identity = self.sites[site].identity(Subject::Node(id));
        let (bundle, routes) = given.unwrap_or_default();
        let trust = Trust::new(bundle);
        let ends = Ends { trust: trust.clone(), identity: identity.clone() };
        let (lines, inbound) = Lines::new(ends, LinesSettings::default());
        lines.set_routes(routes);
        let address = listener.as_ref().map(|listener| listener.local_addr().unwrap());
        let listening = listener.map(|listener| {
            let kind = Listener::Peers { joining: false };
            let mut acceptor = Acceptor::start(listener, kind, trust.clone(), &identity, Limits::default()).unwrap();
            let serving = lines.clone();
            tokio::spawn(async move {
                while let Some(accepted) = acceptor.next().await {
                    serving.accept(accepted).await;
                }
            })
        });
        let clock = Arc::new(ShiftedClock::default());
        let mut config = NodeConfig::new(id, self.genesis.clone());
        config.found = found;
        config.known_format = self.knows_format;
        config.accepts_nothing = address.is_none();
        config.timing = self.timing.clone();
        config.heads = self.heads.clone();
        let parts = NodeParts {
            store,
            trust: trust.clone(),
            lines: lines.clone(),
            incoming: inbound.peers,
            verifier: Arc::new(AwsVerifier),
            signer: Arc::new(Heads(self.sites[site].node_key.clone())),
            clock: clock.clone(),
        };
        match NodeHandle::start(config, parts).await {
            Ok(node) => Ok(Running { id, site, node, trust, clock, address, free, listening }),
            Err(error) => {
                listening.iter().for_each(JoinHandle::abort);
                Err(error)
            }
        }
    }

    /// Stops a node without any farewell.
    pub async fn kill(&mut self, index: usize) -> Gone {
        let running = self.nodes[index].take().expect("the node runs");
        running.listening.iter().for_each(JoinHandle::abort);
        running.node.stop().await;
        (running.id, running.site, running.address)
    }

    /// Starts a killed node over its own directory, with nothing but that.
    pub async fn revive(&mut self, index: usize, (id, site, address): Gone) {
        let listener = match address {
            Some(address) => Some(rebind(address).await),
            None => None,
        };
        let running = self.start(id, site, listener, id == NodeId::mint(0, 1), None).await;
        self.nodes[index] = Some(running);
    }

    /// Starts a killed node, which must not come up; gives why.
    pub async fn does_not_revive(&self, (id, site, address): Gone) -> String {
        let listener = match address {
            Some(address) => Some(rebind(address).await),
            None => None,
        };
        match self.try_start(id, site, listener, id == NodeId::mint(0, 1), None).await {
            Ok(_) => panic!("node {id} came up"),
            Err(error) => error.to_string(),
        }
    }

    /// Which node leads, once all that run agree.
    pub async fn leader(&self) -> usize {
        let mut found = None;
        until("all know one leader", || {
            let leaders: Vec<_> = self.all().map(|running| running.node.status().leader).collect();
            let first = leaders[0];
            found = self.nodes.iter().position(|n| n.as_ref().is_some_and(|n| Some(n.id) == first));
            found.is_some() && leaders.iter().all(|leader| *leader == first)
        })
        .await;
        found.unwrap()
    }

    /// Some node that runs and does not lead.
    pub async fn follower(&self) -> usize {
        let leader = self.leader().await;
        self.nodes.iter().enumerate().position(|(i, node)| i != leader && node.is_some()).unwrap()
    }

    pub async fn until_voters(&self, count: usize) {
        until(&format!("{count} vote"), || {
            self.all().all(|running| {
                let voters = running.node.status().voters;
                voters.len() == 1 && voters[0].len() == count
            })
        })
        .await;
    }

    /// All that run have applied the same index, with equal state and history.
    pub async fn until_equal(&self) {
        until("all heads are equal", || {
            let heads: Vec<_> = self.all().map(|running| running.node.status().head).collect();
            heads.iter().all(|head| *head == heads[0])
        })
        .await;
    }
}

fn options(free: &Arc<AtomicU64>) -> StoreOptions {
    // Tests run on whatever disk there is; how full it is, they say themselves.
    let free = free.clone();
    let free_space = Arc::new(move |_: &std::path::Path| Ok(free.load(Ordering::SeqCst)));
    StoreOptions { low_water: 1 << 20, free_space, ..StoreOptions::default() }
}

/// The store of a node that was killed is free once its last task is gone.
async fn reopen(dir: &std::path::Path, header: Header, free: &Arc<AtomicU64>) -> Store {
    let since = Instant::now();
    loop {
        match Store::open(dir, header, options(free)) {
            Ok(store) => return store,
            Err(verbund_store::OpenError::Locked(_)) if since.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// At a port that stays this node's while the node is down.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", verbund_kit::Ports::free().unwrap())).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn rebind(address: SocketAddr) -> TcpListener {
    let since = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => assert!(since.elapsed() < PATIENCE, "{address} stays taken: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn genesis(
    name: &SiteName,
    site: &Site,
    address: SocketAddr,
    coordinator: &SoftwareKey,
    admin: &SoftwareKey,
) -> Vec<u8> {
    let genesis = Genesis {
        v: 1,
        name: name.clone(),
        salt: verbund_identity::sha256(address.to_string().as_bytes()),
        time: SystemClock.now(),
        coordinators: CoordinatorSet { version: 1, keys: vec![coordinator.public_key().clone()], threshold: 1 },
        policy: document(),
        organisation: FirstOrganisation {
            name: site.organisation.clone(),
            display_name: "Organisation 1".to_owned(),
            roles: vec![OrgRole::Plattformbetreiber, OrgRole::Softwarebetreiber, OrgRole::Koordinierungsstelle],
            administrator: UserId::new("admin").unwrap(),
            administrator_keys: vec![admin.public_key().clone()],
        },
        site: FirstSite {
            name: site.name.clone(),
            land: site.land.parse().unwrap(),
            anchors: vec![site.anchor()],
            issuing_key: site.ca.signer().public_key().clone(),
            sealing_key: site.sealing_key.clone(),
            node_key: site.node_key.public_key().clone(),
            addresses: vec![address.to_string().parse().unwrap()],
        },
    };
    genesis.to_bytes()
}
