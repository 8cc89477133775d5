//! Whether the federation can lose a site now.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Cause, CopyRole, Millis, Placement};
use verbund_model::{ClusterName, SiteName, TicketName, WorkloadName};

use crate::demand::Demand;
use crate::ground::Ground;
use crate::inventory::Inventory;
use crate::plan::{Authority, plan_one};
use crate::report::{Lack, Request};

/// What the loss of one site would mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteLoss {
    /// The site.
    pub site: SiteName,
    /// Whether every active copy there would find another place.
    pub can_be_lost: bool,
    /// Workloads with an active copy there.
    pub active: u32,
    /// Workloads with a standby there.
    pub standby: u32,
    /// Workloads that would not fit, the most urgent first.
    pub would_not_fit: Vec<WorkloadName>,
    /// Workloads that would go on, but find no new standby, the most urgent first.
    pub without_standby: Vec<WorkloadName>,
}

/// For each site that is a member, in the order of names: what its loss would mean. It is planned as it would be after
/// the loss, whoever would have to decide it, and with every old copy there proven stopped. In: the state, and the time
/// that counts. `change` is only the name that the trial plans carry.
#[must_use]
pub fn capacity(inventory: &Inventory, now: Millis, change: &TicketName) -> Vec<SiteLoss> {
    // One ground for all: each loss is tried on it and taken back, so that filters and distances are looked at once.
    let mut ground = Ground::of_all(inventory, now);
    let members = inventory.sites.keys().filter(|site| !inventory.is_excluded(site));
    members.map(|site| loss(&mut ground, site, change)).collect()
}

fn loss<'a>(ground: &mut Ground<'a>, site: &'a SiteName, change: &TicketName) -> SiteLoss {
    let inventory = ground.inventory;
    let clusters: Vec<ClusterName> = inventory.site_clusters.get(site).into_iter().flatten().cloned().collect();
    let hit = hit(inventory, &clusters);
    let count = |role| {
        let has = |demand: &&Arc<Demand>| copies_at(inventory, demand, &clusters).any(|found| found == role);
        u32::try_from(hit.iter().filter(has).count()).unwrap_or(u32::MAX)
    };
    let lacked: Vec<Vec<Lack>> =
        hit.iter().map(|demand| ground.lacks(demand, inventory.placement(&demand.name))).collect();
    ground.lose(site);
    for demand in &hit {
        if let Some(placement) = inventory.placement(&demand.name) {
            let left = placement.copies.iter().filter(|copy| !clusters.contains(&copy.cluster)).cloned();
            ground.settle(demand, Arc::new(Placement { copies: left.collect(), ..placement.clone() }));
        }
    }
    let (mut would_not_fit, mut without_standby) = (vec![], vec![]);
    for (demand, lacked) in hit.iter().zip(lacked) {
        let (workload, now) = (demand.name.clone(), ground.now);
        let request =
            Request { workload, cause: Cause::Released, now, target: None, change: change.clone(), held: false };
        let plan = plan_one(ground, &request, demand, Authority::Ignored);
        let after = ground.lacks(demand, Some(&plan.placement));
        if after.contains(&Lack::Active) && !lacked.contains(&Lack::Active) {
            would_not_fit.push(demand.name.clone());
        } else if after.contains(&Lack::Standby) && !lacked.contains(&Lack::Standby) {
            without_standby.push(demand.name.clone());
        }
    }
    ground.undo();
    SiteLoss {
        site: site.clone(),
        can_be_lost: would_not_fit.is_empty(),
        active: count(CopyRole::Active),
        standby: count(CopyRole::Standby),
        would_not_fit,
        without_standby,
    }
}

/// The workloads with an active copy or a standby at one of the clusters, the most urgent first.
fn hit(inventory: &Inventory, clusters: &[ClusterName]) -> Vec<Arc<Demand>> {
    let names = clusters.iter().flat_map(|cluster| inventory.residents(cluster));
    let mut hit: Vec<Arc<Demand>> = names
        .filter_map(|name| inventory.demands.get(name).cloned())
        .filter(|demand| copies_at(inventory, demand, clusters).any(|role| role != CopyRole::Stopping))
        .collect();
    hit.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
    hit.dedup_by(|a, b| a.name == b.name);
    hit
}

fn copies_at<'i>(
    inventory: &'i Inventory,
    demand: &Demand,
    clusters: &'i [ClusterName],
) -> impl Iterator<Item = CopyRole> + 'i {
    let copies = inventory.placement(&demand.name).map_or(&[][..], |placement| &placement.copies);
    copies.iter().filter(|copy| clusters.contains(&copy.cluster)).map(|copy| copy.role)
}
