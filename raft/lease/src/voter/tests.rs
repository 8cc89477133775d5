use std::collections::BTreeMap;

use verbund_model::Hash;

use super::*;
use crate::number::Nonce;
use crate::settings::Terms;

const TERMS: Terms = Terms { length: 100, margin: 20 };
const IDENTITY: VoterIdentity =
    VoterIdentity { federation: FederationId(Hash([1; 32])), federation_generation: 1, node: NodeId(2) };

fn cluster() -> ClusterName {
    "nord-1".parse().unwrap()
}

fn lease(generation: u64) -> OpenLease {
    OpenLease { generation: Generation(generation), terms: TERMS, longest: TERMS, incarnation: Incarnation(1) }
}

fn leases(lease: OpenLease) -> BTreeMap<ClusterName, OpenLease> {
    BTreeMap::from([(cluster(), lease)])
}

fn renewal(generation: u64, incarnation: u64) -> Renewal {
    Renewal {
        cluster: cluster(),
        generation: Generation(generation),
        length: TERMS.length,
        nonce: Nonce(1),
        incarnation: Incarnation(incarnation),
    }
}

const fn membership(index: u64) -> MembershipId {
    MembershipId { term: 1, node: 1, index }
}

const fn view(leases: &BTreeMap<ClusterName, OpenLease>) -> View<'_> {
    View { applied: 10, effective: membership(5), previous: 3, leases }
}

fn fresh() -> Voter {
    Voter::start(IDENTITY, Memory::Intact(Vec::new()), 0)
}

fn close(voter: &mut Voter, view: &View<'_>, now: Tick) -> Result<Closing, CannotClose> {
    voter.close(&cluster(), Generation(1), view, now)
}

/// Closes as the daemon does, with a store that never fails.
fn close_durably(voter: &mut Voter, view: &View<'_>, now: Tick) -> Result<Statement, CannotClose> {
    match close(voter, view, now)? {
        Closing::Statement(statement) => Ok(statement),
        Closing::MustPersist(refusal) => match voter.persisted(&refusal, view, now)? {
            Closing::Statement(statement) => Ok(statement),
            Closing::MustPersist(again) => panic!("asked twice to persist {again:?}"),
        },
    }
}

#[test]
fn an_answer_names_the_renewal_and_the_membership() {
    let leases = leases(lease(1));
    let answer = fresh().answer(&renewal(1, 1), &view(&leases), 0).unwrap();
    assert_eq!(answer, Answer { renewal: renewal(1, 1), voter: NodeId(2), membership: membership(5) });
}

#[test]
fn nothing_is_answered_before_what_came_before_the_membership_is_applied() {
    let leases = leases(lease(1));
    let behind = View { applied: 2, ..view(&leases) };
    assert_eq!(fresh().answer(&renewal(1, 1), &behind, 0), Err(Refused::Behind { needed: 3, applied: 2 }));
    assert!(fresh().answer(&renewal(1, 1), &View { applied: 3, ..behind }, 0).is_ok());
    let mut restarted = Voter::start(IDENTITY, Memory::Intact(Vec::new()), 11);
    assert_eq!(restarted.answer(&renewal(1, 1), &view(&leases), 0), Err(Refused::Behind { needed: 11, applied: 10 }));
    assert!(restarted.answer(&renewal(1, 1), &View { applied: 11, ..view(&leases) }, 0).is_ok());
}

#[test]
fn a_generation_that_is_not_open_is_refused() {
    let (some, none) = (leases(lease(2)), BTreeMap::new());
    let not_open = |open| Err(Refused::NotOpen { asked: Generation(1), open });
    assert_eq!(fresh().answer(&renewal(1, 1), &view(&some), 0), not_open(Some(Generation(2))));
    assert_eq!(fresh().answer(&renewal(1, 1), &view(&none), 0), not_open(None));
    let not_open = Err(CannotClose::NotOpen { asked: Generation(1), open: Some(Generation(2)) });
    assert_eq!(close(&mut fresh(), &view(&some), 1_000), not_open);
}

