//! The port over the real state machine: one node, no log, the true apply. What it renders is held against the
//! description, strictly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::Method;
use http_body_util::BodyExt as _;
use p384::ecdsa::signature::Signer as _;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PublicKeyData as _,
};
use serde_json::{Value, json};
use verbund_api::port::{
    Asked, AuditError, CertificateOrder, Consistency, CopyAnswer, DirectiveView, Federation, IssueError,
    IssuedCertificate, Question, ReadError, ReadState, SessionInfo, SubmitError, Submitted, TakeError, View,
    WatchError, WatchItem, WatchResult,
};
use verbund_api::wire::{ENVELOPE_TYPE, SessionDocument};
use verbund_api::{Caller, Settings, Status};
use verbund_identity::envelope::{STATEMENT_TYPE, pae};
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{
    Authentication, Envelope, Genesis, Precondition, PureVerifier, SignatureVerifier, Statement, key_id, normalise,
    sha256,
};
use verbund_machine::{Entry, LogEntry, LogId, State};
use verbund_model::resource::{Action, CoordinatorSet, Der, LicenceVeto, Millis, OrgRole, RegisteredKey, UserRole};
use verbund_model::view::{Event, Kind, Resource};
use verbund_model::{Algorithm, Command, Document, FederationId, KeyId, OrgName, PublicKey, Refusal, UserId};

use crate::client::{Answer, request};
use crate::memory::START;
use crate::people::{Person, apply};
use crate::schemas::{assert_valid, check_answer, named};

struct Node {
    state: Mutex<State>,
    events: Mutex<Vec<Event>>,
}

/// The state as readers see it.
struct Snapshot(State);

impl ReadState for Snapshot {
    fn federation(&self) -> FederationId {
        self.0.federation().value.id
    }
    fn generation(&self) -> u32 {
        self.0.federation().value.generation
    }
    fn index(&self) -> u64 {
        self.0.applied().index
    }
    fn directory(&self) -> u64 {
        self.0.sites().map(|site| site.version).chain(self.0.nodes().map(|node| node.version)).max().unwrap_or(0)
    }
    fn time(&self) -> Millis {
        self.0.time()
    }
    fn get(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.0.get(kind, name)
    }
    fn list(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Resource> {
        self.0.list(kind, after, limit)
    }
    fn key(&self, id: &KeyId) -> Option<RegisteredKey> {
        self.0.key(id).map(|held| held.value.clone())
    }
    fn session(&self, key: &KeyId) -> Option<SessionInfo> {
        let last = self.0.last_session(key)?;
        Some(SessionInfo { number: last.number, until: last.until, highest: last.highest })
    }
    fn genesis(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.genesis())
    }
    fn ask(&self, question: &Question, now: Millis) -> Result<serde_json::Value, Refusal> {
        let answer = match question {
            Question::Apply(workload) => serde_json::to_value(self.0.plan_dry_run(workload, now)?),
            Question::Move { workload, cause, to } => {
                serde_json::to_value(self.0.move_dry_run(workload, cause.clone(), to.clone(), now)?)
            }
            Question::Why(workload) => {
                let missing = Refusal::NotFound { what: format!("workload {workload}") };
                serde_json::to_value(self.0.why(workload, now).ok_or(missing)?)
            }
            Question::Capacity => serde_json::to_value(self.0.capacity(now)),
            Question::Exclude(..) => return Err(Refusal::NotFound { what: "an exclusion".to_owned() }),
        };
        Ok(answer.unwrap())
    }
}

impl Federation for Node {
    async fn submit(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        let mut state = self.state.lock().unwrap();
        let index = state.applied().index + 1;
        let entry = Entry { stamp: START + index, envelope: envelope.to_vec() }.to_bytes();
        let applied = state.apply(LogId { term: 1, node: 1, index }, LogEntry::Command(&entry), &PureVerifier);
        self.events.lock().unwrap().extend(applied.events.iter().map(|e| e.render()));
        Ok(Submitted { index, outcome: applied.outcome.unwrap() })
    }

    async fn read(&self, _: Consistency) -> Result<View, ReadError> {
        Ok(View { state: Arc::new(Snapshot(self.state.lock().unwrap().clone())), age: Duration::ZERO })
    }

