//! Attack 27: whoever asks for something approves it, alone or under two names; and a login that was given up is used on (design 7,
//! `formats.md` 3).
//!
//! Expected: refused, or it counts once. Here every replica judges it. What waits for the web page is the stolen cookie; what there
//! is instead, a certificate for reading whose key was revoked, ends in `daemon/api/tests/api/machine.rs`.

use verbund_attacks::world::World;
use verbund_kit::Workload;
use verbund_model::resource::{Action, Mode, Timings};
use verbund_model::{Accepted, Command, Outcome, Refusal};

const RULE: &str = "georedundancy";

#[test]
fn nobody_approves_the_own_exception() {
    let mut world = World::new().unwrap();
    let mut workload = Workload::new("wohngeld", Mode::Parallel { copies: 1 }).unwrap();
    workload.spec.requirements.networks.clear();
    let apply = Command::ApplyWorkload {
        name: workload.name.clone(),
        organisation: "kost".parse().unwrap(),
        customer: None,
        spec: workload.spec,
        expect: None,
        emergency: None,
    };
    let ask = Command::RequestException {
        name: "near".parse().unwrap(),
        rule: RULE.to_owned(),
        workload: workload.name,
        reason: "the second site is being built".to_owned(),
        until: world.now + 24 * 60 * 60 * 1000,
    };
    for command in [apply, ask.clone()] {
        let envelope = world.administrator_says(command).unwrap();
        world.accepts(&envelope).unwrap();
    }
    let approve = || Command::ApproveException { name: "near".parse().unwrap() };
    let approvals = |world: &World| world.state.exception(&"near".parse().unwrap()).unwrap().value.approvals.len();
    let own = world.administrator_says(approve()).unwrap();
    let outcome = world.apply(&own);
    assert!(matches!(outcome, Outcome::Refused(Refusal::NotAuthorised { .. })), "who asked: {outcome:?}");
    world.coordinator_does(0, approve()).unwrap();
    let again = world.coordinator_does(0, approve()).unwrap();
    assert!(matches!(again, Accepted::Unchanged { .. }), "the same person again: {again:?}");
    assert_eq!(approvals(&world), 1, "it takes two");
    // A coordinator asks for none, so that nobody is both.
    let by_coordinator = world.says(&world.coordinators[1], ask).unwrap();
    assert!(matches!(world.apply(&by_coordinator), Outcome::Refused(Refusal::NotAuthorised { .. })));
    world.coordinator_does(1, approve()).unwrap();
    assert_eq!(approvals(&world), 2, "positive control: two different ones");
}

#[test]
fn who_proposes_counts_once() {
    let mut world = World::new().unwrap();
    let longer = Timings { margin: Timings::default().margin + 1_000, ..Timings::default() };
    let propose = || Command::Propose { action: Action::SetTimings { timings: longer } };
    let proposed = world.coordinator_does(0, propose()).unwrap();
    let Accepted::Waiting { subject, have: 1, need: 2 } = proposed else { panic!("{proposed:?}") };
    for command in [Command::Approve { subject }, propose()] {
        let envelope = world.says(&world.coordinators[0], command).unwrap();
        // Whatever is answered, one coordinator is one.
        world.apply(&envelope);
        assert_ne!(world.state.timings().value.timings, longer, "one coordinator alone");
    }
    world.coordinator_does(1, Command::Approve { subject }).unwrap();
    assert_eq!(world.state.timings().value.timings, longer, "positive control: a second one");
}
