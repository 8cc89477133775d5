//! The port over a small catalogue in memory: signed envelopes, sessions, a watch. It has nothing of the real machine but
//! the shape of its answers, and it can be told to fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use tokio::sync::watch;
use verbund_api::port::*;
use verbund_api::status::*;
use verbund_identity::directive::from_file;
use verbund_identity::{Envelope, Precondition, PureVerifier, SignatureVerifier, Statement, sha256};
use verbund_model::resource::{KeyOwner, Millis, RegisteredKey};
use verbund_model::view::{API_VERSION, Change, Event, Kind, Metadata, Resource};
use verbund_model::{Accepted, Command, FederationId, Hash, KeyId, NodeId, Outcome, Refusal};

use crate::people::Person;

pub const START: Millis = 1_790_000_000_000;
/// Of the right shape; the keys in it are none.
pub const GENESIS: &[u8] = include_bytes!("genesis.json");

#[derive(Clone, Default)]
pub struct State {
    pub index: u64,
    pub objects: BTreeMap<(Kind, String), Resource>,
    pub keys: BTreeMap<KeyId, RegisteredKey>,
    pub sessions: BTreeMap<KeyId, SessionInfo>,
    answers: BTreeMap<(KeyId, u64, u64), (Hash, Submitted)>,
}