    async fn status(&self) -> Status {
        crate::memory::status()
    }

    async fn watch(&self, from: u64, kinds: &[Kind]) -> Result<BoxStream<'static, WatchResult>, WatchError> {
        let events = self.events.lock().unwrap().clone();
        let wanted = events.into_iter().filter(|e| e.index >= from && kinds.contains(&e.resource.kind));
        let items: Vec<WatchResult> = wanted.map(|e| Ok(WatchItem::Event(Box::new(e)))).collect();
        Ok(stream::iter(items).boxed())
    }

    async fn audit_export(
        &self,
        _: Option<u64>,
        _: Option<u64>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, AuditError> {
        Err(AuditError::NotHeld { oldest: 0, newest: 0 })
    }

    async fn issue_certificate(&self, _: CertificateOrder) -> Result<IssuedCertificate, IssueError> {
        Err(IssueError::Unavailable { reason: "this node has no CA".into() })
    }

    async fn ask_agents(&self, _: Asked) -> Result<Vec<CopyAnswer>, Refusal> {
        Ok(Vec::new())
    }

    async fn take_directive(&self, _: Bytes) -> Result<DirectiveView, TakeError> {
        Err(TakeError::Failed { reason: "nobody enforces anything here".to_owned() })
    }

    fn directives(&self) -> Vec<DirectiveView> {
        Vec::new()
    }

    fn watch_directives(&self) -> BoxStream<'static, ()> {
        stream::pending().boxed()
    }

    fn now(&self) -> Millis {
        START
    }

    fn verifier(&self) -> &dyn SignatureVerifier {
        &PureVerifier
    }
}

fn p384(pair: &KeyPair) -> PublicKey {
    PublicKey::from_point(Algorithm::P384, pair.der_bytes()).unwrap()
}

fn ca() -> (KeyPair, Der) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let der = Der(params.self_signed(&pair).unwrap().der().to_vec());
    (pair, der)
}

struct Coordinator(p384::ecdsa::SigningKey);

impl Coordinator {
    fn new(seed: u8) -> Self {
        Self(p384::ecdsa::SigningKey::from_slice(&[seed; 48]).unwrap())
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_point(Algorithm::P384, self.0.verifying_key().to_encoded_point(false).as_bytes()).unwrap()
    }
}

/// A federation of one site, two coordinators, and an administrator, with its router.
struct Real {
    router: axum::Router,
    id: FederationId,
    admin: Person,
    coordinators: [Coordinator; 2],
}

impl Real {
    fn new() -> Self {
        let (admin, coordinators) = (Person::new(7), [Coordinator::new(1), Coordinator::new(2)]);
        let (issuing, anchor) = ca();
        let keys = coordinators.iter().map(Coordinator::public).collect();
        let genesis = Genesis {
            v: 1,
            name: "dvc".parse().unwrap(),
            salt: sha256(b"salt"),
            time: START,
            coordinators: CoordinatorSet { version: 1, keys, threshold: 2 },
            policy: Document::from_value(&json!({})).unwrap(),
            organisation: FirstOrganisation {
                name: "o".parse().unwrap(),
                display_name: "Organisation".into(),
                roles: vec![OrgRole::Plattformbetreiber, OrgRole::Softwarebetreiber, OrgRole::Koordinierungsstelle],
                administrator: "u".parse().unwrap(),
                administrator_keys: vec![admin.public()],
            },
            site: FirstSite {
                name: "nord".parse().unwrap(),
                land: "DE-NI".parse().unwrap(),
                anchors: vec![anchor],
                issuing_key: p384(&issuing),
                sealing_key: p384(&ca().0),
                node_key: Person::new(8).public(),
                addresses: vec!["localhost:7100".parse().unwrap()],
            },
        };
        let bytes = genesis.to_bytes();
        let state = State::from_genesis(&bytes).unwrap();
        let node = Node { state: Mutex::new(state), events: Mutex::default() };
        let router = verbund_api::router(Arc::new(node), Settings::default());
        Self { router, id: FederationId(sha256(&bytes)), admin, coordinators }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let bare = path.split('?').next().unwrap();
        let request = request(method.clone(), path, self.admin.caller(), headers, Body::from(body));
        let response = tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer =
            Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() };
        check_answer(&method, bare, &answer);
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], vec![]).await
    }

    fn statement(&self, key: KeyId, sequence: u64, command: Command) -> Statement {
        let valid = START + 600_000;
        let (v, generation, session) = (1, 0, 1);
        let (federation, precondition, sealed) = (self.id, None, vec![]);
        Statement { v, federation, generation, key, session, sequence, not_after: valid, precondition, command, sealed }
    }

    async fn send(&self, envelope: &Envelope, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("content-type", ENVELOPE_TYPE)], headers].concat();
        self.ask(Method::POST, "/v1/envelopes", &headers, envelope.to_bytes()).await
    }

    async fn as_admin(&self, sequence: u64, precondition: Option<Precondition>, command: Command) -> Answer {
        let statement = Statement { precondition, ..self.statement(self.admin.key_id(), sequence, command) };
        self.send(&self.admin.envelope(&statement), &[]).await
    }

    async fn as_coordinator(&self, which: usize, sequence: u64, command: Command) -> Answer {
        let coordinator = &self.coordinators[which];
        let key = key_id(&coordinator.public());
        let payload = self.statement(key, sequence, command).to_payload();
        let signature: p384::ecdsa::Signature = coordinator.0.sign(&pae(STATEMENT_TYPE, &payload));
        let signature = normalise(Algorithm::P384, &signature.to_bytes()).unwrap();
        self.send(&Envelope { payload, key, authentication: Authentication::Direct { signature } }, &[]).await
    }
}

