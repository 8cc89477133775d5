//! Who may sign what: the table of formats 3, for the commands that there are.
//!
//! | author | may |
//! |---|---|
//! | m coordinators | admit; policies, timings, voter replacement by hand, the set of coordinators: one proposes, the others approve |
//! | one coordinator | invite, take an invitation back, refuse a request for admission, create an organisation with its first administrator, suspend and resume, one of two approvals of an exception; `ConfirmFence` at clusters of an excluded site, deleting workloads of an excluded organisation |
//! | organisation's administrator | its users, keys, role bindings, sub-organisations, windows and freezes |
//! | Plattformbetreiber | its own sites: facts, windows and freezes, issuing CAs, nodes, clusters, evidence, licence vetoes, `ConfirmFence` at its clusters; sealing delegated secrets to further sites |
//! | Softwarebetreiber | its own workloads: apply, delete, secrets, failover, relocate, failback, drill, changes, incidents, asking for exceptions |
//! | Cloud-Service-Anbieter | its own offerings |
//! | Cloud-Service-Kunde | its own consents |
//! | node | verdicts, leases and due work, each with a proof that apply checks |
//! | node, coordinator | bring a directive, which proves itself |
//! | agent | its starts; observations, reports and receipts of its cluster |
//! | invitation | one request for admission |
//! | anyone but an invitation | open sessions |
//!
//! Everything else is refused: an auditor has no command of its own.

use std::fmt;

use verbund_model::resource::{EvidenceSubject, KeyOwner, Site, UserRole};
use verbund_model::{ClusterName, Command, KeyId, OrgName, Refusal, SiteName, WorkloadName};

use crate::object::{label, role_name};
use crate::state::State;

