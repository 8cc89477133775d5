//! Agent and daemon over real connections, and those who may not call.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use verbund_agent_core::{Desired, DesiredCopy, DesiredLease, DesiredRole, LogLine, LogQuery};
use verbund_agent_link::{
    Asking, Certified, Desk, DeskError, DialAs, DialTarget, Found, Heard, Hears, Link, LinkError, Membership, Question,
    Questions, Refusal, Sessions, serve,
};
use verbund_identity::{LoginRequest, Subject, TrustDomain};
use verbund_keys::{IssuingCa, Signer, SoftwareKey, issue_ca, make_root};
use verbund_lease::{Answer, Generation, Incarnation, MembershipId, Nonce, Refused, Renewal, Voters};
use verbund_model::resource::{Amounts, Mode};
use verbund_model::{
    Accepted, Algorithm, ClusterName, FederationId, KeyId, NodeId, OrgName, Outcome, SiteName, WorkloadName,
};
use verbund_tls::{Acceptor, Bundle, Dialer, Domain, Ends, Limits, Listener, LiveIdentity, Pin, Pinned, Trust};

const HOUR: time::Duration = time::Duration::hours(1);

struct Site {
    domain: TrustDomain,
    anchor: Vec<u8>,
    ca: IssuingCa,
}

impl Site {
    fn new(name: &str) -> Self {
        let domain: TrustDomain = format!("{name}.fed").parse().unwrap();
        let now = OffsetDateTime::now_utc();
        let key = || Arc::new(SoftwareKey::generate(Algorithm::P384).unwrap());
        let (root_key, ca_key) = (key(), key());
        let root = make_root(&root_key, &domain, std(HOUR * 1000), now).unwrap();
        let ca = issue_ca(&root_key, &root, ca_key.public_key(), &domain, std(HOUR * 100), now).unwrap();
        let ca = IssuingCa::new(domain.clone(), ca, ca_key).unwrap();
        Self { domain, anchor: root.der().to_vec(), ca }
    }

    fn identity(&self, subject: Subject) -> Arc<LiveIdentity> {
        let ips = vec!["127.0.0.1".parse().unwrap()];
        let issued = self.ca.issue_identity(subject, Vec::new(), ips, std(HOUR), OffsetDateTime::now_utc());
        let issued = issued.unwrap();
        let chain = issued.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
        let key = PrivatePkcs8KeyDer::from(issued.key.to_pkcs8().unwrap().to_vec());
        LiveIdentity::from_pkcs8(chain, self.anchor.clone().into(), key).unwrap()
    }

    fn agent(&self, cluster: &str) -> Arc<LiveIdentity> {
        let issued = self.ca.issue_identity(
            Subject::Agent(SiteName::new(cluster).unwrap()),
            Vec::new(),
            Vec::new(),
            std(HOUR),
            OffsetDateTime::now_utc(),
        );
        let issued = issued.unwrap();
        let chain = issued.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
        let key = PrivatePkcs8KeyDer::from(issued.key.to_pkcs8().unwrap().to_vec());
        LiveIdentity::from_pkcs8(chain, self.anchor.clone().into(), key).unwrap()
    }
}

fn std(duration: time::Duration) -> Duration {
    duration.try_into().unwrap()
}

fn trust(sites: &[&Site]) -> Arc<Trust> {
    let domain =
        |site: &&Site| (site.domain.clone(), Domain { anchors: vec![site.anchor.clone()], ..Domain::default() });
    Trust::new(Bundle { sequence: 1, domains: sites.iter().map(domain).collect(), ..Bundle::default() })
}

fn cluster(name: &str) -> ClusterName {
    ClusterName::new(name).unwrap()
}

fn workload(name: &str) -> WorkloadName {
    WorkloadName::new(name).unwrap()
}

fn copy(name: &str, epoch: u64) -> Arc<DesiredCopy> {
    Arc::new(DesiredCopy {
        workload: workload(name),
        organisation: OrgName::new("stadt").unwrap(),
        epoch,
        role: DesiredRole::Active,
        mode: Mode::Parallel { copies: 1 },
        generation: 0,
        stop_budget: 1,
        manifests: Arc::new([]),
        secrets: Arc::new([]),
        amounts: Amounts::default(),
    })
}

