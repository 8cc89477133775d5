//! The resources of the replicated state.
//!
//! None of these types skips fields or uses untagged forms: the same derives serve JSON and the binary snapshot.

mod address;
mod admission;
mod amounts;
mod authority;
mod catalogue;
mod cluster;
mod directive;
mod federation;
mod land;
mod maintenance;
mod organisation;
mod place;
mod placement;
mod secret;
mod site;
mod user;
mod workload;

pub use address::{Address, AddressError};
pub use admission::{Admission, AdmissionRefusal, AdmissionRequest, Invitation, InvitationUse, Proofs};
pub use amounts::Amounts;
pub use authority::{AuthorityPhase, AuthorityStep, SiteAuthority};
pub use catalogue::{CatalogueEntry, Policy};
pub use cluster::{
    Cluster, ClusterSpec, ClusterStanding, Evidence, EvidenceSubject, Lease, LicenceVeto, Observation, Presence,
};
pub use directive::{DirectiveSignature, ExcludedSite, Order, RecordedDirective, SignedDirective};
pub use federation::{Action, CoordinatorSet, Federation, Proposal, Timings, TimingsInForce};
pub use land::{Land, LandError};
pub use maintenance::{Closed, Freeze, Maintenance, MaintenanceOf, Window, next_open};
pub use organisation::{OrgRole, Organisation, Standing};
pub use place::{
    ApiKind, Confidentiality, Coordinates, DistanceClass, EvidenceKind, KubernetesVersion, Network, Operator,
    Requirements, Schutzbedarf, SiteFacts, Stage, Zone,
};
pub use placement::{
    AwaitedDecision, Cause, ChangeKind, ChangeTicket, CopyPhase, CopyReport, CopyRole, Finding, Incident, MembershipId,
    PlacedCopy, Placement, SignedFinding, Verdict, Waiting,
};
pub use secret::{Recipient, Sealed, SealedSecret};
pub use site::{Der, Node, NodeStanding, Site};
pub use user::{KeyOwner, RegisteredKey, RoleBinding, User, UserRole};
pub use workload::{Consent, Exception, FailoverAuthority, FenceLevel, Mode, Standby, Workload, WorkloadSpec};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, as the log stamps them.
pub type Millis = u64;

/// What every resource carries beside its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Versioned<T> {
    /// Log index of the last change: the resource version for compare-and-set.
    pub version: u64,
    /// When it was created.
    pub created: Millis,
    /// When it was last changed.
    pub changed: Millis,
    /// The resource.
    pub value: T,
}
