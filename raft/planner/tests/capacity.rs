//! What `capacity` says of the loss of a site is what comes out when the site is really lost in a copy of the state.

// Where the words of a test are wrong, a panic is the message.
#![allow(clippy::unwrap_used)]

mod support;

use std::cmp::Reverse;

use proptest::prelude::*;
use support::large::request;
use support::small::{Small, small};
use support::state::{NOW, change};
use verbund_model::resource::*;
use verbund_model::{ClusterName, SiteName};
use verbund_planner::{Inventory, SiteLoss, capacity, plan, plan_batch};

/// Places what there is, one after the other, then changes some of it, so that not all that runs is right any more.
fn live(small: &mut Small, events: &[(usize, u8)]) {
    for workload in &small.workloads {
        let plan = plan(&small.inventory, &request(&workload.name, Cause::Applied));
        small.inventory.put_placement(&plan.placement);
    }
    for (which, what) in events {
        let number = which % small.workloads.len();
        let workload = &mut small.workloads[number];
        let cluster = small.clusters.keys().nth(which % small.clusters.len()).unwrap().clone();
        match what {
            0 => workload.spec.requirements.amounts.cpu_millis += 2000,
            1 => workload.spec.requirements.zone = Zone::External,
            2 => workload.spec.standby = Some(Standby { distance: DistanceClass::Betriebsredundant }),
            3 => small.inventory.put_lease(&Lease { cluster, generation: 1, open: false, opened_at: 1 }),
            4 if small.clusters.len() > 1 => {
                small.inventory.remove_cluster(&cluster);
                small.clusters.remove(&cluster);
            }
            _ => {
                let plan = plan(&small.inventory, &request(&workload.name, Cause::Failover));
                small.inventory.put_placement(&plan.placement);
            }
        }
        small.inventory.put_workload(workload);
    }
}

/// Whether a workload lacks an active copy that serves, given the sites that are lost, and whether it lacks a standby.
fn lacks(small: &Small, inventory: &Inventory, workload: &Workload, placement: Option<&Placement>) -> [bool; 2] {
    let copies = placement.map_or(&[][..], |placement| &placement.copies);
    let of = |role| copies.iter().filter(move |copy| copy.role == role);
    let open = |copy: &&PlacedCopy| {
        inventory.lease(&copy.cluster).is_some_and(|lease| lease.open && lease.generation == copy.generation)
    };
    let there = |copy: &&PlacedCopy| small.clusters.get(&copy.cluster).is_some_and(|site| !small.sites[site]);
    let (serving, wanted) = match workload.spec.mode {
        Mode::Exclusive { .. } => (of(CopyRole::Active).filter(open).count(), 1),
        Mode::Parallel { copies } => (of(CopyRole::Active).filter(there).count(), usize::from(copies)),
    };
    [serving < wanted, workload.spec.standby.is_some() && of(CopyRole::Standby).count() == 0]
}

/// The federation after the loss of a site, with the copies at its clusters proven stopped, and nobody asked.
fn without(small: &Small, site: &SiteName, here: &[&ClusterName], hit: &[&Workload]) -> Small {
    let mut after = small.clone();
    after.sites.insert(site.clone(), true);
    after.inventory.put_presence(&Presence { site: site.clone(), number: 2, lost: true });
    for cluster in here {
        if let Some(lease) = small.inventory.lease(cluster).cloned() {
            after.inventory.put_lease(&Lease { open: false, ..lease });
        }
    }
    for workload in hit {
        let mut willing = (*workload).clone();
        willing.spec.failover = FailoverAuthority::Automatic;
        after.inventory.put_workload(&willing);
        let mut placement = small.inventory.placement(&workload.name).unwrap().clone();
        placement.copies.retain(|copy| !here.contains(&&copy.cluster));
        after.inventory.put_placement(&placement);
    }
    after
}

/// What the loss of a site means, found by losing it in a copy of the state.
fn lose(small: &Small, site: &SiteName) -> SiteLoss {
    let here: Vec<&ClusterName> = small.clusters.iter().filter(|(_, at)| *at == site).map(|(name, _)| name).collect();
    let has = |workload: &Workload, role| {
        let copies = small.inventory.placement(&workload.name).map_or(&[][..], |placement| &placement.copies);
        copies.iter().any(|copy| here.contains(&&copy.cluster) && copy.role == role)
    };
    let hit = |workload: &&Workload| has(workload, CopyRole::Active) || has(workload, CopyRole::Standby);
    let mut hit: Vec<&Workload> = small.workloads.iter().filter(hit).collect();
    hit.sort_by_key(|workload| (Reverse(workload.spec.priority), workload.name.clone()));
    let after = without(small, site, &here, &hit);
    let requests: Vec<_> = hit.iter().map(|workload| request(&workload.name, Cause::Released)).collect();
    let (mut would_not_fit, mut without_standby) = (vec![], vec![]);
    for (workload, plan) in hit.iter().zip(plan_batch(&after.inventory, &requests)) {
        let before = small.inventory.placement(&workload.name);
        let lacked = lacks(small, &small.inventory, workload, before);
        let lacks = lacks(&after, &after.inventory, workload, Some(&plan.placement));
        if lacks[0] && !lacked[0] {
            would_not_fit.push(workload.name.clone());
        } else if lacks[1] && !lacked[1] {
            without_standby.push(workload.name.clone());
        }
    }
    let count = |role| u32::try_from(hit.iter().filter(|workload| has(workload, role)).count()).unwrap();
    SiteLoss {
        site: site.clone(),
        can_be_lost: would_not_fit.is_empty(),
        active: count(CopyRole::Active),
        standby: count(CopyRole::Standby),
        would_not_fit,
        without_standby,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_loss_is_as_it_would_be(
        mut small in small(1..40),
        events in prop::collection::vec((0..1000_usize, 0..6_u8), 0..12),
    ) {
        live(&mut small, &events);
        let expected: Vec<SiteLoss> = small.sites.keys().map(|site| lose(&small, site)).collect();
        prop_assert_eq!(capacity(&small.inventory, NOW, &change()), expected);
    }
}
