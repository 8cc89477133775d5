//! What stands in the messages, where it is no type of another crate.

use serde::{Deserialize, Serialize};
use verbund_lease::{MembershipId, Refused, Voters};
use verbund_model::resource::Millis;
use verbund_model::{FederationId, NodeId};

/// The sets of voters of one membership, as the site's daemon knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    /// Which membership.
    pub id: MembershipId,
    /// Its sets.
    pub voters: Voters,
}

/// A voter's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// The voter.
    pub voter: NodeId,
    /// Why.
    pub why: Refused,
}

/// What an agent needs to sign: the state's word on its key's sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sessions {
    /// The federation.
    pub federation: FederationId,
    /// Its generation.
    pub generation: u32,
    /// The number of the key's last session; 0: it had none.
    pub last: u64,
    /// The state's time.
    pub time: Millis,
}

/// A certificate that the site issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// In DER, leaf first, without the anchor.
    pub chain: Vec<Vec<u8>>,
    /// The site's anchor, in DER.
    pub anchor: Vec<u8>,
}
