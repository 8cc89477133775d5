//! Without each rule: a counterexample, found by the shortest path. With the rule kept, the same search finds none within as
//! many events: so it is the rule's absence that breaks it, not the search's own narrowness.

use verbund_lease::Terms;

use crate::case::{Case, Left, Without};
use crate::check::broken;
use crate::step::Action;
use crate::world::World;

/// For a directed search: only these nodes are reached by renewals, asked to close, reached by entries, and apply; and the
/// agent reads nothing new.
fn roles(action: &Action, deliver: &[usize], close: &[usize], follow: &[usize]) -> bool {
    match action {
        Action::Deliver { node, .. } => deliver.contains(node),
        Action::Close { node } => close.contains(node),
        Action::Append { node } | Action::Apply { node } => follow.contains(node),
        Action::Read { .. } => false,
        _ => true,
    }
}

/// Failover with three voters that stay, everything at once applied.
fn failover(without: Without, left: Left) -> Case {
    Case { without, left: Left { verdicts: 1, renewals: 1, ..left }, ..Case::new() }
}

fn replacing(without: Without, base: Case) -> Case {
    Case { without, left: Left { verdicts: 1, renewals: 1, proposals: 2, ..Left::default() }, at_once: true, ..base }
}

/// Relocation: containers under guards, a stop and a receipt.
fn relocation(without: Without, left: Left) -> Case {
    Case { without, ticks: 2, guards: true, left: Left { stops: 1, asks: 1, renewals: 2, ..left }, ..Case::new() }
}

#[test]
fn rule_1_the_holder_counts_from_its_own_send() {
    broken("rule 1", Case { delays: true, ..failover(Without::OwnSend, Left::default()) });
}

#[test]
fn rule_1_the_guard_counts_from_its_own_send() {
    let only = |_: &World, action: &Action| !matches!(action, Action::Deliver { node: 2, .. });
    broken("rule 1, guard", Case { delays: true, only, ..relocation(Without::GuardsOwnSend, Left::default()) });
}

#[test]
fn rule_2_older_incarnations_are_refused() {
    let left = Left { restarts: 1, ..Left::default() };
    // The old process hears of nothing and lets the container run; the new one stops it and signs.
    let only = |_: &World, action: &Action| match action {
        Action::Deliver { node, .. } => *node < 2,
        Action::Ask { agent, .. } => *agent == 0,
        Action::Read { agent, .. } | Action::Sign { agent } => *agent == 1,
        _ => true,
    };
    broken("rule 2", Case { zombie: true, ticks: 2, only, ..relocation(Without::Incarnations, left) });
}

#[test]
fn rule_3_answers_under_one_membership() {
    let only = |_: &World, action: &Action| roles(action, &[1, 2], &[0, 3], &[]);
    broken("rule 3, one membership", Case { only, ..replacing(Without::OneMembership, Case::replace_one()) });
}

#[test]
fn rule_3_a_majority_of_each_set() {
    // The lease is asked for, and ended, once the last change has aged.
    let only = |world: &World, action: &Action| match action {
        Action::Renew { .. } | Action::Close { .. } if world.now < 4 => false,
        _ => roles(action, &[0, 1, 2], &[3, 4], &[]),
    };
    broken("rule 3, majority of each set", Case { only, ..replacing(Without::BothMajorities, Case::replace_two()) });
}

#[test]
fn rule_4_what_came_before_is_applied() {
    let only = |_: &World, action: &Action| roles(action, &[1, 3], &[0, 2], &[1, 3]);
    broken("rule 4, applied", Case { ticks: 0, only, ..replacing(Without::Applied, Case::replace_one()) });
}

#[test]
fn rule_4_a_closed_generation_is_not_answered() {
    let only = |_: &World, action: &Action| roles(action, &[3, 4], &[0, 1], &[3, 4]);
    broken("rule 4, closed", Case { ticks: 0, only, ..replacing(Without::Closed, Case::replace_two()) });
}

#[test]
fn rule_5_the_refusal_is_durable() {
    let left = Left { crashes: 1, ..Left::default() };
    broken("rule 5, durable", Case { ticks: 0, ..failover(Without::Durability, left) });
}

#[test]
fn rule_5_the_wait_begins_anew_with_the_membership() {
    let only = |_: &World, action: &Action| roles(action, &[1, 2], &[0, 3], &[]);
    broken("rule 5, wait anew", Case { ticks: 0, only, ..replacing(Without::WaitAnew, Case::replace_one()) });
}

#[test]
fn rule_6_a_start_counts_as_a_grant() {
    let left = Left { crashes: 1, ..Left::default() };
    broken("rule 6, start", Case { ticks: 0, ..failover(Without::WaitAtStart, left) });
}

#[test]
fn rule_6_a_change_of_membership_counts_as_a_grant() {
    let only = |_: &World, action: &Action| roles(action, &[1, 2], &[0, 3], &[]);
    broken("rule 6, membership", Case { ticks: 0, only, ..replacing(Without::WaitAtChange, Case::replace_one()) });
}

