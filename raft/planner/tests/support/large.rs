//! A large federation, made by a fixed rule.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use verbund_model::WorkloadName;
use verbund_model::resource::*;
use verbund_planner::{Inventory, Request};

use super::state::{AmountsText, ClusterText, NOW, SiteText, WorkloadText, change, kind, name};

const BEDARF: [Schutzbedarf; 3] = [Schutzbedarf::Normal, Schutzbedarf::Hoch, Schutzbedarf::SehrHoch];
const STAGES: [Stage; 3] = [Stage::Production, Stage::Test, Stage::Development];

/// Spreads numbers evenly, so that neighbours get different values.
fn mix(number: usize) -> usize {
    let mut x = (number as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as usize
}

/// A federation with `sites` sites all over Germany and `clusters` clusters. With `one_group` all clusters are of one zone,
/// protection need and stage, so that each is a candidate for every workload: the worst case. Otherwise they are of 27.
pub fn federation(sites: usize, clusters: usize, one_group: bool) -> Inventory {
    let mut inventory = Inventory::default();
    let mut state = super::state::State::default();
    for number in 0..sites {
        let at = [47.5 + (mix(number) % 7000) as f64 / 1000.0, 6.5 + (mix(number + 7) % 8000) as f64 / 1000.0];
        let organisation = Some(name(&format!("org-{}", number / 2)));
        state
            .sites
            .insert(name(&format!("site-{number}")), SiteText { organisation, at: Some(at), ..SiteText::default() });
    }
    state.put(&mut inventory);
    let all_kinds: BTreeSet<String> = (0..60).map(|number| format!("group-{number}.de/v1/Kind{number}")).collect();
    for number in 0..clusters {
        let group = if one_group { 0 } else { number % 27 };
        let text = ClusterText {
            site: Some(name(&format!("site-{}", number % sites))),
            zone: Zone::ALL[group % 3],
            schutzbedarf: BEDARF[group / 3 % 3],
            stage: STAGES[group / 9],
            confidentiality: Confidentiality::VsNfd,
            networks: Network::ALL.iter().copied().collect(),
            price: 1000 + (mix(number) % 5000) as u32,
            kinds: all_kinds.iter().cloned().chain(ClusterText::default().kinds).collect(),
            has: AmountsText { cpu: 2000, memory: 8000, storage: 100_000, pods: 10_000, gpu: 0 },
            foreign: AmountsText { cpu: 50, memory: 200, storage: 0, pods: 100, gpu: 0 },
            ..ClusterText::default()
        };
        text.put(&name(&format!("cluster-{number}")), &mut inventory);
    }
    inventory
}

/// A workload of the large federation: a third exclusive with a georedundant standby, a third exclusive without, a third
/// parallel with two copies; of 200 different shapes in each group.
pub fn workload(number: usize, one_group: bool) -> Workload {
    let group = if one_group { 0 } else { mix(number) % 27 };
    let shape = mix(number + 1) % 200;
    let text = WorkloadText {
        organisation: name(&format!("org-{}", number % 50)),
        zone: Zone::ALL[group % 3],
        schutzbedarf: BEDARF[group / 3 % 3],
        stage: STAGES[group / 9],
        confidentiality: Confidentiality::ALL[shape % 4],
        networks: BTreeSet::from([Network::ALL[shape % 5]]),
        kubernetes_min: Some(format!("1.{}", 20 + shape % 14)),
        storage_classes: BTreeSet::from(["standard".to_owned()]),
        wants: AmountsText { cpu: 1 + (mix(number + 2) % 8) as u64, memory: 4, storage: 10, pods: 3, gpu: 0 },
        exclusive: (number % 3 < 2).then_some(FenceLevel::Guard),
        standby: number.is_multiple_of(3).then_some(DistanceClass::Georedundant),
        copies: 2,
        priority: (mix(number + 3) % 100) as u16,
        ..WorkloadText::default()
    };
    let mut workload = text.workload(&name(&format!("workload-{number}")));
    let kinds = (0..8).map(|part| (shape + part * 7) % 60).map(|part| kind(&format!("group-{part}.de/v1/Kind{part}")));
    workload.spec.requirements.kinds = kinds.collect();
    workload
}

/// Puts `count` workloads, and gives the requests that place them.
pub fn fill(inventory: &mut Inventory, count: usize, one_group: bool) -> Vec<Request> {
    (0..count)
        .map(|number| {
            let workload = workload(number, one_group);
            inventory.put_workload(&workload);
            request(&workload.name, Cause::Applied)
        })
        .collect()
}

/// A point in the time that this thread computed.
#[derive(Clone, Copy)]
pub struct Worked(Duration);

impl Worked {
    /// Now.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Self(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
    }

    /// How long it computed since.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// A request at the time of the tests.
pub fn request(workload: &WorkloadName, cause: Cause) -> Request {
    Request { workload: workload.clone(), cause, now: NOW, target: None, change: change(), held: false }
}
