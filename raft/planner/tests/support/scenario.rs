//! A scenario: a state, and what happens step by step. Out comes a text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use verbund_model::resource::{Cause, CopyPhase, CopyRole, Finding, Lease, Placement, Presence};
use verbund_model::{ClusterName, SiteName, WorkloadName};
use verbund_planner::{Inventory, Plan, Request, capacity, check, excluded, lost, plan, plan_batch, why};

use super::state::{NOW, SiteText, State, change};
use super::tell;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub shows: String,
    pub state: State,
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Step {
    /// Plans a workload, looks at the plan with the checker, and takes it.
    Plan {
        workload: WorkloadName,
        #[serde(default = "applied")]
        cause: Cause,
        #[serde(default)]
        target: Option<ClusterName>,
    },
    /// Plans all that a finding concerns, in one batch.
    Batch {
        finding: Finding,
    },
    /// Tries every cluster.
    Why {
        workload: WorkloadName,
    },
    /// A site is found lost, or returns.
    Lose {
        site: SiteName,
    },
    Return {
        site: SiteName,
    },
    /// A cluster's lease ends, or its next generation opens.
    End {
        cluster: ClusterName,
    },
    Open {
        cluster: ClusterName,
    },
    /// A receipt or a person proves that a copy is stopped.
    Receipt {
        workload: WorkloadName,
        cluster: ClusterName,
    },
    /// An agent says that a copy runs.
    Ready {
        workload: WorkloadName,
        cluster: ClusterName,
    },
    /// More state, or other.
    Put(Box<State>),
    /// Sites are excluded, and all that this concerns is planned, in one batch.
    Exclude {
        sites: BTreeMap<SiteName, SiteText>,
    },
    /// A cluster is removed.
    Remove {
        cluster: ClusterName,
    },
    /// Whether each site can be lost.
    Capacity,
}

fn applied() -> Cause {
    Cause::Applied
}

/// Plays a scenario and tells what came out. Panics if a plan does not pass the checker.
pub fn play(scenario: &Scenario) -> String {
    let mut inventory = Inventory::default();
    scenario.state.put(&mut inventory);
    let mut out = String::new();
    for step in &scenario.steps {
        take(step, &mut inventory, &mut out);
    }
    out
}

fn request(workload: &WorkloadName, cause: Cause, target: Option<ClusterName>) -> Request {
    Request { workload: workload.clone(), cause, now: NOW, target, change: change(), held: false }
}

fn take(step: &Step, inventory: &mut Inventory, out: &mut String) {
    match step {
        Step::Plan { workload, cause, target } => {
            let plan = plan(inventory, &request(workload, cause.clone(), target.clone()));
            let before = inventory.placement(workload).cloned();
            tell::plan(&plan, cause, before.as_ref(), out);
            settle(&plan, inventory);
        }
        Step::Batch { finding } => {
            let names = lost(inventory, finding);
            let cause = || Cause::Verdict { index: 7 };
            let requests: Vec<Request> = names.iter().map(|name| request(name, cause(), None)).collect();
            writeln!(out, "concerned: {}", tell::names(names.iter())).unwrap();
            for plan in plan_batch(inventory, &requests) {
                let before = inventory.placement(&plan.placement.workload).cloned();
                tell::plan(&plan, &cause(), before.as_ref(), out);
                settle(&plan, inventory);
            }
        }
        Step::Exclude { sites } => {
            let names: BTreeSet<SiteName> = sites.keys().cloned().collect();
            writeln!(out, "excluded: {}\n", tell::names(names.iter())).unwrap();
            State { sites: sites.clone(), ..State::default() }.put(inventory);
            let concerned = excluded(inventory, &names);
            let requests: Vec<Request> = concerned.iter().map(|name| request(name, Cause::Excluded, None)).collect();
            writeln!(out, "concerned: {}", tell::names(concerned.iter())).unwrap();
            for plan in plan_batch(inventory, &requests) {
                let before = inventory.placement(&plan.placement.workload).cloned();
                tell::plan(&plan, &Cause::Excluded, before.as_ref(), out);
                settle(&plan, inventory);
            }
        }
        Step::Why { workload } => tell::why(&why(inventory, workload, NOW).expect("the workload is there"), out),
        Step::Lose { site } => presence(site, true, inventory, out),
        Step::Return { site } => presence(site, false, inventory, out),
        Step::End { cluster } => lease(cluster, inventory, out, |lease| lease.open = false),
        Step::Open { cluster } => lease(cluster, inventory, out, |lease| {
            lease.generation += 1;
            lease.open = true;
        }),
        Step::Receipt { workload, cluster } => {
            writeln!(out, "a receipt for {workload} at {cluster}\n").unwrap();
            change_placement(workload, inventory, |placement| placement.copies.retain(|c| c.cluster != *cluster));
        }
        Step::Ready { workload, cluster } => {
            writeln!(out, "{workload} is ready at {cluster}\n").unwrap();
            change_placement(workload, inventory, |placement| {
                let copy = placement.copies.iter_mut().find(|copy| copy.cluster == *cluster);
                copy.expect("a copy is there").phase = CopyPhase::Ready;
            });
        }
        Step::Put(state) => state.put(inventory),
        Step::Remove { cluster } => {
            writeln!(out, "the cluster {cluster} is removed\n").unwrap();
            inventory.remove_cluster(cluster);
        }
        Step::Capacity => tell::capacity(&capacity(inventory, NOW, &change()), out),
    }
}

fn settle(plan: &Plan, inventory: &mut Inventory) {
    if plan.changed {
        let placement = &plan.placement;
        check(inventory, placement, NOW).unwrap_or_else(|violation| panic!("{violation}: {placement:#?}"));
        inventory.put_placement(placement);
    }
}

fn presence(site: &SiteName, lost: bool, inventory: &mut Inventory, out: &mut String) {
    writeln!(out, "the site {site} is {}\n", if lost { "lost" } else { "there again" }).unwrap();
    inventory.put_presence(&Presence { site: site.clone(), number: 2, lost });
}

fn lease(cluster: &ClusterName, inventory: &mut Inventory, out: &mut String, change: impl Fn(&mut Lease)) {
    let mut lease = inventory.lease(cluster).cloned().expect("the cluster has a lease");
    change(&mut lease);
    let word = if lease.open { "open" } else { "ended" };
    writeln!(out, "generation {} of {cluster} is {word}\n", lease.generation).unwrap();
    inventory.put_lease(&lease);
}

fn change_placement(workload: &WorkloadName, inventory: &mut Inventory, change: impl Fn(&mut Placement)) {
    let mut placement = inventory.placement(workload).cloned().expect("the workload is placed");
    change(&mut placement);
    inventory.put_placement(&placement);
}

/// The word for a role.
pub fn role(role: CopyRole) -> &'static str {
    match role {
        CopyRole::Active => "active",
        CopyRole::Standby => "standby",
        CopyRole::Stopping => "stopping",
    }
}
