//! With every rule: never two, in any order of events within the bound.

use verbund_lease::Terms;

use crate::case::{Case, Left, sets};
use crate::check::safe;
use crate::step::Action;
use crate::world::World;

/// A lease of one tick: answers must come within the tick, which is as good where nothing hangs on their delay, and halves
/// the number of states for each tick saved.
const SHORT: Terms = Terms { length: 1, margin: 0 };

/// All but reads. Where the agent runs the workload from the start, and nothing but a verdict moves it, reading can only
/// make it stop.
fn no_reads(_: &World, action: &Action) -> bool {
    !matches!(action, Action::Read { .. })
}

/// The same, and entries are committed by few nodes, so that the others lag.
fn few(world: &World, action: &Action) -> bool {
    match action {
        Action::Change { quorum } => quorum.nodes().count() <= 3,
        Action::Commit { quorum, .. } => quorum.nodes().count() == 2,
        _ => no_reads(world, action),
    }
}

/// Voters that crash at any moment, also while a refusal is written; answers late, lost and in any order.
#[test]
fn failover_while_a_voter_crashes() {
    let left = Left { verdicts: 1, renewals: 2, crashes: 1, ..Left::default() };
    safe("failover, crash", Case { delays: true, slow_disk: true, ticks: 2, left, ..Case::new() });
}

/// The agent restarts and may run on beside its successor; a new generation is opened.
#[test]
fn failover_while_the_agent_restarts() {
    let left = Left { verdicts: 1, renewals: 2, opens: 1, restarts: 1, ..Left::default() };
    safe("failover, restart", Case { zombie: true, stale_reads: true, ticks: 2, left, ..Case::new() });
}

/// A voter refuses, and the next generation takes the place of the refused one; verdicts on either come late.
#[test]
fn a_generation_is_opened_in_place() {
    let left = Left { verdicts: 1, renewals: 2, opens: 1, ..Left::default() };
    safe("in place", Case { in_place: true, stale_reads: true, ticks: 2, left, ..Case::new() });
}

/// One voter's clock gains a tick on the others', and the margin is a tick.
#[test]
fn the_margin_bears_a_fast_clock() {
    let left = Left { verdicts: 1, renewals: 2, gains: 1, ..Left::default() };
    safe("fast clock", Case { terms: Terms { length: 2, margin: 1 }, ticks: 4, left, ..Case::new() });
}

/// One voter is replaced, with a joint step; nodes lag in their logs and in what they applied.
#[test]
fn one_voter_is_replaced() {
    let left = Left { verdicts: 1, renewals: 1, proposals: 2, ..Left::default() };
    let case = Case { terms: SHORT, at_once: true, ticks: 1, left, only: few, depth: 8, ..Case::replace_one() };
    safe("replace one", case);
}

/// A joint membership reaches some nodes, is lost again, and is proposed by another leader.
#[test]
fn a_joint_step_is_truncated_and_proposed_again() {
    let left = Left { verdicts: 1, renewals: 1, proposals: 2, ..Left::default() };
    let plan = vec![sets(&[&[0, 1, 2]]), sets(&[&[0, 1, 2], &[0, 1, 3]])];
    let base = Case::replace_one();
    let case = Case { terms: SHORT, plan, leaders: vec![0, 1], ticks: 1, left, only: few, depth: 8, ..base };
    safe("truncated", case);
}

/// Two voters are replaced together.
#[test]
fn two_voters_are_replaced() {
    let left = Left { verdicts: 1, renewals: 1, proposals: 2, ..Left::default() };
    let case = Case { terms: SHORT, at_once: true, ticks: 1, left, only: few, depth: 6, ..Case::replace_two() };
    safe("replace two", case);
}

/// A voter is removed and added again.
#[test]
fn a_voter_is_removed_and_added_again() {
    let left = Left { verdicts: 1, renewals: 1, proposals: 4, ..Left::default() };
    let case = Case { terms: SHORT, at_once: true, left, only: few, ticks: 0, depth: 8, ..Case::remove_and_add() };
    safe("remove and add", case);
}

/// Containers under guards are moved by a receipt, or by a verdict; the stop is cancelled; the agent restarts and runs on.
#[test]
fn relocation_while_the_agent_restarts() {
    let left = Left { stops: 2, cancels: 1, asks: 1, renewals: 2, restarts: 1, ..Left::default() };
    safe("relocation", Case { terms: SHORT, guards: true, zombie: true, ticks: 1, left, ..Case::new() });
}

/// The same while voters crash and have to catch up.
#[test]
fn relocation_while_voters_crash() {
    let left = Left { stops: 1, asks: 1, renewals: 2, restarts: 1, crashes: 2, ..Left::default() };
    safe(
        "relocation, crash",
        Case { terms: SHORT, guards: true, zombie: true, ticks: 1, left, depth: 10, ..Case::new() },
    );
}