/// A daemon that notes who asked.
struct Scripted {
    desired: watch::Sender<Desired>,
    calls: Mutex<Vec<String>>,
}

impl Scripted {
    fn note(&self, what: &str, cluster: &ClusterName) {
        self.calls.lock().unwrap().push(format!("{what} {cluster}"));
    }
}

impl Desk for Scripted {
    async fn read(&self, cluster: &ClusterName, known: &BTreeSet<WorkloadName>) -> Result<Desired, DeskError> {
        self.note(&format!("read {known:?}"), cluster);
        if *cluster == self::cluster("unknown") {
            return Err(DeskError::Unknown(cluster.clone()));
        }
        Ok(self.desired.borrow().clone())
    }

    async fn next(
        &self,
        _cluster: &ClusterName,
        _known: &BTreeSet<WorkloadName>,
        after: u64,
    ) -> Result<Desired, DeskError> {
        let mut changes = self.desired.subscribe();
        let next = changes.wait_for(|desired| desired.index > after).await;
        next.map(|next| next.clone()).map_err(|error| DeskError::Unavailable(error.to_string()))
    }

    async fn renew(&self, cluster: &ClusterName, renewal: Renewal) -> Result<Hears, DeskError> {
        self.note("renew", cluster);
        let id = MembershipId { term: 1, node: 1, index: 1 };
        let voters = Voters::uniform([NodeId(1)]);
        let heard = [
            Heard::Membership(Membership { id, voters }),
            Heard::Answer(Answer { renewal, voter: NodeId(1), membership: id }),
            Heard::Refused(Refusal { voter: NodeId(2), why: Refused::Lost }),
        ];
        Ok(stream::iter(heard).boxed())
    }

    async fn submit(&self, cluster: &ClusterName, envelope: Vec<u8>) -> Result<Outcome, DeskError> {
        self.note(&format!("submit {}", envelope.len()), cluster);
        if envelope.is_empty() {
            return Err(DeskError::Unavailable("nobody leads".to_owned()));
        }
        Ok(Outcome::Accepted(Accepted::Changed { version: 5 }))
    }

    async fn sessions(&self, cluster: &ClusterName) -> Result<Sessions, DeskError> {
        self.note("sessions", cluster);
        Ok(Sessions { federation: FederationId::default(), generation: 2, last: 3, time: 4 })
    }

    async fn certify(&self, request: LoginRequest) -> Result<Certified, DeskError> {
        self.calls.lock().unwrap().push(format!("certify {}", request.csr));
        Ok(Certified { chain: vec![vec![1]], anchor: vec![2] })
    }
}

struct Served {
    desk: Arc<Scripted>,
    questions: Questions,
    address: verbund_tls::Address,
    site: Site,
    stranger: Site,
}

