//! Receipts: what a node says it has done about a directive, under its own signature (design 7).

use serde::{Deserialize, Serialize};
use verbund_model::resource::Millis;
use verbund_model::{FederationId, Hash, NodeId, SiteName};

use crate::envelope::pae;

/// The payload type of a receipt's signed bytes.
pub const RECEIPT_TYPE: &str = "application/vnd.verbund.receipt.v1";
/// The most bytes of a receipt as JSON.
pub const MAX_RECEIPT: usize = 1024;

/// A node's word that a directive has taken effect there. It is made after every connection of the excluded was closed: from
/// then on nothing of them reads, writes, authenticates or streams at that node (design 11, I7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The federation.
    pub federation: FederationId,
    /// The directive's hash.
    pub directive: Hash,
    /// The node's site.
    pub site: SiteName,
    /// The node.
    pub node: NodeId,
    /// When the node heard of the directive, by its own clock.
    pub heard: Millis,
    /// When everything was closed, by the same clock.
    pub done: Millis,
    /// How many connections were closed.
    pub lines: u64,
}

impl Receipt {
    /// The bytes that the node signs: `PAE(RECEIPT_TYPE, federation (32) ‖ directive (32) ‖ node (8) ‖ heard (8) ‖ done (8) ‖
    /// lines (8) ‖ site)`, numbers big-endian.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(96 + self.site.as_str().len());
        body.extend_from_slice(&self.federation.0.0);
        body.extend_from_slice(&self.directive.0);
        body.extend_from_slice(&self.node.0.to_be_bytes());
        body.extend_from_slice(&self.heard.to_be_bytes());
        body.extend_from_slice(&self.done.to_be_bytes());
        body.extend_from_slice(&self.lines.to_be_bytes());
        body.extend_from_slice(self.site.as_str().as_bytes());
        pae(RECEIPT_TYPE, &body)
    }
}

/// A receipt with its node's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedReceipt {
    /// What the node says.
    pub receipt: Receipt,
    /// The node's registered key over [`Receipt::message`]: raw `r ‖ s`, low `s`.
    #[serde(with = "crate::base64_bytes")]
    pub signature: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            federation: FederationId(Hash([1; 32])),
            directive: Hash([2; 32]),
            site: SiteName::new("nord").unwrap(),
            node: NodeId(3),
            heard: 4,
            done: 5,
            lines: 6,
        }
    }

    #[test]
    fn the_signed_bytes_are_these() {
        let number = |n: u64| n.to_be_bytes();
        let wanted = [
            b"DSSEv1 34 application/vnd.verbund.receipt.v1 100 ".as_slice(),
            &[1; 32],
            &[2; 32],
            &number(3),
            &number(4),
            &number(5),
            &number(6),
            b"nord",
        ];
        assert_eq!(receipt().message(), wanted.concat());
    }

    #[test]
    fn every_field_is_bound() {
        let base = receipt();
        let others = [
            Receipt { federation: FederationId(Hash([9; 32])), ..base.clone() },
            Receipt { directive: Hash([9; 32]), ..base.clone() },
            Receipt { site: SiteName::new("sued").unwrap(), ..base.clone() },
            Receipt { node: NodeId(9), ..base.clone() },
            Receipt { heard: 9, ..base.clone() },
            Receipt { done: 9, ..base.clone() },
            Receipt { lines: 9, ..base.clone() },
        ];
        for other in others {
            assert_ne!(other.message(), base.message());
        }
    }
}
