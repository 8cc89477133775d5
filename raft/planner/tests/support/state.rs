//! A state in few words: whatever is not said has a usual value. YAML for people, resources for the planner.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use verbund_model::id::{ClusterName, Hash, KeyId, TicketName};
use verbund_model::key::{Algorithm, PublicKey};
use verbund_model::resource::*;
use verbund_model::{Document, ExceptionName, OrgName, SecretName, SiteName, WorkloadName};
use verbund_planner::Inventory;

/// The time of every scenario, unless it says another: 2026-11-22.
pub const NOW: Millis = 1_795_000_000_000;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct State {
    /// Organisations that are not active.
    pub organisations: BTreeMap<OrgName, Standing>,
    pub sites: BTreeMap<SiteName, SiteText>,
    pub clusters: BTreeMap<ClusterName, ClusterText>,
    pub evidence: Vec<EvidenceText>,
    pub workloads: BTreeMap<WorkloadName, WorkloadText>,
    pub placements: BTreeMap<WorkloadName, PlacementText>,
    pub consents: Vec<Consent>,
    pub exceptions: Vec<ExceptionText>,
    pub vetoes: Vec<LicenceVeto>,
    pub secrets: Vec<SecretText>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SiteText {
    /// The organisation that runs it; usually one of the same name.
    pub organisation: Option<OrgName>,
    /// Degrees north and east; none: nobody said.
    pub at: Option<[f64; 2]>,
    pub country: String,
    pub operator: Operator,
    pub standing: Standing,
    pub lost: bool,
}

impl Default for SiteText {
    fn default() -> Self {
        let (country, operator, standing) = ("DE".to_owned(), Operator::Public, Standing::Active);
        Self { organisation: None, at: None, country, operator, standing, lost: false }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterText {
    pub site: Option<SiteName>,
    pub zone: Zone,
    pub schutzbedarf: Schutzbedarf,
    pub confidentiality: Confidentiality,
    pub stage: Stage,
    pub networks: BTreeSet<Network>,
    pub labels: BTreeMap<String, String>,
    pub cluster_kinds: BTreeSet<String>,
    pub price: u32,
    pub standing: ClusterStanding,
    pub observed: bool,
    pub ready: bool,
    pub impairment: String,
    pub kubernetes: String,
    pub kinds: BTreeSet<String>,
    pub storage_classes: BTreeSet<String>,
    pub ingress_classes: BTreeSet<String>,
    /// CPUs, GiB of memory, GiB of storage, pods, and GPUs that its nodes can give; those that others use.
    pub has: AmountsText,
    pub foreign: AmountsText,
    /// The last generation of its lease; 0: none yet.
    pub lease: u64,
    pub lease_open: bool,
}

impl Default for ClusterText {
    fn default() -> Self {
        Self {
            site: None,
            zone: Zone::Internal,
            schutzbedarf: Schutzbedarf::Normal,
            confidentiality: Confidentiality::Confidential,
            stage: Stage::Production,
            networks: BTreeSet::from([Network::Ndb]),
            labels: BTreeMap::new(),
            cluster_kinds: BTreeSet::new(),
            price: 3000,
            standing: ClusterStanding::Active,
            observed: true,
            ready: true,
            impairment: String::new(),
            kubernetes: "1.35".into(),
            kinds: ["apps/v1/Deployment", "v1/Service", "v1/ConfigMap"].map(String::from).into(),
            storage_classes: BTreeSet::from(["standard".to_owned()]),
            ingress_classes: BTreeSet::from(["nginx".to_owned()]),
            has: AmountsText { cpu: 100, memory: 400, storage: 1000, pods: 500, gpu: 0 },
            foreign: AmountsText::default(),
            lease: 1,
            lease_open: true,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmountsText {
    pub cpu: u64,
    pub memory: u64,
    pub storage: u64,
    pub pods: u64,
    pub gpu: u64,
}

impl AmountsText {
    pub fn amounts(self) -> Amounts {
        const GIB: u64 = 1 << 30;
        let gpu = (self.gpu > 0).then(|| ("nvidia.com/gpu".to_owned(), self.gpu));
        Amounts {
            cpu_millis: self.cpu * 1000,
            memory_bytes: self.memory * GIB,
            storage_bytes: self.storage * GIB,
            pods: self.pods,
            extended: gpu.into_iter().collect(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceText {
    pub of: EvidenceSubject,
    pub kind: EvidenceKind,
    /// Days from now; below 0: expired.
    pub days: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretText {
    pub workload: WorkloadName,
    pub name: SecretName,
    /// The sites that can open it.
    pub to: BTreeSet<SiteName>,
    /// The sites to which it was sealed for a key that they have no longer.
    #[serde(default)]
    pub before: BTreeSet<SiteName>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExceptionText {
    pub rule: String,
    pub workload: WorkloadName,
    pub days: i64,
    pub approvals: u8,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WorkloadText {
    pub organisation: OrgName,
    pub customer: Option<OrgName>,
    pub zone: Zone,
    pub schutzbedarf: Schutzbedarf,
    pub confidentiality: Confidentiality,
    pub stage: Stage,
    pub networks: BTreeSet<Network>,
    pub important: bool,
    pub kubernetes_min: Option<String>,
    pub kubernetes_max: Option<String>,
    pub kinds: BTreeSet<String>,
    pub storage_classes: BTreeSet<String>,
    pub ingress_classes: BTreeSet<String>,
    pub evidence: BTreeSet<EvidenceKind>,
    pub sites: BTreeSet<SiteName>,
    pub labels: BTreeMap<String, String>,
    pub wants: AmountsText,
    /// How it is held back; none: it is parallel.
    pub exclusive: Option<FenceLevel>,
    pub copies: u8,
    pub standby: Option<DistanceClass>,
    pub priority: u16,
    pub failover: FailoverAuthority,
    pub secrets: BTreeSet<SecretName>,
    pub manifests: Vec<Document>,
}

impl Default for WorkloadText {
    fn default() -> Self {
        Self {
            organisation: name("kommune"),
            customer: None,
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
            sites: BTreeSet::new(),
            labels: BTreeMap::new(),
            wants: AmountsText { cpu: 4, memory: 8, storage: 0, pods: 4, gpu: 0 },
            exclusive: None,
            copies: 1,
            standby: None,
            priority: 0,
            failover: FailoverAuthority::Automatic,
            secrets: BTreeSet::new(),
            manifests: vec![],
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementText {
    pub epoch: u64,
    pub copies: BTreeMap<ClusterName, CopyText>,
    pub waiting: Option<Waiting>,
    pub target: Option<ClusterName>,
    pub home: Option<ClusterName>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyText {
    pub role: CopyRole,
    #[serde(default)]
    pub epoch: u64,
    #[serde(default)]
    pub generation: u64,
    #[serde(default)]
    pub ready: bool,
}

/// Reads a name of whatever kind.
pub fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Reads `1.35`.
pub fn version(text: &str) -> KubernetesVersion {
    let (major, minor) = text.split_once('.').unwrap();
    KubernetesVersion { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
}

/// Reads `apps/v1/Deployment` and `v1/Service`.
pub fn kind(text: &str) -> ApiKind {
    let parts: Vec<&str> = text.split('/').collect();
    let [group, version, kind] = parts[..] else {
        return ApiKind { group: String::new(), version: parts[0].into(), kind: parts[1].into() };
    };
    ApiKind { group: group.into(), version: version.into(), kind: kind.into() }
}

fn kinds(texts: &BTreeSet<String>) -> BTreeSet<ApiKind> {
    texts.iter().map(|text| kind(text)).collect()
}

fn key(algorithm: Algorithm) -> PublicKey {
    key_of(algorithm, 7)
}

fn key_of(algorithm: Algorithm, byte: u8) -> PublicKey {
    let mut point = vec![byte; 1 + 2 * algorithm.coordinate_len()];
    point[0] = 4;
    PublicKey::from_point(algorithm, point).unwrap()
}

fn days(days: i64) -> Millis {
    NOW.checked_add_signed(days * 86_400_000).unwrap()
}

pub fn change() -> TicketName {
    name("change-1")
}

impl SiteText {
    pub fn put(&self, site: &SiteName, inventory: &mut Inventory) {
        let organisation = self.organisation.clone().unwrap_or_else(|| name(site.as_str()));
        let keys = key(Algorithm::P384);
        inventory.put_site(&Site {
            name: site.clone(),
            organisation,
            land: name("DE-HH"),
            facts: None,
            maintenance: Maintenance::default(),
            anchors: vec![],
            issuing_key: keys.clone(),
            authorities: Vec::new(),
            retired: BTreeSet::new(),
            sealing_key: keys,
            standing: self.standing,
        });
        inventory.remove_facts(site);
        if let Some([latitude, longitude]) = self.at {
            let micro = |degrees: f64| (degrees * 1e6).round() as i32;
            let coordinates = Coordinates { latitude: micro(latitude), longitude: micro(longitude) };
            let facts =
                SiteFacts { coordinates, country: self.country.clone(), operator: self.operator, fallback: true };
            inventory.put_facts(site, &facts);
        }
        inventory.put_presence(&Presence { site: site.clone(), number: 1, lost: self.lost });
    }
}

impl ClusterText {
    pub fn cluster(&self, name: &ClusterName) -> Cluster {
        let observation = Observation {
            measured: NOW,
            kubernetes: version(&self.kubernetes),
            kinds: kinds(&self.kinds),
            storage_classes: self.storage_classes.clone(),
            ingress_classes: self.ingress_classes.clone(),
            allocatable: self.has.amounts(),
            foreign: self.foreign.amounts(),
            ready: self.ready,
            impairment: self.impairment.clone(),
        };
        Cluster {
            name: name.clone(),
            site: self.site.clone().expect("a cluster has a site"),
            spec: ClusterSpec {
                zone: self.zone,
                schutzbedarf: self.schutzbedarf,
                confidentiality: self.confidentiality,
                stage: self.stage,
                networks: self.networks.clone(),
                labels: self.labels.clone(),
                cluster_kinds: kinds(&self.cluster_kinds),
                price: self.price,
            },
            agent: KeyId(Hash([1; 32])),
            standing: self.standing,
            observation: self.observed.then_some(observation),
            incarnation: 0,
        }
    }

    pub fn put(&self, name: &ClusterName, inventory: &mut Inventory) {
        inventory.put_cluster(&self.cluster(name));
        inventory.remove_lease(name);
        if self.lease > 0 {
            let (cluster, generation, open) = (name.clone(), self.lease, self.lease_open);
            inventory.put_lease(&Lease { cluster, generation, open, opened_at: 1 });
        }
    }
}

impl WorkloadText {
    pub fn workload(&self, name: &WorkloadName) -> Workload {
        let requirements = Requirements {
            zone: self.zone,
            schutzbedarf: self.schutzbedarf,
            confidentiality: self.confidentiality,
            stage: self.stage,
            networks: self.networks.clone(),
            important: self.important,
            kubernetes_min: self.kubernetes_min.as_deref().map(version),
            kubernetes_max: self.kubernetes_max.as_deref().map(version),
            kinds: kinds(&self.kinds),
            storage_classes: self.storage_classes.clone(),
            ingress_classes: self.ingress_classes.clone(),
            evidence: self.evidence.clone(),
            amounts: self.wants.amounts(),
            sites: self.sites.clone(),
            labels: self.labels.clone(),
        };
        let mode = self.exclusive.map_or(Mode::Parallel { copies: self.copies }, |fence| Mode::Exclusive { fence });
        Workload {
            name: name.clone(),
            organisation: self.organisation.clone(),
            customer: self.customer.clone(),
            spec: WorkloadSpec {
                requirements,
                mode,
                standby: self.standby.map(|distance| Standby { distance }),
                priority: self.priority,
                stop_budget: 1000,
                rto: 0,
                rpo: 0,
                failover: self.failover,
                maintenance: Maintenance::default(),
                secrets: self.secrets.clone(),
                manifests: self.manifests.clone(),
            },
            deleting: false,
        }
    }
}

impl PlacementText {
    pub fn placement(&self, workload: &WorkloadName) -> Placement {
        let copy = |(cluster, copy): (&ClusterName, &CopyText)| PlacedCopy {
            cluster: cluster.clone(),
            role: copy.role,
            epoch: copy.epoch,
            generation: copy.generation,
            since: NOW - 1000,
            phase: if copy.ready { CopyPhase::Ready } else { CopyPhase::Pending },
        };
        Placement {
            workload: workload.clone(),
            epoch: self.epoch,
            copies: self.copies.iter().map(copy).collect(),
            waiting: self.waiting.clone(),
            target: self.target.clone(),
            cause: Cause::Applied,
            home: self.home.clone(),
            change: change(),
        }
    }
}

impl State {
    /// Puts everything.
    pub fn put(&self, inventory: &mut Inventory) {
        for (site, text) in &self.sites {
            text.put(site, inventory);
            let organisation = text.organisation.clone().unwrap_or_else(|| name(site.as_str()));
            put_organisation(&organisation, Standing::Active, inventory);
        }
        for (organisation, standing) in &self.organisations {
            put_organisation(organisation, *standing, inventory);
        }
        self.clusters.iter().for_each(|(name, text)| text.put(name, inventory));
        for (number, text) in self.evidence.iter().enumerate() {
            inventory.put_evidence(&Evidence {
                name: name(&format!("evidence-{number}")),
                subject: text.of.clone(),
                kind: text.kind,
                issuer: "BSI".into(),
                document: Hash([2; 32]),
                valid_until: days(text.days),
            });
        }
        self.workloads.iter().for_each(|(name, text)| inventory.put_workload(&text.workload(name)));
        self.placements.iter().for_each(|(name, text)| inventory.put_placement(&text.placement(name)));
        self.consents.iter().for_each(|consent| inventory.put_consent(consent));
        self.vetoes.iter().for_each(|veto| inventory.put_veto(veto));
        self.secrets.iter().for_each(|text| inventory.put_secret(&text.secret()));
        for (number, text) in self.exceptions.iter().enumerate() {
            inventory.put_exception(&exception(name(&format!("exception-{number}")), text));
        }
    }
}

impl SecretText {
    pub fn secret(&self) -> SealedSecret {
        let for_key = |byte| Recipient { key: key_of(Algorithm::P384, byte), sealed: Der(vec![0; 145]) };
        let to = self.to.iter().map(|site| (site.clone(), for_key(7)));
        let before = self.before.iter().map(|site| (site.clone(), for_key(8)));
        SealedSecret {
            workload: self.workload.clone(),
            name: self.name.clone(),
            organisation: name("kommune"),
            sealed: Sealed {
                revision: 1,
                keys: BTreeSet::from(["password".to_owned()]),
                ciphertext: Der(vec![0; 300]),
                recipients: to.chain(before).collect(),
            },
            delegated: false,
            values_since: 1,
            exposed: self.to.union(&self.before).cloned().collect(),
        }
    }
}

fn put_organisation(name: &OrgName, standing: Standing, inventory: &mut Inventory) {
    let (roles, display_name) = (BTreeSet::new(), name.to_string());
    inventory.put_organisation(&Organisation {
        name: name.clone(),
        display_name,
        roles,
        parent: None,
        maintenance: Maintenance::default(),
        standing,
    });
}

fn exception(name: ExceptionName, text: &ExceptionText) -> Exception {
    Exception {
        name,
        rule: text.rule.clone(),
        workload: text.workload.clone(),
        reason: "Kabelweg".into(),
        until: days(text.days),
        approvals: (0..text.approvals).map(|number| KeyId(Hash([number; 32]))).collect(),
    }
}
