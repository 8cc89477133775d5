//! A set of nodes, small enough to stand in an event.

use verbund_lease::Voters;
use verbund_model::NodeId;

/// One bit a node.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Quorum(u32);

impl Quorum {
    pub const fn all(nodes: usize) -> Self {
        Self((1 << nodes) - 1)
    }

    /// Every set of nodes that is a majority of this membership, with whoever else.
    pub fn majorities(voters: &Voters, nodes: usize) -> Vec<Self> {
        let is_majority = |set: &Self| voters.is_majority(&set.nodes().map(|node| NodeId(node as u64)).collect());
        (1..1 << nodes).map(Self).filter(is_majority).collect()
    }

    pub fn nodes(self) -> impl Iterator<Item = usize> {
        (0..32).filter(move |node| self.0 >> node & 1 == 1)
    }
}

impl std::fmt::Debug for Quorum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.nodes()).finish()
    }
}
