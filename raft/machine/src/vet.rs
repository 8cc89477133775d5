//! Which changes of the Raft group's members a follower lets into its log (formats 8).
//!
//! The answer depends on the present membership, the proposed one and the state at `basis` alone, so that all who have
//! applied `basis` give the same answer, however much further they are. For that a leader waits until it has applied the
//! membership that it changes: a basis from before the last change of voters is refused, because it could bring back who
//! was voted out.

use std::collections::BTreeSet;
use std::fmt;

use verbund_model::NodeId;
use verbund_model::resource::NodeStanding;

use crate::log::Membership;
use crate::state::State;

/// A set of voters for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voters(pub Vec<BTreeSet<NodeId>>);

impl fmt::Display for Voters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, set) in self.0.iter().enumerate() {
            let ids: Vec<String> = set.iter().map(ToString::to_string).collect();
            write!(f, "{}{{{}}}", if i == 0 { "" } else { ", " }, ids.join(" "))?;
        }
        f.write_str("]")
    }
}

/// Why a membership entry is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VetError {
    /// This replica cannot judge yet.
    #[error("the membership names basis {basis}, but only {applied} is applied here: hold it until then")]
    BasisAhead {
        /// The basis named.
        basis: u64,
        /// The last index applied.
        applied: u64,
    },
    /// The plan of that time is not known any more, or was overtaken by a change of voters.
    #[error("the membership names basis {basis}, but wanted is {oldest} or later")]
    BasisTooOld {
        /// The basis named.
        basis: u64,
        /// The lowest that would do.
        oldest: u64,
    },
    /// Not the membership with which a federation begins.
    #[error("the first membership must be the genesis node alone, {wanted}, but is {found}")]
    First {
        /// The proposed voters.
        found: Voters,
        /// The genesis node.
        wanted: Voters,
    },
    /// Neither what the plan wants nor the end of a change under way.
    #[error("from voters {current}, wanted are {wanted}, but proposed is {found}")]
    Voters {
        /// The voters now.
        current: Voters,
        /// The proposed voters.
        found: Voters,
        /// What would be right.
        wanted: Voters,
    },
    /// A learner that no state knows.
    #[error("node {node} is to be a learner, but no such node was admitted")]
    UnknownNode {
        /// The node.
        node: NodeId,
    },
    /// A learner that was removed.
    #[error("node {node} is to be a learner, but was removed at index {removed}")]
    RemovedNode {
        /// The node.
        node: NodeId,
        /// The index of its removal.
        removed: u64,
    },
    /// Voter and learner at once.
    #[error("node {node} is to be voter and learner at once")]
    VoterAndLearner {
        /// The node.
        node: NodeId,
    },
}

impl State {
    /// Whether `proposed` may follow `current` (the effective membership at that place of the log), given that its leader
    /// derived it from the state at `basis`. Allowed are: the genesis node alone as the very first; other learners with
    /// the same voters; the joint step from the present voters to what the plan wanted at `basis`; and the end of a joint
    /// step. Errors: [`VetError`], saying what was found and what was wanted.
    pub fn vet_membership(&self, current: &Membership, proposed: &Membership, basis: u64) -> Result<(), VetError> {
        if current.configs.is_empty() {
            return self.vet_first(proposed);
        }
        let applied = self.applied().index;
        if basis > applied {
            return Err(VetError::BasisAhead { basis, applied });
        }
        self.vet_voters(current, proposed, basis)?;
        self.vet_learners(current, proposed, basis)
    }

    fn vet_first(&self, proposed: &Membership) -> Result<(), VetError> {
        let genesis_node = BTreeSet::from([NodeId::mint(self.federation().value.generation, 1)]);
        let wanted = vec![genesis_node];
        if proposed.configs == wanted && proposed.learners.is_empty() {
            return Ok(());
        }
        Err(VetError::First { found: Voters(proposed.configs.clone()), wanted: Voters(wanted) })
    }

    fn vet_voters(&self, current: &Membership, proposed: &Membership, basis: u64) -> Result<(), VetError> {
        if proposed.configs == current.configs {
            return Ok(());
        }
        if let ([.., going_to], [only]) = (current.configs.as_slice(), proposed.configs.as_slice())
            && only == going_to
        {
            return Ok(());
        }
        let oldest = self.oldest_basis();
        let target = self.voter_target(basis).filter(|_| basis >= oldest);
        let target = target.ok_or(VetError::BasisTooOld { basis, oldest })?;
        // A change under way may also be turned: back to where it came from, or on to a newer plan.
        let (Some(from), Some(going_to)) = (current.configs.first(), current.configs.last()) else {
            return Ok(()); // never: `current` has voters, or the first rule applied
        };
        let wanted = if current.configs.len() == 2 && from == target {
            vec![target.clone()]
        } else {
            vec![going_to.clone(), target.clone()]
        };
        if proposed.configs == wanted && target != going_to {
            return Ok(());
        }
        let wanted = if target == going_to { vec![target.clone()] } else { wanted };
        Err(VetError::Voters {
            current: Voters(current.configs.clone()),
            found: Voters(proposed.configs.clone()),
            wanted: Voters(wanted),
        })
    }

    fn oldest_basis(&self) -> u64 {
        let first_known = self.tables.targets.iter().next().map_or(0, |(index, _)| *index);
        self.membership().1.index.max(first_known)
    }

    fn vet_learners(&self, current: &Membership, proposed: &Membership, basis: u64) -> Result<(), VetError> {
        let voters = proposed.voters();
        for &node in &proposed.learners {
            if voters.contains(&node) {
                return Err(VetError::VoterAndLearner { node });
            }
            // Who is a learner already may be leaving: it is taken out one entry at a time.
            if current.learners.contains(&node) {
                continue;
            }
            let known = self.node(&node).ok_or(VetError::UnknownNode { node })?;
            // A removed node is never changed again, so its version is the index of its removal.
            if known.value.standing == NodeStanding::Removed && known.version <= basis {
                return Err(VetError::RemovedNode { node, removed: known.version });
            }
        }
        Ok(())
    }
}
