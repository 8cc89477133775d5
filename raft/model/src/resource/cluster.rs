//! Clusters, what their agents measure, and what is attested of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Amounts, ApiKind, Confidentiality, EvidenceKind, KubernetesVersion, Millis, Network, Schutzbedarf, Stage, Zone,
};
use crate::id::{ClusterName, EvidenceName, Hash, KeyId, SiteName, WorkloadName};

/// What a Plattformbetreiber says of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSpec {
    /// Its one zone (DVS-012).
    pub zone: Zone,
    /// Its one protection need.
    pub schutzbedarf: Schutzbedarf,
    /// The most confidential data that it may serve.
    pub confidentiality: Confidentiality,
    /// What it is for.
    pub stage: Stage,
    /// Networks from which it is reached (DVS-011).
    #[serde(default)]
    pub networks: BTreeSet<Network>,
    /// Labels that workloads may demand.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Cluster-scoped kinds that workloads may bring.
    #[serde(default)]
    pub cluster_kinds: BTreeSet<ApiKind>,
    /// The price of a CPU for a month, in cents; 0: not given.
    #[serde(default)]
    pub price: u32,
}

/// Whether a cluster takes workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterStanding {
    /// It takes workloads.
    Active,
    /// What runs stays, nothing new comes.
    Cordoned,
}

/// A Kubernetes cluster that a site registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Its site.
    pub site: SiteName,
    /// What its operator says of it.
    pub spec: ClusterSpec,
    /// The key with which its agent signs.
    pub agent: KeyId,
    /// Whether it takes workloads.
    pub standing: ClusterStanding,
    /// What its agent measured last.
    pub observation: Option<Observation>,
    /// Which start of its agent holds the lease: the log index of the entry with which the agent last registered a start; 0:
    /// it registered none (lease.md 2). It only rises.
    pub incarnation: u64,
}

/// What an agent measured at its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observation {
    /// When, by the agent's clock.
    pub measured: Millis,
    /// The version of its API server.
    pub kubernetes: KubernetesVersion,
    /// The kinds of objects that it knows.
    pub kinds: BTreeSet<ApiKind>,
    /// Its storage classes.
    pub storage_classes: BTreeSet<String>,
    /// Its ingress classes.
    pub ingress_classes: BTreeSet<String>,
    /// What its ready nodes can give.
    pub allocatable: Amounts,
    /// What pods that are not of the federation's workloads ask of it.
    pub foreign: Amounts,
    /// Whether its API server answers and its nodes run pods.
    pub ready: bool,
    /// What is wrong with it, in the agent's words; empty when nothing is.
    pub impairment: String,
}

/// Of what an evidence speaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EvidenceSubject {
    /// A site, with all its clusters.
    Site(SiteName),
    /// A cluster.
    Cluster(ClusterName),
}

/// A certificate or attestation (DVS-005, DVS-006).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// Its name.
    pub name: EvidenceName,
    /// Of what it speaks.
    pub subject: EvidenceSubject,
    /// What it attests.
    pub kind: EvidenceKind,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of the document.
    pub document: Hash,
    /// Until when it holds.
    pub valid_until: Millis,
}

/// A cluster's right to run exclusive workloads: which generation of its lease is open (lease.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lease {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its generation, which only rises (I6).
    pub generation: u64,
    /// Whether that generation is open. A closed one never opens again.
    pub open: bool,
    /// Log index of the entry that opened it.
    pub opened_at: u64,
}

/// Whether a site is there: which of its presences is the last (design 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Presence {
    /// The site.
    pub site: SiteName,
    /// Rises each time it is found lost, and each time it returns.
    pub number: u64,
    /// Whether a majority of voters found it lost.
    pub lost: bool,
}

/// A Plattformbetreiber's refusal to run a workload, for its licence (Rahmenwerk 5.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LicenceVeto {
    /// The site that will not run it.
    pub site: SiteName,
    /// The workload.
    pub workload: WorkloadName,
    /// Why.
    pub reason: String,
}
