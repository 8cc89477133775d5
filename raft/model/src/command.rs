//! What an author can ask for: one variant for each kind of change. Who may ask for which is the table of `formats.md` 3,
//! written down in `verbund-machine::authority`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{
    CatalogueName, ClusterName, EvidenceName, ExceptionName, Hash, KeyId, NodeId, OrgName, SecretName, SiteName,
    TicketName, UserId, WorkloadName,
};
use crate::key::PublicKey;
use crate::resource::{
    Action, Address, AdmissionRequest, AuthorityStep, ClusterSpec, Consent, CopyReport, Der, Evidence, Finding, Land,
    LicenceVeto, Maintenance, Millis, Observation, OrgRole, Proofs, Recipient, Sealed, SignedDirective, SignedFinding,
    SiteFacts, UserRole, WorkloadSpec,
};

/// A change that an author asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "one is read and carried out at a time, and none is kept")]
pub enum Command {
    /// Opens the session that the statement names (formats 7). Any author but an invitation.
    OpenSession {},

    /// One of m coordinators: proposes an action, which is also the first approval of it.
    Propose {
        /// What is proposed.
        action: Action,
    },
    /// One of m coordinators: approves an admission or a proposal by its hash.
    Approve {
        /// The hash.
        subject: Hash,
    },

    /// One coordinator: invites a site.
    Invite {
        /// The one-time key (P-256).
        key: PublicKey,
        /// The site.
        site: SiteName,
        /// Its organisation, which exists.
        organisation: OrgName,
        /// When the invitation ends.
        expires: Millis,
    },
    /// One coordinator: takes an open invitation back.
    RevokeInvitation {
        /// Id of its one-time key.
        invitation: KeyId,
    },
    /// One coordinator: refuses a request for admission for good. The site may ask again with a new invitation.
    RefuseAdmission {
        /// Hash of the request, which is not admitted.
        request: Hash,
        /// Why, as the site is told: 1 to 1,000 characters.
        reason: String,
    },
    /// One coordinator: creates an organisation with its first administrator.
    CreateOrganisation {
        /// Its name.
        name: OrgName,
        /// Its name as people write it.
        display_name: String,
        /// Its roles.
        roles: BTreeSet<OrgRole>,
        /// The first administrator.
        administrator: UserId,
        /// The administrator's key (P-256).
        administrator_key: PublicKey,
    },
    /// One coordinator: suspends an organisation.
    SuspendOrganisation {
        /// Its name.
        name: OrgName,
    },
    /// One coordinator: resumes a suspended organisation.
    ResumeOrganisation {
        /// Its name.
        name: OrgName,
    },

    /// One coordinator: suspends a site: nothing new is placed there, what runs there leaves as planned. It stays a
    /// member.
    SuspendSite {
        /// Its name.
        name: SiteName,
    },
    /// One coordinator: resumes a suspended site.
    ResumeSite {
        /// Its name.
        name: SiteName,
    },
    /// Node or coordinator: records a directive, which m coordinators signed and every daemon carries out already. Who
    /// brings it does not matter: it proves itself.
    RecordDirective {
        /// The directive.
        directive: SignedDirective,
    },

    /// Administrator: creates an organisation below the own one; roles are among the own ones.
    CreateSubOrganisation {
        /// The parent, which is the author's.
        parent: OrgName,
        /// Its name.
        name: OrgName,
        /// Its name as people write it.
        display_name: String,
        /// Its roles.
        roles: BTreeSet<OrgRole>,
        /// The first administrator.
        administrator: UserId,
        /// The administrator's key (P-256).
        administrator_key: PublicKey,
    },
    /// Administrator: creates a user with a first key.
    CreateUser {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
        /// The key (P-256).
        key: PublicKey,
    },
    /// Administrator: removes a user: revokes all keys, removes all role bindings.
    DeleteUser {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
    },
    /// Administrator: registers a further key of a user.
    AddUserKey {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
        /// The key (P-256).
        key: PublicKey,
    },
    /// Administrator: revokes a user's key for ever.
    RevokeUserKey {
        /// The organisation.
        organisation: OrgName,
        /// The key.
        key: KeyId,
    },
    /// Administrator: gives a role (replacing the sites it was limited to).
    BindRole {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
        /// The role.
        role: UserRole,
        /// The sites it is limited to; empty: all.
        sites: BTreeSet<SiteName>,
    },
    /// Administrator: takes a role back.
    UnbindRole {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
        /// The role.
        role: UserRole,
    },

    /// Invitation: asks to admit the invited site.
    RequestAdmission {
        /// What the site says of itself.
        request: AdmissionRequest,
        /// That it holds the keys it names.
        proofs: Proofs,
    },

