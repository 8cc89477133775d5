//! Compare-and-set: on which condition about its resource a command may be carried out.

use verbund_identity::Precondition;
use verbund_model::resource::Action;
use verbund_model::resource::{
    Admission, CatalogueEntry, ChangeTicket, Cluster, Consent, Evidence, Exception, Federation, Incident, Invitation,
    Lease, LicenceVeto, Node, Organisation, Placement, Policy, Proposal, RecordedDirective, RegisteredKey, RoleBinding,
    SealedSecret, Site, TimingsInForce, User, Verdict, Workload,
};
use verbund_model::{Command, Refusal};

use crate::object::{Stored, label};
use crate::state::State;

/// The resource that a command is about, and its version if it exists.
struct Primary {
    what: String,
    version: Option<u64>,
}

/// Whether the condition holds. Errors: [`Refusal::VersionMismatch`], [`Refusal::AlreadyExists`],
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] for a command that is about no resource.
pub(crate) fn check(state: &State, condition: Option<Precondition>, command: &Command) -> Result<(), Refusal> {
    let Some(condition) = condition else { return Ok(()) };
    let Some(Primary { what, version }) = primary(state, command) else {
        let reason = "this command is about no resource that could have a version".to_owned();
        return Err(Refusal::Invalid { field: "precondition".to_owned(), reason });
    };
    match (condition, version) {
        (Precondition::Version(expected), found) if found != Some(expected) => {
            Err(Refusal::VersionMismatch { what, expected, found: found.unwrap_or(0) })
        }
        (Precondition::Absent, Some(version)) => Err(Refusal::AlreadyExists { what, version }),
        (Precondition::Exists, None) => Err(Refusal::NotFound { what }),
        _ => Ok(()),
    }
}

fn primary(state: &State, command: &Command) -> Option<Primary> {
    use Command as C;
    let user = |organisation: &verbund_model::OrgName, user: &verbund_model::UserId| {
        of::<User>(state, &(organisation.clone(), user.clone()))
    };
    Some(match command {
        C::OpenSession {} | C::AddNode { .. } | C::SubmitVerdict { .. } | C::ReportCopies { .. } => return None,
        C::Propose { action } => match action {
            Action::SetPolicy { name, .. } | Action::DeletePolicy { name } => of::<Policy>(state, name),
            Action::ReplaceVoter { lost } => of::<Node>(state, lost),
            Action::SetCoordinators { .. } => of::<Federation>(state, &()),
            Action::SetTimings { .. } => of::<TimingsInForce>(state, &()),
            Action::SwitchOn { .. } => return None,
        },
        C::Approve { subject } if state.admission(subject).is_some() => of::<Admission>(state, subject),
        C::Approve { subject } => of::<Proposal>(state, subject),
        C::Invite { key, .. } => of::<Invitation>(state, &verbund_identity::key_id(key)),
        C::RevokeInvitation { invitation } => of::<Invitation>(state, invitation),
        C::RefuseAdmission { request, .. } => of::<Admission>(state, request),
        C::CreateOrganisation { name, .. }
        | C::SuspendOrganisation { name }
        | C::ResumeOrganisation { name }
        | C::CreateSubOrganisation { name, .. } => of::<Organisation>(state, name),
        C::SuspendSite { name } | C::ResumeSite { name } => of::<Site>(state, name),
        C::RecordDirective { directive } => {
            of::<RecordedDirective>(state, &verbund_identity::Directive::hash_of(directive))
        }
        C::CreateUser { organisation, user: id, .. } | C::DeleteUser { organisation, user: id } => {
            user(organisation, id)
        }
        C::AddUserKey { key, .. } => of::<RegisteredKey>(state, &verbund_identity::key_id(key)),
        C::RevokeUserKey { key, .. } => of::<RegisteredKey>(state, key),
        C::BindRole { organisation, user, role, .. } | C::UnbindRole { organisation, user, role } => {
            of::<RoleBinding>(state, &(organisation.clone(), user.clone(), *role))
        }
        C::RequestAdmission { request, .. } => of::<Site>(state, &request.site),
        C::UpdateSite { site, .. } | C::RotateAuthority { site, .. } => of::<Site>(state, site),
        C::UpdateNode { node, .. } | C::RemoveNode { node } => of::<Node>(state, node),
        C::ApplyCatalogueEntry { name, .. } | C::DeleteCatalogueEntry { name } => of::<CatalogueEntry>(state, name),
        C::SetSiteFacts { site, .. } | C::SetSiteMaintenance { site, .. } => of::<Site>(state, site),
        C::SetOrganisationMaintenance { organisation, .. } => of::<Organisation>(state, organisation),
        C::ApplyCluster { name: cluster, .. }
        | C::CordonCluster { name: cluster, .. }
        | C::RemoveCluster { name: cluster }
        | C::RegisterStart { cluster }
        | C::Observe { cluster, .. } => of::<Cluster>(state, cluster),
        C::ApplyEvidence { evidence } => of::<Evidence>(state, &evidence.name),
        C::DeleteEvidence { name } => of::<Evidence>(state, name),
        C::SetLicenceVeto { veto } => of::<LicenceVeto>(state, &(veto.site.clone(), veto.workload.clone())),
        C::LiftLicenceVeto { site, workload } => of::<LicenceVeto>(state, &(site.clone(), workload.clone())),
        C::ApplyWorkload { name, .. } | C::DeleteWorkload { name } => of::<Workload>(state, name),
        C::ApplySecret { workload, name, .. }
        | C::ResealSecret { workload, name, .. }
        | C::DeleteSecret { workload, name } => of::<SealedSecret>(state, &(workload.clone(), name.clone())),
        C::ConfirmFence { workload, .. }
        | C::Failover { workload, .. }
        | C::Relocate { workload, .. }
        | C::Failback { workload, .. }
        | C::StartDrill { workload, .. }
        | C::Replan { workload }
        | C::Receipt { workload, .. } => of::<Placement>(state, workload),
        C::RequestException { name, .. } | C::ApproveException { name } => of::<Exception>(state, name),
        C::OpenChange { name, .. } | C::CloseChange { name, .. } => of::<ChangeTicket>(state, name),
        C::CloseIncident { name } => of::<Incident>(state, name),
        C::GiveConsent { consent } => of::<Consent>(state, &consent.workload),
        C::WithdrawConsent { workload } => of::<Consent>(state, workload),
        C::OpenLease { cluster, .. } => of::<Lease>(state, cluster),
        C::PlanNext { verdict } => of::<Verdict>(state, verdict),
    })
}

fn of<T: Stored>(state: &State, key: &T::Key) -> Primary {
    Primary { what: label::<T>(key), version: state.find::<T>(key).map(|held| held.version) }
}
