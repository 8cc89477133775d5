//! A site: a real TLS listener, a script for what becomes of envelopes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use verbund_api::port::{IssuedCertificate, Submitted};
use verbund_api::wire::{ListMetadata, ResourceList, SessionDocument};
use verbund_api::{Caller, Language, Problem, ProblemKind};
use verbund_identity::{CaCertificate, Envelope, LoginRequest, SpiffeId, Statement, Subject, TrustDomain, login};
use verbund_keys::{
    InitOptions, KdfParameters, KeyFile, KeyLabel, LeafRequest, Passphrase, PassphraseSource, ProvenKey, Signer as _,
    SiteKeys,
};
use verbund_model::resource::{Address, Der};
use verbund_model::view::{Kind, Metadata, Resource};
use verbund_model::{Accepted, Command, FederationId, Hash, NodeId, Outcome, PublicKey, Refusal};
use verbund_tls::{Acceptor, Bundle, Domain, Limits, Listener, LiveIdentity, Trust};

use super::super::{Client, Settings};
use crate::context::{API_NETWORK, Context, KeyReference, OtherSite};
use crate::paths::Paths;

const FEDERATION: FederationId = FederationId(Hash([5; 32]));

/// What becomes of an envelope.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A session is opened.
    Session,
    /// It is carried out.
    Done,
    /// It is refused in the log.
    Refused(Refusal),
    /// Something else is wrong.
    Problem(ProblemKind),
    /// The answer breaks off.
    Break,
}

struct Shared {
    keys: SiteKeys,
    script: Mutex<VecDeque<Answer>>,
    rest: Mutex<Option<Answer>>,
    seen: Mutex<Vec<Vec<u8>>>,
    last_session: Mutex<u64>,
    logins: AtomicUsize,
    forgetful: AtomicBool,
    no_quorum: AtomicBool,
    directory: AtomicU64,
    held: Mutex<BTreeMap<Kind, Vec<Resource>>>,
}

/// A site.
pub struct Site {
    directory: tempfile::TempDir,
    shared: Arc<Shared>,
    author: PublicKey,
    port: u16,
}

const KDF: KdfParameters = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };

impl Site {
    pub async fn start() -> Self {
        Self::named("nord").await
    }

    pub async fn named(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let trust_domain = TrustDomain { site: name.parse().unwrap(), federation: "dvc".parse().unwrap() };
        let passphrase = Passphrase::new("test").unwrap();
        let options = InitOptions { kdf: KDF, ..InitOptions::default() };
        let path = directory.path().join("keys");
        SiteKeys::init(&path, &trust_domain, &passphrase, &options, OffsetDateTime::now_utc()).unwrap();
        let keys = SiteKeys::open(&path, &passphrase).unwrap();
        let key_file = directory.path().join("anna.key");
        let author = KeyFile::create(&key_file, KeyLabel::User, &passphrase, KDF).unwrap().public_key().clone();
        let secret = directory.path().join("passphrase");
        std::fs::write(&secret, "test\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let acceptor = acceptor(&keys, &trust_domain).await;
        let port = acceptor.local_addr().port();
        let shared = Arc::new(Shared {
            keys,
            script: Mutex::default(),
            rest: Mutex::default(),
            seen: Mutex::default(),
            last_session: Mutex::default(),
            logins: AtomicUsize::new(0),
            forgetful: AtomicBool::new(false),
            no_quorum: AtomicBool::new(false),
            directory: AtomicU64::new(0),
            held: Mutex::default(),
        });
        tokio::spawn(serve(acceptor, router(Arc::clone(&shared))));
        Self { directory, shared, author, port }
    }

    /// What becomes of the next envelopes, in this order.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().unwrap().extend(answers);
    }

    /// What becomes of all after them.
    pub fn then(&self, answer: Answer) {
        *self.shared.rest.lock().unwrap() = Some(answer);
    }

