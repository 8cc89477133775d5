//! What joiner and contact say to each other, as JSON.

use serde::{Deserialize, Serialize};
use verbund_identity::Envelope;
use verbund_model::resource::{Address, Der};
use verbund_model::{FederationId, Hash, KeyId, NodeId, OrgName, PublicKey, Refusal, SiteName};

use crate::t;

/// The most bytes of any message of the protocol.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Which federation the contact belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    /// The federation.
    pub federation: FederationId,
    /// Its name.
    pub name: SiteName,
    /// Its generation.
    pub generation: u32,
}

/// Asks for a challenge to the key that secrets will be sealed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChallengeRequest {
    /// The invitation that will be used.
    pub invitation: KeyId,
    /// The sealing key.
    pub sealing_key: PublicKey,
}

/// A challenge: who can open it holds the sealing key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Challenge {
    /// Names the challenge.
    pub id: Hash,
    /// HPKE ciphertext (encapsulated key ‖ ciphertext).
    pub sealed: Der,
}

/// The request with everything that the contact checks before it passes it on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRequest {
    /// Which challenge is answered.
    pub challenge: Hash,
    /// What was sealed in it.
    pub answer: Hash,
    /// The signed `RequestAdmission`.
    pub envelope: Envelope,
}

/// Where an admission stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionStatus {
    /// What coordinators approve.
    pub subject: Hash,
    /// Approvals so far.
    pub have: u32,
    /// Approvals needed.
    pub need: u32,
    /// Everything the new site needs, once it is admitted.
    pub admitted: Option<Admitted>,
}

/// What a new site needs to start its daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admitted {
    /// Its node's id.
    pub node: NodeId,
    /// Log index at which the lists below are true.
    pub index: u64,
    /// The genesis document's bytes, which the joiner hashes itself.
    pub genesis: Der,
    /// The members to connect to first. From then on the replicated state says who they are.
    pub members: Vec<Member>,
}

/// A node of the federation, with what it takes to recognise and reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Its site.
    pub site: SiteName,
    /// The site's organisation.
    pub organisation: OrgName,
    /// The trust anchors of the site.
    pub anchors: Vec<Der>,
    /// Where the node is reached.
    pub addresses: Vec<Address>,
}

/// Whether a node was given up. Anybody may ask: ids are no secret, and who was given up is let in nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    /// The node.
    pub node: NodeId,
    /// Whether it was removed for ever.
    pub removed: bool,
}

/// Why the contact says no.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JoinRefusal {
    /// Too many attempts.
    #[error("{}", t!("join-too-many", seconds = *.seconds))]
    TooMany {
        /// When to try again.
        seconds: u64,
    },
    /// The message could not be read.
    #[error("{}", t!("join-malformed", reason = .reason.as_str()))]
    Malformed {
        /// What was wrong.
        reason: String,
    },
    /// The challenge is unknown, over, or was answered wrongly.
    #[error("{}", t!("join-challenge", reason = .reason.as_str()))]
    Challenge {
        /// Which of the three.
        reason: String,
    },
    /// The federation refused.
    #[error("{}", t!("join-refused", reason = crate::words::refusal(.refusal)))]
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// A coordinator refused the request, for good.
    #[error("{}", t!("join-turned-down", key = .by.0.short(), reason = .reason.as_str()))]
    TurnedDown {
        /// The coordinator's key.
        by: KeyId,
        /// Why, in the coordinator's words.
        reason: String,
    },
    /// No such request.
    #[error("{}", t!("join-not-found"))]
    NotFound,
    /// The federation cannot write at the moment.
    #[error("{}", t!("join-unavailable", reason = .reason.as_str()))]
    Unavailable {
        /// Why.
        reason: String,
    },
}