impl ReadState for State {
    fn federation(&self) -> FederationId {
        federation_id()
    }
    fn generation(&self) -> u32 {
        0
    }
    fn index(&self) -> u64 {
        self.index
    }
    fn directory(&self) -> u64 {
        let listed = |((kind, _), resource): (&(Kind, String), &Resource)| {
            matches!(kind, Kind::Site | Kind::Node).then_some(resource.metadata.resource_version)
        };
        self.objects.iter().filter_map(listed).max().unwrap_or(0)
    }
    fn time(&self) -> Millis {
        START + self.index
    }
    fn get(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.objects.get(&(kind, name.to_owned())).cloned()
    }
    fn list(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Resource> {
        let all = self.objects.range((kind, after.unwrap_or_default().to_owned())..);
        let of_kind = all.take_while(|((k, _), _)| *k == kind).filter(|((_, name), _)| Some(name.as_str()) != after);
        of_kind.take(limit).map(|(_, resource)| resource.clone()).collect()
    }
    fn key(&self, id: &KeyId) -> Option<RegisteredKey> {
        self.keys.get(id).cloned()
    }
    fn session(&self, key: &KeyId) -> Option<SessionInfo> {
        self.sessions.get(key).copied()
    }
    fn genesis(&self) -> Bytes {
        Bytes::from_static(GENESIS)
    }
    fn ask(&self, question: &Question, _: Millis) -> Result<Value, Refusal> {
        let report = |clusters: Value| {
            let score = json!({"spread": 1, "headroom": 2, "locality": 3, "price": 4, "stability": 5, "total": 6});
            json!({
                "workload": WORKLOAD, "refused": null, "lacks": ["standby"], "sought": "active", "clusters": clusters,
                "choices": [{"cluster": "nord-a", "role": "active", "score": score}],
            })
        };
        let plan = || {
            let copy = json!({
                "cluster": "nord-a", "role": "active", "epoch": 1, "generation": 1, "since": START, "phase": "pending",
            });
            let placement = json!({
                "workload": WORKLOAD, "epoch": 1, "copies": [copy], "waiting": null, "target": null, "cause": "applied",
                "home": null, "change": "dry-run",
            });
            let plan = json!({"placement": placement, "changed": true, "report": report(json!([]))});
            json!({"index": self.index, "plan": plan, "hash": "ab".repeat(32), "closed": null})
        };
        let missing = || Refusal::NotFound { what: "a workload in memory".to_owned() };
        match question {
            Question::Apply(_) => Ok(plan()),
            Question::Move { workload, .. } if workload.as_str() == WORKLOAD => Ok(plan()),
            Question::Why(workload) if workload.as_str() == WORKLOAD => {
                let reason = json!({"zone": {"found": "external", "wanted": "internal"}});
                let tried = json!([{"rule": "zone", "standard": "DVS-012-R02", "reasons": [reason]}]);
                let cluster =
                    json!({"cluster": "nord-a", "site": "nord", "holds": null, "tried": tried, "score": null});
                Ok(report(json!([cluster])))
            }
            Question::Exclude(wanted, after) => match &**wanted {
                Wanted::ExcludeSite { site, .. } if site.as_str() == "nord" => Ok(crate::directives::drawn(*after)),
                _ => Err(Refusal::NotFound { what: "a site in memory".to_owned() }),
            },
            Question::Move { .. } | Question::Why(_) => Err(missing()),
            Question::Capacity => Ok(json!([{
                "site": "nord", "canBeLost": false, "active": 1, "standby": 0, "wouldNotFit": [WORKLOAD], "withoutStandby": [],
            }])),
        }
    }
}

/// The one workload of which the planner in memory knows.
pub const WORKLOAD: &str = "kfz";

/// What a caller asks a plan for.
pub fn workload() -> Value {
    json!({
        "name": WORKLOAD, "organisation": "o", "customer": null, "spec": crate::model::workload_spec(), "deleting": false,
    })
}

pub fn federation_id() -> FederationId {
    FederationId(sha256(GENESIS))
}

/// What the federation is told to do instead of its work.
#[derive(Clone, Default)]
pub struct Faults {
    pub submit: Option<SubmitError>,
    pub read: Option<ReadError>,
    pub watch: Option<WatchError>,
    pub audit: Option<AuditError>,
    pub issue: Option<IssueError>,
    pub take: Option<TakeError>,
    /// Operations never return.
    pub hang: bool,
}

pub struct Memory {
    state: Mutex<State>,
    events: Mutex<Vec<Event>>,
    newest: watch::Sender<u64>,
    pub faults: Mutex<Faults>,
    /// The oldest index that a watch may begin at.
    pub oldest: AtomicU64,
    pub now: AtomicU64,
    /// Envelopes that `submit` saw.
    pub submitted: AtomicU64,
    pub orders: Mutex<Vec<CertificateOrder>>,
    /// What was asked of agents.
    pub asked: Mutex<Vec<Asked>>,
    /// What they say instead of nothing.
    pub said: Mutex<Vec<CopyAnswer>>,
    /// Watches end with this when the next event comes.
    pub interrupt: Mutex<Option<WatchInterrupted>>,
    /// How old stale reads are.
    pub age: Mutex<Duration>,
    /// Directives in force.
    pub directives: watch::Sender<Vec<DirectiveView>>,
}

impl Memory {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            events: Mutex::default(),
            newest: watch::Sender::new(0),
            faults: Mutex::default(),
            oldest: AtomicU64::new(0),
            now: AtomicU64::new(START),
            submitted: AtomicU64::new(0),
            orders: Mutex::default(),
            asked: Mutex::default(),
            said: Mutex::default(),
            interrupt: Mutex::default(),
            age: Mutex::new(Duration::from_millis(1234)),
            directives: watch::Sender::default(),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn register(&self, person: &Person, owner: KeyOwner) {
        let key = RegisteredKey { id: person.key_id(), key: person.public(), owner, revoked: false };
        self.state().keys.insert(key.id, key.clone());
        let spec = json!({"key": key.key, "owner": key.owner});
        self.put(Kind::Key, &key.id.to_string(), spec, json!({"revoked": false}));
    }

    pub fn revoke(&self, person: &Person) {
        self.state().keys.get_mut(&person.key_id()).unwrap().revoked = true;
    }

    /// Writes a resource as the next entry.
    pub fn put(&self, kind: Kind, name: &str, spec: Value, status: Value) -> u64 {
        let mut state = self.state();
        state.index += 1;
        let index = state.index;
        let event = put(&mut state, kind, name, spec, status);
        drop(state);
        self.publish(vec![event]);
        index
    }

    pub fn site(&self, name: &str) -> u64 {
        self.put(Kind::Site, name, json!({"land": "DE-NI", "organisation": "o"}), json!({"standing": "active"}))
    }

