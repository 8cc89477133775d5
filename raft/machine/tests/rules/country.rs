//! Three sites of three organisations with a voter and a cluster each, for tests of placement.

use std::collections::BTreeMap;

use verbund_identity::Statement;
use verbund_lease::Statement as Stated;
use verbund_machine::{Alarm, LogEntry, Restore, State};
use verbund_model::resource::{
    Amounts, ApiKind, ClusterSpec, Confidentiality, Coordinates, CopyRole, Der, FailoverAuthority, Finding,
    KubernetesVersion, Maintenance, MembershipId, Mode, Observation, Operator, PlacedCopy, Placement, Requirements,
    Schutzbedarf, SignedFinding, SiteFacts, Stage, Standby, UserRole, WorkloadSpec, Zone,
};
use verbund_model::{ClusterName, Command, NodeId, Outcome, Refusal, SiteName, WorkloadName};

use crate::federation::Federation;
use crate::support::build::{at, entry, name, signed};
use crate::support::keys::Signer;

/// Latitude and longitude in millionths of a degree: Hannover, Hamburg, München.
const PLACES: [(&str, i32, i32); 3] =
    [("nord", 52_375_892, 9_732_010), ("site-b", 53_551_085, 9_993_682), ("site-c", 48_135_125, 11_581_981)];

pub struct Country {
    pub f: Federation,
    /// Who runs the sites, in the order of `PLACES`; the first also runs workloads and is a customer.
    pub chefs: Vec<Signer>,
    pub nodes: Vec<(NodeId, Signer)>,
    pub agents: BTreeMap<ClusterName, Signer>,
}

pub fn capacity(cpu_millis: u64) -> Amounts {
    Amounts { cpu_millis, memory_bytes: 1 << 40, storage_bytes: 1 << 40, pods: 1000, ..Amounts::default() }
}

pub fn cluster_spec() -> ClusterSpec {
    ClusterSpec {
        zone: Zone::Internal,
        schutzbedarf: Schutzbedarf::Hoch,
        confidentiality: Confidentiality::Confidential,
        stage: Stage::Production,
        networks: [].into(),
        labels: [].into(),
        cluster_kinds: [].into(),
        price: 0,
    }
}

pub fn deployment() -> ApiKind {
    ApiKind { group: "apps".to_owned(), version: "v1".to_owned(), kind: "Deployment".to_owned() }
}

pub fn observation(ready: bool, impairment: &str) -> Observation {
    Observation {
        measured: 1,
        kubernetes: KubernetesVersion { major: 1, minor: 34 },
        kinds: [deployment()].into(),
        storage_classes: [].into(),
        ingress_classes: [].into(),
        allocatable: capacity(100_000),
        foreign: Amounts::default(),
        ready,
        impairment: impairment.to_owned(),
    }
}

pub fn requirements() -> Requirements {
    Requirements {
        zone: Zone::Internal,
        schutzbedarf: Schutzbedarf::Hoch,
        confidentiality: Confidentiality::Internal,
        stage: Stage::Production,
        networks: [].into(),
        important: false,
        kubernetes_min: None,
        kubernetes_max: None,
        kinds: [].into(),
        storage_classes: [].into(),
        ingress_classes: [].into(),
        evidence: [].into(),
        amounts: Amounts { cpu_millis: 1000, pods: 1, ..Amounts::default() },
        sites: [].into(),
        labels: [].into(),
    }
}

pub fn spec(mode: Mode, failover: FailoverAuthority, standby: Option<Standby>) -> WorkloadSpec {
    WorkloadSpec {
        requirements: requirements(),
        mode,
        standby,
        priority: 1,
        stop_budget: 2_000,
        rto: 0,
        rpo: 0,
        failover,
        maintenance: Maintenance::default(),
        secrets: [].into(),
        manifests: vec![],
    }
}

pub fn apply(workload: &str, spec: WorkloadSpec) -> Command {
    Command::ApplyWorkload {
        name: name(workload),
        organisation: name("kost"),
        customer: None,
        spec,
        expect: None,
        emergency: None,
    }
}

impl Country {
    /// With a lease of generation 1 open for each cluster: `c-nord`, `c-site-b`, `c-site-c`.
    pub fn new() -> Self {
        let mut f = Federation::new();
        let ada = f.ada();
        for role in [UserRole::Plattformbetreiber, UserRole::Softwarebetreiber, UserRole::CloudServiceKunde] {
            f.bind(&ada, "kost", "ada", role, &[]);
        }
        let mut country =
            Self { nodes: vec![(NodeId(1), f.founders.node.clone())], chefs: vec![ada], agents: BTreeMap::new(), f };
        for (organisation, land) in [("b", "DE-HH"), ("c", "DE-BY")] {
            let chef = country.f.organisation(organisation);
            let asking = country.f.ask(&format!("site-{organisation}"), organisation, land);
            let node = country.f.admit(&asking);
            country.chefs.push(chef);
            country.nodes.push((node, asking.node));
        }
        let ids: Vec<NodeId> = country.nodes.iter().map(|(id, _)| *id).collect();
        country.f.members(&[&[NodeId(1)], &ids], &[]);
        country.f.members(&[&ids], &[]);
        for number in 0..3 {
            country.equip(number);
        }
        country
    }

