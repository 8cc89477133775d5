use super::*;

const TERMS: Terms = Terms { length: 100, margin: 20 };
const JOINT: MembershipId = MembershipId { term: 1, node: 1, index: 7 };
const OLD: MembershipId = MembershipId { term: 1, node: 1, index: 5 };

fn cluster() -> ClusterName {
    "nord-1".parse().unwrap()
}

fn nodes(nodes: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
    nodes.into_iter().map(NodeId).collect()
}

fn desired(index: u64, generation: u64) -> Desired {
    let granted = Granted {
        generation: Generation(generation),
        opened: 10 * generation,
        terms: TERMS,
        longest: TERMS,
        incarnation: Incarnation(4),
    };
    Desired { index, lease: Some(granted), active: BTreeMap::new() }
}

/// A holder that started at 1,000, has read its desired state, and knows voters 1, 2, 3.
fn holder() -> Holder {
    let mut holder = Holder::start(cluster(), Incarnation(4), 1_000);
    holder.know(OLD, Voters::uniform([1, 2, 3].map(NodeId)), 1_000);
    holder.adopt(&desired(10, 1), Read::Linearizable { begun: 1_000 }).unwrap();
    holder
}

fn answer(renewal: &Renewal, voter: u64, membership: MembershipId) -> Answer {
    Answer { renewal: renewal.clone(), voter: NodeId(voter), membership }
}

#[test]
fn the_lease_counts_from_the_own_send_and_needs_a_majority() {
    let mut holder = holder();
    let renewal = holder.renew(1_005).unwrap();
    assert_eq!(renewal.length, 100);
    assert_eq!(holder.answered(&answer(&renewal, 1, OLD), 1_050), Ok(None));
    assert_eq!(holder.answered(&answer(&renewal, 1, OLD), 1_050), Ok(None));
    assert_eq!(holder.answered(&answer(&renewal, 9, OLD), 1_050), Ok(None));
    assert_eq!(holder.answered(&answer(&renewal, 3, OLD), 1_060), Ok(Some(1_105)));
    assert!(holder.holds(1_104) && !holder.holds(1_105));
    assert_eq!(holder.may_activate(10, 1_104), Ok(1_105));
    assert_eq!(holder.may_activate(10, 1_105), Err(NoLease::NotHeld));
    assert_eq!(holder.alone_from(), Some(1_180));
}

#[test]
fn answers_under_two_memberships_do_not_add_up() {
    let mut holder = holder();
    holder.know(JOINT, Voters::new(vec![nodes([1, 2, 3]), nodes([1, 2, 4])]), 1_000);
    let renewal = holder.renew(1_005).unwrap();
    for (voter, membership) in [(1, OLD), (2, JOINT), (3, JOINT)] {
        assert_eq!(holder.answered(&answer(&renewal, voter, membership), 1_006), Ok(None));
    }
    assert_eq!(holder.answered(&answer(&renewal, 4, JOINT), 1_007), Ok(Some(1_105)));
}

#[test]
fn answers_under_a_membership_count_once_its_voters_are_known() {
    let mut holder = holder();
    let renewal = holder.renew(1_005).unwrap();
    for voter in [1, 4] {
        assert_eq!(holder.answered(&answer(&renewal, voter, JOINT), 1_006), Ok(None));
    }
    holder.know(JOINT, Voters::uniform([1, 2, 4].map(NodeId)), 1_010);
    assert_eq!(holder.lease_until(), Some(1_105));
}

#[test]
fn an_answer_to_something_else_counts_nothing() {
    let mut holder = holder();
    let renewal = holder.renew(1_005).unwrap();
    let foreign = [
        Renewal { cluster: "nord-2".parse().unwrap(), ..renewal.clone() },
        Renewal { incarnation: Incarnation(3), ..renewal.clone() },
        Renewal { generation: Generation(2), ..renewal.clone() },
        Renewal { length: 200, ..renewal.clone() },
    ];
    for other in foreign {
        assert_eq!(holder.answered(&answer(&other, 1, OLD), 1_006), Err(AnswerError::Foreign));
    }
    let other = Renewal { nonce: Nonce(9), ..renewal.clone() };
    assert_eq!(holder.answered(&answer(&other, 1, OLD), 1_006), Err(AnswerError::NotWaitedFor));
    // Late answers give no lease that is over already, and start no wait for earlier incarnations.
    for voter in [1, 2] {
        assert_eq!(holder.answered(&answer(&renewal, voter, OLD), 1_105), Ok(None));
    }
    assert_eq!((holder.lease_until(), holder.alone_from()), (None, None));
}

