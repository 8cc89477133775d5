//! What the planner keeps of a workload: its demands, without its manifests.

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::resource::{
    Amounts, ApiKind, ClusterSpec, Confidentiality, EvidenceKind, FailoverAuthority, KubernetesVersion, Mode, Network,
    Requirements, Schutzbedarf, Stage, Standby, Workload, Zone,
};
use verbund_model::{Document, OrgName, SecretName, SiteName, WorkloadName};

/// By what clusters are grouped: a workload only ever fits into its own group.
pub(crate) type Group = (Zone, Schutzbedarf, Stage);

/// The group of a cluster.
pub(crate) const fn group(spec: &ClusterSpec) -> Group {
    (spec.zone, spec.schutzbedarf, spec.stage)
}

/// What a workload demands of a site. Few are different.
pub(crate) type SiteDemand = (bool, BTreeSet<EvidenceKind>, BTreeSet<SiteName>);

/// What a workload demands of a place but for amounts. Many workloads have the same, so that a batch tries it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) zone: Zone,
    pub(crate) schutzbedarf: Schutzbedarf,
    pub(crate) stage: Stage,
    pub(crate) confidentiality: Confidentiality,
    pub(crate) important: bool,
    pub(crate) kubernetes_min: Option<KubernetesVersion>,
    pub(crate) kubernetes_max: Option<KubernetesVersion>,
    pub(crate) networks: BTreeSet<Network>,
    pub(crate) evidence: BTreeSet<EvidenceKind>,
    pub(crate) sites: BTreeSet<SiteName>,
    pub(crate) storage_classes: BTreeSet<String>,
    pub(crate) ingress_classes: BTreeSet<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Kinds that the cluster must know: the demanded ones, and those of the manifests that these do not define themselves.
    pub(crate) kinds: BTreeSet<ApiKind>,
    /// Those of the kinds that are known to be cluster-scoped.
    pub(crate) cluster_kinds: BTreeSet<ApiKind>,
}

impl Shape {
    pub(crate) const fn group(&self) -> Group {
        (self.zone, self.schutzbedarf, self.stage)
    }

    /// All that the filters of sites look at.
    pub(crate) fn of_site(&self) -> SiteDemand {
        (self.important, self.evidence.clone(), self.sites.clone())
    }
}

/// A workload as the planner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) name: WorkloadName,
    pub(crate) organisation: OrgName,
    /// Whose data it is, if another's than the operator's.
    pub(crate) customer: Option<OrgName>,
    pub(crate) shape: Shape,
    /// The secrets that its site must be able to open.
    pub(crate) secrets: BTreeSet<SecretName>,
    pub(crate) amounts: Amounts,
    pub(crate) mode: Mode,
    pub(crate) standby: Option<Standby>,
    pub(crate) priority: u16,
    pub(crate) failover: FailoverAuthority,
}

impl Demand {
    pub(crate) fn of(workload: &Workload) -> Self {
        let spec = &workload.spec;
        Self {
            name: workload.name.clone(),
            organisation: workload.organisation.clone(),
            customer: workload.customer.clone().filter(|customer| *customer != workload.organisation),
            shape: shape(&spec.requirements, &spec.manifests),
            secrets: spec.secrets.clone(),
            amounts: spec.requirements.amounts.clone(),
            mode: spec.mode.clone(),
            standby: spec.standby,
            priority: spec.priority,
            failover: spec.failover,
        }
    }

    pub(crate) const fn is_exclusive(&self) -> bool {
        matches!(self.mode, Mode::Exclusive { .. })
    }

    /// How many active copies are wanted.
    pub(crate) fn copies(&self) -> usize {
        match self.mode {
            Mode::Exclusive { .. } => 1,
            Mode::Parallel { copies } => usize::from(copies),
        }
    }
}

fn shape(wanted: &Requirements, manifests: &[Document]) -> Shape {
    let brought = Brought::of(manifests);
    let kinds: BTreeSet<ApiKind> = wanted
        .kinds
        .iter()
        .cloned()
        .chain(brought.kinds.into_iter().filter(|k| !brought.defined.contains(&(k.group.clone(), k.kind.clone()))))
        .collect();
    Shape {
        zone: wanted.zone,
        schutzbedarf: wanted.schutzbedarf,
        stage: wanted.stage,
        confidentiality: wanted.confidentiality,
        important: wanted.important,
        kubernetes_min: wanted.kubernetes_min,
        kubernetes_max: wanted.kubernetes_max,
        networks: wanted.networks.clone(),
        evidence: wanted.evidence.clone(),
        sites: wanted.sites.clone(),
        storage_classes: wanted.storage_classes.clone(),
        ingress_classes: wanted.ingress_classes.clone(),
        labels: wanted.labels.clone(),
        cluster_kinds: kinds
            .iter()
            .chain(&brought.scoped)
            .filter(|kind| brought.scoped.contains(kind) || is_cluster_scoped(kind))
            .cloned()
            .collect(),
        kinds,
    }
}

/// What manifests bring.
#[derive(Default)]
struct Brought {
    /// The kinds of the objects.
    kinds: BTreeSet<ApiKind>,
    /// Group and name of the kinds that they define themselves.
    defined: BTreeSet<(String, String)>,
    /// Objects of kinds that they define themselves as cluster-scoped.
    scoped: BTreeSet<ApiKind>,
}

impl Brought {
    fn of(manifests: &[Document]) -> Self {
        let mut brought = Self::default();
        let mut scoped = BTreeSet::new();
        for manifest in manifests {
            let object = manifest.to_value();
            let text = |pointer: &str| object.pointer(pointer).and_then(|value| value.as_str());
            let (Some(version), Some(kind)) = (text("/apiVersion"), text("/kind")) else { continue };
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            if let (true, "CustomResourceDefinition", Some(of), Some(name)) =
                (group == "apiextensions.k8s.io", kind, text("/spec/group"), text("/spec/names/kind"))
            {
                let defined = (of.to_owned(), name.to_owned());
                if text("/spec/scope") == Some("Cluster") {
                    scoped.insert(defined.clone());
                }
                brought.defined.insert(defined);
            }
            brought.kinds.insert(ApiKind {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.to_owned(),
            });
        }
        let is_scoped = |kind: &&ApiKind| scoped.contains(&(kind.group.clone(), kind.kind.clone()));
        brought.scoped = brought.kinds.iter().filter(is_scoped).cloned().collect();
        brought
    }
}

/// The cluster-scoped kinds of Kubernetes itself, by group. Of kinds that others define the scope is not known here:
/// the agent, which asks its API server, refuses those that are not listed.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["IngressClass", "IPAddress", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"]),
];

fn is_cluster_scoped(kind: &ApiKind) -> bool {
    CLUSTER_SCOPED.iter().any(|(group, kinds)| *group == kind.group && kinds.contains(&kind.kind.as_str()))
}