async fn served() -> Served {
    let (site, stranger) = (Site::new("alpha"), Site::new("beta"));
    let desired = Desired {
        index: 10,
        lease: Some(DesiredLease {
            generation: 1,
            opened: 5,
            length: 8_400,
            margin: 1_600,
            longest_length: 8_400,
            longest_margin: 1_600,
            incarnation: 0,
        }),
        workloads: BTreeMap::from([(workload("a"), copy("a", 1))]),
        ..Desired::nothing(cluster("one"))
    };
    let desk = Arc::new(Scripted { desired: watch::Sender::new(desired), calls: Mutex::default() });
    let node = site.identity(Subject::Node(NodeId::mint(0, 1)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trust = trust(&[&site, &stranger]);
    let acceptor = Acceptor::start(listener, Listener::Admin, trust, &node, Limits::default()).unwrap();
    let address = acceptor.local_addr().into();
    let questions = Questions::new();
    let incoming = acceptor.map(|accepted| Ok::<_, std::io::Error>(accepted.stream));
    let (serving, own, asked) = (desk.clone(), site.domain.clone(), questions.clone());
    tokio::spawn(async move { serve(serving, own, asked, incoming, std::future::pending()).await });
    Served { desk, questions, address, site, stranger }
}

impl Served {
    fn link(&self, identity: Arc<LiveIdentity>) -> Link {
        let ends = Ends { trust: trust(&[&self.site, &self.stranger]), identity };
        // The first address refuses: the next is tried.
        let nobody = "127.0.0.1:1".parse().unwrap();
        let addresses = vec![nobody, self.address.clone()];
        Link::new(DialTarget { who: DialAs::Agent(ends), dialer: Dialer::default(), addresses }.dial())
    }

    fn calls(&self) -> Vec<String> {
        self.desk.calls.lock().unwrap().clone()
    }
}

fn renewal(of: &str) -> Renewal {
    Renewal {
        cluster: cluster(of),
        generation: Generation(1),
        length: 8_400,
        nonce: Nonce(1),
        incarnation: Incarnation(1),
    }
}

#[tokio::test]
async fn an_agent_follows_what_is_wanted() {
    let served = served().await;
    let link = served.link(served.site.agent("one"));
    let mut watch = link.watch(cluster("one"), &BTreeSet::from([workload("old")])).await.unwrap();
    let first = watch.next().await.unwrap();
    assert!(first.first);
    assert_eq!((first.desired.index, first.desired.lease.unwrap().generation), (10, 1));
    assert_eq!(first.changed, BTreeSet::from([workload("a")]));
    assert_eq!(served.calls(), ["read {\"old\"} one"]);
    served.desk.desired.send_modify(|desired| {
        desired.index = 12;
        desired.lease = None;
        desired.workloads = BTreeMap::from([(workload("b"), copy("b", 2))]);
    });
    let second = watch.next().await.unwrap();
    assert!(!second.first);
    assert_eq!(second.changed, BTreeSet::from([workload("a"), workload("b")]), "one that went counts as well");
    assert_eq!(second.desired.workloads.keys().collect::<Vec<_>>(), [&workload("b")]);
    assert_eq!((second.desired.index, second.desired.lease), (12, None));
}

#[tokio::test]
async fn renewals_envelopes_and_sessions_pass() {
    let served = served().await;
    let link = served.link(served.site.agent("one"));
    let heard: Vec<_> = link.renew(&renewal("one")).await.unwrap().map(Result::unwrap).collect().await;
    assert!(matches!(&heard[..], [Heard::Membership(_), Heard::Answer(_), Heard::Refused(_)]));
    let outcome = link.submit(vec![1, 2, 3]).await.unwrap();
    assert_eq!(outcome, Outcome::Accepted(Accepted::Changed { version: 5 }));
    assert_eq!(link.sessions().await.unwrap().last, 3);
    assert!(matches!(link.submit(Vec::new()).await, Err(LinkError::Unavailable(why)) if why.contains("nobody leads")));
    let too_large = vec![0; verbund_identity::envelope::MAX_ENVELOPE + 1];
    assert!(matches!(link.submit(too_large).await, Err(LinkError::Refused(_))));
    assert_eq!(served.calls(), ["renew one", "submit 3 one", "sessions one", "submit 0 one"]);
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_cluster_only() {
    let served = served().await;
    let link = served.link(served.site.agent("one"));
    let refused = link.renew(&renewal("two")).await.map(drop);
    assert!(matches!(refused, Err(LinkError::Refused(why)) if why.contains("cannot renew the lease of two")));
    assert_eq!(served.calls(), [""; 0]);
    let unknown = served.link(served.site.agent("unknown"));
    let mut watch = unknown.watch(cluster("unknown"), &BTreeSet::new()).await.unwrap();
    assert!(matches!(watch.next().await, Err(LinkError::Refused(_))));
}

#[tokio::test]
async fn whoever_is_no_agent_of_this_site_is_refused() {
    let served = served().await;
    let node = served.site.identity(Subject::Node(NodeId::mint(0, 2)));
    let user = served.site.identity_of_user();
    for identity in [node, user, served.stranger.agent("one")] {
        let who = identity.id();
        // An agent of another site would not believe this one; here the listener's own refusal is meant.
        let ends = Ends { trust: trust(&[&served.site, &served.stranger]), identity };
        let target =
            DialTarget { who: DialAs::Agent(ends), dialer: Dialer::default(), addresses: vec![served.address.clone()] };
        let refused = Link::new(target.dial()).sessions().await;
        assert!(refused.is_err(), "{who}");
    }
    assert_eq!(served.calls(), [""; 0]);
    // The control: an agent of the site may.
    assert!(served.link(served.site.agent("one")).sessions().await.is_ok());
}

impl Site {
    fn identity_of_user(&self) -> Arc<LiveIdentity> {
        let user = Subject::User(verbund_model::UserId::new("u").unwrap());
        let issued =
            self.ca.issue_identity(user, Vec::new(), Vec::new(), std(HOUR), OffsetDateTime::now_utc()).unwrap();
        let chain = issued.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
        let key = PrivatePkcs8KeyDer::from(issued.key.to_pkcs8().unwrap().to_vec());
        LiveIdentity::from_pkcs8(chain, self.anchor.clone().into(), key).unwrap()
    }
}

#[tokio::test]
async fn a_certificate_can_be_asked_for_without_one_and_nothing_else() {
    let served = served().await;
    let pinned =
        Pinned { pin: Pin::of_certificate(&served.site.anchor).unwrap(), domain: Some(served.site.domain.clone()) };
    let dial = |pinned: Pinned| {
        let addresses = vec![served.address.clone()];
        Link::new(DialTarget { who: DialAs::Nobody(pinned), dialer: Dialer::default(), addresses }.dial())
    };
    let request = LoginRequest {
        federation: FederationId::default(),
        key: KeyId::default(),
        time: 0,
        csr: "CSR".to_owned(),
        signature: Vec::new(),
    };
    let link = dial(pinned.clone());
    assert_eq!(link.certify(&request).await.unwrap(), Certified { chain: vec![vec![1]], anchor: vec![2] });
    assert!(matches!(link.sessions().await, Err(LinkError::Refused(_))));
    assert_eq!(served.calls(), ["certify CSR"]);
    let other = Pinned { pin: Pin::of_certificate(&served.stranger.anchor).unwrap(), ..pinned };
    assert!(matches!(dial(other).certify(&request).await, Err(LinkError::Unreachable(_))));
}

#[tokio::test]
async fn a_daemon_asks_the_agent() {
    let served = served().await;
    let query = Question::Logs(LogQuery {
        workload: workload("a"),
        pod: None,
        container: None,
        tail: 5,
        since: None,
        previous: false,
    });
    assert_eq!(served.questions.ask(&cluster("one"), &query).await, Err(Asking::NotHere(cluster("one"))));
    let link = served.link(served.site.agent("one"));
    let mut asked = link.asked().await.unwrap();
    let answers = asked.answers();
    let line = LogLine { pod: "p".to_owned(), container: "c".to_owned(), time: None, text: "hello".to_owned() };
    let found = Found::Logs(vec![line]);
    let reply = found.clone();
    tokio::spawn(async move {
        while let Ok((number, question)) = asked.next().await {
            let answer = match question {
                Question::Logs(_) => Ok(reply.clone()),
                Question::Events(_) => Err("no events".to_owned()),
            };
            answers.answer(number, answer).await;
        }
    });
    assert_eq!(served.questions.ask(&cluster("one"), &query).await, Ok(found));
    let failed = served.questions.ask(&cluster("one"), &Question::Events(workload("a"))).await;
    assert!(matches!(failed, Err(Asking::Failed { reason, .. }) if reason == "no events"));
}

#[test]
fn what_is_found_fits_into_a_message() {
    let line = |number: usize| LogLine {
        pod: "p".to_owned(),
        container: "c".to_owned(),
        time: None,
        text: "x".repeat(number),
    };
    let Found::Logs(lines) = Found::Logs((0..3_000).map(line).collect()).bounded(512 * 1024) else { unreachable!() };
    assert!(!lines.is_empty() && lines.len() < 3_000);
    assert_eq!(lines.last().unwrap().text.len(), 2_999, "the newest stay");
}
