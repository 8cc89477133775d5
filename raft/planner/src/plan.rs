//! Planning: from a cause to a placement. A pure function, run by apply on every replica (design 5).

mod draft;
mod exclusive;
mod parallel;
mod standby;

use std::collections::BTreeSet;
use std::sync::Arc;

use verbund_model::resource::{CopyRole, Finding, Mode, Placement, Waiting};
use verbund_model::{ClusterName, SiteName, TicketName, WorkloadName};

use crate::demand::Demand;
use crate::ground::Ground;
use crate::inventory::Inventory;
use crate::report::{Plan, Refused, Report, Request};
use draft::Draft;
pub(crate) use draft::seek;

/// How many workloads one entry plans at most, so that none holds apply for long.
pub const BATCH: usize = 64;

/// Plans one workload.
///
/// In: what the state holds, and a request whose cause whoever calls has proven. Before `Released`, the copy that a receipt or a
/// person's confirmation proved stopped is taken out of the placement; nothing else ever takes one out for an exclusive workload.
/// Out: the placement, equal to the one before if nothing changes, and why. Total: it never fails; what a person asked for and
/// cannot have is [`Report::refused`], and the placement then stays as it is.
#[must_use]
pub fn plan(inventory: &Inventory, request: &Request) -> Plan {
    let mut plans = plan_batch(inventory, std::slice::from_ref(request));
    // One request makes one plan.
    plans.pop().unwrap_or_else(|| unknown(request))
}

/// Plans several workloads, one after the other: each finds the reservations of those before it. One plan for each request, in
/// their order. The time of the first request counts for all. Entries take [`BATCH`] at most; a dry run may take any number.
#[must_use]
pub fn plan_batch(inventory: &Inventory, requests: &[Request]) -> Vec<Plan> {
    let demands: Vec<Option<Arc<Demand>>> =
        requests.iter().map(|request| inventory.demands.get(&request.workload).cloned()).collect();
    let now = requests.first().map_or(0, |request| request.now);
    let mut ground = Ground::new(inventory, now, demands.iter().flatten().map(Arc::as_ref));
    let both = requests.iter().zip(&demands);
    both.map(|(request, demand)| match demand {
        Some(demand) => plan_one(&mut ground, request, demand, Authority::AsDemanded),
        None => unknown(request),
    })
    .collect()
}

/// Whether a workload's own word on its failover counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// It does.
    AsDemanded,
    /// It is asked what would be possible, whoever decides.
    Ignored,
}

pub(crate) fn plan_one(ground: &mut Ground<'_>, request: &Request, demand: &Demand, authority: Authority) -> Plan {
    let before = ground.placement(&demand.name);
    let mut draft = Draft::new(ground, request, demand, before, authority);
    let done = match demand.mode {
        Mode::Exclusive { fence } => exclusive::place(&mut draft, fence),
        Mode::Parallel { copies } => parallel::place(&mut draft, usize::from(copies)),
    };
    let plan = match done {
        Ok(()) => {
            standby::place(&mut draft);
            draft.finish()
        }
        Err(refused) => draft.refuse(refused),
    };
    if plan.changed {
        ground.settle(demand, Arc::new(plan.placement.clone()));
    }
    plan
}

/// The plan for a workload that is not there.
fn unknown(request: &Request) -> Plan {
    Plan {
        placement: empty(&request.workload, request),
        changed: false,
        report: Report {
            workload: request.workload.clone(),
            refused: Some(Refused::UnknownWorkload),
            choices: vec![],
            lacks: vec![],
            sought: CopyRole::Active,
            clusters: vec![],
        },
    }
}

/// The placement of a workload that runs nowhere.
fn empty(workload: &WorkloadName, request: &Request) -> Placement {
    Placement {
        workload: workload.clone(),
        epoch: 0,
        copies: vec![],
        waiting: None,
        target: None,
        cause: request.cause.clone(),
        home: None,
        change: request.change.clone(),
    }
}

/// The workloads that a finding concerns, the most urgent first, then by name.
///
/// - An ended lease: exclusive workloads with an active copy of that generation or an older one there.
/// - An unreachable site: parallel workloads with an active copy there, and all with a standby there. Exclusive copies
///   there wait for the end of their cluster's lease, whose finding is another.
/// - A site that returned: those that lack something.
#[must_use]
pub fn lost(inventory: &Inventory, finding: &Finding) -> Vec<WorkloadName> {
    let found: Vec<Arc<Demand>> = match finding {
        Finding::LeaseEnded { cluster, generation } => concerned(inventory, cluster, |demand, role, under| {
            demand.is_exclusive() && role == CopyRole::Active && under <= *generation
        }),
        Finding::Unreachable { site, .. } => {
            let clusters = inventory.site_clusters.get(site).into_iter().flatten();
            let concerns = |demand: &Demand, role, _| match role {
                CopyRole::Active => !demand.is_exclusive(),
                CopyRole::Standby => true,
                CopyRole::Stopping => false,
            };
            clusters.flat_map(|cluster| concerned(inventory, cluster, concerns)).collect()
        }
        Finding::Returned { .. } => {
            inventory.unsettled().filter_map(|name| inventory.demands.get(name).cloned()).collect()
        }
    };
    urgent_first(found)
}

/// The workloads with an active copy or a standby at excluded sites, the most urgent first, then by name.
#[must_use]
pub fn excluded(inventory: &Inventory, sites: &BTreeSet<SiteName>) -> Vec<WorkloadName> {
    let clusters = sites.iter().filter_map(|site| inventory.site_clusters.get(site)).flatten();
    let concerns = |_: &Demand, role, _| role != CopyRole::Stopping;
    urgent_first(clusters.flat_map(|cluster| concerned(inventory, cluster, concerns)).collect())
}

/// The names of workloads, the most urgent first, then by name, each once.
fn urgent_first(mut found: Vec<Arc<Demand>>) -> Vec<WorkloadName> {
    found.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
    found.dedup_by(|a, b| a.name == b.name);
    found.iter().map(|demand| demand.name.clone()).collect()
}

/// The workloads whose copy on a cluster is concerned.
fn concerned(
    inventory: &Inventory,
    cluster: &ClusterName,
    concerns: impl Fn(&Demand, CopyRole, u64) -> bool,
) -> Vec<Arc<Demand>> {
    let is = |name: &&WorkloadName, demand: &Demand| {
        let copies = inventory.placement(name).map_or(&[][..], |placement| &placement.copies);
        copies.iter().any(|copy| copy.cluster == *cluster && concerns(demand, copy.role, copy.generation))
    };
    let residents = inventory.residents(cluster);
    residents.filter_map(|name| inventory.demands.get(name).filter(|demand| is(&name, demand)).cloned()).collect()
}

/// Workloads of a verdict's rest that wait for their turn: their placement, marked as waiting for it; none if nothing of it
/// changes.
#[must_use]
pub fn turn(inventory: &Inventory, workload: &WorkloadName, change: &TicketName) -> Option<Placement> {
    let placement = inventory.placement(workload)?;
    (placement.waiting.is_none()).then(|| Placement {
        waiting: Some(Waiting::Turn),
        change: change.clone(),
        ..placement.clone()
    })
}