/// Who may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed<'a> {
    /// Any registered key but an invitation's.
    Member,
    /// A coordinator, for the whole federation; where m must agree, the command counts them.
    Coordinator,
    /// The one-time key of an invitation.
    Invitation,
    /// A user with this role, which counts there.
    Role(UserRole, Scope<'a>),
    /// Any node: what it brings proves itself.
    Node,
    /// A node or a coordinator: what they bring proves itself.
    NodeOrCoordinator,
    /// The agent of this cluster.
    Agent(&'a ClusterName),
}

/// Where a role must count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// For an organisation as a whole.
    Organisation(&'a OrgName),
    /// For one of its sites.
    Site(&'a OrgName, &'a SiteName),
    /// For something that does not exist: whoever has the role anywhere may learn so.
    Nothing,
}

/// The table.
#[must_use]
pub fn needed<'a>(command: &'a Command, state: &'a State) -> Needed<'a> {
    use Command as C;
    use UserRole::{Administrator, CloudServiceAnbieter, CloudServiceKunde, Plattformbetreiber, Softwarebetreiber};
    match command {
        C::OpenSession {} => Needed::Member,

        C::Propose { .. } | C::Approve { .. } => Needed::Coordinator,
        C::ApproveException { .. }
        | C::Invite { .. }
        | C::RevokeInvitation { .. }
        | C::RefuseAdmission { .. }
        | C::CreateOrganisation { .. }
        | C::SuspendOrganisation { .. }
        | C::ResumeOrganisation { .. }
        | C::SuspendSite { .. }
        | C::ResumeSite { .. } => Needed::Coordinator,
        C::RecordDirective { .. } => Needed::NodeOrCoordinator,

        C::CreateSubOrganisation { parent: organisation, .. }
        | C::CreateUser { organisation, .. }
        | C::DeleteUser { organisation, .. }
        | C::AddUserKey { organisation, .. }
        | C::RevokeUserKey { organisation, .. }
        | C::BindRole { organisation, .. }
        | C::UnbindRole { organisation, .. }
        | C::SetOrganisationMaintenance { organisation, .. } => {
            Needed::Role(Administrator, Scope::Organisation(organisation))
        }

        C::RequestAdmission { .. } => Needed::Invitation,

        C::UpdateSite { site, .. } | C::RotateAuthority { site, .. } | C::AddNode { site, .. } => {
            Needed::Role(Plattformbetreiber, site_of(state, site))
        }
        C::UpdateNode { node, .. } | C::RemoveNode { node } => {
            let site = state.node(node).map(|node| &node.value.site);
            Needed::Role(Plattformbetreiber, site.map_or(Scope::Nothing, |site| site_of(state, site)))
        }

        C::ApplyCatalogueEntry { organisation, .. } => {
            Needed::Role(CloudServiceAnbieter, Scope::Organisation(organisation))
        }
        C::DeleteCatalogueEntry { name } => {
            let owner = state.catalogue_entry(name).map(|entry| &entry.value.organisation);
            Needed::Role(CloudServiceAnbieter, owner.map_or(Scope::Nothing, Scope::Organisation))
        }

        C::SetSiteFacts { site, .. }
        | C::SetSiteMaintenance { site, .. }
        | C::ApplyCluster { site, .. }
        | C::LiftLicenceVeto { site, .. }
        | C::ResealSecret { site, .. } => Needed::Role(Plattformbetreiber, site_of(state, site)),
        C::SetLicenceVeto { veto } => Needed::Role(Plattformbetreiber, site_of(state, &veto.site)),
        // An excluded site is not believed about having stopped; somebody else has to know.
        C::ConfirmFence { cluster, .. } if state.is_at_excluded_site(cluster) => Needed::Coordinator,
        C::CordonCluster { name: cluster, .. }
        | C::RemoveCluster { name: cluster }
        | C::ConfirmFence { cluster, .. } => Needed::Role(Plattformbetreiber, cluster_of(state, cluster)),
        C::ApplyEvidence { evidence } => Needed::Role(Plattformbetreiber, subject_of(state, &evidence.subject)),
        C::DeleteEvidence { name } => {
            let subject = state.evidence_named(name).map(|evidence| &evidence.value.subject);
            Needed::Role(Plattformbetreiber, subject.map_or(Scope::Nothing, |subject| subject_of(state, subject)))
        }

        C::ApplyWorkload { organisation, .. } => Needed::Role(Softwarebetreiber, Scope::Organisation(organisation)),
        C::DeleteWorkload { name } if is_orphaned(state, name) => Needed::Coordinator,
        C::DeleteWorkload { name: workload }
        | C::ApplySecret { workload, .. }
        | C::DeleteSecret { workload, .. }
        | C::Failover { workload, .. }
        | C::Relocate { workload, .. }
        | C::Failback { workload, .. }
        | C::StartDrill { workload, .. }
        | C::RequestException { workload, .. }
        | C::OpenChange { workload, .. } => Needed::Role(Softwarebetreiber, workload_of(state, workload)),
        C::CloseChange { name, .. } => {
            let owner = state.change(name).map(|change| &change.value.organisation);
            Needed::Role(Softwarebetreiber, owner.map_or(Scope::Nothing, Scope::Organisation))
        }
        C::CloseIncident { name } => {
            let owner = state.incident(name).map(|incident| &incident.value.organisation);
            Needed::Role(Softwarebetreiber, owner.map_or(Scope::Nothing, Scope::Organisation))
        }

        C::GiveConsent { consent } => Needed::Role(CloudServiceKunde, Scope::Organisation(&consent.customer)),
        C::WithdrawConsent { workload } => {
            let customer = state.consent(workload).map(|consent| &consent.value.customer);
            Needed::Role(CloudServiceKunde, customer.map_or(Scope::Nothing, Scope::Organisation))
        }

        C::SubmitVerdict { .. } | C::OpenLease { .. } | C::PlanNext { .. } | C::Replan { .. } => Needed::Node,
        C::RegisterStart { cluster }
        | C::Observe { cluster, .. }
        | C::ReportCopies { cluster, .. }
        | C::Receipt { cluster, .. } => Needed::Agent(cluster),
    }
}

/// Whether a workload's organisation was excluded: nobody of its own is left to delete it.
fn is_orphaned(state: &State, workload: &WorkloadName) -> bool {
    state.workload(workload).is_some_and(|found| state.is_excluded_organisation(&found.value.organisation))
}

fn cluster_of<'a>(state: &'a State, cluster: &ClusterName) -> Scope<'a> {
    state.cluster(cluster).map_or(Scope::Nothing, |cluster| site_of(state, &cluster.value.site))
}

fn subject_of<'a>(state: &'a State, subject: &EvidenceSubject) -> Scope<'a> {
    match subject {
        EvidenceSubject::Site(site) => site_of(state, site),
        EvidenceSubject::Cluster(cluster) => cluster_of(state, cluster),
    }
}

fn workload_of<'a>(state: &'a State, workload: &WorkloadName) -> Scope<'a> {
    let owner = state.workload(workload).map(|workload| &workload.value.organisation);
    owner.map_or(Scope::Nothing, Scope::Organisation)
}

fn site_of<'a>(state: &'a State, site: &SiteName) -> Scope<'a> {
    state.site(site).map_or(Scope::Nothing, |site| Scope::Site(&site.value.organisation, &site.value.name))
}

