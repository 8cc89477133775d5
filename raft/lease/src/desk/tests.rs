use verbund_model::NodeId;
use verbund_model::resource::MembershipId;

use super::*;
use crate::desired::{Granted, Read};
use crate::membership::Voters;
use crate::number::{Generation, Nonce};
use crate::renewal::Answer;
use crate::settings::Terms;

const TERMS: Terms = Terms { length: 100, margin: 20 };
const MEMBERSHIP: MembershipId = MembershipId { term: 1, node: 1, index: 5 };

fn workload() -> WorkloadName {
    "melderegister".parse().unwrap()
}

fn desired(index: u64, epoch: Option<u64>) -> Desired {
    let granted =
        Granted { generation: Generation(1), opened: 1, terms: TERMS, longest: TERMS, incarnation: Incarnation(4) };
    let active = epoch.map(|epoch| (workload(), Epoch(epoch))).into_iter().collect();
    Desired { index, lease: Some(granted), active }
}

fn question(epoch: u64) -> Question {
    Question { workload: workload(), epoch: Epoch(epoch), guard: 77, nonce: Nonce(1) }
}

/// A holder and a desk, started at 1,000, with epoch 3 active.
fn agent() -> (Holder, GuardDesk) {
    let mut holder = Holder::start("nord-1".parse().unwrap(), Incarnation(4), 1_000);
    holder.know(MEMBERSHIP, Voters::uniform([NodeId(1)]), 1_000);
    let mut desk = GuardDesk::new();
    holder.adopt(&desired(10, Some(3)), Read::Linearizable { begun: 1_000 }).unwrap();
    desk.adopt(&desired(10, Some(3)));
    (holder, desk)
}

fn follow(holder: &mut Holder, desk: &mut GuardDesk, desired: &Desired) {
    holder.adopt(desired, Read::Followed).unwrap();
    desk.adopt(desired);
}

fn renew(holder: &mut Holder, now: Tick) {
    let renewal = holder.renew(now).unwrap();
    holder.answered(&Answer { renewal, voter: NodeId(1), membership: MEMBERSHIP }, now).unwrap();
}

fn sign(desk: &mut GuardDesk, holder: &Holder, gone: Gone, now: Tick) -> Result<Stopped, NotYet> {
    desk.may_sign_receipt(&workload(), Epoch(3), gone, holder, now)
}

#[test]
fn a_grant_lasts_as_long_as_the_lease() {
    let (mut holder, mut desk) = agent();
    assert_eq!(desk.answer(&question(3), &holder, 1_000), Err(Denied::NoLease));
    renew(&mut holder, 1_000);
    let grant = desk.answer(&question(3), &holder, 1_040).unwrap();
    assert_eq!(grant, Grant { question: question(3), remaining: 60 });
    assert_eq!(desk.answer(&question(3), &holder, 1_100), Err(Denied::NoLease));
}

#[test]
fn only_the_active_epoch_is_granted() {
    let (mut holder, mut desk) = agent();
    renew(&mut holder, 1_000);
    for epoch in [2, 4] {
        let not_here = Denied::NotHere { workload: workload(), epoch: Epoch(epoch) };
        assert_eq!(desk.answer(&question(epoch), &holder, 1_001), Err(not_here));
    }
    let other = Question { workload: "kataster".parse().unwrap(), ..question(3) };
    assert!(matches!(desk.answer(&other, &holder, 1_001), Err(Denied::NotHere { .. })));
}

#[test]
fn a_stopped_epoch_is_never_granted_again() {
    let (mut holder, mut desk) = agent();
    renew(&mut holder, 1_000);
    follow(&mut holder, &mut desk, &desired(11, None));
    assert!(matches!(desk.answer(&question(3), &holder, 1_001), Err(Denied::NotHere { .. })));
    follow(&mut holder, &mut desk, &desired(12, Some(3)));
    assert!(matches!(desk.answer(&question(3), &holder, 1_002), Err(Denied::NotHere { .. })));
    follow(&mut holder, &mut desk, &desired(13, Some(4)));
    assert!(desk.answer(&question(4), &holder, 1_003).is_ok());
}

#[test]
fn an_older_desired_state_changes_nothing() {
    let (_, mut desk) = agent();
    desk.adopt(&desired(9, None));
    assert_eq!(desk.runs(&workload()), Some(Epoch(3)));
}

#[test]
fn a_receipt_waits_for_the_last_grant_and_its_margin() {
    let (mut holder, mut desk) = agent();
    renew(&mut holder, 1_000);
    let wanted = NotYet::Wanted { workload: workload(), epoch: Epoch(3) };
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 1_001), Err(wanted));
    renew(&mut holder, 1_090);
    desk.answer(&question(3), &holder, 1_100).unwrap();
    follow(&mut holder, &mut desk, &desired(11, None));
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 1_209), Err(NotYet::Granted { until: 1_210 }));
    let stopped = sign(&mut desk, &holder, Gone::Expired, 1_210).unwrap();
    assert_eq!((stopped.epoch, stopped.incarnation), (Epoch(3), Incarnation(4)));
    assert_eq!(stopped.cluster, *holder.cluster());
}

#[test]
fn the_kubelets_confirmation_replaces_the_wait_for_guards_alone() {
    let (mut holder, mut desk) = agent();
    renew(&mut holder, 1_000);
    renew(&mut holder, 1_090);
    desk.answer(&question(3), &holder, 1_100).unwrap();
    follow(&mut holder, &mut desk, &desired(11, None));
    let earlier = Err(NotYet::EarlierMayGrant { until: 1_120 });
    assert_eq!(sign(&mut desk, &holder, Gone::Confirmed, 1_119), earlier);
    assert!(sign(&mut desk, &holder, Gone::Confirmed, 1_120).is_ok());
}

#[test]
fn a_restarted_agent_waits_for_what_the_one_before_granted() {
    let (mut holder, mut desk) = (Holder::start("nord-1".parse().unwrap(), Incarnation(4), 2_000), GuardDesk::new());
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 2_000), Err(NotYet::NotRead));
    holder.know(MEMBERSHIP, Voters::uniform([NodeId(1)]), 2_000);
    holder.adopt(&desired(11, None), Read::Linearizable { begun: 2_000 }).unwrap();
    desk.adopt(&desired(11, None));
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 9_000), Err(NotYet::EarlierMayHold));
    renew(&mut holder, 9_000);
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 9_119), Err(NotYet::EarlierMayGrant { until: 9_120 }));
    assert!(sign(&mut desk, &holder, Gone::Expired, 9_120).is_ok());
}

#[test]
fn a_superseded_agent_grants_and_signs_nothing() {
    let (mut holder, mut desk) = agent();
    renew(&mut holder, 1_000);
    let mut next = desired(12, None);
    next.lease = next.lease.map(|granted| Granted { incarnation: Incarnation(5), ..granted });
    assert!(holder.adopt(&next, Read::Followed).is_err());
    assert_eq!(desk.answer(&question(3), &holder, 1_001), Err(Denied::NoLease));
    desk.adopt(&next);
    assert_eq!(sign(&mut desk, &holder, Gone::Expired, 9_000), Err(NotYet::Superseded));
}
