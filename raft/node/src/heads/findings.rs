//! What the comparison of heads has shown so far.

use std::collections::{BTreeMap, BTreeSet};

use verbund_identity::SignedHead;
use verbund_model::NodeId;

/// Proofs that are passed on to others.
const PROOFS: usize = 32;

/// For each node how far it agrees with this one, and where it does not.
#[derive(Debug, Default)]
pub(super) struct Findings {
    agreed: BTreeMap<NodeId, SignedHead>,
    differing: BTreeMap<NodeId, SignedHead>,
    proofs: Vec<SignedHead>,
}

impl Findings {
    /// Enters a comparison.
    pub(super) fn note(&mut self, head: &SignedHead, agrees: bool) {
        if agrees {
            let known = self.agreed.entry(head.node).or_insert_with(|| head.clone());
            if known.head.index < head.head.index {
                *known = head.clone();
            }
            return;
        }
        // The lowest index is the nearest to where the histories part.
        let known = self.differing.entry(head.node).or_insert_with(|| head.clone());
        if known.head.index > head.head.index {
            *known = head.clone();
        }
        self.keep_proof(head);
    }

    /// Keeps a head so that others see it too.
    pub(super) fn keep_proof(&mut self, head: &SignedHead) {
        if self.proofs.len() < PROOFS && !self.proofs.contains(head) {
            self.proofs.push(head.clone());
        }
    }

    pub(super) fn proofs(&self) -> &[SignedHead] {
        &self.proofs
    }

    /// Whether a head of that node at that index could tell nothing new: the chain covers all that lies before.
    pub(super) fn knows(&self, node: NodeId, index: u64) -> bool {
        self.agreed.get(&node).is_some_and(|known| known.head.index >= index)
            || self.differing.get(&node).is_some_and(|known| known.head.index <= index)
    }

    /// For each node that differs, the lowest such head.
    pub(super) fn differing(&self) -> Vec<SignedHead> {
        self.differing.values().cloned().collect()
    }

    /// A voter that agrees with this node at `index` or beyond, so that it contradicts whoever differs there.
    pub(super) fn agreeing_voter(&self, voters: &BTreeSet<NodeId>, index: u64) -> Option<SignedHead> {
        let agrees = |head: &&SignedHead| {
            let differs_too = self.differing.get(&head.node).is_some_and(|other| other.head.index <= index);
            voters.contains(&head.node) && head.head.index >= index && !differs_too
        };
        self.agreed.values().find(agrees).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_identity::Head;
    use verbund_model::{FederationId, Hash};

    fn head(node: u64, index: u64, byte: u8) -> SignedHead {
        SignedHead {
            federation: FederationId(Hash([0; 32])),
            generation: 0,
            head: Head { index, chain: Hash([byte; 32]), state: Hash([0; 32]) },
            node: NodeId(node),
            signature: Vec::new(),
        }
    }

    #[test]
    fn keeps_the_highest_agreement_and_the_lowest_difference() {
        let mut findings = Findings::default();
        findings.note(&head(1, 10, 0), true);
        findings.note(&head(1, 20, 0), true);
        findings.note(&head(1, 15, 0), true);
        findings.note(&head(2, 30, 1), false);
        findings.note(&head(2, 12, 1), false);
        assert!(findings.knows(NodeId(1), 20) && !findings.knows(NodeId(1), 21));
        assert!(findings.knows(NodeId(2), 12) && !findings.knows(NodeId(2), 11));
        assert_eq!(findings.differing(), [head(2, 12, 1)]);
        assert_eq!(findings.proofs().len(), 2);
    }

    #[test]
    fn only_a_voter_that_reached_the_index_contradicts() {
        let mut findings = Findings::default();
        let voters = BTreeSet::from([NodeId(1), NodeId(2)]);
        findings.note(&head(1, 10, 0), true);
        findings.note(&head(3, 99, 0), true);
        assert_eq!(findings.agreeing_voter(&voters, 11), None);
        assert_eq!(findings.agreeing_voter(&voters, 10), Some(head(1, 10, 0)));
    }
}
