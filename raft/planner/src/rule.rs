//! The hard rules that a place must keep, each with the standard behind it.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident => $standard:literal,)*) => {
        /// A hard rule of placement (design 5).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule, in the order in which they are tried.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The id of the standard behind it: a DVS or BSI id, a chapter of the Rahmenwerk, or an invariant of Verbund.
            #[must_use]
            pub const fn standard(self) -> &'static str {
                match self { $(Self::$name => $standard,)* }
            }
        }
    };
}

rules! {
    /// Neither the site nor its organisation was excluded.
    Membership => "I7",
    /// The site may act.
    SiteStanding => "Rahmenwerk 4.3",
    /// The organisation that runs the site is in good standing.
    OrganisationStanding => "Rahmenwerk 4.3",
    /// The site is not found lost.
    SitePresent => "I14",
    /// The cluster takes new workloads.
    ClusterStanding => "DVS-008-R01",
    /// Its agent measured it, and found it ready.
    Observation => "DVS-004-R01",
    /// The zone.
    Zone => "DVS-012-R02",
    /// The protection need: equal, for a cluster has exactly one.
    Schutzbedarf => "Rahmenwerk 5.3.4",
    /// How confidential the data may be at most.
    Confidentiality => "Rahmenwerk 5.3.4",
    /// Development and production never share a cluster.
    Stage => "Rahmenwerk 5.3.4",
    /// Production and service are in Germany.
    Country => "DVS-002-R01",
    /// Important procedures run under public control.
    PublicControl => "DVS-003-R02",
    /// A valid ISO 27001 certificate on the basis of IT-Grundschutz.
    Iso27001 => "DVS-005-R01",
    /// A valid C5 attestation.
    C5 => "DVS-006-R01",
    /// The CNCF's conformance of the cluster.
    CncfConformance => "DVS-004-R01",
    /// The SCS standard for Kubernetes as a service.
    ScsKaas => "SCS-KaaS",
    /// The networks from which it must be reached.
    Networks => "DVS-011-R02",
    /// The range of Kubernetes versions.
    Kubernetes => "DVS-004-R01",
    /// The kinds of objects that the cluster must know.
    ApiKinds => "DVS-004-R01",
    /// Cluster-scoped kinds, which the Plattformbetreiber must have listed.
    ClusterKinds => "APP.4.4.A1",
    /// The storage classes.
    StorageClasses => "DVS-004-R01",
    /// The ingress classes.
    IngressClasses => "DVS-004-R01",
    /// Labels that the cluster must have.
    Labels => "DVS-009-R01",
    /// The only sites that the Softwarebetreiber allows.
    AllowedSites => "DVS-009-R01",
    /// The Plattformbetreiber's refusal for a licence.
    LicenceVeto => "Rahmenwerk 5.4",
    /// The consent of the customer whose data it is.
    Consent => "Rahmenwerk 4.2",
    /// The site can open every secret that the workload needs.
    Secrets => "I9",
    /// Extended resources, such as accelerators.
    ExtendedResources => "DVS-008-R01",
    /// Measured capacity without what others use and have reserved.
    Capacity => "DVS-008-R01",
    /// An open generation of the cluster's lease, for exclusive workloads.
    Lease => "I5",
    /// The copies of a workload are at different sites.
    DistinctSites => "APP.4.4.A19",
    /// The distance between the active copy and its standby.
    Distance => "DVS-020-R01/ARZ",
}

impl Rule {
    /// Whether what runs must leave when this does not hold any more, even if there is no other place for it. The others
    /// only keep new copies away, and move what runs when another place is found.
    #[must_use]
    pub const fn binds_what_runs(self) -> bool {
        matches!(
            self,
            Self::Membership | Self::Zone | Self::Schutzbedarf | Self::Confidentiality | Self::Stage | Self::Consent
        )
    }

    /// Whether it says how things are at the moment: what runs there is not moved because of it.
    #[must_use]
    pub const fn is_momentary(self) -> bool {
        matches!(
            self,
            Self::SitePresent
                | Self::ClusterStanding
                | Self::Observation
                | Self::ExtendedResources
                | Self::Capacity
                | Self::Lease
        )
    }
}