    /// Plattformbetreiber: changes the facts of an own site.
    UpdateSite {
        /// The site.
        site: SiteName,
        /// Where it stands.
        land: Land,
    },
    /// Plattformbetreiber: one step by which another issuing CA takes the place of an own site's.
    RotateAuthority {
        /// The site.
        site: SiteName,
        /// The step.
        step: AuthorityStep,
    },
    /// Plattformbetreiber: adds a node to an own site; the issuing CA's key signs for the node's key (formats 2).
    AddNode {
        /// The site.
        site: SiteName,
        /// The node's signing key (P-256).
        key: PublicKey,
        /// Where it is reached.
        addresses: Vec<Address>,
        /// The issuing CA's signature over the binding of `verbund_identity::admission`.
        issuing_proof: Der,
        /// The node's own signature over the same.
        node_proof: Der,
    },
    /// Plattformbetreiber: changes where a node of an own site is reached.
    UpdateNode {
        /// The node.
        node: NodeId,
        /// Where it is reached.
        addresses: Vec<Address>,
    },
    /// Plattformbetreiber: retires a node of an own site for ever.
    RemoveNode {
        /// The node.
        node: NodeId,
    },

    /// Cloud-Service-Anbieter: creates or replaces an own catalogue entry.
    ApplyCatalogueEntry {
        /// Its name.
        name: CatalogueName,
        /// The author's organisation.
        organisation: OrgName,
        /// Version of the schema that the document follows.
        schema_version: u32,
        /// The offer.
        document: Document,
    },
    /// Cloud-Service-Anbieter: deletes an own catalogue entry.
    DeleteCatalogueEntry {
        /// Its name.
        name: CatalogueName,
    },

    /// Plattformbetreiber: says what matters about an own site for what runs there.
    SetSiteFacts {
        /// The site.
        site: SiteName,
        /// Its coordinates, country, operator, and whether it is a fallback.
        facts: SiteFacts,
    },
    /// Plattformbetreiber: says when workloads may be moved from and to an own site as planned.
    SetSiteMaintenance {
        /// The site.
        site: SiteName,
        /// Its windows and freezes; none: at any time.
        maintenance: Maintenance,
    },
    /// Administrator: says when the organisation's workloads may be moved as planned.
    SetOrganisationMaintenance {
        /// The organisation.
        organisation: OrgName,
        /// Its windows and freezes; none: at any time.
        maintenance: Maintenance,
    },
    /// Plattformbetreiber: registers a cluster of an own site, or says something else of it.
    ApplyCluster {
        /// Its name.
        name: ClusterName,
        /// The site, which never changes.
        site: SiteName,
        /// What it is like.
        spec: ClusterSpec,
        /// The key with which its agent signs (P-256). Another one revokes the one before.
        agent_key: PublicKey,
    },
    /// Plattformbetreiber: lets nothing new onto an own cluster, or lets it again.
    CordonCluster {
        /// Its name.
        name: ClusterName,
        /// Whether nothing new may come.
        cordoned: bool,
    },
    /// Plattformbetreiber: takes an own cluster out, when no copy lies there any more.
    RemoveCluster {
        /// Its name.
        name: ClusterName,
    },
    /// Plattformbetreiber: registers an evidence of an own site or cluster, or replaces it.
    ApplyEvidence {
        /// The evidence.
        evidence: Evidence,
    },
    /// Plattformbetreiber: takes an evidence back.
    DeleteEvidence {
        /// Its name.
        name: EvidenceName,
    },
    /// Plattformbetreiber: refuses to run a workload at an own site.
    SetLicenceVeto {
        /// The veto.
        veto: LicenceVeto,
    },
    /// Plattformbetreiber: takes a veto back.
    LiftLicenceVeto {
        /// The site.
        site: SiteName,
        /// The workload.
        workload: WorkloadName,
    },
    /// Plattformbetreiber: vouches that a copy at an own cluster is stopped and does not come back.
    ConfirmFence {
        /// The workload.
        workload: WorkloadName,
        /// The cluster.
        cluster: ClusterName,
        /// The epoch of the copy.
        epoch: u64,
    },

