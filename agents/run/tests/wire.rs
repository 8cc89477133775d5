//! What an agent says over real sockets: its first certificate, questions of a daemon, answers to guards.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;
use tokio::net::{TcpListener, UdpSocket};
use verbund_agent::{
    Agent, AgentConfig, Connection, ConnectionError, Enrolment, Parts, SessionStore, SystemClock, answer_questions,
    serve_guards,
};
use verbund_agent_core::{Desired, LogQuery};
use verbund_agent_link::{Certified, Desk, DeskError, Found, Hears, Question, Questions, Sessions, serve};
use verbund_agent_simulated::{Shape, Simulated};
use verbund_guard::wire;
use verbund_identity::{LoginRequest, PureVerifier, SignatureVerifier as _, SpiffeId, Subject, TrustDomain, key_id};
use verbund_keys::{IssuingCa, LeafRequest, ProvenKey, Signer, SoftwareKey, issue_ca, make_root};
use verbund_lease::{Epoch, Nonce, Renewal};
use verbund_model::resource::Der;
use verbund_model::{Algorithm, ClusterName, FederationId, NodeId, Outcome, PublicKey, SiteName, WorkloadName};
use verbund_tls::{Acceptor, Bundle, Dialer, Domain, Limits, Listener, LiveIdentity, Trust};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A daemon that certifies its one agent, and nothing else.
struct Office {
    ca: IssuingCa,
    anchor: Vec<u8>,
    agent: PublicKey,
}

fn not_now<T>() -> Result<T, DeskError> {
    Err(DeskError::Unavailable("not here".to_owned()))
}

impl Desk for Office {
    async fn read(&self, _: &ClusterName, _: &BTreeSet<WorkloadName>) -> Result<Desired, DeskError> {
        not_now()
    }

    async fn next(&self, _: &ClusterName, _: &BTreeSet<WorkloadName>, _: u64) -> Result<Desired, DeskError> {
        not_now()
    }

    async fn renew(&self, _: &ClusterName, _: Renewal) -> Result<Hears, DeskError> {
        not_now()
    }

    async fn submit(&self, _: &ClusterName, _: Vec<u8>) -> Result<Outcome, DeskError> {
        not_now()
    }

    async fn sessions(&self, cluster: &ClusterName) -> Result<Sessions, DeskError> {
        assert_eq!(cluster.as_str(), "one");
        Ok(Sessions { federation: FederationId::default(), generation: 0, last: 0, time: 0 })
    }

    async fn certify(&self, request: LoginRequest) -> Result<Certified, DeskError> {
        if request.key != key_id(&self.agent)
            || !PureVerifier.verify(&self.agent, &request.signed_message(), &request.signature)
        {
            return Err(DeskError::Refused("not the agent's key".to_owned()));
        }
        let subject = Subject::Agent(SiteName::new("one").unwrap());
        let leaf = LeafRequest {
            spiffe_id: SpiffeId { trust_domain: self.ca.trust_domain().clone(), subject },
            key: ProvenKey::from_csr(request.csr.as_bytes()).unwrap(),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            lifetime: DAY,
        };
        let leaf = self.ca.issue_leaf(&leaf, OffsetDateTime::now_utc()).unwrap();
        let chain = vec![leaf.der().to_vec(), self.ca.certificate().der().to_vec()];
        Ok(Certified { chain, anchor: self.anchor.clone() })
    }
}

fn key(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm).unwrap())
}