#[test]
fn rule_7_statements_name_a_membership() {
    let only = |_: &World, action: &Action| roles(action, &[1, 2], &[0, 3], &[]);
    broken("rule 7, membership", Case { ticks: 0, only, ..replacing(Without::Membership, Case::replace_one()) });
}

#[test]
fn rule_7_the_log_id_and_not_the_sets() {
    let left = Left { verdicts: 1, renewals: 1, proposals: 4, ..Left::default() };
    let only = |_: &World, action: &Action| match action {
        Action::Change { quorum } | Action::Commit { quorum, .. } => quorum.nodes().count() == 2,
        _ => roles(action, &[1, 3], &[0, 2], &[1, 3]),
    };
    let case = Case { without: Without::LogId, ticks: 0, at_once: true, left, only, ..Case::remove_and_add() };
    broken("rule 7, log id", case);
}

#[test]
fn rule_8_a_verdict_is_of_the_generation_that_was_ended() {
    let left = Left { opens: 1, ..Left::default() };
    let case = Case { in_place: true, ticks: 0, ..failover(Without::VerdictsGeneration, left) };
    broken("rule 8, generation", case);
}

#[test]
fn rule_8_a_new_generation_needs_a_new_desired_state() {
    let left = Left { opens: 1, ..Left::default() };
    broken("rule 8, desired state", Case { stale_reads: true, ..failover(Without::OpeningRead, left) });
}

#[test]
fn rule_9_a_lease_from_before_the_start_is_forgotten() {
    let left = Left { restarts: 1, ..Left::default() };
    broken("rule 9, failover", failover(Without::Oblivion, left));
}

#[test]
fn rule_9_the_desired_state_is_read_at_the_start() {
    let left = Left { restarts: 1, ..Left::default() };
    broken("rule 9, read", relocation(Without::ReadAtStart, left));
}

#[test]
fn rule_9_what_was_granted_before_the_start_counts() {
    let left = Left { restarts: 1, ..Left::default() };
    // Only the process before the restart grants.
    let only = |world: &World, action: &Action| match action {
        Action::Ask { .. } => world.agents[0].started == 0,
        _ => true,
    };
    broken("rule 9, relocation", Case { only, ..relocation(Without::EarlierGrants, left) });
}

#[test]
fn rule_10_a_grant_is_for_an_epoch() {
    broken("rule 10", relocation(Without::Epochs, Left::default()));
}

#[test]
fn rule_11_the_receipt_waits_for_the_grants() {
    broken("rule 11, wait", relocation(Without::GrantsEnd, Left::default()));
}

#[test]
fn rule_11_a_cancelled_stop_is_a_new_epoch() {
    let base = relocation(Without::NewEpoch, Left::default());
    broken("rule 11, epoch", Case { left: Left { stops: 2, cancels: 1, ..base.left }, ..base });
}

#[test]
fn the_margin_covers_a_clock_that_runs_fast() {
    let left = Left { gains: 1, ..Left::default() };
    let case = failover(Without::Margin, left);
    broken("margin", Case { terms: Terms { length: 2, margin: 0 }, ..case });
}

/// The old process of the agent hears of nothing and lets the container run, the new one stops it and signs. Voters 0 and 1
/// crash when the new one's wait is over.
fn old_and_new(world: &World, action: &Action) -> bool {
    match action {
        Action::Deliver { node, .. } | Action::Apply { node } | Action::Append { node } => *node < 2,
        Action::Crash { node } => *node < 2 && world.now == 4,
        Action::Ask { agent, .. } => *agent == 0 && world.now == 4,
        Action::Read { agent, .. } | Action::Sign { agent } => *agent == 1,
        Action::Restart { quorum } => world.log.len() == 1 && quorum.nodes().all(|node| node < 2),
        Action::Commit { quorum, .. } | Action::Receive { quorum, .. } => {
            world.agents.len() == 2 && (quorum.nodes().all(|node| node < 2) || quorum.nodes().count() == 3)
        }
        Action::Renew { agent } => (*agent == 0) == (world.now == 4),
        _ => true,
    }
}

#[test]
fn a_restarted_voter_catches_up_before_it_answers() {
    // Two voters answer the new process, restart with an older state, and answer the old process.
    let left = Left { restarts: 1, crashes: 2, ..Left::default() };
    let case = relocation(Without::CatchUp, left);
    broken("catch up", Case { zombie: true, lag: true, only: old_and_new, ..case });
}

#[test]
fn rule_2_incarnations_that_voters_only_remember_are_forgotten() {
    // Two voters answer the new process, restart, forget whom they answered, and answer the old process.
    let left = Left { restarts: 1, crashes: 2, ..Left::default() };
    let case = relocation(Without::Registration, left);
    broken("rule 2, forgotten incarnation", Case { zombie: true, lag: true, only: old_and_new, ..case });
}

#[test]
fn rule_2_an_old_process_that_is_not_registered_as_old_signs() {
    // The old process signs what the new one still grants.
    let left = Left { restarts: 1, ..Left::default() };
    broken("rule 2, receipt of an old process", Case { zombie: true, ..relocation(Without::Registration, left) });
}
