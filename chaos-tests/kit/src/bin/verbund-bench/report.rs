//! From runs to tables and rows.

use std::time::Duration;

use verbund_kit::bench::{Goal, Row, median, number, render};

use crate::load::Run;
use crate::options::Part;
use crate::rounds::{Results, Side};

/// Bytes of a MiB.
const MIB: f64 = 1024.0 * 1024.0;

/// Medians over the rounds that count.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    rate: f64,
    p50: f64,
    p99: f64,
    client_cpu: f64,
    server_cpu: f64,
    checks: Option<f64>,
}

/// Prints all tables and returns all rows.
pub fn print(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    let parts = [
        (Part::Single, "write, one signature each", "Writes at the leader, one signature for each write"),
        (
            Part::Batched,
            "write, signed in batches",
            "Writes at the leader, signed in batches by their author (at most 128)",
        ),
        (Part::Read, "linearizable read at a follower", "Linearizable reads at a follower"),
    ];
    for (part, name, title) in parts {
        rows.extend(load_table(results, part, name, title));
    }
    rows.extend(machine_table(results));
    print_void(results);
    rows
}

/// What is to be reached.
fn goal(part: Part, clients: usize) -> Option<Goal> {
    match part {
        Part::Single => Some(Goal::RatioAtLeast(0.9)),
        Part::Batched if clients >= 128 => Some(Goal::RatioAtLeast(1.5)),
        Part::Batched if clients >= 16 => Some(Goal::RatioAtLeast(1.0)),
        Part::Read => Some(Goal::RatioAtLeast(2.0)),
        Part::Batched | Part::Idle => None,
    }
}

fn load_table(results: &Results, part: Part, name: &str, title: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    let all =
        results.runs.keys().filter(|(p, _, side)| *p == part && *side == Side::Ours).map(|(_, clients, _)| *clients);
    for clients in all {
        let peer_part = if part == Part::Batched { Part::Single } else { part };
        let cell = |part, side| results.runs.get(&(part, clients, side)).and_then(|runs| median_of(runs));
        let (ours, peer) = (cell(part, Side::Ours), cell(peer_part, Side::Peer));
        let (ours, peer) = (ours.as_ref(), peer.as_ref());
        let case = format!("{clients} clients");
        let pair = |value: fn(&Cell) -> f64| (ours.map(value), peer.map(value));
        let rate = Row::new(name, &case, "operations/s", pair(|c| c.rate), goal(part, clients));
        lines.push(load_line(clients, ours, peer, &rate));
        rows.push(rate);
        rows.push(Row::new(&format!("{name}: p50"), &case, "ms", pair(|c| c.p50), None));
        rows.push(Row::new(&format!("{name}: p99"), &case, "ms", pair(|c| c.p99), None));
        rows.push(Row::new(&format!("{name}: client CPU"), &case, "cores", pair(|c| c.client_cpu), None));
        rows.push(Row::new(&format!("{name}: server CPU, all"), &case, "cores", pair(|c| c.server_cpu), None));
        if part != Part::Read {
            let checks = (ours.and_then(|c| c.checks), None);
            rows.push(Row::new(
                &format!("{name}: signature checks for an entry and replica"),
                &case,
                "checks",
                checks,
                None,
            ));
        }
    }
    if !lines.is_empty() {
        let head = [
            "clients",
            "verbund/s",
            "p50 ms",
            "p99 ms",
            "etcd/s",
            "p50 ms",
            "p99 ms",
            "ratio",
            "goal",
            "",
            "checks",
            "CPU client v/e",
            "CPU servers v/e",
        ];
        println!("{}", render(title, &head, &lines).trim_end());
    }
    rows
}

fn load_line(clients: usize, ours: Option<&Cell>, peer: Option<&Cell>, row: &Row) -> Vec<String> {
    let of = |cell: Option<&Cell>, value: fn(&Cell) -> f64| number(cell.map(value));
    let both = |value: fn(&Cell) -> f64| format!("{} / {}", of(ours, value), of(peer, value));
    let (goal, met) = row.verdict();
    vec![
        clients.to_string(),
        of(ours, |c| c.rate),
        of(ours, |c| c.p50),
        of(ours, |c| c.p99),
        of(peer, |c| c.rate),
        of(peer, |c| c.p50),
        of(peer, |c| c.p99),
        row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×")),
        goal,
        met.to_owned(),
        number(ours.and_then(|c| c.checks)),
        both(|c| c.client_cpu),
        both(|c| c.server_cpu),
    ]
}

