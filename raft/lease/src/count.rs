//! Counting statements: what makes a verdict (rule 7).

use std::collections::BTreeSet;

use verbund_model::resource::{Finding, MembershipId};
use verbund_model::{FederationId, NodeId};

use crate::membership::{Voters, majority};
use crate::statement::Statement;

/// How many voters of a set must have stated a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Strictness {
    /// More than half.
    #[default]
    Majority,
    /// One more than that in sets of five and more (four of five), so that any two groups, one that grants and one that
    /// ends, share two voters, and one that lies cannot end a living lease. Two lost voters then wait for a replacement or
    /// a person. Smaller sets go by majority: they cannot bear both a loss and a liar.
    OneLiar,
}

impl Strictness {
    /// How many voters of a set of `size` are needed.
    #[must_use]
    pub const fn needed(self, size: usize) -> usize {
        match self {
            Self::OneLiar if size >= 5 => majority(size) + 1,
            Self::Majority | Self::OneLiar => majority(size),
        }
    }
}

/// What statements must say to count, at the index of the verdict that brings them.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The federation.
    pub federation: FederationId,
    /// Its generation now.
    pub federation_generation: u32,
    /// The finding, with the generation or presence that is current.
    pub finding: &'a Finding,
    /// The log id of the membership in force.
    pub membership: MembershipId,
    /// Its sets of voters.
    pub voters: &'a Voters,
    /// How many are needed.
    pub strictness: Strictness,
}

/// Why statements make no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// Of another federation, or of another generation of it.
    #[error("the statement of node {node} is of another federation or of another generation of it")]
    Federation {
        /// Whose.
        node: NodeId,
    },
    /// Of something else: another cluster, generation, site or presence.
    #[error(
        "the statement of node {node} is of something else, or of another generation or presence than the current one"
    )]
    Finding {
        /// Whose.
        node: NodeId,
    },
    /// Under another membership, even one of the same sets (rule 7).
    #[error(
        "the statement of node {node} was made under the membership of index {named}, but in force is that of {in_force}"
    )]
    Membership {
        /// Whose.
        node: NodeId,
        /// The index that it names.
        named: u64,
        /// The index of the membership in force.
        in_force: u64,
    },
    /// By who is no voter.
    #[error("node {node} made a statement, but is no voter")]
    NoVoter {
        /// Whose.
        node: NodeId,
    },
    /// A voter counts once.
    #[error("there are two statements of node {node}")]
    Twice {
        /// Whose.
        node: NodeId,
    },
    /// Too few.
    #[error("{found} of {size} voters made the statement, but {needed} are needed")]
    TooFew {
        /// How many did, in the set that lacks them.
        found: usize,
        /// How many there are.
        size: usize,
        /// How many are needed.
        needed: usize,
    },
}

/// Whether `statements`, each with a signature **already verified** against the key registered for its node, are a verdict.
/// All of them must fit: who brings one that does not fit made a mistake, and is told which.
///
/// # Errors
/// [`CountError`]: the first that is wrong, or that they are too few.
pub fn count<'a>(statements: impl IntoIterator<Item = &'a Statement>, demand: &Demand<'_>) -> Result<(), CountError> {
    let mut nodes = BTreeSet::new();
    for statement in statements {
        let node = statement.node;
        if statement.federation != demand.federation || statement.federation_generation != demand.federation_generation
        {
            return Err(CountError::Federation { node });
        }
        if statement.finding != *demand.finding {
            return Err(CountError::Finding { node });
        }
        if statement.membership != demand.membership {
            let (named, in_force) = (statement.membership.index, demand.membership.index);
            return Err(CountError::Membership { node, named, in_force });
        }
        if !demand.voters.contains(node) {
            return Err(CountError::NoVoter { node });
        }
        if !nodes.insert(node) {
            return Err(CountError::Twice { node });
        }
    }
    enough(&nodes, demand)
}

fn enough(nodes: &BTreeSet<NodeId>, demand: &Demand<'_>) -> Result<(), CountError> {
    if demand.voters.configs.is_empty() {
        return Err(CountError::TooFew { found: 0, size: 0, needed: 1 });
    }
    for set in &demand.voters.configs {
        let (found, size) = (set.intersection(nodes).count(), set.len());
        let needed = demand.strictness.needed(size);
        if found < needed {
            return Err(CountError::TooFew { found, size, needed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