#[test]
fn an_older_renewal_answered_late_shortens_nothing() {
    let mut holder = holder();
    let (first, second) = (holder.renew(1_005).unwrap(), holder.renew(1_010).unwrap());
    for voter in [1, 2] {
        holder.answered(&answer(&second, voter, OLD), 1_020).unwrap();
    }
    assert_eq!(holder.answered(&answer(&first, 1, OLD), 1_021), Err(AnswerError::NotWaitedFor));
    assert_eq!(holder.lease_until(), Some(1_110));
}

#[test]
fn nothing_begins_before_a_linearizable_read_since_the_start() {
    let mut holder = Holder::start(cluster(), Incarnation(4), 1_000);
    assert_eq!(holder.renew(1_000), Err(RenewError::NotRead));
    assert_eq!(holder.may_activate(10, 1_000), Err(NoLease::NotRead));
    assert_eq!(holder.adopt(&desired(10, 1), Read::Followed), Err(AdoptError::NotRead));
    assert_eq!(holder.adopt(&desired(10, 1), Read::Linearizable { begun: 999 }), Err(AdoptError::NotRead));
    assert_eq!(holder.adopt(&desired(10, 1), Read::Linearizable { begun: 1_000 }), Ok(()));
    assert_eq!(holder.adopt(&desired(11, 1), Read::Followed), Ok(()));
    assert_eq!(holder.adopt(&desired(10, 1), Read::Followed), Err(AdoptError::Older { index: 10, known: 11 }));
}

#[test]
fn a_new_generation_is_usable_only_with_the_state_that_opened_it() {
    let mut holder = holder();
    let renewal = holder.renew(1_005).unwrap();
    for voter in [1, 2] {
        holder.answered(&answer(&renewal, voter, OLD), 1_006).unwrap();
    }
    let early = Desired { index: 19, ..desired(20, 2) };
    let refused = AdoptError::BeforeOpening { index: 19, opened: 20 };
    assert_eq!(holder.adopt(&early, Read::Followed), Err(refused));
    holder.adopt(&desired(20, 2), Read::Followed).unwrap();
    // The lease of the generation before is over with it, and its answers count nothing.
    assert_eq!(holder.may_activate(20, 1_007), Err(NoLease::NotHeld));
    assert_eq!(holder.answered(&answer(&renewal, 3, OLD), 1_007), Err(AnswerError::NotWaitedFor));
    let renewal = holder.renew(1_008).unwrap();
    assert_eq!(renewal.generation, Generation(2));
    for voter in [1, 2] {
        holder.answered(&answer(&renewal, voter, OLD), 1_009).unwrap();
    }
    assert_eq!(holder.may_activate(10, 1_010), Err(NoLease::NotLatest { index: 10, known: 20 }));
    assert_eq!(holder.may_activate(20, 1_010), Ok(1_108));
}

#[test]
fn a_closed_lease_is_neither_held_nor_renewed() {
    let mut holder = holder();
    holder.adopt(&Desired { index: 12, ..Desired::default() }, Read::Followed).unwrap();
    assert_eq!(holder.renew(1_001), Err(RenewError::NoneOpen));
    assert_eq!(holder.may_activate(12, 1_001), Err(NoLease::NotHeld));
}

#[test]
fn a_superseded_holder_gives_everything_up() {
    let mut holder = holder();
    let renewal = holder.renew(1_005).unwrap();
    for voter in [1, 2] {
        holder.answered(&answer(&renewal, voter, OLD), 1_006).unwrap();
    }
    let mut next = desired(12, 1);
    next.lease = next.lease.map(|granted| Granted { incarnation: Incarnation(5), ..granted });
    let superseded = AdoptError::Superseded { own: Incarnation(4), registered: Incarnation(5) };
    assert_eq!(holder.adopt(&next, Read::Followed), Err(superseded));
    assert_eq!(holder.may_activate(10, 1_007), Err(NoLease::Superseded));
    assert_eq!(holder.renew(1_007), Err(RenewError::Superseded));
    assert!(holder.superseded() && !holder.holds(1_007));
}

#[test]
fn a_state_from_before_the_own_registration_is_not_taken() {
    let mut holder = Holder::start(cluster(), Incarnation(4), 1_000);
    let mut early = desired(12, 1);
    early.lease = early.lease.map(|granted| Granted { incarnation: Incarnation(3), ..granted });
    let found = holder.adopt(&early, Read::Linearizable { begun: 1_000 });
    assert_eq!(found, Err(AdoptError::Unregistered { own: Incarnation(4), registered: Incarnation(3) }));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut holder = holder();
    for now in 1_000..1_099 {
        holder.renew(now).unwrap();
    }
    assert_eq!(holder.sent.len(), RENEWALS);
    for index in 0..100 {
        holder.know(MembershipId { index, ..OLD }, Voters::uniform([NodeId(1)]), 1_100);
    }
    assert_eq!(holder.memberships.len(), MEMBERSHIPS);
    assert!(holder.memberships.keys().all(|id| id.index >= 84));
}