    /// Several resources in one entry.
    pub fn put_together(&self, names: &[&str]) -> u64 {
        let mut state = self.state();
        state.index += 1;
        let mut events = Vec::new();
        for (part, name) in names.iter().enumerate() {
            let mut event = put(&mut state, Kind::Site, name, json!({}), Value::Null);
            event.part = u32::try_from(part).unwrap();
            events.push(event);
        }
        let index = state.index;
        drop(state);
        self.publish(events);
        index
    }

    fn publish(&self, events: Vec<Event>) {
        let newest = events.last().map(|e| e.index);
        self.events.lock().unwrap().extend(events);
        if let Some(newest) = newest {
            self.newest.send_replace(newest);
        }
    }

    fn apply(&self, envelope: &Envelope) -> Result<Submitted, SubmitError> {
        let statement =
            Statement::from_payload(&envelope.payload).map_err(|e| Refusal::Malformed { reason: e.to_string() })?;
        let mut state = self.state();
        let key = state.keys.get(&envelope.key).ok_or(Refusal::UnknownKey { key: envelope.key })?;
        let signed = envelope.signed().ok_or(Refusal::NotEnabled { what: "passkeys".into() })?;
        if !PureVerifier.verify(&key.key, &signed.message, signed.signature) {
            return Err(Refusal::BadSignature { key: envelope.key }.into());
        }
        let slot = (envelope.key, statement.session, statement.sequence);
        if let Some((hash, first)) = state.answers.get(&slot) {
            return if *hash == envelope.payload_hash() {
                Ok(first.clone())
            } else {
                Err(Refusal::SequenceReused { sequence: statement.sequence }.into())
            };
        }
        state.index += 1;
        let index = state.index;
        let (outcome, event) = match carry_out(&mut state, &statement) {
            Ok((accepted, event)) => (Outcome::Accepted(accepted), event),
            Err(refusal) => (Outcome::Refused(refusal), None),
        };
        let submitted = Submitted { index, outcome };
        state.answers.insert(slot, (envelope.payload_hash(), submitted.clone()));
        drop(state);
        self.publish(event.into_iter().collect());
        Ok(submitted)
    }

