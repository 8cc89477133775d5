//! How a site becomes a member: an invitation, a request, approvals.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Address, Der, Land, Millis};
use crate::id::{Hash, KeyId, NodeId, OrgName, SiteName};
use crate::key::PublicKey;

/// An invitation: a one-time key that may sign exactly one request (formats 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invitation {
    /// The one-time key.
    pub key: PublicKey,
    /// The site that may join with it.
    pub site: SiteName,
    /// The organisation the site will belong to.
    pub organisation: OrgName,
    /// After this it is worth nothing.
    pub expires: Millis,
    /// The coordinator's key that signed it.
    pub invited_by: KeyId,
    /// What became of it.
    pub used: InvitationUse,
}

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum InvitationUse {
    /// Not used yet.
    Open,
    /// Taken back by a coordinator.
    Revoked,
    /// Consumed by the request with this hash.
    Used {
        /// SHA-256 of the request's payload bytes.
        request: Hash,
    },
}

/// Proofs that the joining site holds the keys that it names: signatures over the request's binding (see
/// `verbund_identity::admission`). The sealing key is proved by decapsulating a challenge, at the contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proofs {
    /// By the node's signing key.
    pub node: Der,
    /// By the issuing CA's key.
    pub issuing: Der,
}

/// What a site that wants to join says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionRequest {
    /// Its name, as invited.
    pub site: SiteName,
    /// Its organisation, as invited.
    pub organisation: OrgName,
    /// Where it stands.
    pub land: Land,
    /// The trust anchors of its trust domain.
    pub anchors: Vec<Der>,
    /// Its issuing CA's certificate.
    pub issuing_certificate: Der,
    /// Its sealing key.
    pub sealing_key: PublicKey,
    /// Its first node's signing key.
    pub node_key: PublicKey,
    /// Where that node is reached; empty if it accepts nothing inbound.
    pub addresses: Vec<Address>,
}

/// That a coordinator refused a request, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionRefusal {
    /// The coordinator's key.
    pub by: KeyId,
    /// Why.
    pub reason: String,
}

/// A request that waits for its approvals, had them, or was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admission {
    /// SHA-256 of the request's payload bytes: what coordinators approve.
    pub hash: Hash,
    /// The request.
    pub request: AdmissionRequest,
    /// Keys of the coordinators who approved.
    pub approvals: BTreeSet<KeyId>,
    /// The node id that was minted when the last approval arrived.
    pub admitted: Option<NodeId>,
    /// Who refused it; never of one that was admitted.
    pub refused: Option<AdmissionRefusal>,
}
