//! How long planning takes. `cargo bench -p verbund-planner` prints a table, and in its last line the path of a JSON list of rows
//! {name, case, unit, ours, peer, ratio, goal, met}, the same form in every benchmark of the project. One thread does it
//! all; times are what it computed, so that what else the machine does has no part in them.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use support::large::{Worked, federation, fill, request, workload};
use support::state::{NOW, change, name};
use verbund_model::SiteName;
use verbund_model::resource::{Cause, Finding, Lease, Presence};
use verbund_planner::{BATCH, Inventory, Request, capacity, lost, plan, plan_batch, why};

const SITES: usize = 250;
const CLUSTERS: usize = 1000;
const WORKLOADS: usize = 100_000;
/// With clusters of one kind only each of them is tried for each workload: the worst case, on fewer workloads.
const OF_ONE_KIND: usize = 20_000;
/// How often one changed workload is planned.
const SINGLES: usize = 2000;

/// A goal, as in the other benchmarks.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Goal {
    Below(f64),
}

#[derive(Serialize)]
struct Row {
    name: String,
    case: String,
    unit: String,
    ours: Option<f64>,
    peer: Option<f64>,
    ratio: Option<f64>,
    goal: Option<Goal>,
    met: Option<bool>,
}

fn row(name: &str, case: &str, unit: &str, ours: f64, goal: Option<f64>) -> Row {
    eprintln!("{name}: {ours:.3} {unit}");
    let met = goal.map(|limit| ours < limit);
    let (name, case, unit) = (name.to_owned(), case.to_owned(), unit.to_owned());
    Row { name, case, unit, ours: Some(ours), peer: None, ratio: None, goal: goal.map(Goal::Below), met }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn main() {
    let mut rows = vec![];
    // The goal is for a federation of zones, protection needs and stages; one kind only is the worst case.
    measure(WORKLOADS, false, "100,000 workloads, 1,000 clusters of 27 kinds, 250 sites", &mut rows);
    measure(OF_ONE_KIND, true, "20,000 workloads, 1,000 clusters of one kind, 250 sites", &mut rows);
    let gib = most_memory().map(|bytes| bytes as f64 / f64::from(1 << 30));
    if let Some(gib) = gib {
        rows.push(row("most memory (peak resident)", "all of the above, one after the other", "GiB", gib, Some(1.0)));
    }
    print(&rows);
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let path = folder.join("planner.json");
    let json = serde_json::to_string_pretty(&rows).expect("rows are plain data");
    std::fs::write(&path, json).expect("the target folder can be written");
    println!("{}", path.display());
}

fn measure(workloads: usize, one_group: bool, case: &str, rows: &mut Vec<Row>) {
    let mut inventory = federation(SITES, CLUSTERS, one_group);
    let requests = fill(&mut inventory, workloads, one_group);

    let begun = Worked::now();
    let plans = plan_batch(&inventory, &requests);
    let whole = begun.elapsed();
    let placed = plans.iter().filter(|plan| plan.report.lacks.is_empty()).count();
    assert_eq!(placed, workloads, "every workload finds its places, or the figure means nothing");
    drop(plans);
    rows.push(row("place all, in one call", case, "s", seconds(whole), Some(2.0).filter(|_| !one_group)));

    let begun = Worked::now();
    for batch in requests.chunks(BATCH) {
        for plan in plan_batch(&inventory, batch) {
            inventory.put_placement(&plan.placement);
        }
    }
    rows.push(row("place all, in batches of 64, kept", case, "s", seconds(begun.elapsed()), None));
    rows.extend(singles(&mut inventory, one_group, case));
    rows.extend(loss(&inventory, case));

    let begun = Worked::now();
    let report = why(&inventory, &name_of(7), NOW).expect("it is there");
    assert_eq!(report.clusters.len(), CLUSTERS);
    rows.push(row("why, one workload", case, "ms", millis(begun.elapsed()), None));
    if !one_group {
        let begun = Worked::now();
        assert_eq!(capacity(&inventory, NOW, &change()).len(), SITES);
        rows.push(row("capacity, all sites", case, "s", seconds(begun.elapsed()), Some(2.0)));
    }
}

fn name_of(number: usize) -> verbund_model::WorkloadName {
    name(&format!("workload-{number}"))
}

/// One changed workload after the other: it grows so that it is looked at anew, or it is a new one.
fn singles(inventory: &mut Inventory, one_group: bool, case: &str) -> Vec<Row> {
    let (mut changed, mut new) = (vec![], vec![]);
    for number in 0..SINGLES {
        let mut text = workload(number, one_group);
        text.spec.requirements.amounts.cpu_millis += 500;
        inventory.put_workload(&text);
        let request = request(&text.name, Cause::Applied);
        let begun = Worked::now();
        let plan = plan(inventory, &request);
        changed.push(begun.elapsed());
        inventory.put_placement(&plan.placement);

        let mut text = workload(WORKLOADS + number, one_group);
        text.name = name_of(WORKLOADS + number);
        inventory.put_workload(&text);
        let begun = Worked::now();
        let plan = verbund_planner::plan(inventory, &support::large::request(&text.name, Cause::Applied));
        new.push(begun.elapsed());
        inventory.put_placement(&plan.placement);
    }
    let worst = |mut times: Vec<Duration>| {
        times.sort();
        millis(times[times.len() * 99 / 100])
    };
    vec![
        row("one changed workload, p99", case, "ms", worst(changed), Some(5.0)),
        row("one new workload, p99", case, "ms", worst(new), Some(5.0)),
    ]
}

/// A site is lost: its parallel workloads at once, its exclusive ones as their leases end; the longest batch.
fn loss(inventory: &Inventory, case: &str) -> Vec<Row> {
    let mut inventory = inventory.clone();
    let site: SiteName = name("site-1");
    let begun = Worked::now();
    inventory.put_presence(&Presence { site: site.clone(), number: 1, lost: true });
    let clusters = (0..CLUSTERS).filter(|number| number % SITES == 1).map(|number| name(&format!("cluster-{number}")));
    let findings = std::iter::once(Finding::Unreachable { site, presence: 1 })
        .chain(clusters.map(|cluster| Finding::LeaseEnded { cluster, generation: 1 }));
    let (mut concerned, mut longest) = (0, Duration::ZERO);
    for finding in findings {
        if let Finding::LeaseEnded { cluster, generation } = &finding {
            let (cluster, generation) = (cluster.clone(), *generation);
            inventory.put_lease(&Lease { cluster, generation, open: false, opened_at: 1 });
        }
        let names = lost(&inventory, &finding);
        concerned += names.len();
        for batch in names.chunks(BATCH) {
            let started = Worked::now();
            let requests: Vec<Request> = batch.iter().map(|name| request(name, Cause::Verdict { index: 1 })).collect();
            for plan in plan_batch(&inventory, &requests) {
                inventory.put_placement(&plan.placement);
            }
            longest = longest.max(started.elapsed());
        }
    }
    let case = format!("{case}; {concerned} workloads concerned");
    vec![
        row("one site lost, all moved", &case, "ms", millis(begun.elapsed()), None),
        row("one site lost, longest batch of 64", &case, "ms", millis(longest), None),
    ]
}

fn print(rows: &[Row]) {
    let mut text = String::new();
    for row in rows {
        let ours = row.ours.unwrap_or_default();
        let goal = row.goal.map_or_else(String::new, |Goal::Below(limit)| format!("< {limit}"));
        let met = row.met.map_or("", |met| if met { "met" } else { "NOT met" });
        writeln!(text, "{:<52} {ours:>9.3} {:<4} {goal:<6} {met:<8} {}", row.name, row.unit, row.case)
            .expect("a text takes everything");
    }
    print!("{text}");
}

/// The most memory that this process ever had, in bytes, where the system tells.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The folder of what cargo builds.
fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    // target/release/deps/planner-… lies three below.
    exe.ancestors().nth(3).map_or_else(std::env::temp_dir, PathBuf::from)
}