    /// Envelopes that came.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn logins(&self) -> usize {
        self.shared.logins.load(Ordering::SeqCst)
    }

    /// The next read is refused as one without a certificate.
    pub fn forget_certificates(&self) {
        self.shared.forgetful.store(true, Ordering::SeqCst);
    }

    pub fn author_key(&self) -> PublicKey {
        self.author.clone()
    }

    fn paths(&self) -> Paths {
        Paths::below(self.directory.path())
    }

    /// Envelopes that are kept because their outcome is not known.
    pub fn pending(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.paths().pending()).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    pub fn context(&self) -> Context {
        let anchor = CaCertificate::from_der(self.shared.keys.anchor_certificate().der()).unwrap();
        Context {
            addresses: vec![format!("127.0.0.1:{}", self.port).parse().unwrap()],
            federation: FEDERATION,
            pin: anchor.spki_hash,
            key: Some(KeyReference::File(self.directory.path().join("anna.key"))),
            others: Vec::new(),
            other_pins: BTreeMap::new(),
            learned: None,
        }
    }

    /// What a site that knows this one says of it.
    pub fn as_other(&self) -> OtherSite {
        let context = self.context();
        let addresses = context.addresses.into_iter().map(|a| Address { network: API_NETWORK.to_owned(), ..a });
        let trust_domain = self.shared.keys.trust_domain().clone();
        OtherSite { trust_domain, pins: [context.pin].into(), addresses: addresses.collect() }
    }

    /// The resources that it lists, by kind.
    pub fn hold(&self, kind: Kind, resource: Resource) {
        self.shared.held.lock().unwrap().entry(kind).or_default().push(resource);
    }

    /// From now on its directory of sites and nodes has this version, and so has its state.
    pub fn turn_directory(&self, version: u64) {
        self.shared.directory.store(version, Ordering::SeqCst);
    }

    /// From now on it finds no quorum.
    pub fn lose_quorum(&self) {
        self.shared.no_quorum.store(true, Ordering::SeqCst);
    }

    /// The site as the state has it.
    pub fn resource(&self) -> Resource {
        let keys = &self.shared.keys;
        let site = serde_json::json!({
            "organisation": "dataport", "land": "DE-SH",
            "anchors": [Der(keys.anchor_certificate().der().to_vec())],
            "issuingKey": keys.ca().signer().public_key(), "sealingKey": keys.sealing_key().public_key(),
        });
        resource(Kind::Site, keys.trust_domain().site.as_str(), site, serde_json::json!({ "standing": "active" }))
    }

    /// Its paths, contexts among them.
    pub fn contexts(&self) -> PathBuf {
        self.paths().contexts()
    }

    pub fn client(&self, deadline: Duration) -> Client {
        self.client_with(deadline, PassphraseSource::File(self.passphrase()))
    }

    pub fn passphrase(&self) -> PathBuf {
        self.directory.path().join("passphrase")
    }

    pub fn client_with(&self, deadline: Duration, passphrase: PassphraseSource) -> Client {
        self.client_of(self.context(), deadline, passphrase)
    }

    pub fn client_of(&self, context: Context, deadline: Duration, passphrase: PassphraseSource) -> Client {
        let consistency = verbund_api::port::Consistency::Linearizable;
        Client::new("test", context, self.paths(), Settings { passphrase, deadline: Some(deadline), consistency })
    }
}

async fn acceptor(keys: &SiteKeys, trust_domain: &TrustDomain) -> Acceptor {
    let anchor = keys.anchor_certificate().der().to_vec();
    let domain = Domain { anchors: vec![anchor.clone()], refused_keys: BTreeSet::new(), crls: Vec::new() };
    let domains = BTreeMap::from([(trust_domain.clone(), domain)]);
    let trust = Trust::new(Bundle { sequence: 1, domains, ..Bundle::default() });
    let now = OffsetDateTime::now_utc();
    let subject = Subject::Node(NodeId::mint(0, 1));
    let issued = keys.ca().issue_identity(subject, Vec::new(), Vec::new(), Duration::from_secs(3600), now).unwrap();
    let chain = issued.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
    let key = PrivatePkcs8KeyDer::from(issued.key.to_pkcs8().unwrap().to_vec());
    let identity = LiveIdentity::from_pkcs8(chain, CertificateDer::from(anchor), key).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Acceptor::start(listener, Listener::Admin, trust, &identity, Limits::default()).unwrap()
}

