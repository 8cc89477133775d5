//! People and programs with keys, and what they may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{ClusterName, KeyId, NodeId, OrgName, SiteName, UserId};
use crate::key::PublicKey;

/// A user: a pseudonymous id within an organisation. The name of the person is known to the organisation alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The organisation.
    pub organisation: OrgName,
    /// The id, unique within the organisation.
    pub id: UserId,
}

/// What a user may do (formats 3). Which of them an organisation can give follows from its own roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserRole {
    /// Its users, keys, role bindings, sub-organisations.
    Administrator,
    /// Its own sites: facts, nodes.
    Plattformbetreiber,
    /// Its own workloads.
    Softwarebetreiber,
    /// Its own offerings in the catalogue.
    CloudServiceAnbieter,
    /// Its own orders and consents.
    CloudServiceKunde,
    /// Reads all that is not sealed.
    Auditor,
}

/// A role given to a user, for all sites of the organisation or for some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleBinding {
    /// The organisation.
    pub organisation: OrgName,
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: UserRole,
    /// The sites it is limited to; empty: all sites of the organisation.
    pub sites: BTreeSet<SiteName>,
}

/// Whose key it is, and so what it may sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum KeyOwner {
    /// One of the Koordinierungsstelle's coordinators.
    Coordinator,
    /// A user.
    User {
        /// The organisation.
        organisation: OrgName,
        /// The user.
        user: UserId,
    },
    /// A daemon.
    Node {
        /// The node.
        node: NodeId,
    },
    /// The one-time key of an invitation.
    Invitation,
    /// A cluster's agent.
    Agent {
        /// The cluster.
        cluster: ClusterName,
    },
}

/// A registered key. It is never removed, so that no revoked key comes back as a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisteredKey {
    /// SHA-256 of the key.
    pub id: KeyId,
    /// The key.
    pub key: PublicKey,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Whether it no longer counts.
    pub revoked: bool,
}
