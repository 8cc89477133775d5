//! Sets of voters, and what a majority of them is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_model::NodeId;

/// The sets of voters of one membership: one, or two while it changes (joint).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voters {
    /// The sets. None at all has no majority.
    pub configs: Vec<BTreeSet<NodeId>>,
}

impl Voters {
    /// A membership with these sets.
    #[must_use]
    pub const fn new(configs: Vec<BTreeSet<NodeId>>) -> Self {
        Self { configs }
    }

    /// A membership with one set.
    pub fn uniform(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self { configs: vec![voters.into_iter().collect()] }
    }

    /// Whether `node` is in any of the sets.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.configs.iter().any(|set| set.contains(&node))
    }

    /// Whether `nodes` are a majority of **each** set. Never of a membership without sets, nor of an empty set.
    #[must_use]
    pub fn is_majority(&self, nodes: &BTreeSet<NodeId>) -> bool {
        !self.configs.is_empty()
            && self.configs.iter().all(|set| set.intersection(nodes).count() >= majority(set.len()))
    }
}

/// More than half of `size`; 1 for an empty set, which nobody can reach.
pub(crate) const fn majority(size: usize) -> usize {
    size / 2 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(nodes: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
        nodes.into_iter().map(NodeId).collect()
    }

    #[test]
    fn a_joint_membership_needs_both_majorities() {
        let joint = Voters::new(vec![set([1, 2, 3]), set([1, 2, 4])]);
        assert!(joint.is_majority(&set([1, 2])));
        assert!(joint.is_majority(&set([1, 3, 4])));
        assert!(!joint.is_majority(&set([1, 3])));
        assert!(!joint.is_majority(&set([2, 4])));
        assert!(!joint.is_majority(&set([3, 4])));
    }

    #[test]
    fn nobody_is_a_majority_of_nobody() {
        assert!(!Voters::default().is_majority(&set([1])));
        assert!(!Voters::new(vec![set([])]).is_majority(&set([])));
        assert!(!Voters::new(vec![set([1]), set([])]).is_majority(&set([1])));
    }

    #[test]
    fn a_lone_voter_is_its_own_majority() {
        assert!(Voters::uniform([NodeId(1)]).is_majority(&set([1, 9])));
        assert!(!Voters::uniform([NodeId(1)]).is_majority(&set([9])));
    }

    prop_compose! {
        fn some_set()(bits in 0u64..256) -> BTreeSet<NodeId> {
            (0..8).filter(|bit| bits >> bit & 1 == 1).map(NodeId).collect()
        }
    }

    proptest! {
        /// What the whole protocol rests on.
        #[test]
        fn two_majorities_of_a_membership_meet(a in some_set(), b in some_set(), one in some_set(), two in some_set()) {
            let voters = Voters::new(vec![one, two]);
            if voters.is_majority(&a) && voters.is_majority(&b) {
                prop_assert!(a.intersection(&b).any(|node| voters.contains(*node)));
            }
        }

        /// A joint step keeps this too: a majority of both meets each majority of one.
        #[test]
        fn a_joint_majority_meets_those_of_its_sides(a in some_set(), b in some_set(), one in some_set(), two in some_set()) {
            let joint = Voters::new(vec![one.clone(), two.clone()]);
            for side in [one, two] {
                if joint.is_majority(&a) && Voters::new(vec![side]).is_majority(&b) {
                    prop_assert!(a.intersection(&b).next().is_some());
                }
            }
        }
    }
}