async fn serve(mut acceptor: Acceptor, router: Router) {
    while let Some(accepted) = acceptor.next().await {
        let caller = Caller::from_certificate(accepted.peer.as_ref().map(|peer| peer.id.clone()));
        let service = TowerToHyperService::new(router.clone().layer(Extension(caller)));
        tokio::spawn(async move {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // Clients go away when their test is over.
            let _ = builder.serve_connection(TokioIo::new(accepted.stream), service).await;
        });
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/certificates", post(certificates))
        .route("/v1/sessions/{key}", get(session))
        .route("/v1/envelopes", post(envelopes))
        .route("/v1/{kind}", get(list))
        .with_state(shared)
}

async fn certificates(State(shared): State<Arc<Shared>>, Json(request): Json<LoginRequest>) -> Response {
    shared.logins.fetch_add(1, Ordering::SeqCst);
    let name = login::login_name(&request.key).unwrap();
    let id = SpiffeId { trust_domain: shared.keys.trust_domain().clone(), subject: Subject::User(name) };
    let leaf = LeafRequest {
        spiffe_id: id.clone(),
        key: ProvenKey::from_csr(request.csr.as_bytes()).unwrap(),
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        lifetime: Duration::from_secs(3600),
    };
    let leaf = shared.keys.ca().issue_leaf(&leaf, OffsetDateTime::now_utc()).unwrap();
    let not_after = u64::try_from(leaf.info().unwrap().not_after.unix_timestamp()).unwrap() * 1000;
    let chain = leaf.pem() + &shared.keys.ca().certificate().pem();
    Json(IssuedCertificate { chain, id: id.to_string(), not_after }).into_response()
}

/// Only a user's certificate may read.
fn refuse(shared: &Shared, caller: &Caller) -> Option<Response> {
    let forgotten = shared.forgetful.swap(false, Ordering::SeqCst);
    let known = matches!(caller, Caller::User(_)) && !forgotten;
    (!known).then(|| problem(Problem::of(ProblemKind::Unauthenticated, "nein", "no")))
}

fn problem(problem: Problem) -> Response {
    problem.render(Language::English, "urn:test")
}

async fn session(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
) -> Response {
    if let Some(refused) = refuse(&shared, &caller) {
        return refused;
    }
    let (federation, key) = (FEDERATION, key.parse().unwrap());
    Json(SessionDocument { federation, generation: 0, time: 0, key, session: None }).into_response()
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(kind): Path<String>,
) -> Response {
    if let Some(refused) = refuse(&shared, &caller) {
        return refused;
    }
    if shared.no_quorum.load(Ordering::SeqCst) {
        return problem(Problem::from(verbund_api::port::ReadError::NoQuorum));
    }
    let held = shared.held.lock().unwrap();
    let items = held.get(&kind.parse::<Kind>().unwrap()).into_iter().flatten();
    let items = items.map(|resource| serde_json::to_value(resource).unwrap()).collect();
    let directory = shared.directory.load(Ordering::SeqCst);
    let metadata = ListMetadata { index: directory.max(1), time: 1, next: None };
    let (api_version, kind) = ("verbund.de/v1".to_owned(), "List".to_owned());
    let headers = [(verbund_api::VERBUND_DIRECTORY, directory.to_string())];
    (headers, Json(ResourceList { api_version, kind, metadata, items })).into_response()
}

/// A resource of version 1.
pub fn resource(kind: Kind, name: &str, spec: serde_json::Value, status: serde_json::Value) -> Resource {
    let at = "2026-11-22T16:04:31.000Z".to_owned();
    let metadata = Metadata { name: name.to_owned(), resource_version: 1, created: at.clone(), changed: at };
    Resource { api_version: "verbund.de/v1".to_owned(), kind, metadata, spec, status }
}

async fn envelopes(State(shared): State<Arc<Shared>>, body: axum::body::Bytes) -> Response {
    shared.seen.lock().unwrap().push(body.to_vec());
    let next = shared.script.lock().unwrap().pop_front();
    let answer =
        next.or_else(|| shared.rest.lock().unwrap().clone()).expect("an envelope that the script does not know");
    let accepted = match answer {
        Answer::Done => Accepted::Changed { version: 9 },
        Answer::Session => open(&shared, &body),
        Answer::Refused(refusal) => return problem(Problem::from(refusal).at(7)),
        Answer::Problem(kind) => return problem(Problem::of(kind, "nein", "no")),
        Answer::Break => {
            let broken = futures::stream::iter([Err::<axum::body::Bytes, _>(std::io::Error::other("cut"))]);
            return Body::from_stream(broken).into_response();
        }
    };
    Json(Submitted { index: 9, outcome: Outcome::Accepted(accepted) }).into_response()
}

fn open(shared: &Shared, body: &[u8]) -> Accepted {
    let statement = Statement::from_payload(&Envelope::from_bytes(body).unwrap().payload).unwrap();
    assert!(matches!(statement.command, Command::OpenSession {}), "{statement:?}");
    let mut last = shared.last_session.lock().unwrap();
    assert!(statement.session > *last, "a session's number rises");
    *last = statement.session;
    Accepted::SessionOpened { until: u64::MAX }
}