fn machine_table(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    let most = |usage: &std::collections::BTreeMap<Side, Vec<verbund_kit::Usage>>, side| {
        usage.get(&side)?.iter().map(|u| u.resident as f64 / MIB).reduce(f64::max)
    };
    let memory = |usage: &_| (most(usage, Side::Ours), most(usage, Side::Peer));
    if !results.idle.is_empty() {
        let goal = Some(Goal::Below(40.0));
        rows.push(Row::new("resident memory", "idle, largest of three", "MiB", memory(&results.idle), goal));
    }
    if !results.loaded.is_empty() {
        rows.push(Row::new(
            "resident memory",
            "after all load, largest of three",
            "MiB",
            memory(&results.loaded),
            None,
        ));
    }
    for (starts, case) in results.starts.iter().zip(["a new federation", "after all load"]) {
        if let Some(took) = median(starts.iter().map(Duration::as_secs_f64).collect()) {
            rows.push(Row::new("from start to serving", case, "s", (Some(took), None), Some(Goal::Below(0.3))));
        }
    }
    let line = |row: &Row| {
        let (goal, met) = row.verdict();
        let name = format!("{}, {}", row.name, row.case);
        vec![name, row.unit.clone(), number(row.ours), number(row.peer), goal, met.to_owned()]
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    if !lines.is_empty() {
        println!("{}", render("One daemon", &["", "unit", "verbund", "etcd", "goal", ""], &lines).trim_end());
    }
    for (side, usage) in &results.loaded {
        let text = |u: &verbund_kit::Usage| {
            format!(
                "{:.0} MiB (peak {:.0}), {:.1} s",
                u.resident as f64 / MIB,
                u.peak as f64 / MIB,
                u.cpu.as_secs_f64()
            )
        };
        println!(
            "{side:?} after all load, memory and processor time of each process: {}",
            usage.iter().map(text).collect::<Vec<_>>().join("; ")
        );
    }
    rows
}

fn print_void(results: &Results) {
    for ((part, clients, side), runs) in &results.runs {
        for (round, run) in runs.iter().enumerate() {
            if let Some(why) = &run.void {
                println!("VOID: {side:?} {part:?}, {clients} clients, round {}: {why}", round + 1);
            }
        }
    }
}

/// Medians of the runs. `None` if not all of them count: a number from what is left would be a chosen one.
fn median_of(runs: &[Run]) -> Option<Cell> {
    if runs.iter().any(|run| run.void.is_some()) {
        return None;
    }
    let of = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect());
    Some(Cell {
        rate: of(|r| r.rate)?,
        p50: of(|r| r.p50)?,
        p99: of(|r| r.p99)?,
        client_cpu: of(|r| r.client_cpu)?,
        server_cpu: of(|r| r.server_cpu)?,
        checks: median(runs.iter().filter_map(|r| r.checks).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn void_runs_leave_no_number() {
        let run = |rate, void: Option<&str>| Run { rate, void: void.map(str::to_owned), ..Run::default() };
        assert_eq!(median_of(&[run(1.0, None), run(3.0, None), run(2.0, None)]).unwrap().rate, 2.0);
        assert_eq!(median_of(&[run(1.0, None), run(3.0, Some("errors")), run(2.0, None)]), None);
        assert_eq!(median_of(&[]), None);
    }

    #[test]
    fn goals_are_those_of_the_issue() {
        assert_eq!(goal(Part::Single, 1), Some(Goal::RatioAtLeast(0.9)));
        assert_eq!(goal(Part::Batched, 1), None);
        assert_eq!(goal(Part::Batched, 16), Some(Goal::RatioAtLeast(1.0)));
        assert_eq!(goal(Part::Batched, 512), Some(Goal::RatioAtLeast(1.5)));
        assert_eq!(goal(Part::Read, 16), Some(Goal::RatioAtLeast(2.0)));
    }
}
