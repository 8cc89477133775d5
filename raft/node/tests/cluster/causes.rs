//! What a leader that was tampered with lets into the log to move a workload: a placement without a cause, a verdict without
//! a majority or under another membership, an early activation, a batch of its own making. Each is refused by every replica
//! with the same state hash, moves nothing, and raises the alarm everywhere. The control is a true verdict on the same way,
//! which moves the workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use verbund_identity::{Authentication, Envelope, Statement};
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_lease::Statement as Stated;
use verbund_model::resource::{
    Amounts, ClusterSpec, Confidentiality, Coordinates, CopyRole, Der, FailoverAuthority, FenceLevel, Finding,
    KubernetesVersion, Maintenance, MembershipId, Mode, Observation, Operator, PlacedCopy, Requirements, Schutzbedarf,
    SignedFinding, SiteFacts, Stage, UserRole, WorkloadSpec, Zone,
};
use verbund_model::{Algorithm, ClusterName, Command, Outcome, Refusal, WorkloadName};

use crate::kit::{Author, Cluster, until};

const CLUSTERS: [&str; 2] = ["nord-1", "nord-2"];

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn amounts(cpu_millis: u64) -> Amounts {
    Amounts { cpu_millis, memory_bytes: 1 << 30, storage_bytes: 1 << 30, pods: 100, extended: BTreeMap::new() }
}

fn cluster_spec() -> ClusterSpec {
    ClusterSpec {
        zone: Zone::Internal,
        schutzbedarf: Schutzbedarf::Normal,
        confidentiality: Confidentiality::Internal,
        stage: Stage::Production,
        networks: BTreeSet::new(),
        labels: BTreeMap::new(),
        cluster_kinds: BTreeSet::new(),
        price: 0,
    }
}

fn observation() -> Observation {
    Observation {
        measured: 1,
        kubernetes: KubernetesVersion { major: 1, minor: 35 },
        kinds: BTreeSet::new(),
        storage_classes: BTreeSet::new(),
        ingress_classes: BTreeSet::new(),
        allocatable: amounts(10_000),
        foreign: Amounts::default(),
        ready: true,
        impairment: String::new(),
    }
}

fn exclusive() -> WorkloadSpec {
    WorkloadSpec {
        requirements: Requirements {
            zone: Zone::Internal,
            schutzbedarf: Schutzbedarf::Normal,
            confidentiality: Confidentiality::Internal,
            stage: Stage::Production,
            networks: BTreeSet::new(),
            important: false,
            kubernetes_min: None,
            kubernetes_max: None,
            kinds: BTreeSet::new(),
            storage_classes: BTreeSet::new(),
            ingress_classes: BTreeSet::new(),
            evidence: BTreeSet::new(),
            amounts: Amounts { cpu_millis: 100, pods: 1, ..Amounts::default() },
            sites: BTreeSet::new(),
            labels: BTreeMap::new(),
        },
        mode: Mode::Exclusive { fence: FenceLevel::Guard },
        standby: None,
        priority: 0,
        stop_budget: 1_000,
        rto: 0,
        rpo: 0,
        failover: FailoverAuthority::Automatic,
        maintenance: Maintenance::default(),
        secrets: [].into(),
        manifests: Vec::new(),
    }
}

/// Three sites; the first has two clusters with open leases, and an exclusive workload `w` runs on one of them.
struct Federation {
    cluster: Cluster,
    /// The leader, and its node as an author: what the hostile one signs with.
    leader: usize,
    hostile: Author,
}

impl Federation {
    async fn new() -> Self {
        let cluster = Cluster::of(3).await;
        let (organisation, site) = (cluster.sites[0].organisation.clone(), cluster.sites[0].name.clone());
        for role in [UserRole::Plattformbetreiber, UserRole::Softwarebetreiber] {
            let (organisation, user) = (organisation.clone(), name("admin"));
            let bind = Command::BindRole { organisation, user, role, sites: BTreeSet::new() };
            cluster.must(0, cluster.admin.envelope(bind)).await;
        }
        let facts = SiteFacts {
            coordinates: Coordinates { latitude: 52_375_892, longitude: 9_732_010 },
            country: "DE".to_owned(),
            operator: Operator::Public,
            fallback: true,
        };
        cluster.must(0, cluster.admin.envelope(Command::SetSiteFacts { site: site.clone(), facts })).await;
        let leader = cluster.leader().await;
        let key = Arc::clone(&cluster.sites[cluster.running(leader).site].node_key);
        let hostile = Author::new(cluster.federation, key, 1);
        cluster.must(0, hostile.envelope(Command::OpenSession {})).await;
        for at in CLUSTERS {
            equip(&cluster, &hostile, at).await;
        }
        let (spec, customer, expect, emergency) = (exclusive(), None, None, None);
        let apply = Command::ApplyWorkload { name: name("w"), organisation, customer, spec, expect, emergency };
        cluster.must(0, cluster.admin.envelope(apply)).await;
        cluster.until_equal().await;
        Self { cluster, leader, hostile }
    }

