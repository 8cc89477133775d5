use super::*;

const SETTINGS: LivenessSettings =
    LivenessSettings { silence: 2_000, steady: 5_000, steady_max: 15_000, memory: 60_000, stall: 1_000 };

fn site() -> SiteName {
    "nord".parse().unwrap()
}

/// A judge that looks every 100 ms from `now` until `until`, hearing the site at each look while `heard` says so.
fn pass(judge: &mut Liveness, now: &mut Tick, until: Tick, heard: bool) {
    while *now < until {
        *now += 100;
        if heard { judge.heard(&site(), *now) } else { judge.look(*now) }
    }
}

fn judge() -> (Liveness, Tick) {
    let mut judge = Liveness::new(SETTINGS, 0);
    judge.expect(&site(), 0);
    (judge, 0)
}

#[test]
fn two_seconds_of_silence_and_no_less() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 10_000, true);
    pass(&mut judge, &mut now, 11_900, false);
    assert!(!judge.unreachable(&site(), 11_999));
    assert!(judge.unreachable(&site(), 12_000));
    assert_eq!(judge.standing(&site(), 12_000), Some(Standing::Silent { since: 10_000 }));
}

#[test]
fn a_site_never_heard_is_lost_from_when_it_was_expected() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 1_900, false);
    assert!(!judge.unreachable(&site(), now));
    pass(&mut judge, &mut now, 2_000, false);
    assert!(judge.unreachable(&site(), now));
    assert!(!judge.unreachable(&"sued".parse().unwrap(), now));
}

#[test]
fn it_returns_only_after_being_heard_steadily() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 3_000, false);
    pass(&mut judge, &mut now, 8_000, true);
    assert_eq!(judge.standing(&site(), now), Some(Standing::Returning { until: 8_100 }));
    assert!(judge.unreachable(&site(), now));
    pass(&mut judge, &mut now, 8_100, true);
    assert_eq!(judge.standing(&site(), now), Some(Standing::Reachable));
}

#[test]
fn a_flapping_site_stays_lost() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 3_000, false);
    for round in 0..10 {
        pass(&mut judge, &mut now, 3_000 + round * 6_000 + 3_500, true);
        assert!(judge.unreachable(&site(), now), "round {round}");
        pass(&mut judge, &mut now, 3_000 + round * 6_000 + 6_000, false);
        assert!(judge.unreachable(&site(), now), "round {round}");
    }
}

#[test]
fn each_loss_soon_after_another_doubles_the_time_to_return() {
    let (mut judge, mut now) = judge();
    for (loss, wanted) in [5_000, 10_000, 15_000, 15_000].into_iter().enumerate() {
        let lost = now + 3_000;
        pass(&mut judge, &mut now, lost, false);
        pass(&mut judge, &mut now, lost + wanted, true);
        assert!(judge.unreachable(&site(), now), "loss {loss}");
        pass(&mut judge, &mut now, lost + wanted + 100, true);
        assert!(!judge.unreachable(&site(), now), "loss {loss}");
    }
    let calm = now + 60_200;
    pass(&mut judge, &mut now, calm, true);
    pass(&mut judge, &mut now, calm + 3_000, false);
    pass(&mut judge, &mut now, calm + 3_000 + 5_100, true);
    assert!(!judge.unreachable(&site(), now));
}

#[test]
fn a_judge_that_slept_accuses_nobody() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 5_000, true);
    assert!(!judge.unreachable(&site(), 60_000), "it has not looked for long");
    judge.look(60_000);
    assert!(!judge.unreachable(&site(), 60_000));
    let mut now = 60_000;
    pass(&mut judge, &mut now, 61_900, false);
    assert!(!judge.unreachable(&site(), now));
    pass(&mut judge, &mut now, 62_000, false);
    assert!(judge.unreachable(&site(), now));
}

#[test]
fn a_forgotten_site_is_not_judged() {
    let (mut judge, mut now) = judge();
    pass(&mut judge, &mut now, 3_000, false);
    judge.forget(&site());
    assert_eq!(judge.standing(&site(), now), None);
}
