//! What joiner and contact say to each other, as JSON.

use serde::{Deserialize, Serialize};
use verbund_identity::Envelope;
use verbund_model::resource::{Address, Der};
use verbund_model::{FederationId, Hash, KeyId, NodeId, OrgName, PublicKey, Refusal, SiteName};

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

/// Why the contact says no.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JoinRefusal {
    /// Too many attempts.
    #[error("the contact takes no more attempts from this address for now: try again in {seconds} seconds")]
    TooMany {
        /// When to try again.
        seconds: u64,
    },
    /// The message could not be read.
    #[error("the contact could not read the message: {reason}")]
    Malformed {
        /// What was wrong.
        reason: String,
    },
    /// The challenge is unknown, over, or was answered wrongly.
    #[error(
        "the proof that the site holds its sealing key does not hold (challenge {reason}): run the same command again"
    )]
    Challenge {
        /// Which of the three.
        reason: String,
    },
    /// The federation refused.
    #[error("the federation refused the request: {refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// No such request.
    #[error("no request for admission has this hash")]
    NotFound,
    /// The federation cannot write at the moment.
    #[error("the federation cannot take the request at the moment: {reason}. Run the same command again later")]
    Unavailable {
        /// Why.
        reason: String,
    },
}