/// Whether the owner of `key` may do it. Errors: [`Refusal::NotAuthorised`] with both sides named.
pub(crate) fn check(state: &State, command: &Command, key: &KeyId, owner: &KeyOwner) -> Result<(), Refusal> {
    let needed = needed(command, state);
    let allowed = match (&needed, owner) {
        (Needed::Member, KeyOwner::Invitation) => false,
        (Needed::Member, _) => true,
        (Needed::Coordinator, owner) => *owner == KeyOwner::Coordinator,
        (Needed::Invitation, owner) => *owner == KeyOwner::Invitation,
        (Needed::Role(role, scope), KeyOwner::User { organisation, user }) => {
            let binding = state.role_binding(&(organisation.clone(), user.clone(), *role));
            binding.is_some_and(|binding| counts(organisation, &binding.value.sites, *scope))
        }
        (Needed::Node, owner) => matches!(owner, KeyOwner::Node { .. }),
        (Needed::NodeOrCoordinator, owner) => matches!(owner, KeyOwner::Node { .. } | KeyOwner::Coordinator),
        (Needed::Agent(wanted), KeyOwner::Agent { cluster }) => cluster == *wanted,
        (Needed::Role(..) | Needed::Agent(_), _) => false,
    };
    if allowed {
        return match needed {
            // Whoever runs an excluded site may be in good standing otherwise; of that site nothing changes any more.
            Needed::Role(_, Scope::Site(_, site)) if state.is_excluded_site(site) => {
                Err(Refusal::Excluded { what: label::<Site>(site) })
            }
            _ => Ok(()),
        };
    }
    Err(Refusal::NotAuthorised { author: author(key, owner), needed: needed.to_string() })
}

/// Whether a role of `organisation`, limited to `sites` (none: not limited), counts in the scope.
fn counts(organisation: &OrgName, sites: &std::collections::BTreeSet<SiteName>, scope: Scope<'_>) -> bool {
    match scope {
        Scope::Organisation(wanted) => organisation == wanted && sites.is_empty(),
        Scope::Site(wanted, site) => organisation == wanted && (sites.is_empty() || sites.contains(site)),
        Scope::Nothing => true,
    }
}

fn author(key: &KeyId, owner: &KeyOwner) -> String {
    match owner {
        KeyOwner::Coordinator => format!("coordinator {}", key.0.short()),
        KeyOwner::User { organisation, user } => format!("user {organisation}.{user}"),
        KeyOwner::Node { node } => format!("node {node}"),
        KeyOwner::Invitation => "an invitation's one-time key".to_owned(),
        KeyOwner::Agent { cluster } => format!("the agent of cluster {cluster}"),
    }
}

impl fmt::Display for Needed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member => f.write_str("every member"),
            Self::Coordinator => f.write_str("a coordinator"),
            Self::Invitation => f.write_str("a site with an invitation"),
            Self::Node => f.write_str("a node"),
            Self::NodeOrCoordinator => f.write_str("a node or a coordinator"),
            Self::Agent(cluster) => write!(f, "the agent of cluster {cluster}"),
            Self::Role(role, scope) => {
                write!(f, "a user with the role {}", role_name(*role))?;
                match scope {
                    Scope::Organisation(organisation) => write!(f, " in organisation {organisation}"),
                    Scope::Site(_, site) => write!(f, " for site {site}"),
                    Scope::Nothing => Ok(()),
                }
            }
        }
    }
}

/// Which user roles an organisation can give, by its own roles.
#[must_use]
pub fn can_give(roles: &std::collections::BTreeSet<verbund_model::resource::OrgRole>, role: UserRole) -> bool {
    use verbund_model::resource::OrgRole as O;
    let has = |wanted: &[O]| wanted.iter().any(|role| roles.contains(role));
    match role {
        UserRole::Administrator | UserRole::Auditor => true,
        UserRole::Plattformbetreiber => has(&[O::Plattformbetreiber]),
        UserRole::Softwarebetreiber => has(&[O::Softwarebetreiber]),
        UserRole::CloudServiceAnbieter => has(&[O::Plattformbetreiber, O::Softwarebetreiber, O::CloudIntegrator]),
        UserRole::CloudServiceKunde => has(&[O::CloudServiceKunde]),
    }
}

/// Whether a site belongs to an organisation.
pub(crate) fn is_own(site: &Site, organisation: &OrgName) -> bool {
    site.organisation == *organisation
}
