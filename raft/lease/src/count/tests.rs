use proptest::prelude::*;
use verbund_model::Hash;

use super::*;

const FEDERATION: FederationId = FederationId(Hash([1; 32]));
const NOW: MembershipId = MembershipId { term: 1, node: 1, index: 9 };

fn ended(generation: u64) -> Finding {
    Finding::LeaseEnded { cluster: "nord-1".parse().unwrap(), generation }
}

fn says(node: u64) -> Statement {
    Statement {
        federation: FEDERATION,
        federation_generation: 1,
        finding: ended(4),
        membership: NOW,
        node: NodeId(node),
    }
}

fn set(nodes: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
    nodes.into_iter().map(NodeId).collect()
}

fn counted(statements: &[Statement], configs: Vec<BTreeSet<NodeId>>, strictness: Strictness) -> Result<(), CountError> {
    let (finding, voters) = (ended(4), Voters::new(configs));
    let demand = Demand {
        federation: FEDERATION,
        federation_generation: 1,
        finding: &finding,
        membership: NOW,
        voters: &voters,
        strictness,
    };
    count(statements, &demand)
}

fn of_three(statements: &[Statement]) -> Result<(), CountError> {
    counted(statements, vec![set(1..=3)], Strictness::Majority)
}

#[test]
fn a_majority_is_a_verdict_and_less_is_none() {
    assert_eq!(of_three(&[says(1), says(3)]), Ok(()));
    assert_eq!(of_three(&[says(1)]), Err(CountError::TooFew { found: 1, size: 3, needed: 2 }));
    assert_eq!(of_three(&[]), Err(CountError::TooFew { found: 0, size: 3, needed: 2 }));
    let none = counted(&[], vec![], Strictness::Majority);
    assert_eq!(none, Err(CountError::TooFew { found: 0, size: 0, needed: 1 }));
}

#[test]
fn a_voter_counts_once_and_others_not_at_all() {
    assert_eq!(of_three(&[says(1), says(1)]), Err(CountError::Twice { node: NodeId(1) }));
    assert_eq!(of_three(&[says(1), says(4)]), Err(CountError::NoVoter { node: NodeId(4) }));
}

#[test]
fn what_a_statement_names_must_be_current() {
    let node = NodeId(1);
    let other = Statement { federation_generation: 2, ..says(1) };
    assert_eq!(of_three(&[other, says(2)]), Err(CountError::Federation { node }));
    let other = Statement { federation: FederationId(Hash([2; 32])), ..says(1) };
    assert_eq!(of_three(&[other, says(2)]), Err(CountError::Federation { node }));
    let other = Statement { finding: ended(3), ..says(1) };
    assert_eq!(of_three(&[other, says(2)]), Err(CountError::Finding { node }));
    // Rule 7: an entry of the same index by another leader is another membership, whatever sets it holds.
    let other = Statement { membership: MembershipId { term: 2, ..NOW }, ..says(1) };
    assert_eq!(of_three(&[other, says(2)]), Err(CountError::Membership { node, named: 9, in_force: 9 }));
}

#[test]
fn a_joint_membership_needs_a_majority_of_each_set() {
    let joint = || vec![set([1, 2, 3]), set([1, 2, 4])];
    assert_eq!(counted(&[says(1), says(2)], joint(), Strictness::Majority), Ok(()));
    let found = counted(&[says(1), says(3)], joint(), Strictness::Majority);
    assert_eq!(found, Err(CountError::TooFew { found: 1, size: 3, needed: 2 }));
}

#[test]
fn the_strict_demand_wants_four_of_five() {
    let five = || vec![set(1..=5)];
    let three = [says(1), says(2), says(3)];
    let four = [says(1), says(2), says(3), says(5)];
    assert_eq!(counted(&three, five(), Strictness::Majority), Ok(()));
    assert_eq!(counted(&three, five(), Strictness::OneLiar), Err(CountError::TooFew { found: 3, size: 5, needed: 4 }));
    assert_eq!(counted(&four, five(), Strictness::OneLiar), Ok(()));
    assert_eq!(counted(&three[..2], vec![set(1..=3)], Strictness::OneLiar), Ok(()));
}

proptest! {
    /// What counts is exactly a majority of each set, whatever the sets; and such a verdict shares a voter with every
    /// majority that may have granted a lease, two voters in sets of five under the strict demand.
    #[test]
    fn a_verdict_meets_every_grant(said in 0u64..64, granted in 0u64..64, one in 1u64..64, two in 1u64..64) {
        let bits = |mask: u64| (0..6).filter(move |bit| mask >> bit & 1 == 1);
        let (one, two) = (set(bits(one)), set(bits(two)));
        let voters = Voters::new(vec![one.clone(), two.clone()]);
        let said: Vec<_> = bits(said).filter(|node| voters.contains(NodeId(*node))).map(says).collect();
        let nodes: BTreeSet<_> = said.iter().map(|statement| statement.node).collect();
        let verdict = counted(&said, vec![one.clone(), two], Strictness::Majority);
        prop_assert_eq!(verdict.is_ok(), voters.is_majority(&nodes));
        let granted = set(bits(granted));
        if verdict.is_ok() && voters.is_majority(&granted) {
            prop_assert!(nodes.intersection(&granted).next().is_some());
        }
        if one.len() == 5 && counted(&said, vec![one.clone()], Strictness::OneLiar).is_ok()
            && Voters::new(vec![one.clone()]).is_majority(&granted)
        {
            let shared = nodes.intersection(&granted).filter(|node| one.contains(node)).count();
            prop_assert!(shared >= 2);
        }
    }
}
