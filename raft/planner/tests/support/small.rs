//! Random small federations: few sites and clusters that differ in what filters and scores look at, with little room.

use std::collections::BTreeMap;

use proptest::prelude::*;
use verbund_model::resource::*;
use verbund_model::{ClusterName, SiteName, WorkloadName};
use verbund_planner::Inventory;

use super::state::{AmountsText, ClusterText, SiteText, State, WorkloadText, name};

const SITES: usize = 7;
const PLACES: [[f64; 2]; SITES] = [
    [53.551, 9.993],
    [52.520, 13.404],
    [48.135, 11.581],
    [52.375, 9.732],
    [53.865, 10.686],
    [50.937, 6.960],
    [51.340, 12.375],
];

/// A federation, and its workloads as they are put, none placed yet.
#[derive(Clone, Debug)]
pub struct Small {
    pub inventory: Inventory,
    /// The sites, each with whether it is lost.
    pub sites: BTreeMap<SiteName, bool>,
    /// The clusters, each with its site.
    pub clusters: BTreeMap<ClusterName, SiteName>,
    pub workloads: Vec<Workload>,
}

/// Random federations with `workloads` workloads.
pub fn small(workloads: std::ops::Range<usize>) -> impl Strategy<Value = Small> {
    let sites = prop::collection::vec((0..3_usize, 0..12_u8), SITES);
    let clusters = prop::collection::vec(cluster(), 1..14);
    (sites, clusters, prop::collection::vec(workload(), workloads)).prop_map(|(sites, clusters, workloads)| {
        let mut state = State::default();
        for (number, (organisation, odd)) in sites.into_iter().enumerate() {
            let text = SiteText {
                organisation: Some(name(&format!("org-{organisation}"))),
                // Where one stands is known of nearly all.
                at: (odd != 0).then_some(PLACES[number]),
                lost: odd == 1,
                standing: if odd == 2 { Standing::Suspended } else { Standing::Active },
                operator: if odd < 4 { Operator::Private } else { Operator::Public },
                ..SiteText::default()
            };
            state.sites.insert(name(&format!("site-{number}")), text);
        }
        let named = clusters.into_iter().enumerate();
        state.clusters = named.map(|(number, text)| (name(&format!("cluster-{number}")), text)).collect();
        let named = workloads.into_iter().enumerate();
        state.workloads = named.map(|(number, text)| (name(&format!("workload-{number}")), text)).collect();
        let mut inventory = Inventory::default();
        state.put(&mut inventory);
        let put = |(name, text): (&WorkloadName, &WorkloadText)| text.workload(name);
        let workloads = state.workloads.iter().map(put).collect();
        let sites = state.sites.into_iter().map(|(name, text)| (name, text.lost)).collect();
        let site_of = |(name, text): (ClusterName, ClusterText)| (name, text.site.expect("a cluster has a site"));
        Small { inventory, sites, clusters: state.clusters.into_iter().map(site_of).collect(), workloads }
    })
}

fn cluster() -> impl Strategy<Value = ClusterText> {
    let odd = (0..10_u8, 0..10_u8, 0..10_u8, 0..10_u8);
    (0..SITES, 0..14_u64, 0..8_u64, 0..4_u32, 0..20_u64, odd).prop_map(|(site, cpu, memory, price, foreign, odd)| {
        let (standing, storage, version, zone) = odd;
        ClusterText {
            site: Some(name(&format!("site-{site}"))),
            has: AmountsText { cpu, memory: memory * 4, storage: 100, pods: 12, gpu: u64::from(standing) % 2 },
            foreign: AmountsText { cpu: foreign / 8, memory: foreign / 8, storage: 0, pods: 0, gpu: 0 },
            price: price * 1500,
            standing: if standing == 0 { ClusterStanding::Cordoned } else { ClusterStanding::Active },
            ready: standing != 1,
            observed: standing != 2,
            lease_open: standing != 3,
            storage_classes: if storage < 7 { [String::from("standard")].into() } else { [].into() },
            kubernetes: if version < 7 { "1.35".into() } else { "1.31".into() },
            zone: if zone == 0 { Zone::External } else { Zone::Internal },
            ..ClusterText::default()
        }
    })
}

fn workload() -> impl Strategy<Value = WorkloadText> {
    let kind = (0..4_usize, 1..4_u8, 0..3_usize, 0..3_u16);
    let odd = (0..10_u8, 0..10_u8, 0..10_u8, 0..10_u8);
    (0..3_usize, 0..6_u64, 0..6_u64, kind, odd).prop_map(|(organisation, cpu, memory, kind, odd)| {
        let ((fence, copies, standby, priority), (storage, version, zone, other)) = (kind, odd);
        WorkloadText {
            organisation: name(&format!("org-{organisation}")),
            wants: AmountsText { cpu, memory, storage: 1, pods: 1, gpu: u64::from(other == 0) },
            exclusive: [Some(FenceLevel::Data), Some(FenceLevel::Guard), Some(FenceLevel::Agent), None][fence],
            copies,
            standby: [None, Some(DistanceClass::Georedundant), Some(DistanceClass::Betriebsredundant)][standby],
            priority,
            storage_classes: if storage < 5 { [String::from("standard")].into() } else { [].into() },
            kubernetes_min: (version < 4).then(|| "1.33".into()),
            zone: if zone == 0 { Zone::External } else { Zone::Internal },
            important: other == 1,
            failover: if other < 4 { FailoverAuthority::Ask } else { FailoverAuthority::Automatic },
            ..WorkloadText::default()
        }
    })
}
