//! Why a cluster does not fit: typed, with what was found and what was wanted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_model::resource::{
    ApiKind, ClusterStanding, Confidentiality, EvidenceKind, KubernetesVersion, Millis, Network, Operator,
    Schutzbedarf, Stage, Standing, Zone,
};
use verbund_model::{ClusterName, OrgName, SecretName, SiteName};

use crate::rule::Rule;
use crate::words;

/// A language in which reasons are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// German.
    De,
    /// English.
    En,
}

/// Why a cluster does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Reason {
    /// The site, or the organisation that runs it, was excluded.
    Excluded {
        /// The site.
        site: SiteName,
    },
    /// The site is suspended, or is unknown.
    SiteStanding {
        /// Its standing; none: there is no such site.
        found: Option<Standing>,
    },
    /// The organisation that runs the site is not in good standing.
    OrganisationStanding {
        /// The organisation, if the site is known.
        organisation: Option<OrgName>,
        /// Its standing; none: there is no such organisation.
        found: Option<Standing>,
    },
    /// A majority of voters found the site lost.
    SiteLost {
        /// The site.
        site: SiteName,
    },
    /// The cluster takes nothing new.
    ClusterStanding {
        /// Its standing.
        found: ClusterStanding,
    },
    /// Its agent has measured nothing yet.
    NotObserved,
    /// Its agent found it not ready.
    NotReady {
        /// What is wrong, in the agent's words.
        impairment: String,
    },
    /// It is in another zone.
    Zone {
        /// Its zone.
        found: Zone,
        /// The demanded one.
        wanted: Zone,
    },
    /// It has another protection need.
    Schutzbedarf {
        /// Its protection need.
        found: Schutzbedarf,
        /// The demanded one.
        wanted: Schutzbedarf,
    },
    /// It may not serve data as confidential as this.
    Confidentiality {
        /// The most that it may serve.
        found: Confidentiality,
        /// What is demanded at least.
        wanted: Confidentiality,
    },
    /// It is for something else.
    Stage {
        /// What it is for.
        found: Stage,
        /// What is demanded.
        wanted: Stage,
    },
    /// The site does not stand in Germany, or nobody said where it stands.
    Country {
        /// The country, if known.
        found: Option<String>,
    },
    /// The site is not under public control, or nobody said who runs it.
    PublicControl {
        /// Who runs it, if known.
        found: Option<Operator>,
    },
    /// An evidence is missing or has expired.
    Evidence {
        /// What is to be attested.
        kind: EvidenceKind,
        /// Until when the last one held; none: there never was one.
        expired: Option<Millis>,
    },
    /// It is not reached from all networks.
    Networks {
        /// From where it is reached.
        found: BTreeSet<Network>,
        /// From where it is not.
        missing: BTreeSet<Network>,
    },
    /// Its Kubernetes is too old or too new.
    Kubernetes {
        /// Its version.
        found: KubernetesVersion,
        /// The oldest that will do.
        min: Option<KubernetesVersion>,
        /// The newest that will do.
        max: Option<KubernetesVersion>,
    },
    /// It does not know all kinds of objects.
    ApiKinds {
        /// Those that it does not know.
        missing: BTreeSet<ApiKind>,
    },
    /// It does not allow all cluster-scoped kinds.
    ClusterKinds {
        /// Those that are allowed.
        found: BTreeSet<ApiKind>,
        /// Those that are not.
        missing: BTreeSet<ApiKind>,
    },
    /// It lacks storage classes.
    StorageClasses {
        /// Those that it has.
        found: BTreeSet<String>,
        /// Those that it lacks.
        missing: BTreeSet<String>,
    },
    /// It lacks ingress classes.
    IngressClasses {
        /// Those that it has.
        found: BTreeSet<String>,
        /// Those that it lacks.
        missing: BTreeSet<String>,
    },
    /// It lacks a label.
    Label {
        /// The label's key.
        key: String,
        /// Its value, if it has one.
        found: Option<String>,
        /// The demanded value.
        wanted: String,
    },
    /// Its site is not among the allowed ones.
    AllowedSites {
        /// Its site.
        found: SiteName,
        /// The allowed ones.
        wanted: BTreeSet<SiteName>,
    },
    /// Its Plattformbetreiber refuses the workload for its licence.
    LicenceVeto {
        /// Why.
        reason: String,
    },
    /// The customer has not consented to the site.
    Consent {
        /// The customer.
        customer: OrgName,
        /// The sites to which it consented; none: it gave no consent.
        found: Option<BTreeSet<SiteName>>,
        /// The cluster's site.
        wanted: SiteName,
    },
    /// Its site can't open every secret that the workload needs.
    Secrets {
        /// The site.
        site: SiteName,
        /// Those that it can open.
        found: BTreeSet<SecretName>,
        /// Those that are not sealed to it, or not sealed at all yet.
        missing: BTreeSet<SecretName>,
    },
    /// It has too little of an extended resource.
    ExtendedResource {
        /// The resource.
        name: String,
        /// How much is free.
        found: u64,
        /// How much is wanted.
        wanted: u64,
    },
    /// It has too little room.
    Capacity {
        /// Of what.
        resource: Compute,
        /// How much is free.
        found: u64,
        /// How much is wanted.
        wanted: u64,
    },
    /// No generation of its lease is open, so that it may run nothing exclusive.
    Lease {
        /// The last generation; none: it never had one.
        closed: Option<u64>,
    },
    /// Another copy is at the same site.
    SameSite {
        /// The site.
        site: SiteName,
        /// Where the other copy is.
        other: ClusterName,
    },
    /// It is too near to the other copy.
    Distance {
        /// Where the other copy is.
        other: SiteName,
        /// Whole kilometres; none: nobody said where one of both stands.
        found: Option<u32>,
        /// Whole kilometres at least.
        wanted: u32,
        /// Whether an exception would make this distance do.
        exception: bool,
    },
}