    async fn hang(&self) {
        if self.faults.lock().unwrap().hang {
            std::future::pending::<()>().await;
        }
    }
}

fn carry_out(state: &mut State, statement: &Statement) -> Result<(Accepted, Option<Event>), Refusal> {
    let version = state.index;
    match &statement.command {
        Command::OpenSession {} => {
            let until = START + 86_400_000;
            let info = SessionInfo { number: statement.session, until, highest: Some(0) };
            state.sessions.insert(statement.key, info);
            Ok((Accepted::SessionOpened { until }, None))
        }
        Command::Approve { subject } => Ok((Accepted::Waiting { subject: *subject, have: 1, need: 2 }, None)),
        Command::ApplyCatalogueEntry { name, organisation, schema_version, document } => {
            check(state, name.as_str(), statement.precondition)?;
            let spec = json!({"organisation": organisation, "schemaVersion": schema_version, "document": document});
            let event = put(state, Kind::CatalogueEntry, name.as_str(), spec, Value::Null);
            Ok((Accepted::Changed { version }, Some(event)))
        }
        Command::DeleteCatalogueEntry { name } => {
            check(state, name.as_str(), statement.precondition)?;
            let what = format!("catalogue entry {name}");
            let slot = (Kind::CatalogueEntry, name.to_string());
            let resource = state.objects.remove(&slot).ok_or(Refusal::NotFound { what })?;
            let event = Event { index: version, part: 0, change: Change::Deleted, resource };
            Ok((Accepted::Changed { version }, Some(event)))
        }
        _ => Err(Refusal::NotAuthorised { author: "a".into(), needed: "a coordinator".into() }),
    }
}

fn check(state: &State, name: &str, precondition: Option<Precondition>) -> Result<(), Refusal> {
    let slot = (Kind::CatalogueEntry, name.to_owned());
    let found = state.objects.get(&slot).map_or(0, |r| r.metadata.resource_version);
    let what = format!("catalogue entry {name}");
    match precondition {
        Some(Precondition::Absent) if found > 0 => Err(Refusal::AlreadyExists { what, version: found }),
        Some(Precondition::Version(expected)) if found != expected => {
            Err(Refusal::VersionMismatch { what, expected, found })
        }
        _ => Ok(()),
    }
}

fn put(state: &mut State, kind: Kind, name: &str, spec: Value, status: Value) -> Event {
    let index = state.index;
    let metadata = Metadata {
        name: name.to_owned(),
        resource_version: index,
        created: "2026-11-22T10:00:00.000Z".into(),
        changed: "2026-11-22T10:00:00.000Z".into(),
    };
    let resource = Resource { api_version: API_VERSION.into(), kind, metadata, spec, status };
    let before = state.objects.insert((kind, name.to_owned()), resource.clone());
    let change = if before.is_some() { Change::Updated } else { Change::Created };
    Event { index, part: 0, change, resource }
}

struct Feed {
    memory: Arc<Memory>,
    at: usize,
    from: u64,
    kinds: Vec<Kind>,
    newest: watch::Receiver<u64>,
    progress: Option<u64>,
}

impl Feed {
    async fn next(mut self) -> Option<(WatchResult, Self)> {
        loop {
            let event = self.memory.events.lock().unwrap().get(self.at).cloned();
            match event {
                Some(event) => {
                    self.at += 1;
                    let interrupt = *self.memory.interrupt.lock().unwrap();
                    if let Some(reason) = interrupt {
                        return Some((Err(reason), self));
                    }
                    if event.index < self.from {
                        continue;
                    }
                    self.progress = Some(event.index);
                    if self.kinds.contains(&event.resource.kind) {
                        return Some((Ok(WatchItem::Event(Box::new(event))), self));
                    }
                }
                None => {
                    if let Some(index) = self.progress.take() {
                        return Some((Ok(WatchItem::Progress(index)), self));
                    }
                    self.newest.changed().await.ok()?;
                }
            }
        }
    }
}

/// The port is implemented for a handle, because a watch outlives the call.
pub struct Port(pub Arc<Memory>);

impl Federation for Port {
    async fn submit(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        self.0.submitted.fetch_add(1, Ordering::Relaxed);
        self.0.hang().await;
        if let Some(error) = self.0.faults.lock().unwrap().submit.clone() {
            return Err(error);
        }
        let envelope = Envelope::from_bytes(&envelope).map_err(|e| Refusal::Malformed { reason: e.to_string() })?;
        let submitted = self.0.apply(&envelope);
        // Every other answer is slower, so that answers overtake one another.
        if submitted.as_ref().is_ok_and(|s| s.index % 2 == 0) {
            tokio::task::yield_now().await;
        }
        submitted
    }

    async fn read(&self, consistency: Consistency) -> Result<View, ReadError> {
        self.0.hang().await;
        match self.0.faults.lock().unwrap().read.clone() {
            Some(ReadError::NoQuorum) if consistency == Consistency::Stale => {}
            Some(error) => return Err(error),
            None => {}
        }
        Ok(View { state: Arc::new(self.0.state().clone()), age: *self.0.age.lock().unwrap() })
    }

    async fn status(&self) -> Status {
        status()
    }

    async fn watch(&self, from: u64, kinds: &[Kind]) -> Result<BoxStream<'static, WatchResult>, WatchError> {
        if let Some(error) = self.0.faults.lock().unwrap().watch {
            return Err(error);
        }
        let oldest = self.0.oldest.load(Ordering::Relaxed);
        if from < oldest {
            return Err(WatchError::Gone { oldest });
        }
        let (memory, newest) = (Arc::clone(&self.0), self.0.newest.subscribe());
        let feed = Feed { memory, at: 0, from, kinds: kinds.to_vec(), newest, progress: None };
        Ok(stream::unfold(feed, Feed::next).boxed())
    }

