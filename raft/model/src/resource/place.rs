//! What places are like and what workloads demand of them: the words of the Rahmenwerk.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it, as in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// A zone of the zone model (DVS-012-R02, Rahmenwerk 5.3.2). A cluster lies in exactly one.
    Zone {
        /// Reached from the internet.
        External = "external",
        /// Reached from administrative networks.
        Internal = "internal",
        /// Raised protection.
        Raised = "raised",
    }
}

words! {
    /// The protection need of BSI-Standard 200-2. A cluster has exactly one (Rahmenwerk 5.3.4), and no workload runs on a
    /// cluster with another.
    Schutzbedarf {
        /// Damage is limited.
        Normal = "normal",
        /// Damage can be considerable.
        Hoch = "hoch",
        /// Damage can threaten the existence.
        SehrHoch = "sehr-hoch",
    }
}

words! {
    /// How confidential what is processed may be at most. Ordered: a cluster serves everything up to its own.
    Confidentiality {
        /// For everybody.
        Public = "public",
        /// Within the administration.
        Internal = "internal",
        /// Personal data and other secrets of office.
        Confidential = "confidential",
        /// Verschlusssache, nur für den Dienstgebrauch.
        VsNfd = "vs-nfd",
    }
}

words! {
    /// What a cluster is for: development and production never share one (Rahmenwerk 5.3.4).
    Stage {
        /// Development.
        Development = "development",
        /// Tests and acceptance.
        Test = "test",
        /// Production.
        Production = "production",
    }
}

words! {
    /// A network from which a cluster is reached (DVS-011-R02).
    Network {
        /// The internet.
        Internet = "internet",
        /// Netze des Bundes.
        Ndb = "ndb",
        /// Netze des Bundes, Verbindungsnetz (IT-NetzG).
        NdbVn = "ndb-vn",
        /// A Land's own network.
        Landesnetz = "landesnetz",
        /// A municipal network.
        Kommunalnetz = "kommunalnetz",
    }
}

words! {
    /// Who runs a site (DVS-003-R02).
    Operator {
        /// The public hand.
        Public = "public",
        /// A private company.
        Private = "private",
    }
}

words! {
    /// How far apart two sites are (BSI, Kriterien für die Standortwahl).
    DistanceClass {
        /// Anywhere else.
        Betriebsredundant = "betriebsredundant",
        /// 100 to 200 km, with a written reason and an exception only.
        GeoredundantMitBegruendung = "georedundant-mit-begruendung",
        /// At least 200 km.
        Georedundant = "georedundant",
    }
}

words! {
    /// What an evidence attests.
    EvidenceKind {
        /// ISO 27001 on the basis of IT-Grundschutz (DVS-005-R01).
        Iso27001 = "iso-27001-grundschutz",
        /// BSI C5 (DVS-006-R01).
        C5 = "c5",
        /// CNCF's conformance of a cluster (DVS-004-R01).
        CncfConformance = "cncf-conformance",
        /// The SCS standard for Kubernetes as a service.
        ScsKaas = "scs-kaas",
    }
}

/// A place on the earth in millionths of a degree (WGS 84): no floating point in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Coordinates {
    /// Degrees north, times 1,000,000; −90,000,000 to 90,000,000.
    pub latitude: i32,
    /// Degrees east, times 1,000,000; −180,000,000 to 180,000,000.
    pub longitude: i32,
}

impl Coordinates {
    /// Whether both are degrees of the earth.
    #[must_use]
    pub const fn is_well_formed(&self) -> bool {
        self.latitude.unsigned_abs() <= 90_000_000 && self.longitude.unsigned_abs() <= 180_000_000
    }
}

/// What matters about a site for what runs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteFacts {
    /// Where it stands.
    pub coordinates: Coordinates,
    /// Where it stands, by ISO 3166-1 (DVS-002-R01 demands `DE`).
    pub country: String,
    /// Who runs it.
    pub operator: Operator,
    /// Whether it offers itself as a fallback data centre (DVS-020-R01/ARZ).
    pub fallback: bool,
}

/// A kind of Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKind {
    /// Its API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name, such as `Deployment`.
    pub kind: String,
}

impl fmt::Display for ApiKind {
    /// `apps/v1/Deployment`, `v1/Service`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            write!(f, "{}/{}", self.version, self.kind)
        } else {
            write!(f, "{}/{}/{}", self.group, self.version, self.kind)
        }
    }
}

/// A version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesVersion {
    /// Major.
    pub major: u16,
    /// Minor.
    pub minor: u16,
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a workload demands of a cluster and its site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirements {
    /// The zone (DVS-012).
    pub zone: Zone,
    /// The protection need.
    pub schutzbedarf: Schutzbedarf,
    /// How confidential its data is.
    pub confidentiality: Confidentiality,
    /// What it is for.
    pub stage: Stage,
    /// Networks from which it must be reached (DVS-011).
    #[serde(default)]
    pub networks: BTreeSet<Network>,
    /// Whether it is an important procedure, which only the public hand runs (DVS-003).
    #[serde(default)]
    pub important: bool,
    /// The oldest Kubernetes that will do.
    #[serde(default)]
    pub kubernetes_min: Option<KubernetesVersion>,
    /// The newest Kubernetes that will do.
    #[serde(default)]
    pub kubernetes_max: Option<KubernetesVersion>,
    /// Kinds of objects that the cluster must know.
    #[serde(default)]
    pub kinds: BTreeSet<ApiKind>,
    /// Storage classes that must exist.
    #[serde(default)]
    pub storage_classes: BTreeSet<String>,
    /// Ingress classes that must exist.
    #[serde(default)]
    pub ingress_classes: BTreeSet<String>,
    /// Evidence that site or cluster must have, valid.
    #[serde(default)]
    pub evidence: BTreeSet<EvidenceKind>,
    /// What one copy of it uses.
    pub amounts: super::Amounts,
    /// The only sites that will do; empty: all.
    #[serde(default)]
    pub sites: BTreeSet<crate::SiteName>,
    /// Labels that the cluster must have.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}