/// What a cluster has of compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compute {
    /// Thousandths of a CPU.
    CpuMillis,
    /// Bytes of memory.
    MemoryBytes,
    /// Bytes of persistent storage.
    StorageBytes,
    /// Pods.
    Pods,
}

impl Compute {
    /// All, in the order of the amounts that the planner keeps.
    pub const ALL: [Self; 4] = [Self::CpuMillis, Self::MemoryBytes, Self::StorageBytes, Self::Pods];
}

impl Reason {
    /// The rule that is not kept.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Excluded { .. } => Rule::Membership,
            Self::SiteStanding { .. } => Rule::SiteStanding,
            Self::OrganisationStanding { .. } => Rule::OrganisationStanding,
            Self::SiteLost { .. } => Rule::SitePresent,
            Self::ClusterStanding { .. } => Rule::ClusterStanding,
            Self::NotObserved | Self::NotReady { .. } => Rule::Observation,
            Self::Zone { .. } => Rule::Zone,
            Self::Schutzbedarf { .. } => Rule::Schutzbedarf,
            Self::Confidentiality { .. } => Rule::Confidentiality,
            Self::Stage { .. } => Rule::Stage,
            Self::Country { .. } => Rule::Country,
            Self::PublicControl { .. } => Rule::PublicControl,
            Self::Evidence { kind, .. } => match kind {
                EvidenceKind::Iso27001 => Rule::Iso27001,
                EvidenceKind::C5 => Rule::C5,
                EvidenceKind::CncfConformance => Rule::CncfConformance,
                EvidenceKind::ScsKaas => Rule::ScsKaas,
            },
            Self::Networks { .. } => Rule::Networks,
            Self::Kubernetes { .. } => Rule::Kubernetes,
            Self::ApiKinds { .. } => Rule::ApiKinds,
            Self::ClusterKinds { .. } => Rule::ClusterKinds,
            Self::StorageClasses { .. } => Rule::StorageClasses,
            Self::IngressClasses { .. } => Rule::IngressClasses,
            Self::Label { .. } => Rule::Labels,
            Self::AllowedSites { .. } => Rule::AllowedSites,
            Self::LicenceVeto { .. } => Rule::LicenceVeto,
            Self::Consent { .. } => Rule::Consent,
            Self::Secrets { .. } => Rule::Secrets,
            Self::ExtendedResource { .. } => Rule::ExtendedResources,
            Self::Capacity { .. } => Rule::Capacity,
            Self::Lease { .. } => Rule::Lease,
            Self::SameSite { .. } => Rule::DistinctSites,
            Self::Distance { .. } => Rule::Distance,
        }
    }

    /// The id of the standard behind the rule.
    #[must_use]
    pub const fn standard(&self) -> &'static str {
        self.rule().standard()
    }

    /// The value that was found, in words of `lang`.
    #[must_use]
    pub fn found(&self, lang: Lang) -> String {
        words::found(self, lang)
    }

    /// The value that was wanted, in words of `lang`.
    #[must_use]
    pub fn wanted(&self, lang: Lang) -> String {
        words::wanted(self, lang)
    }

    /// One sentence that says what is wrong, with both values.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        words::sentence(self, lang)
    }
}