    async fn audit_export(
        &self,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, AuditError> {
        if let Some(error) = self.0.faults.lock().unwrap().audit.clone() {
            return Err(error);
        }
        let text = format!("{from:?}..={to:?}\n");
        let mut chunks = vec![Ok(Bytes::from(text)), Ok(Bytes::from_static(b"end\n"))];
        if from == Some(13) {
            chunks[1] = Err(std::io::Error::other("the disk is gone"));
        }
        Ok(stream::iter(chunks).boxed())
    }

    async fn issue_certificate(&self, order: CertificateOrder) -> Result<IssuedCertificate, IssueError> {
        self.0.hang().await;
        if let Some(error) = self.0.faults.lock().unwrap().issue.clone() {
            return Err(error);
        }
        let id = format!("spiffe://nord.dvc/user/{}", order.name);
        self.0.orders.lock().unwrap().push(order);
        Ok(IssuedCertificate { chain: "PEM".into(), id, not_after: START + 3_600_000 })
    }

    async fn take_directive(&self, signed: Bytes) -> Result<DirectiveView, TakeError> {
        self.0.hang().await;
        if let Some(error) = self.0.faults.lock().unwrap().take.clone() {
            return Err(error);
        }
        let view = crate::directives::view(from_file(&signed)?)?;
        self.0.directives.send_if_modified(|all| {
            let is_new = all.iter().all(|known| known.hash != view.hash);
            all.extend(is_new.then(|| view.clone()));
            is_new
        });
        Ok(view)
    }

    fn directives(&self) -> Vec<DirectiveView> {
        self.0.directives.borrow().clone()
    }

    fn watch_directives(&self) -> BoxStream<'static, ()> {
        let mut changed = self.0.directives.subscribe();
        changed.mark_changed();
        stream::unfold(changed, |mut changed| async move { changed.changed().await.ok().map(|()| ((), changed)) })
            .boxed()
    }

    async fn ask_agents(&self, asked: Asked) -> Result<Vec<CopyAnswer>, Refusal> {
        self.0.hang().await;
        let cluster = asked.cluster.clone();
        self.0.asked.lock().unwrap().push(asked);
        let said = self.0.said.lock().unwrap().clone();
        let said: Vec<CopyAnswer> =
            said.into_iter().filter(|copy| cluster.as_ref().is_none_or(|wanted| *wanted == copy.cluster)).collect();
        match cluster.filter(|_| said.is_empty()) {
            Some(cluster) => Err(Refusal::NotFound { what: format!("a copy at the cluster {cluster}") }),
            None => Ok(said),
        }
    }

    fn now(&self) -> Millis {
        self.0.now.load(Ordering::Relaxed)
    }

    fn verifier(&self) -> &dyn SignatureVerifier {
        &PureVerifier
    }
}

pub fn status() -> Status {
    let node = NodeId::mint(0, 1);
    let notice = Notice {
        name: "disk-filling".into(),
        since: START,
        subject: None,
        message: verbund_api::Localised::new("Der Speicher füllt sich.", "The disk is filling up."),
    };
    Status {
        federation: FederationRef { id: federation_id(), name: "dvc".parse().unwrap(), generation: 0 },
        site: "nord".parse().unwrap(),
        node: Some(node),
        version: "0.1.0".into(),
        role: Role::Leader,
        leader: Some(node),
        term: 3,
        applied: 7,
        time: START,
        now: START + 5,
        age_ms: Some(0),
        quorum: Quorum { held: true, voters: 3, reachable: 3, needed: 2, spare: 1 },
        sites: vec![SiteStatus {
            site: "nord".parse().unwrap(),
            organisation: "o".parse().unwrap(),
            land: "DE-NI".parse().unwrap(),
            standing: verbund_model::resource::Standing::Active,
            lost: None,
            started: true,
            nodes: vec![NodeStatus {
                node,
                role: Role::Leader,
                connected: true,
                last_seen_ms: Some(0),
                matched: Some(7),
            }],
        }],
        voters: [node].into(),
        learners: [].into(),
        head: Some(verbund_identity::Head { index: 7, chain: Hash([1; 32]), state: Hash([2; 32]) }),
        checkpoint: None,
        certificate_not_after: Some(START + 1),
        disk: Disk { total: 10, free: 5, low_water: 1, writes_refused: false },
        notes: vec![],
        warnings: vec![notice],
        alarms: vec![],
    }
}