    fn equip(&mut self, number: usize) {
        let (site, latitude, longitude) = PLACES[number];
        let (site, chef): (SiteName, Signer) = (name(site), self.chefs[number].clone());
        let facts = SiteFacts {
            coordinates: Coordinates { latitude, longitude },
            country: "DE".to_owned(),
            operator: Operator::Public,
            fallback: true,
        };
        self.f.act(&chef, Command::SetSiteFacts { site: site.clone(), facts });
        let (cluster, agent): (ClusterName, Signer) = (name(&format!("c-{site}")), self.f.ring.p256());
        let (spec, agent_key) = (cluster_spec(), agent.key.clone());
        self.f.act(&chef, Command::ApplyCluster { name: cluster.clone(), site, spec, agent_key });
        self.agents.insert(cluster.clone(), agent.clone());
        let observation = observation(true, "");
        self.f.act(&agent, Command::Observe { cluster: cluster.clone(), observation });
        let open = Command::OpenLease { cluster, generation: 1, refusal: None };
        self.f.act(&self.node(0), open);
    }

    pub fn node(&self, number: usize) -> Signer {
        self.nodes[number].1.clone()
    }

    pub fn ada(&self) -> Signer {
        self.chefs[0].clone()
    }

    pub fn membership(&self) -> MembershipId {
        let id = self.f.state.membership().1;
        MembershipId { term: id.term, node: id.node, index: id.index }
    }

    /// What voter `number` signs, under a membership.
    pub fn signed(&self, finding: &Finding, number: usize, membership: MembershipId) -> SignedFinding {
        let federation = &self.f.state.federation().value;
        let (node, signer) = &self.nodes[number];
        let stated = Stated {
            federation: federation.id,
            federation_generation: federation.generation,
            finding: finding.clone(),
            membership,
            node: *node,
        };
        SignedFinding { node: *node, membership, signature: Der(signer.sign(&stated.message())) }
    }

    /// The verdict of these voters, under the membership in force.
    pub fn verdict(&self, finding: &Finding, voters: &[usize]) -> Command {
        let statements = voters.iter().map(|voter| self.signed(finding, *voter, self.membership())).collect();
        Command::SubmitVerdict { finding: finding.clone(), statements }
    }

    pub fn find(&mut self, finding: &Finding) {
        let command = self.verdict(finding, &[0, 2]);
        self.f.act(&self.node(0), command);
    }

    pub fn placement(&self, workload: &str) -> Placement {
        self.f.state.placement(&name(workload)).unwrap().value.clone()
    }

    /// Clusters with their roles and epochs.
    pub fn copies(&self, workload: &str) -> Vec<(String, CopyRole, u64)> {
        self.placement(workload).copies.iter().map(|c| (c.cluster.to_string(), c.role, c.epoch)).collect()
    }

    pub fn active(&self, workload: &str) -> Vec<PlacedCopy> {
        self.placement(workload).copies.into_iter().filter(|copy| copy.role == CopyRole::Active).collect()
    }

    pub fn agent(&self, cluster: &str) -> Signer {
        self.agents[&name(cluster)].clone()
    }

    pub fn receipt(&mut self, workload: &str, cluster: &str, epoch: u64) -> Outcome {
        let agent = self.agent(cluster);
        let command = Command::Receipt { cluster: name(cluster), workload: name(workload), epoch };
        self.f.try_to(&agent, command)
    }

    /// What a leader that was tampered with lets in must be refused by this replica, and by one restored from a snapshot,
    /// with the same hashes; and it moves nothing.
    pub fn refused_everywhere(&mut self, author: &Signer, command: Command) -> Refusal {
        self.refused_with(author, command).0
    }

    /// The same, with the alarm that it raises.
    pub fn refused_with(&mut self, author: &Signer, command: Command) -> (Refusal, Option<Alarm>) {
        let statement: Statement = self.f.statement(author, command.clone());
        let bytes = entry(self.f.clock, &signed(author, statement.to_payload()));
        let mut other = restored(&self.f.state);
        let placements: Vec<_> = self.f.state.placements().cloned().collect();
        let applied = self.f.apply_bytes(&bytes);
        let theirs = other.apply(at(self.f.index), LogEntry::Command(&bytes), &self.f.verifier);
        assert_eq!(applied, theirs);
        assert_eq!(self.f.state.head(), other.head());
        assert_eq!(self.f.state.recompute_hash(), self.f.state.head().state);
        assert!(placements.iter().eq(self.f.state.placements()), "a refusal moved something");
        match applied.outcome {
            Some(Outcome::Refused(refusal)) => (refusal, applied.alarm),
            other => panic!("{command:?} was not refused: {other:?}"),
        }
    }
}

pub fn restored(state: &State) -> State {
    let mut restore = Restore::new();
    state.records().for_each(|record| restore.push(&record).unwrap());
    let restored = restore.finish().unwrap();
    assert_eq!(restored.inventory(), state.inventory(), "what planning knows follows from the tables");
    restored
}

pub fn unreachable(site: &str, presence: u64) -> Finding {
    Finding::Unreachable { site: name(site), presence }
}

pub fn ended(cluster: &str, generation: u64) -> Finding {
    Finding::LeaseEnded { cluster: name(cluster), generation }
}

pub fn workload(text: &str) -> WorkloadName {
    name(text)
}
