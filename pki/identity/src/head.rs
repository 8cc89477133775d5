//! Signed heads: what a node says the log's history and the state are at one index (formats 9).

use serde::{Deserialize, Serialize};
use verbund_model::{FederationId, Hash, NodeId};

use crate::envelope::pae;

/// Where a replica stands at one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    /// Log index.
    pub index: u64,
    /// The audit chain's hash after that index.
    pub chain: Hash,
    /// The state's hash after that index.
    pub state: Hash,
}

/// A head with the node that vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedHead {
    /// The federation.
    pub federation: FederationId,
    /// Its generation.
    pub generation: u32,
    /// The head.
    pub head: Head,
    /// The node.
    pub node: NodeId,
    /// The node's registered key over [`SignedHead::message`]: raw `r ‖ s`, low `s`.
    #[serde(with = "crate::base64_bytes")]
    pub signature: Vec<u8>,
}

impl SignedHead {
    /// The bytes that the node signs.
    #[must_use]
    pub fn message(federation: &FederationId, generation: u32, head: &Head, node: NodeId) -> Vec<u8> {
        let mut body = Vec::with_capacity(116);
        body.extend_from_slice(&federation.0.0);
        body.extend_from_slice(&generation.to_be_bytes());
        body.extend_from_slice(&head.index.to_be_bytes());
        body.extend_from_slice(&head.chain.0);
        body.extend_from_slice(&head.state.0);
        body.extend_from_slice(&node.0.to_be_bytes());
        pae("application/vnd.verbund.head.v1", &body)
    }

    /// The bytes that this head's signature must be over.
    #[must_use]
    pub fn signed_message(&self) -> Vec<u8> {
        Self::message(&self.federation, self.generation, &self.head, self.node)
    }
}