    /// Softwarebetreiber: creates or replaces an own workload, which is placed at once.
    ApplyWorkload {
        /// Its name.
        name: WorkloadName,
        /// The author's organisation.
        organisation: OrgName,
        /// Whose data it is, if another's.
        customer: Option<OrgName>,
        /// What is wanted.
        spec: WorkloadSpec,
        /// `verbund_planner`'s hash of the plan that the author saw; another plan is refused.
        expect: Option<Hash>,
        /// Why what runs must move outside of the windows, should it have to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emergency: Option<String>,
    },
    /// Softwarebetreiber: deletes an own workload. Its copies are stopped; the placement goes with the last of them.
    DeleteWorkload {
        /// Its name.
        name: WorkloadName,
    },
    /// Softwarebetreiber: seals a secret of an own workload for the first time, or other values or the same ones anew.
    ApplySecret {
        /// The workload.
        workload: WorkloadName,
        /// The secret's name.
        name: SecretName,
        /// What was sealed, before it left its author.
        sealed: Sealed,
        /// Whether the values are those of the revision before, by its author's word. Then whoever could open that one
        /// knows them still, and they stay to be rotated.
        same_values: bool,
        /// Whether the Plattformbetreiber of a recipient may seal it to further sites.
        delegated: bool,
    },
    /// Plattformbetreiber: seals a delegated secret, which an own site can open, to further sites.
    ResealSecret {
        /// The own site, which is a recipient.
        site: SiteName,
        /// The workload.
        workload: WorkloadName,
        /// The secret's name.
        name: SecretName,
        /// The revision, which stays.
        revision: u64,
        /// The further recipients.
        recipients: BTreeMap<SiteName, Recipient>,
    },
    /// Softwarebetreiber: deletes a secret that its workload names no more.
    DeleteSecret {
        /// The workload.
        workload: WorkloadName,
        /// The secret's name.
        name: SecretName,
    },
    /// Softwarebetreiber: moves a workload away from where it is lost, or from where it runs.
    Failover {
        /// The workload.
        workload: WorkloadName,
        /// Where to; none: the standby, or the best place.
        to: Option<ClusterName>,
        /// That what the last copy had not passed on may be lost. Needed where the old copy is not lost.
        accept_loss: bool,
    },
    /// Softwarebetreiber: moves a workload as planned: the old copy stops before the new one starts, nothing is lost.
    Relocate {
        /// The workload.
        workload: WorkloadName,
        /// Where to.
        to: ClusterName,
        /// Why it can't wait for a window: it moves outside of them, by an emergency change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emergency: Option<String>,
    },
    /// Softwarebetreiber: relocates a workload to where it was before it was last moved.
    Failback {
        /// The workload.
        workload: WorkloadName,
        /// Why it can't wait for a window.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emergency: Option<String>,
    },
    /// Softwarebetreiber: practises: relocates a workload to its standby.
    StartDrill {
        /// The workload.
        workload: WorkloadName,
        /// Why it can't wait for a window.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emergency: Option<String>,
    },
    /// Softwarebetreiber: asks for a deviation from a standard.
    RequestException {
        /// Its name.
        name: ExceptionName,
        /// The rule, such as `georedundancy`.
        rule: String,
        /// The workload for which it should hold.
        workload: WorkloadName,
        /// Why.
        reason: String,
        /// Until when.
        until: Millis,
    },
    /// One of two coordinators: approves an exception.
    ApproveException {
        /// Its name.
        name: ExceptionName,
    },
    /// Softwarebetreiber: opens a standard change: under it a workload moves by itself until the change is closed.
    OpenChange {
        /// Its name. `chg-` and `inc-` begin names that the federation gives.
        name: TicketName,
        /// The workload.
        workload: WorkloadName,
        /// What it is about.
        description: String,
    },
    /// Softwarebetreiber: closes a change: a standard change that should hold no longer, an emergency one that was looked
    /// at.
    CloseChange {
        /// Its name.
        name: TicketName,
        /// What was found. Needed for an emergency change.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        review: String,
    },
    /// Softwarebetreiber: closes an incident that is not over by itself.
    CloseIncident {
        /// Its name.
        name: TicketName,
    },

    /// Cloud-Service-Kunde: consents that its data is processed at sites, or changes at which.
    GiveConsent {
        /// The consent.
        consent: Consent,
    },
    /// Cloud-Service-Kunde: takes the consent back.
    WithdrawConsent {
        /// The workload.
        workload: WorkloadName,
    },

    /// Node: brings what enough voters stated.
    SubmitVerdict {
        /// What they found.
        finding: Finding,
        /// Who stated it, with signatures.
        statements: Vec<SignedFinding>,
    },
    /// Node: opens the next generation of a cluster's lease.
    OpenLease {
        /// The cluster.
        cluster: ClusterName,
        /// The generation: one above the last.
        generation: u64,
        /// Needed where the last one is still open: a voter's statement that it refuses that one (lease.md 14). The new
        /// one takes its place, and the copies go on under it.
        refusal: Option<SignedFinding>,
    },
    /// Node: has the next batch of a verdict's workloads planned.
    PlanNext {
        /// The verdict's log index.
        verdict: u64,
    },
    /// Node: has a workload planned for which something is due.
    Replan {
        /// The workload.
        workload: WorkloadName,
    },

    /// Agent: it starts. Apply mints the number of this start, the index of the entry, which is the version in the answer:
    /// from then on voters renew the cluster's lease for this start alone (lease.md 2).
    RegisterStart {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Agent: what it measured at its cluster.
    Observe {
        /// The cluster.
        cluster: ClusterName,
        /// The measurement.
        observation: Observation,
    },
    /// Agent: how copies at its cluster are.
    ReportCopies {
        /// The cluster.
        cluster: ClusterName,
        /// The copies.
        copies: Vec<CopyReport>,
    },
    /// Agent: a copy is stopped, as the kubelet confirmed or because every grant of its guards has ended (lease.md 11).
    Receipt {
        /// The cluster.
        cluster: ClusterName,
        /// The workload.
        workload: WorkloadName,
        /// The epoch of the copy.
        epoch: u64,
    },
}
