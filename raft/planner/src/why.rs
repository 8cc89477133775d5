//! Why a workload runs where it runs, and nowhere else: every cluster, tried with every rule.

use verbund_model::WorkloadName;
use verbund_model::resource::{CopyRole, Millis, Placement};

use crate::demand::Demand;
use crate::filter::Seek;
use crate::ground::Ground;
use crate::inventory::Inventory;
use crate::plan::seek;
use crate::report::{ClusterReport, Lack, Report, Tried};
use crate::rule::Rule;

/// Tries every cluster as a place for what the workload lacks: an active copy, else a standby, else another active copy.
/// None: there is no such workload.
#[must_use]
pub fn why(inventory: &Inventory, workload: &WorkloadName, now: Millis) -> Option<Report> {
    let demand = inventory.demands.get(workload)?;
    // Every cluster is tried, so every group is on the ground.
    let mut ground = Ground::of_all(inventory, now);
    let placement = inventory.placement(workload);
    let lacks = ground.lacks(demand, placement);
    let sought = match lacks.first() {
        Some(Lack::Standby) => CopyRole::Standby,
        _ => CopyRole::Active,
    };
    let clusters = inventory.clusters.keys().filter_map(|cluster| {
        let seek = beside(&ground, demand, placement, sought, cluster);
        tried(&mut ground, &seek, placement, cluster)
    });
    Some(Report {
        workload: workload.clone(),
        refused: None,
        choices: vec![],
        lacks,
        sought,
        clusters: clusters.collect(),
    })
}

/// What is sought, as `cluster` has to be judged: a standby beside the active copies, a parallel copy beside those elsewhere, an
/// exclusive one instead of the one that there is.
fn beside<'g>(
    ground: &Ground<'g>,
    demand: &'g Demand,
    placement: Option<&Placement>,
    role: CopyRole,
    cluster: &verbund_model::ClusterName,
) -> Seek<'g> {
    let copies = placement.map_or(&[][..], |placement| &placement.copies);
    let others = copies.iter().filter(|copy| match role {
        CopyRole::Standby => copy.role == CopyRole::Active,
        _ => copy.role == CopyRole::Active && copy.cluster != *cluster && !demand.is_exclusive(),
    });
    let others: Vec<_> = others.map(|copy| copy.cluster.clone()).collect();
    let home = placement.and_then(|placement| placement.home.as_ref());
    seek(ground, demand, (copies, home), role, &others, &[])
}

fn tried(
    ground: &mut Ground<'_>,
    seek: &Seek<'_>,
    placement: Option<&Placement>,
    cluster: &verbund_model::ClusterName,
) -> Option<ClusterReport> {
    let reasons = ground.reasons(seek, cluster)?;
    let of = |rule: Rule| reasons.iter().filter(|reason| reason.rule() == rule).cloned().collect();
    let tried = |rule: &Rule| Tried { rule: *rule, standard: rule.standard().to_owned(), reasons: of(*rule) };
    let holds = placement.and_then(|placement| placement.copies.iter().find(|copy| copy.cluster == *cluster));
    Some(ClusterReport {
        cluster: cluster.clone(),
        site: ground.inventory.site_of(cluster)?.clone(),
        holds: holds.map(|copy| copy.role),
        tried: Rule::ALL.iter().map(tried).collect(),
        score: if reasons.is_empty() { ground.score(seek, cluster) } else { None },
    })
}