#[test]
fn a_start_an_answer_and_a_change_of_membership_each_make_it_wait() {
    let leases = leases(lease(1));
    let view = view(&leases);
    let mut voter = fresh();
    voter.observe(&view, 1_000);
    assert_eq!(close(&mut voter, &view, 1_119), Err(CannotClose::Waiting { until: 1_120 }));
    voter.answer(&renewal(1, 1), &view, 1_119).unwrap();
    assert_eq!(close(&mut voter, &view, 1_238), Err(CannotClose::Waiting { until: 1_239 }));
    let joint = View { effective: membership(7), previous: 5, ..view };
    voter.observe(&joint, 1_200);
    assert_eq!(close(&mut voter, &joint, 1_319), Err(CannotClose::Waiting { until: 1_320 }));
    // Truncated: the membership before is effective again, and it waits anew.
    voter.observe(&view, 1_310);
    assert_eq!(close(&mut voter, &view, 1_429), Err(CannotClose::Waiting { until: 1_430 }));
    assert_eq!(close_durably(&mut voter, &view, 1_430).unwrap().membership, membership(5));
}

#[test]
fn an_opening_counts_as_a_grant_when_it_is_applied() {
    let (none, first, second) = (BTreeMap::new(), leases(lease(1)), leases(lease(2)));
    let mut voter = fresh();
    voter.observe(&view(&none), 0);
    voter.observe(&view(&first), 500);
    assert_eq!(close(&mut voter, &view(&first), 619), Err(CannotClose::Waiting { until: 620 }));
    voter.observe(&view(&second), 700);
    let found = voter.close(&cluster(), Generation(2), &view(&second), 819);
    assert_eq!(found, Err(CannotClose::Waiting { until: 820 }));
}

#[test]
fn the_refusal_comes_first_and_is_for_ever() {
    let leases = leases(lease(1));
    let view = view(&leases);
    let mut voter = fresh();
    voter.observe(&view, 0);
    let refusal = Refusal { cluster: cluster(), generation: Generation(1) };
    assert_eq!(close(&mut voter, &view, 120), Ok(Closing::MustPersist(refusal.clone())));
    // Refused from here on, although it is not durable yet.
    let ended = Err(Refused::Ended { generation: Generation(1) });
    assert_eq!(voter.answer(&renewal(1, 1), &view, 120), ended);
    assert_eq!(close(&mut voter, &view, 121), Ok(Closing::MustPersist(refusal.clone())));
    assert_eq!(voter.refusals().count(), 0);

    let Ok(Closing::Statement(statement)) = voter.persisted(&refusal, &view, 121) else { panic!("no statement") };
    let finding = Finding::LeaseEnded { cluster: cluster(), generation: 1 };
    assert_eq!(statement.finding, finding);
    assert_eq!((statement.node, statement.federation_generation), (NodeId(2), 1));

    let mut again = Voter::start(IDENTITY, Memory::Intact(voter.refusals().collect()), 0);
    assert_eq!(again.answer(&renewal(1, 1), &view, 5), ended);
    assert_eq!(close(&mut again, &view, 124), Err(CannotClose::Waiting { until: 125 }));
    assert!(matches!(close(&mut again, &view, 125), Ok(Closing::Statement(_))));
}

#[test]
fn who_refuses_already_waits_anew_after_a_change_of_membership() {
    let leases = leases(lease(1));
    let mut voter = fresh();
    voter.observe(&view(&leases), 0);
    assert_eq!(close_durably(&mut voter, &view(&leases), 120).unwrap().membership, membership(5));
    let changed = View { effective: membership(7), previous: 5, ..view(&leases) };
    assert_eq!(close(&mut voter, &changed, 121), Err(CannotClose::Waiting { until: 241 }));
    assert_eq!(close_durably(&mut voter, &changed, 241).unwrap().membership, membership(7));
}

