//! What an author can ask for: one variant for each kind of change. Who may ask for which is the table of `formats.md` 3,
//! written down in `verbund-machine::authority`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{CatalogueName, Hash, KeyId, NodeId, OrgName, SiteName, UserId};
use crate::key::PublicKey;
use crate::resource::{Action, Address, AdmissionRequest, Der, Land, Millis, OrgRole, Proofs, UserRole};

/// A change that an author asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
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
}
