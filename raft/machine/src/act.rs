//! One authenticated statement on its way through the rules: sessions, authority, precondition, the command.

use std::sync::Arc;

use verbund_identity::SignatureVerifier;
use verbund_model::resource::{Federation, KeyOwner, Millis, Node, Site, Standing, Versioned, Workload};
use verbund_model::view::{Change, Kind};
use verbund_model::{Accepted, Algorithm, Command, KeyId, Outcome, PublicKey, Refusal};

use crate::authenticate::Authenticated;
use crate::authority;
use crate::event::StateEvent;
use crate::object::{Held, Stored, label};
use crate::precondition;
use crate::state::State;

/// What a command comes to.
pub(crate) type Decision = Result<Accepted, Refusal>;

/// What a command's rules may look at, and how they change the state. Each rule checks everything before it changes
/// anything, so that a refusal leaves nothing behind.
pub(crate) struct Act<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) verifier: &'a dyn SignatureVerifier,
    pub(crate) author: &'a Authenticated,
    /// The entry's time.
    pub(crate) now: Millis,
    /// The entry's index: the version of whatever it changes.
    pub(crate) index: u64,
    pub(crate) events: Vec<StateEvent>,
    /// Whether it says what no honest node says, however it was overtaken.
    pub(crate) made_up: bool,
    /// The number of a directive of which there was one already.
    pub(crate) forked: Option<u64>,
}

impl<'a> Act<'a> {
    pub(crate) const fn new(
        state: &'a mut State,
        verifier: &'a dyn SignatureVerifier,
        author: &'a Authenticated,
        now: Millis,
        index: u64,
    ) -> Self {
        Self { state, verifier, author, now, index, events: Vec::new(), made_up: false, forked: None }
    }
}