#[test]
fn a_change_while_the_refusal_is_written_holds_the_statement_back() {
    let leases = leases(lease(1));
    let mut voter = fresh();
    voter.observe(&view(&leases), 0);
    let Ok(Closing::MustPersist(refusal)) = close(&mut voter, &view(&leases), 120) else {
        panic!("nothing to persist")
    };
    let changed = View { effective: membership(7), previous: 5, ..view(&leases) };
    assert_eq!(voter.persisted(&refusal, &changed, 130), Err(CannotClose::Waiting { until: 250 }));
    assert_eq!(voter.refusals().collect::<Vec<_>>(), vec![refusal]);
}

#[test]
fn only_the_registered_incarnation_is_answered() {
    let registered = leases(OpenLease { incarnation: Incarnation(7), ..lease(1) });
    let superseded = Err(Refused::Superseded { asked: Incarnation(6), newest: Incarnation(7) });
    assert_eq!(fresh().answer(&renewal(1, 6), &view(&registered), 0), superseded);
    let unregistered = Err(Refused::Unregistered { asked: Incarnation(8), registered: Incarnation(7) });
    assert_eq!(fresh().answer(&renewal(1, 8), &view(&registered), 0), unregistered);
    assert!(fresh().answer(&renewal(1, 7), &view(&registered), 0).is_ok());
    // Nobody's start is registered: nobody is answered.
    let nobody = leases(OpenLease { incarnation: Incarnation(0), ..lease(1) });
    for asked in [0, 1] {
        let unregistered = Err(Refused::Unregistered { asked: Incarnation(asked), registered: Incarnation(0) });
        assert_eq!(fresh().answer(&renewal(1, asked), &view(&nobody), 0), unregistered);
    }
}

#[test]
fn a_lower_length_takes_effect_after_the_old_one_and_its_margin() {
    let long = leases(lease(1));
    let terms = Terms { length: 10, margin: 2 };
    let short = leases(OpenLease { terms, ..lease(1) });
    let mut voter = fresh();
    voter.answer(&renewal(1, 1), &view(&long), 0).unwrap();
    voter.observe(&view(&short), 50);
    // Until 50 + 100 + 20 the long one is granted, and waited for.
    voter.answer(&renewal(1, 1), &view(&short), 169).unwrap();
    assert_eq!(voter.answer(&renewal(1, 1), &view(&short), 170), Err(Refused::TooLong { asked: 100, allowed: 10 }));
    assert_eq!(close(&mut voter, &view(&short), 288), Err(CannotClose::Waiting { until: 289 }));
    assert!(close_durably(&mut voter, &view(&short), 289).is_ok());
}

#[test]
fn a_restarted_voter_reckons_with_the_longest_that_may_live() {
    let short = leases(OpenLease { terms: Terms { length: 10, margin: 2 }, ..lease(1) });
    let mut voter = fresh();
    voter.observe(&view(&short), 0);
    assert_eq!(close(&mut voter, &view(&short), 119), Err(CannotClose::Waiting { until: 120 }));
    assert!(close_durably(&mut voter, &view(&short), 120).is_ok());
}

#[test]
fn a_longer_length_takes_effect_at_once() {
    let short = leases(OpenLease {
        terms: Terms { length: 10, margin: 2 },
        longest: Terms { length: 10, margin: 2 },
        ..lease(1)
    });
    let long = leases(lease(1));
    let mut voter = fresh();
    assert_eq!(voter.answer(&renewal(1, 1), &view(&short), 0), Err(Refused::TooLong { asked: 100, allowed: 10 }));
    voter.answer(&renewal(1, 1), &view(&long), 1).unwrap();
    assert_eq!(close(&mut voter, &view(&long), 120), Err(CannotClose::Waiting { until: 121 }));
}

#[test]
fn a_node_that_may_have_lost_its_refusals_is_mute() {
    let leases = leases(lease(1));
    let mut voter = Voter::start(IDENTITY, Memory::Lost, 0);
    assert_eq!(voter.answer(&renewal(1, 1), &view(&leases), 0), Err(Refused::Lost));
    assert_eq!(close(&mut voter, &view(&leases), 1_000_000), Err(CannotClose::Lost));
}
