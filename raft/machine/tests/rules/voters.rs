//! Who should vote, and which changes of members a follower lets in (formats 8).

use std::collections::BTreeSet;

use verbund_machine::{Membership, VetError, VoterWarning, voter_plan};
use verbund_model::{Command, NodeId};

use crate::federation::Federation;
use crate::support::build::name;

fn set(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn members(configs: &[&[u64]], learners: &[u64]) -> Membership {
    Membership { configs: configs.iter().map(|ids| set(ids)).collect(), learners: set(learners) }
}

/// A site of an organisation of its own, by the organisation's name.
fn join(federation: &mut Federation, organisation: &str, land: &str) -> NodeId {
    federation.organisation(organisation);
    federation.site(&format!("site-{organisation}"), organisation, land).0
}

/// Goes to what the plan wants, in the two steps of Raft.
fn follow(federation: &mut Federation) {
    let target: Vec<NodeId> = voter_plan(&federation.state).voters.into_iter().collect();
    let current: Vec<NodeId> = federation.state.membership().0.configs[0].iter().copied().collect();
    federation.members(&[&current, &target], &[]);
    federation.members(&[&target], &[]);
}

#[test]
fn grows_with_the_organisations() {
    let mut federation = Federation::new();
    let plan = voter_plan(&federation.state);
    assert_eq!(plan.voters, set(&[1]));
    let ni = name("DE-NI");
    assert_eq!(
        plan.warnings,
        [VoterWarning::TooFewOrganisations { organisations: 1 }, VoterWarning::SingleLand { land: ni }]
    );
    let wanted: [(&str, &str, &[u64]); 6] = [
        ("b", "DE-NI", &[1]),
        ("c", "DE-NI", &[1, 2, 3]),
        ("d", "DE-HH", &[1, 2, 4]),
        ("e", "DE-HH", &[1, 2, 3, 4, 5]),
        ("f", "DE-BY", &[1, 2, 3, 4, 5]),
        ("g", "DE-BE", &[1, 2, 3, 4, 5]),
    ];
    for (organisation, land, voters) in wanted {
        join(&mut federation, organisation, land);
        assert_eq!(voter_plan(&federation.state).voters, set(voters), "with {organisation}");
        follow(&mut federation);
        assert_eq!(voter_plan(&federation.state).voters, set(voters), "the plan stays when it is followed");
    }
    assert_eq!(voter_plan(&federation.state).warnings, []);
}

#[test]
fn warns_of_four_organisations() {
    let mut federation = Federation::new();
    for (organisation, land) in [("b", "DE-HH"), ("c", "DE-BY"), ("d", "DE-SN")] {
        join(&mut federation, organisation, land);
    }
    let plan = voter_plan(&federation.state);
    assert_eq!(plan.warnings, [VoterWarning::EvenOrganisations { organisations: 4, voters: 3 }]);
}

#[test]
fn has_one_voter_for_an_organisation() {
    let mut federation = Federation::new();
    federation.organisation("b");
    for site in ["b1", "b2", "b3"] {
        federation.site(site, "b", "DE-HH");
    }
    assert_eq!(voter_plan(&federation.state).voters, set(&[1]));
    join(&mut federation, "c", "DE-NI");
    assert_eq!(voter_plan(&federation.state).voters, set(&[1, 2, 5]));
}

#[test]
fn spreads_over_the_laender_before_it_counts_ids() {
    let mut federation = Federation::new();
    for (organisation, land) in
        [("b", "DE-NI"), ("c", "DE-NI"), ("d", "DE-NI"), ("e", "DE-NI"), ("f", "DE-HH"), ("g", "DE-BY")]
    {
        join(&mut federation, organisation, land);
    }
    // Nobody followed the plan so far: node 1 votes alone. 6 and 7 stand in other Länder.
    assert_eq!(voter_plan(&federation.state).voters, set(&[1, 2, 3, 6, 7]));
}

#[test]
fn keeps_present_voters_and_replaces_lost_ones() {
    let mut federation = Federation::new();
    for organisation in ["b", "c", "d"] {
        join(&mut federation, organisation, "DE-NI");
    }
    follow(&mut federation);
    assert_eq!(federation.state.membership().0.configs, [set(&[1, 2, 3])]);
    let author = federation.organisation("e");
    let (node, _) = federation.site("e1", "e", "DE-NI");
    federation.members(&[&[NodeId(1), NodeId(2), NodeId(3)], &[NodeId(1), NodeId(2), node]], &[]);
    federation.members(&[&[NodeId(1), NodeId(2), node]], &[]);
    federation.act(&author, Command::RemoveNode { node });
    assert_eq!(voter_plan(&federation.state).voters, set(&[1, 2, 3]));
}

#[test]
fn history_is_kept_and_bounded() {
    let mut federation = Federation::new();
    assert_eq!(federation.state.voter_target(0), Some(&set(&[1])));
    join(&mut federation, "b", "DE-HH");
    let before = federation.index;
    join(&mut federation, "c", "DE-BY");
    let after = federation.index;
    assert_eq!(federation.state.voter_target(before), Some(&set(&[1])));
    assert_eq!(federation.state.voter_target(after), Some(&set(&[1, 2, 3])));
    assert_eq!(federation.state.voter_target(after + 1), None, "not applied yet");
    let author = federation.organisation("d");
    for _ in 0..40 {
        // Each site that comes makes an even number, each that goes an odd one again.
        let (node, _) = federation.site(&format!("d{}", federation.index), "d", "DE-SN");
        federation.members(&[&[NodeId(1), NodeId(2), node]], &[]);
        federation.act(&author, Command::RemoveNode { node });
    }
    assert_eq!(federation.state.voter_target(before), None, "forgotten");
    assert!(federation.state.voter_target(federation.index).is_some());
}

#[test]
fn the_first_membership_is_the_genesis_node() {
    let federation = Federation::new();
    let vet = |proposed: &Membership| federation.state.vet_membership(&Membership::default(), proposed, 0);
    assert_eq!(vet(&members(&[&[1]], &[])), Ok(()));
    for wrong in [members(&[&[2]], &[]), members(&[&[1, 2]], &[]), members(&[&[1]], &[2]), members(&[], &[])] {
        assert!(matches!(vet(&wrong), Err(VetError::First { .. })), "{wrong:?}");
    }
}

#[test]
fn voters_change_only_to_what_the_plan_wants() {
    let mut federation = Federation::new();
    join(&mut federation, "b", "DE-HH");
    let old = federation.index;
    join(&mut federation, "c", "DE-BY");
    let basis = federation.index;
    let state = &federation.state;
    let now = members(&[&[1]], &[]);
    let joint = members(&[&[1], &[1, 2, 3]], &[]);
    assert_eq!(state.vet_membership(&now, &joint, basis), Ok(()));
    assert_eq!(state.vet_membership(&joint, &members(&[&[1, 2, 3]], &[]), basis), Ok(()), "the end of the step");
    for wrong in [
        members(&[&[1, 2, 3]], &[]),
        members(&[&[1], &[1, 2]], &[]),
        members(&[&[1], &[2, 3]], &[]),
        members(&[&[2], &[1, 2, 3]], &[]),
        members(&[&[1, 2, 3], &[1]], &[]),
        members(&[&[1], &[1, 2, 3], &[1]], &[]),
        members(&[&[1], &[1]], &[]),
        members(&[&[2]], &[]),
        members(&[], &[]),
    ] {
        let found = state.vet_membership(&now, &wrong, basis);
        assert!(matches!(found, Err(VetError::Voters { .. })), "{wrong:?}: {found:?}");
    }
    let found = state.vet_membership(&now, &joint, old).unwrap_err();
    assert!(found.to_string().contains("proposed is [{0.1}, {0.1 0.2 0.3}]"), "{found}");
    let ahead = state.vet_membership(&now, &joint, basis + 1);
    assert_eq!(ahead, Err(VetError::BasisAhead { basis: basis + 1, applied: basis }));
    // From within a step: back, or on to a newer plan, but nowhere else.
    let elsewhere = members(&[&[1], &[2]], &[]);
    assert!(state.vet_membership(&elsewhere, &members(&[&[1]], &[]), basis).is_err());
    assert_eq!(state.vet_membership(&elsewhere, &members(&[&[2], &[1, 2, 3]], &[]), basis), Ok(()));
    assert_eq!(state.vet_membership(&members(&[&[1], &[2]], &[]), &members(&[&[1]], &[]), old), Ok(()));
}

#[test]
fn an_old_basis_brings_nobody_back() {
    let mut federation = Federation::new();
    let author = federation.organisation("b");
    federation.site("b1", "b", "DE-HH");
    join(&mut federation, "c", "DE-BY");
    let basis = federation.index;
    join(&mut federation, "d", "DE-SN");
    follow(&mut federation);
    federation.act(&author, Command::RemoveNode { node: NodeId(2) });
    follow(&mut federation);
    let current = federation.state.membership().0.clone();
    assert_eq!(current.configs, [set(&[1, 3, 4])]);
    let back = members(&[&[1, 3, 4], &[1, 2, 3]], &[]);
    let found = federation.state.vet_membership(&current, &back, basis);
    assert!(matches!(found, Err(VetError::BasisTooOld { .. })), "{found:?}");
}

#[test]
fn learners_are_admitted_nodes() {
    let mut federation = Federation::new();
    let author = federation.organisation("b");
    let (node, _) = federation.site("b1", "b", "DE-HH");
    let basis = federation.index;
    let now = members(&[&[1]], &[]);
    let with = members(&[&[1]], &[node.0]);
    let vet = |federation: &Federation, from: &Membership, to: &Membership, basis| {
        federation.state.vet_membership(from, to, basis)
    };
    assert_eq!(vet(&federation, &now, &with, basis), Ok(()));
    let unknown = vet(&federation, &now, &members(&[&[1]], &[9]), basis);
    assert_eq!(unknown, Err(VetError::UnknownNode { node: NodeId(9) }));
    let both = vet(&federation, &now, &members(&[&[1]], &[1]), basis);
    assert_eq!(both, Err(VetError::VoterAndLearner { node: NodeId(1) }));
    federation.act(&author, Command::RemoveNode { node });
    let removed = federation.index;
    let refused = vet(&federation, &now, &with, removed);
    assert_eq!(refused, Err(VetError::RemovedNode { node, removed }));
    // Everyone answers by the state at the basis, also those who know of the removal already.
    assert_eq!(vet(&federation, &now, &with, basis), Ok(()));
    assert_eq!(vet(&federation, &with, &now, removed), Ok(()), "leaving is always possible");
}