    /// The copy of `w` that is active, as the node at `index` has it.
    fn active(&self, index: usize) -> PlacedCopy {
        let state = self.cluster.node(index).read_stale().0;
        let copies = &state.placement(&name("w")).unwrap().value.copies;
        copies.iter().find(|copy| copy.role == CopyRole::Active).unwrap().clone()
    }

    fn ended(&self) -> Finding {
        Finding::LeaseEnded { cluster: self.active(0).cluster, generation: 1 }
    }

    fn membership(&self) -> MembershipId {
        let id = self.cluster.node(0).read_stale().0.membership().1;
        MembershipId { term: id.term, node: id.node, index: id.index }
    }

    /// What the node at `voter` states, under the signature of the one at `signer`.
    fn stated(&self, voter: usize, signer: usize, membership: MembershipId) -> SignedFinding {
        let node = self.cluster.running(voter).id;
        let (federation, federation_generation, finding) = (self.cluster.federation, 0, self.ended());
        let stated = Stated { federation, federation_generation, finding, membership, node };
        let key = &self.cluster.sites[self.cluster.running(signer).site].node_key;
        SignedFinding { node, membership, signature: Der(key.sign(&stated.message()).unwrap()) }
    }

    fn verdict(&self, statements: Vec<SignedFinding>) -> Bytes {
        self.hostile.envelope(Command::SubmitVerdict { finding: self.ended(), statements })
    }

    /// Lets the leader append it unseen. It must be refused everywhere, with this alarm (`None`: with none), and move nothing.
    async fn refused(&self, envelope: Bytes, alarm: Option<&str>) -> Refusal {
        let before = self.active(0);
        let alarms =
            |at: usize| self.cluster.running(at).alarms().iter().filter(|raised| Some(**raised) == alarm).count();
        let known: Vec<usize> = (0..3).map(alarms).collect();
        let all: Vec<usize> = (0..3).map(|at| self.cluster.running(at).alarms().len()).collect();
        let counted: Vec<u64> = (0..3).map(|at| self.cluster.node(at).counts().refused_by_apply).collect();
        let submitted = self.cluster.node(self.leader).forge(envelope.to_vec()).await.unwrap();
        let Outcome::Refused(refusal) = submitted.outcome else { panic!("accepted: {:?}", submitted.outcome) };
        until("all have refused it", || {
            (0..3).all(|at| self.cluster.node(at).counts().refused_by_apply == counted[at] + 1)
        })
        .await;
        self.cluster.until_equal().await;
        for at in 0..3 {
            let raised = self.cluster.running(at).alarms();
            match alarm {
                Some(_) => assert_eq!(alarms(at), known[at] + 1, "node {at}: {refusal}: {raised:?}"),
                None => assert_eq!(raised.len(), all[at], "node {at}: {refusal}: {raised:?}"),
            }
            assert!(!self.cluster.running(at).has_alarm("fork"), "equal state hash on all");
            assert_eq!(self.active(at), before, "it moved nothing");
        }
        refusal
    }
}

/// A cluster of the first site that was measured and has an open lease.
async fn equip(cluster: &Cluster, node: &Author, at: &str) {
    let agent = Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap());
    let (site, agent_key) = (cluster.sites[0].name.clone(), agent.public_key().clone());
    let apply = Command::ApplyCluster { name: name(at), site, spec: cluster_spec(), agent_key };
    cluster.must(0, cluster.admin.envelope(apply)).await;
    let agent = Author::new(cluster.federation, agent, 1);
    cluster.must(0, agent.envelope(Command::OpenSession {})).await;
    let observe = Command::Observe { cluster: name(at), observation: observation() };
    cluster.must(0, agent.envelope(observe)).await;
    let open = Command::OpenLease { cluster: name(at), generation: 1, refusal: None };
    cluster.must(0, node.envelope(open)).await;
}

const FALSE: Option<&str> = Some("false-cause");

