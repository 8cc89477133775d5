//! What a voter states under its signature.

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Finding, MembershipId};
use verbund_model::{FederationId, NodeId};

/// What a voter found, with all that the finding hangs on (rules 7 and 13).
///
/// A finding about a site names the number of its presence (or absence) that it ends: the state raises that number each
/// time, so that no old statement counts again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// The federation.
    pub federation: FederationId,
    /// Its generation, which a recovery raises.
    pub federation_generation: u32,
    /// What was found.
    pub finding: Finding,
    /// The log id of the membership that was effective at the voter.
    pub membership: MembershipId,
    /// The voter.
    pub node: NodeId,
}

const TYPE: &str = "application/vnd.verbund.statement.v1";

impl Statement {
    /// The bytes that the node's registered key signs: DSSE's pre-authentication encoding, as for all that node keys sign,
    /// of the type `application/vnd.verbund.statement.v1` and this body (numbers big-endian):
    ///
    /// ```text
    /// federation 32 | federation generation 4 | membership: term 8, node 8, index 8 | node 8 | kind 1 | length 1 | name | number 8
    /// ```
    ///
    /// where kind, name and number are 1, cluster, lease generation; or 2, site, presence (unreachable); or 3, site, absence
    /// (returned). Names have at most 63 bytes.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let (kind, name, number) = match &self.finding {
            Finding::LeaseEnded { cluster, generation } => (1, cluster.as_str(), *generation),
            Finding::Unreachable { site, presence } => (2, site.as_str(), *presence),
            Finding::Returned { site, presence } => (3, site.as_str(), *presence),
        };
        let mut body = Vec::with_capacity(78 + name.len());
        body.extend_from_slice(self.federation.0.as_bytes());
        body.extend_from_slice(&self.federation_generation.to_be_bytes());
        for part in [self.membership.term, self.membership.node, self.membership.index, self.node.0] {
            body.extend_from_slice(&part.to_be_bytes());
        }
        body.push(kind);
        // A name's type keeps it below 64 bytes.
        body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&number.to_be_bytes());

        let mut message = format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), body.len()).into_bytes();
        message.extend_from_slice(&body);
        message
    }
}

#[cfg(test)]
mod tests;