impl Act<'_> {
    /// Authority, precondition, command. Sessions were looked at before.
    pub(crate) fn decide(&mut self) -> Decision {
        let (author, statement) = (self.author, &self.author.statement);
        let may = authority::check(self.state, &statement.command, &author.key, &author.owner);
        // A daemon says what its node may say, and nothing else.
        self.made_up |= may.is_err() && matches!(author.owner, KeyOwner::Node { .. });
        may?;
        precondition::check(self.state, statement.precondition, &statement.command)?;
        let accepted = self.run(&statement.command)?;
        self.settle_incidents();
        Ok(accepted)
    }

    fn run(&mut self, command: &Command) -> Decision {
        use Command as C;
        match command {
            C::OpenSession {} => self.open_session(),
            C::Propose { action } => self.propose(action),
            C::Approve { subject } => self.approve(subject),
            C::Invite { key, site, organisation, expires } => self.invite(key, site, organisation, *expires),
            C::RevokeInvitation { invitation } => self.revoke_invitation(invitation),
            C::RefuseAdmission { request, reason } => self.refuse_admission(request, reason),
            C::CreateOrganisation { name, display_name, roles, administrator, administrator_key } => {
                self.create_organisation(name, display_name, roles, None, administrator, administrator_key)
            }
            C::CreateSubOrganisation { parent, name, display_name, roles, administrator, administrator_key } => {
                self.create_organisation(name, display_name, roles, Some(parent), administrator, administrator_key)
            }
            C::SuspendOrganisation { name } => self.set_standing(name, Standing::Suspended),
            C::ResumeOrganisation { name } => self.set_standing(name, Standing::Active),
            C::SuspendSite { name } => self.set_site_standing(name, Standing::Suspended),
            C::ResumeSite { name } => self.set_site_standing(name, Standing::Active),
            C::RecordDirective { directive } => self.record_directive(directive),
            C::CreateUser { organisation, user, key } => self.create_user(organisation, user, key),
            C::DeleteUser { organisation, user } => self.delete_user(organisation, user),
            C::AddUserKey { organisation, user, key } => self.add_user_key(organisation, user, key),
            C::RevokeUserKey { organisation, key } => self.revoke_user_key(organisation, key),
            C::BindRole { organisation, user, role, sites } => self.bind_role(organisation, user, *role, sites),
            C::UnbindRole { organisation, user, role } => self.unbind_role(organisation, user, *role),
            C::RequestAdmission { request, proofs } => self.request_admission(request, proofs),
            C::UpdateSite { site, land } => self.update_site(site, *land),
            C::RotateAuthority { site, step } => self.rotate_authority(site, step),
            C::AddNode { site, key, addresses, issuing_proof, node_proof } => {
                self.add_node(site, key, addresses, issuing_proof, node_proof)
            }
            C::UpdateNode { node, addresses } => self.update_node(*node, addresses),
            C::RemoveNode { node } => self.remove_node(*node),
            C::ApplyCatalogueEntry { name, organisation, schema_version, document } => {
                self.apply_catalogue_entry(name, organisation, *schema_version, document)
            }
            C::DeleteCatalogueEntry { name } => self.delete_catalogue_entry(name),
            C::SetSiteFacts { site, facts } => self.set_site_facts(site, facts),
            C::SetSiteMaintenance { site, maintenance } => self.set_site_maintenance(site, maintenance),
            C::SetOrganisationMaintenance { organisation, maintenance } => {
                self.set_organisation_maintenance(organisation, maintenance)
            }
            C::ApplyCluster { name, site, spec, agent_key } => self.apply_cluster(name, site, spec, agent_key),
            C::CordonCluster { name, cordoned } => self.cordon_cluster(name, *cordoned),
            C::RemoveCluster { name } => self.remove_cluster(name),
            C::ApplyEvidence { evidence } => self.apply_evidence(evidence),
            C::DeleteEvidence { name } => self.delete_evidence(name),
            C::SetLicenceVeto { veto } => self.set_licence_veto(veto),
            C::LiftLicenceVeto { site, workload } => self.lift_licence_veto(site, workload),
            C::RequestException { name, rule, workload, reason, until } => {
                self.request_exception(name, rule, workload, reason, *until)
            }
            C::ApproveException { name } => self.approve_exception(name),
            C::OpenChange { name, workload, description } => self.open_change(name, workload, description),
            C::CloseChange { name, review } => self.close_change(name, review),
            C::CloseIncident { name } => self.close_incident(name),
            C::GiveConsent { consent } => self.give_consent(consent),
            C::WithdrawConsent { workload } => self.withdraw_consent(workload),
            C::RegisterStart { cluster } => self.register_start(cluster),
            C::Observe { cluster, observation } => self.observe(cluster, observation),
            C::ApplyWorkload { name, organisation, customer, spec, expect, emergency } => {
                let (organisation, customer, spec) = (organisation.clone(), customer.clone(), spec.clone());
                let workload = Workload { name: name.clone(), organisation, customer, spec, deleting: false };
                self.apply_workload(workload, *expect, emergency.as_deref())
            }
            C::DeleteWorkload { name } => self.delete_workload(name),
            C::ApplySecret { workload, name, sealed, same_values, delegated } => {
                self.apply_secret(workload, name, sealed, *same_values, *delegated)
            }
            C::ResealSecret { site, workload, name, revision, recipients } => {
                self.reseal_secret(site, workload, name, *revision, recipients)
            }
            C::DeleteSecret { workload, name } => self.delete_secret(workload, name),
            C::Failover { workload, to, accept_loss } => self.failover(workload, to.as_ref(), *accept_loss),
            C::Relocate { workload, to, emergency } => self.relocate(workload, to, emergency.as_deref()),
            C::Failback { workload, emergency } => self.failback(workload, emergency.as_deref()),
            C::StartDrill { workload, emergency } => self.start_drill(workload, emergency.as_deref()),
            C::SubmitVerdict { finding, statements } => self.submit_verdict(finding, statements),
            C::OpenLease { cluster, generation, refusal } => self.open_lease(cluster, *generation, refusal.as_ref()),
            C::PlanNext { verdict } => self.plan_next(*verdict),
            C::Replan { workload } => self.replan(workload),
            C::ReportCopies { cluster, copies } => self.report_copies(cluster, copies),
            C::ConfirmFence { workload, cluster, epoch } | C::Receipt { cluster, workload, epoch } => {
                self.stopped(workload, cluster, *epoch)
            }
        }
    }

    /// Creates a resource or puts it in the place of the one with its key.
    pub(crate) fn put<T: Stored>(&mut self, value: T) {
        let key = value.key();
        let old = T::table(&self.state.tables).get(&key).cloned();
        if let Some(old) = &old {
            old.value.index(&mut self.state.index, false);
        }
        value.index(&mut self.state.index, true);
        let created = old.as_ref().map_or(self.now, |old| old.created);
        let held: Held<T> = Arc::new(Versioned { version: self.index, created, changed: self.now, value });
        T::table_mut(&mut self.state.tables).put(key, Arc::clone(&held));
        self.tell(if old.is_some() { Change::Updated } else { Change::Created }, held);
    }

    /// Deletes the resource with this key, if there is one.
    pub(crate) fn delete<T: Stored>(&mut self, key: &T::Key) {
        if let Some(old) = T::table_mut(&mut self.state.tables).take(key) {
            old.value.index(&mut self.state.index, false);
            self.tell(Change::Deleted, old);
        }
    }

    fn tell<T: Stored>(&mut self, change: Change, held: Held<T>) {
        let part = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        self.events.push(StateEvent { index: self.index, part, change, object: T::object(held) });
    }

    /// Whether something changed on which the voter plan depends.
    pub(crate) fn moved_voters(&self) -> bool {
        let moves = |kind| matches!(kind, Kind::Node | Kind::Site | Kind::Presence | Kind::Verdict | Kind::Lease);
        self.events.iter().any(|event| moves(event.object.kind()))
    }

    pub(crate) const fn changed(&self) -> Accepted {
        Accepted::Changed { version: self.index }
    }

    /// The resource with this key. Errors: [`Refusal::NotFound`].
    pub(crate) fn existing<T: Stored>(&self, key: &T::Key) -> Result<&Versioned<T>, Refusal> {
        self.state.find::<T>(key).ok_or_else(|| Refusal::NotFound { what: label::<T>(key) })
    }

    /// That there is no resource with this key. Errors: [`Refusal::AlreadyExists`].
    pub(crate) fn absent<T: Stored>(&self, key: &T::Key) -> Result<(), Refusal> {
        match self.state.find::<T>(key) {
            None => Ok(()),
            Some(found) => Err(Refusal::AlreadyExists { what: label::<T>(key), version: found.version }),
        }
    }

    /// The id of a key that may be registered: of the right algorithm, on its curve, and never seen before.
    pub(crate) fn fresh_key(&self, field: &str, key: &PublicKey, wanted: Algorithm) -> Result<KeyId, Refusal> {
        check_key(field, key, wanted)?;
        let id = verbund_identity::key_id(key);
        self.state.never_excluded_key(&id)?;
        self.absent::<verbund_model::resource::RegisteredKey>(&id)?;
        Ok(id)
    }

    /// The federation, for those who change it.
    pub(crate) fn federation(&self) -> &Federation {
        &self.state.federation().value
    }

    /// That the federation keeps a node that can vote when `leaving` is gone.
    pub(crate) fn keep_a_voter(&self, leaving: &Node) -> Result<(), Refusal> {
        let remains = self.state.active_nodes().any(|(node, _)| node.value.id != leaving.id);
        if remains { Ok(()) } else { Err(conflict("it is the last node that can vote: admit another first")) }
    }

    /// The site, if it may act.
    pub(crate) fn active_site(&self, name: &verbund_model::SiteName) -> Result<&Site, Refusal> {
        let site = &self.existing::<Site>(name)?.value;
        match site.standing {
            Standing::Active => Ok(site),
            Standing::Suspended => Err(Refusal::Suspended { what: label::<Site>(name) }),
            Standing::Excluded => Err(Refusal::Excluded { what: label::<Site>(name) }),
        }
    }
}

/// That a key has the right algorithm and lies on its curve.
pub(crate) fn check_key(field: &str, key: &PublicKey, wanted: Algorithm) -> Result<(), Refusal> {
    if key.algorithm() != wanted {
        let (found, wanted) = (key.algorithm().as_str(), wanted.as_str());
        return Err(invalid(field, format!("the key is of algorithm {found}, wanted is {wanted}")));
    }
    if verbund_identity::is_on_curve(key) { Ok(()) } else { Err(invalid(field, "the key is no point of its curve")) }
}

pub(crate) fn invalid(field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::Invalid { field: field.to_owned(), reason: reason.into() }
}

pub(crate) fn conflict(what: impl Into<String>) -> Refusal {
    Refusal::Conflict { what: what.into() }
}

/// Refuses what is more than its limit.
pub(crate) fn within(what: &str, found: u64, limit: u64) -> Result<(), Refusal> {
    if found <= limit { Ok(()) } else { Err(crate::authenticate::too_large(what, found, limit)) }
}

/// A decision as it stands in the record.
pub(crate) fn outcome(decision: Decision) -> Outcome {
    match decision {
        Ok(accepted) => Outcome::Accepted(accepted),
        Err(refusal) => Outcome::Refused(refusal),
    }
}