fn conflict(refusal: &Refusal, part: &str) {
    let Refusal::Conflict { what } = refusal else { panic!("{refusal:?}") };
    assert!(what.contains(part), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_without_a_cause_is_refused_everywhere() {
    let federation = Federation::new().await;
    let other: ClusterName = name(CLUSTERS.iter().find(|at| **at != federation.active(0).cluster.as_str()).unwrap());
    let workload: WorkloadName = name("w");
    // What only its operator may ask for, under the leader's own key.
    let relocate = Command::Relocate { workload: workload.clone(), to: other.clone(), emergency: None };
    let refusal = federation.refused(federation.hostile.envelope(relocate), FALSE).await;
    assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal}");
    let failover = Command::Failover { workload: workload.clone(), to: Some(other.clone()), accept_loss: true };
    federation.refused(federation.hostile.envelope(failover), FALSE).await;
    // The same in the operator's name, whose key it has not.
    let relocate = Command::Relocate { workload: workload.clone(), to: other, emergency: None };
    let mut envelope = federation.cluster.admin.envelope(relocate).to_vec();
    *envelope.last_mut().unwrap() ^= 1;
    let refusal = federation.refused(envelope.into(), Some("unauthorised-entry")).await;
    assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
    // Nothing is due. An honest leader may have been overtaken here, so that nobody is woken.
    let replan = federation.hostile.envelope(Command::Replan { workload });
    conflict(&federation.refused(replan, None).await, "nothing is due");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_without_a_majority_is_refused_everywhere_and_one_with_it_moves() {
    let federation = Federation::new().await;
    let (membership, leader) = (federation.membership(), federation.leader);
    let other = (leader + 1) % 3;
    let own = federation.stated(leader, leader, membership);
    for statements in [vec![], vec![own.clone()], vec![own.clone(), own.clone()]] {
        conflict(&federation.refused(federation.verdict(statements), FALSE).await, "make no verdict");
    }
    // In another voter's name.
    let forged = federation.stated(other, leader, membership);
    let refusal = federation.refused(federation.verdict(vec![own.clone(), forged]), FALSE).await;
    assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
    for at in 0..3 {
        let named = format!("node {}", federation.cluster.running(leader).id);
        let alarms = federation.cluster.node(at).alarms();
        assert!(
            alarms.iter().any(|raised| raised.alarm.to_string().contains(&named)),
            "it names the leader: {alarms:?}"
        );
    }
    // Positive control: the same way in, with what two voters really signed.
    let before = federation.active(0);
    let true_one = federation.verdict(vec![own, federation.stated(other, other, membership)]);
    let submitted = federation.cluster.node(leader).forge(true_one.to_vec()).await.unwrap();
    assert!(matches!(submitted.outcome, Outcome::Accepted(_)), "{:?}", submitted.outcome);
    federation.cluster.until_equal().await;
    let after = federation.active(0);
    assert_ne!(after.cluster, before.cluster);
    assert_eq!(after.epoch, before.epoch + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_under_another_membership_are_refused_everywhere() {
    let federation = Federation::new().await;
    let in_force = federation.membership();
    let under = |membership| {
        let statements = (0..3).map(|voter| federation.stated(voter, voter, membership)).collect();
        federation.verdict(statements)
    };
    // Of one that never was, later than the one in force; or in its place.
    for made_up in
        [MembershipId { index: in_force.index + 1, ..in_force }, MembershipId { term: in_force.term + 1, ..in_force }]
    {
        conflict(&federation.refused(under(made_up), FALSE).await, "under the membership");
    }
    // Of an older one: an honest leader may have been overtaken by the change of members, so that nobody is woken.
    let older = MembershipId { index: in_force.index - 1, ..in_force };
    conflict(&federation.refused(under(older), None).await, "under the membership");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_activation_is_refused_everywhere() {
    let federation = Federation::new().await;
    let (cluster, epoch) = (federation.active(0).cluster, federation.active(0).epoch);
    let workload: WorkloadName = name("w");
    // The rest of a verdict that nobody reached.
    let next = federation.hostile.envelope(Command::PlanNext { verdict: 7 });
    let refusal = federation.refused(next, FALSE).await;
    assert!(matches!(refusal, Refusal::NotFound { .. }), "{refusal}");
    // That the old copy has stopped: an agent's word, or that of a person who runs the cluster.
    let receipt = Command::Receipt { cluster: cluster.clone(), workload: workload.clone(), epoch };
    let confirm = Command::ConfirmFence { cluster: cluster.clone(), workload, epoch };
    for command in [receipt, confirm] {
        let refusal = federation.refused(federation.hostile.envelope(command), FALSE).await;
        assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal}");
    }
    // Another generation, under which the copy would count as ended.
    let refusal = Some(federation.stated(federation.leader, (federation.leader + 1) % 3, federation.membership()));
    let open = Command::OpenLease { cluster, generation: 2, refusal };
    let refusal = federation.refused(federation.hostile.envelope(open), FALSE).await;
    assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_its_own_making_is_refused_everywhere() {
    let federation = Federation::new().await;
    // No entry carries placements: the rules make them. One that does, two active copies of an exclusive workload, is no
    // statement at all.
    let envelope = federation.hostile.envelope(Command::PlanNext { verdict: 7 });
    let envelope = Envelope::from_bytes(&envelope).unwrap();
    let statement = Statement::from_payload(&envelope.payload).unwrap();
    let both: Vec<_> =
        CLUSTERS.iter().map(|at| serde_json::json!({ "cluster": at, "role": "active", "epoch": 9 })).collect();
    let mut payload: serde_json::Value = serde_json::from_slice(&statement.to_payload()).unwrap();
    payload["command"]["planNext"]["placements"] = serde_json::json!([{ "workload": "w", "copies": both }]);
    let payload = serde_json::to_vec(&payload).unwrap();
    let authentication = Authentication::Direct { signature: Vec::new() };
    let mut forged = Envelope { payload, key: envelope.key, authentication };
    let signature = federation.hostile.key.sign(&forged.signed().unwrap().message).unwrap();
    forged.authentication = Authentication::Direct { signature };
    let refusal = federation.refused(forged.to_bytes().into(), Some("unauthorised-entry")).await;
    assert!(matches!(refusal, Refusal::Malformed { .. }), "{refusal}");
}