/// Some of everything: sessions, a role, an entry, an invitation, a proposal that two coordinators carry.
async fn fill(real: &Real) {
    let bind = |role| Command::BindRole {
        organisation: "o".parse().unwrap(),
        user: "u".parse().unwrap(),
        role,
        sites: ["nord".parse().unwrap()].into(),
    };
    let open = Command::OpenSession {};
    assert_eq!(real.as_admin(0, None, open.clone()).await.status, 200);
    for role in [UserRole::CloudServiceAnbieter, UserRole::Plattformbetreiber, UserRole::Softwarebetreiber] {
        let mut bind = bind(role);
        if let Command::BindRole { sites, .. } = &mut bind
            && role != UserRole::Plattformbetreiber
        {
            sites.clear();
        }
        let answer = real.as_admin(1 + role as u64, None, bind).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let answer = real.as_admin(20, Some(Precondition::Absent), apply("dns")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    for which in [0, 1] {
        assert_eq!(real.as_coordinator(which, 0, open.clone()).await.status, 200);
    }
    let invite = Command::Invite {
        key: Person::new(9).public(),
        site: "sued".parse().unwrap(),
        organisation: "o".parse().unwrap(),
        expires: START + 3_600_000,
    };
    assert_eq!(real.as_coordinator(0, 1, invite).await.status, 200);
    let action =
        Action::SetPolicy { name: "p".parse().unwrap(), document: Document::from_value(&json!({"a": 1})).unwrap() };
    let waiting = real.as_coordinator(0, 2, Command::Propose { action }).await;
    assert_eq!(waiting.status, 202, "{:?}", waiting.body);
    let subject = waiting.json()["outcome"]["accepted"]["waiting"]["subject"].as_str().unwrap().parse().unwrap();
    assert_eq!(real.as_coordinator(1, 1, Command::Approve { subject }).await.status, 200);
    for (sequence, command) in (30..).zip(placing()) {
        let answer = real.as_admin(sequence, None, command).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
}

/// A cluster with an evidence, a workload that finds no place, and what people say about it.
fn placing() -> Vec<Command> {
    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }
    let facts = json!({
        "coordinates": {"latitude": 52_375_900, "longitude": 9_732_000}, "country": "DE", "operator": "public",
        "fallback": true,
    });
    let evidence = json!({
        "name": "nord-c5", "subject": {"cluster": "nord-a"}, "kind": "c5", "issuer": "BSI", "document": "ab".repeat(32),
        "validUntil": START + 86_400_000,
    });
    vec![
        Command::SetSiteFacts { site: name("nord"), facts: serde_json::from_value(facts).unwrap() },
        Command::ApplyCluster {
            name: name("nord-a"),
            site: name("nord"),
            spec: crate::model::cluster_spec(),
            agent_key: Person::new(40).public(),
        },
        Command::ApplyEvidence { evidence: serde_json::from_value(evidence).unwrap() },
        Command::ApplyWorkload {
            name: name("kfz"),
            organisation: name("o"),
            customer: None,
            spec: crate::model::workload_spec(),
            expect: None,
            emergency: Some("no other time".into()),
        },
        Command::SetLicenceVeto {
            veto: LicenceVeto { site: name("nord"), workload: name("kfz"), reason: "too dear".into() },
        },
        Command::RequestException {
            name: name("near"),
            rule: "georedundancy".into(),
            workload: name("kfz"),
            reason: "no other site".into(),
            until: START + 86_400_000,
        },
        Command::OpenChange { name: name("std"), workload: name("kfz"), description: "moves by itself".into() },
    ]
}

#[tokio::test]
async fn the_planner_answers_from_a_real_state_as_described() {
    let real = Real::new();
    fill(&real).await;
    let why = real.get("/v1/why/kfz").await.json();
    let tried = why["clusters"][0]["tried"].as_array().unwrap();
    let failed: Vec<&str> = tried
        .iter()
        .filter(|tried| !tried["reasons"].as_array().unwrap().is_empty())
        .map(|tried| tried["rule"].as_str().unwrap())
        .collect();
    assert!(failed.contains(&"licenceVeto") && failed.contains(&"observation"), "{failed:?}");
    assert!(!failed.contains(&"zone"), "{failed:?}");

    let mut workload = crate::memory::workload();
    let headers = [("content-type", "application/json")];
    let plan = async |workload: &Value| {
        real.ask(Method::POST, "/v1/plan", &headers, serde_json::to_vec(workload).unwrap()).await
    };
    let same = plan(&workload).await.json();
    assert_eq!(same["plan"]["placement"]["waiting"], "notPlaceable");
    workload["spec"]["requirements"]["kinds"] = json!([]);
    let first = plan(&workload).await.json();
    assert_eq!(first["hash"], plan(&workload).await.json()["hash"], "nothing was carried out");
    workload["spec"]["requirements"]["sites"] = json!(["nowhere"]);
    plan(&workload).await.problem("invalid");
    workload["spec"]["mode"] = json!("twice");
    plan(&workload).await.problem("malformed");

    let losses = real.get("/v1/capacity").await.json();
    assert_eq!((&losses[0]["site"], &losses[0]["canBeLost"]), (&json!("nord"), &json!(true)));
    real.get("/v1/plan?workload=kfz&cause=failback").await.problem("conflict");
    real.get("/v1/plan?workload=none&cause=failover").await.problem("not-found");
    real.get("/v1/plan?workload=kfz&cause=applied").await.problem("bad-query");
    real.get("/v1/why/none").await.problem("not-found");
    real.get("/v1/why/No").await.problem("malformed");
}

#[tokio::test]
async fn every_resource_of_a_real_state_is_as_described() {
    let real = Real::new();
    fill(&real).await;
    let strict = named("Resource");
    for kind in Kind::ALL {
        let page = real.get(&format!("/v1/{}", kind.plural())).await.json();
        let items = page["items"].as_array().unwrap();
        // What only nodes, agents, a customer, several coordinators or a sealing client make is not there; `model.rs` has
        // examples of it.
        let of_nodes = [Kind::Lease, Kind::Presence, Kind::Verdict, Kind::Incident];
        let none = [&of_nodes[..], &[Kind::Admission, Kind::Consent, Kind::Directive, Kind::Secret]].concat();
        assert_eq!(items.is_empty(), none.contains(kind), "{kind}");
        for item in items {
            assert_valid(&strict, item);
            let name = item["metadata"]["name"].as_str().unwrap();
            let one = real.get(&format!("/v1/{}/{name}", kind.plural())).await;
            assert_eq!(one.json(), *item);
            assert_eq!(one.header("etag").unwrap().trim_matches('"'), item["metadata"]["resourceVersion"].to_string());
        }
    }
    assert_valid(&named("Genesis"), &real.get("/v1/genesis").await.json());
}

#[tokio::test]
async fn a_client_can_sign_with_what_the_session_says() {
    let real = Real::new();
    let path = format!("/v1/sessions/{}", real.admin.key_id());
    let read = async || serde_json::from_slice::<SessionDocument>(&real.get(&path).await.body).unwrap();
    assert_eq!((read().await.federation, read().await.session), (real.id, None));
    real.as_admin(0, None, Command::OpenSession {}).await;
    let delete = Command::DeleteCatalogueEntry { name: "none".parse().unwrap() };
    let refused = real.as_admin(4, None, delete).await;
    refused.problem("not-authorised");
    let session = read().await.session.unwrap();
    assert_eq!((session.number, session.highest), (1, Some(4)));
}

#[tokio::test]
async fn preconditions_and_repetition_meet_the_real_rules() {
    let real = Real::new();
    fill(&real).await;
    let version: u64 = real.get("/v1/catalogue/dns").await.header("etag").unwrap().trim_matches('"').parse().unwrap();
    real.as_admin(21, Some(Precondition::Absent), apply("dns")).await.problem("already-exists");
    real.as_admin(22, Some(Precondition::Version(version + 1)), apply("dns")).await.problem("version-mismatch");
    let update = Command::ApplyCatalogueEntry {
        name: "dns".parse().unwrap(),
        organisation: "o".parse().unwrap(),
        schema_version: 2,
        document: Document::from_value(&json!({"title": "DNS"})).unwrap(),
    };
    let statement = Statement {
        precondition: Some(Precondition::Version(version)),
        ..real.statement(real.admin.key_id(), 23, update)
    };
    let envelope = real.admin.envelope(&statement);
    let tag = format!("\"{version}\"");
    let first = real.send(&envelope, &[("if-match", &tag), ("idempotency-key", "\"1.23\"")]).await;
    let again = real.send(&envelope, &[("idempotency-key", "1.23")]).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["outcome"], again.json()["outcome"]);
    assert_eq!(first.header("etag"), real.get("/v1/catalogue/dns").await.header("etag"));
}

#[tokio::test]
async fn a_watch_from_the_beginning_shows_what_happened_as_described() {
    let real = Real::new();
    fill(&real).await;
    let body = real.ask(Method::GET, "/v1/watch?from=0", &[], vec![]).await.body;
    let text = std::str::from_utf8(&body).unwrap();
    let events: Vec<Value> = text
        .split("\n\n")
        .filter(|block| block.contains("event: change"))
        .map(|block| serde_json::from_str(block.lines().find_map(|l| l.strip_prefix("data: ")).unwrap()).unwrap())
        .collect();
    let places: Vec<(u64, u64)> =
        events.iter().map(|e| (e["index"].as_u64().unwrap(), e["part"].as_u64().unwrap())).collect();
    assert!(places.is_sorted_by(|a, b| a < b) && places.len() >= 7, "{places:?}");
    events.iter().for_each(|event| assert_valid(&named("Event"), event));

    let body = real.ask(Method::GET, "/v1/watch?kinds=sites,keys", &[], vec![]).await.body;
    let text = std::str::from_utf8(&body).unwrap();
    assert_eq!(text.matches("event: resource").count(), 7, "a site and six keys: {text}");
    assert!(text.contains("event: bookmark"));
}

#[tokio::test]
async fn revoking_a_key_ends_what_its_certificate_may_read() {
    let real = Real::new();
    real.as_admin(0, None, Command::OpenSession {}).await;
    let (organisation, other): (OrgName, _) = ("o".parse().unwrap(), Person::new(30));
    let user: UserId = "second".parse().unwrap();
    let create = Command::CreateUser { organisation: organisation.clone(), user, key: other.public() };
    let list = async |caller: Caller| {
        let request = request(Method::GET, "/v1/sites", caller, &[], Body::empty());
        tower::ServiceExt::oneshot(real.router.clone(), request).await.unwrap().status().as_u16()
    };
    assert_eq!(list(other.caller()).await, 401);
    assert_eq!(real.as_admin(1, None, create).await.status, 200);
    assert_eq!(list(other.caller()).await, 200);
    let revoke = Command::RevokeUserKey { organisation, key: other.key_id() };
    assert_eq!(real.as_admin(2, None, revoke).await.status, 200);
    assert_eq!(list(other.caller()).await, 401);
    // The key of a node is registered too, and is no user's.
    assert_eq!(list(Person::new(8).caller()).await, 401);
}