/// A running daemon, and the enrolment of an agent with it.
async fn office(agent: &PublicKey) -> (Enrolment, Questions) {
    let domain: TrustDomain = "alpha.dvc".parse().unwrap();
    let now = OffsetDateTime::now_utc();
    let (root_key, ca_key) = (key(Algorithm::P384), key(Algorithm::P384));
    let root = make_root(&root_key, &domain, DAY * 300, now).unwrap();
    let ca = issue_ca(&root_key, &root, ca_key.public_key(), &domain, DAY * 30, now).unwrap();
    let ca = IssuingCa::new(domain.clone(), ca, ca_key).unwrap();
    let ips = vec!["127.0.0.1".parse().unwrap()];
    let node = ca.issue_identity(Subject::Node(NodeId::mint(0, 1)), Vec::new(), ips, DAY, now).unwrap();
    let chain = node.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
    let private = PrivatePkcs8KeyDer::from(node.key.to_pkcs8().unwrap().to_vec());
    let anchor = root.der().to_vec();
    let node = LiveIdentity::from_pkcs8(chain, anchor.clone().into(), private).unwrap();
    let entry = Domain { anchors: vec![anchor.clone()], ..Domain::default() };
    let trust = Trust::new(Bundle { sequence: 1, domains: [(domain.clone(), entry)].into(), ..Bundle::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let acceptor = Acceptor::start(listener, Listener::Admin, trust, &node, Limits::default()).unwrap();
    let enrolment = Enrolment {
        v: Enrolment::VERSION,
        federation: FederationId::default(),
        federation_name: SiteName::new("dvc").unwrap(),
        site: SiteName::new("alpha").unwrap(),
        cluster: ClusterName::new("one").unwrap(),
        addresses: vec![acceptor.local_addr().to_string()],
        anchors: vec![Der(anchor.clone())],
    };
    let questions = Questions::new();
    let desk = Arc::new(Office { ca, anchor, agent: agent.clone() });
    let incoming = acceptor.map(|accepted| Ok::<_, std::io::Error>(accepted.stream));
    tokio::spawn(serve(desk, domain, questions.clone(), incoming, std::future::pending()));
    (enrolment, questions)
}

#[tokio::test]
async fn an_agent_gets_its_certificate_with_its_registered_key() {
    let signer = key(Algorithm::P256);
    let (enrolment, _) = office(signer.public_key()).await;
    let clock = Arc::new(SystemClock);
    let connection = Connection::open(enrolment.clone(), signer, clock.clone(), Dialer::default()).await.unwrap();
    assert_eq!(connection.link.sessions().await.unwrap().last, 0, "and may call with it");
    let stranger = Connection::open(enrolment, key(Algorithm::P256), clock, Dialer::default()).await;
    assert!(matches!(stranger, Err(ConnectionError::Link(_))));
}

#[tokio::test]
async fn an_agent_answers_what_a_daemon_asks() {
    let signer = key(Algorithm::P256);
    let (enrolment, questions) = office(signer.public_key()).await;
    let cluster = enrolment.cluster.clone();
    let connection = Connection::open(enrolment, signer, Arc::new(SystemClock), Dialer::default()).await.unwrap();
    let driver = Arc::new(Simulated::new(Shape::default()));
    tokio::spawn(answer_questions(driver.clone(), connection.link));
    let workload = WorkloadName::new("w").unwrap();
    let events = Question::Events(workload.clone());
    // It calls in a moment.
    let mut found = questions.ask(&cluster, &events).await;
    for _ in 0..1_000 {
        if found.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = questions.ask(&cluster, &events).await;
    }
    assert_eq!(found, Ok(Found::Events(Vec::new())));
    driver.set_reachable(false);
    let logs = Question::Logs(LogQuery { workload, pod: None, container: None, tail: 1, since: None, previous: false });
    assert!(questions.ask(&cluster, &logs).await.unwrap_err().to_string().contains("does not answer"));
}

#[tokio::test]
async fn guards_are_answered_with_the_agents_signature() {
    let signer = key(Algorithm::P256);
    let (enrolment, _) = office(signer.public_key()).await;
    let clock = Arc::new(SystemClock);
    let connection =
        Connection::open(enrolment.clone(), signer.clone(), clock.clone(), Dialer::default()).await.unwrap();
    let parts = Parts {
        driver: Arc::new(Simulated::new(Shape::default())),
        uplink: connection.link,
        signer: signer.clone(),
        clock,
        sessions: SessionStore::none(),
    };
    let agent = Agent::new(AgentConfig::new(enrolment.cluster), parts);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let desk = socket.local_addr().unwrap();
    let desk_signer: Arc<dyn Signer> = signer.clone();
    tokio::spawn(serve_guards(socket, agent.guards(), desk_signer));
    let guard = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let question = verbund_lease::Question {
        workload: WorkloadName::new("w").unwrap(),
        epoch: Epoch(1),
        guard: 7,
        nonce: Nonce(1),
    };
    let verifying = |key: &PublicKey| p256::ecdsa::VerifyingKey::from_sec1_bytes(key.point()).unwrap();
    let mut bytes = [0; 200];
    // What is no question is not answered: the answer that comes is to the second datagram.
    guard.send_to(b"rubbish", desk).await.unwrap();
    guard.send_to(&wire::encode_question(&question), desk).await.unwrap();
    let received = tokio::time::timeout(Duration::from_secs(20), guard.recv(&mut bytes)).await.unwrap().unwrap();
    let answer = wire::decode_answer(&bytes[..received], &question, Some(&verifying(signer.public_key())));
    assert_eq!(answer, Ok(wire::Answer::NoLease), "an agent that has read nothing grants nothing");
    let other = verifying(key(Algorithm::P256).public_key());
    assert!(wire::decode_answer(&bytes[..received], &question, Some(&other)).is_err());
}
