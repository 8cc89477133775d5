//! Whatever happens in whatever order: no plan fails the checker, no exclusive workload starts while another copy may run, a
//! plan that nothing happened after is the same again, and the inventory is what was put.

// Where the words of a test are wrong, a panic is the message.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use support::state::{AmountsText, ClusterText, NOW, SecretText, SiteText, State, WorkloadText, change, name};
use verbund_model::resource::*;
use verbund_model::{ClusterName, SiteName, WorkloadName};
use verbund_planner::{Inventory, Plan, Request, check, excluded, lost, plan, plan_batch, why};

const SITES: usize = 6;
const CLUSTERS: usize = 9;
const WORKLOADS: usize = 8;
/// The workload that needs a secret.
const SEALED: usize = 6;
const PLACES: [[f64; 2]; SITES] =
    [[53.551, 9.993], [52.520, 13.404], [48.135, 11.581], [52.375, 9.732], [53.865, 10.686], [50.937, 6.960]];

#[derive(Clone, Debug)]
enum Event {
    Plan { workload: usize, cause: usize, target: Option<usize> },
    Finding { kind: usize, which: usize },
    Presence { site: usize, lost: bool },
    Lease { cluster: usize, open: bool },
    Receipt { workload: usize },
    Ready { workload: usize },
    Reshape { workload: usize, how: usize },
    Alter { cluster: usize, how: usize },
    Standing { site: usize, suspended: bool },
    Exclude { site: usize },
    Evidence { site: usize, days: i64 },
    Veto { site: usize, workload: usize, lifted: bool },
    Consent { workload: usize, sites: Option<usize> },
    Exception { workload: usize, approvals: u8 },
    Secret { workload: usize, sites: Option<usize> },
    RemoveCluster { cluster: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let (w, c, s) = (0..WORKLOADS, 0..CLUSTERS, 0..SITES);
    prop_oneof![
        8 => (w.clone(), 0..10_usize, prop::option::of(c.clone()))
            .prop_map(|(workload, cause, target)| Event::Plan { workload, cause, target }),
        4 => (0..3_usize, 0..CLUSTERS).prop_map(|(kind, which)| Event::Finding { kind, which }),
        2 => (s.clone(), any::<bool>()).prop_map(|(site, lost)| Event::Presence { site, lost }),
        3 => (c.clone(), any::<bool>()).prop_map(|(cluster, open)| Event::Lease { cluster, open }),
        4 => w.clone().prop_map(|workload| Event::Receipt { workload }),
        2 => w.clone().prop_map(|workload| Event::Ready { workload }),
        2 => (w.clone(), 0..6_usize).prop_map(|(workload, how)| Event::Reshape { workload, how }),
        2 => (c.clone(), 0..5_usize).prop_map(|(cluster, how)| Event::Alter { cluster, how }),
        1 => (s.clone(), any::<bool>()).prop_map(|(site, suspended)| Event::Standing { site, suspended }),
        1 => s.clone().prop_map(|site| Event::Exclude { site }),
        1 => (s.clone(), -1..3_i64).prop_map(|(site, days)| Event::Evidence { site, days }),
        1 => (s.clone(), w.clone(), any::<bool>())
            .prop_map(|(site, workload, lifted)| Event::Veto { site, workload, lifted }),
        1 => (w.clone(), prop::option::of(s.clone())).prop_map(|(workload, sites)| Event::Consent { workload, sites }),
        2 => prop::option::of(s).prop_map(|sites| Event::Secret { workload: SEALED, sites }),
        1 => (w, 0..3_u8).prop_map(|(workload, approvals)| Event::Exception { workload, approvals }),
        1 => c.prop_map(|cluster| Event::RemoveCluster { cluster }),
    ]
}

/// What happened, in the words of the tests, and in the inventory.
struct World {
    inventory: Inventory,
    sites: BTreeMap<SiteName, SiteText>,
    clusters: BTreeMap<ClusterName, ClusterText>,
    workloads: BTreeMap<WorkloadName, WorkloadText>,
    /// What may run of exclusive workloads: cluster, epoch, generation. Kept apart from the placements.
    running: BTreeMap<WorkloadName, Vec<(ClusterName, u64, u64)>>,
    /// For which roles a choice was compared with all that could have been chosen.
    compared: BTreeSet<CopyRole>,
}

fn workload_name(number: usize) -> WorkloadName {
    name(&format!("workload-{number}"))
}

fn cluster_name(number: usize) -> ClusterName {
    name(&format!("cluster-{number}"))
}

fn site_name(number: usize) -> SiteName {
    name(&format!("site-{number}"))
}

fn cluster_text(number: usize) -> ClusterText {
    let has = AmountsText { cpu: 10 + number as u64, memory: 64, storage: 100, pods: 100, gpu: 0 };
    ClusterText { site: Some(site_name(number % SITES)), has, price: 1000 * number as u32, ..ClusterText::default() }
}

fn workload_text(number: usize) -> WorkloadText {
    let exclusive = [Some(FenceLevel::Data), Some(FenceLevel::Guard), Some(FenceLevel::Agent), None][number % 4];
    let classes = [None, Some(DistanceClass::Georedundant), Some(DistanceClass::Betriebsredundant)];
    WorkloadText {
        exclusive,
        copies: 1 + (number / 4) as u8,
        standby: classes[number % 3],
        wants: AmountsText { cpu: 3, memory: 2, storage: 0, pods: 1, gpu: 0 },
        failover: [FailoverAuthority::Automatic, FailoverAuthority::Ask][number / 4 % 2],
        priority: (number % 3) as u16,
        secrets: if number == SEALED { [name("db")].into() } else { [].into() },
        evidence: if number == 5 { [EvidenceKind::C5].into() } else { [].into() },
        ..WorkloadText::default()
    }
}

impl World {
    fn new() -> Self {
        let sites = (0..SITES).map(|n| (site_name(n), SiteText { at: Some(PLACES[n]), ..SiteText::default() }));
        let clusters = (0..CLUSTERS).map(|n| (cluster_name(n), cluster_text(n)));
        let workloads = (0..WORKLOADS).map(|n| (workload_name(n), workload_text(n)));
        let (sites, clusters, workloads): (BTreeMap<_, _>, BTreeMap<_, _>, BTreeMap<_, _>) =
            (sites.collect(), clusters.collect(), workloads.collect());
        let mut inventory = Inventory::default();
        let (s, c, w) = (sites.clone(), clusters.clone(), workloads.clone());
        State { sites: s, clusters: c, workloads: w, ..State::default() }.put(&mut inventory);
        Self { inventory, sites, clusters, workloads, running: BTreeMap::new(), compared: BTreeSet::new() }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Plan { workload, cause, target } => {
                let mut request = request(&workload_name(*workload), cause_of(*cause), target.map(cluster_name));
                request.held = workload % 2 == 0;
                let plan = plan(&self.inventory, &request);
                self.take(plan, &request);
            }
            Event::Finding { kind, which } => self.finding(*kind, *which),
            Event::Presence { site, lost } => {
                let site = site_name(*site);
                self.inventory.put_presence(&Presence { site: site.clone(), number: 1, lost: *lost });
                self.sites.get_mut(&site).unwrap().lost = *lost;
            }
            Event::Lease { cluster, open } => self.lease(&cluster_name(*cluster), *open),
            Event::Receipt { workload } => self.receipt(&workload_name(*workload)),
            Event::Ready { workload } => self.change_placement(&workload_name(*workload), |placement| {
                placement.copies.iter_mut().for_each(|copy| copy.phase = CopyPhase::Ready);
            }),
            Event::Reshape { workload, how } => self.reshape(&workload_name(*workload), *how),
            Event::Alter { cluster, how } => self.alter(*cluster, *how),
            Event::Standing { site, suspended } => {
                let site = site_name(*site);
                let text = self.sites.get_mut(&site).unwrap();
                if text.standing == Standing::Excluded {
                    return; // for ever
                }
                text.standing = if *suspended { Standing::Suspended } else { Standing::Active };
                text.put(&site, &mut self.inventory);
            }
            Event::Exclude { site } => self.exclude(site_name(*site)),
            Event::Evidence { site, days } => self.inventory.put_evidence(&Evidence {
                name: name(&format!("evidence-{site}")),
                subject: EvidenceSubject::Site(site_name(*site)),
                kind: EvidenceKind::C5,
                issuer: "BSI".into(),
                document: verbund_model::Hash([2; 32]),
                valid_until: NOW.checked_add_signed(days * 86_400_000).unwrap(),
            }),
            Event::Veto { site, workload, lifted } => {
                let (site, workload) = (site_name(*site), workload_name(*workload));
                self.inventory.remove_veto(&site, &workload);
                if !lifted {
                    self.inventory.put_veto(&LicenceVeto { site, workload, reason: "licence".into() });
                }
            }
            Event::Consent { workload, sites } => {
                let workload = workload_name(*workload);
                self.inventory.remove_consent(&workload);
                if let Some(site) = sites {
                    let sites = (*site..SITES).map(site_name).collect();
                    self.inventory.put_consent(&Consent { customer: name("bezirk"), workload, sites });
                }
            }
            Event::Secret { workload, sites } => {
                let workload = workload_name(*workload);
                self.inventory.remove_secret(&workload, &name("db"));
                if let Some(site) = sites {
                    let to = (*site..SITES).map(site_name).collect();
                    let text = SecretText { workload, name: name("db"), to, before: BTreeSet::new() };
                    self.inventory.put_secret(&text.secret());
                }
            }
            Event::Exception { workload, approvals } => self.inventory.put_exception(&Exception {
                name: name(&format!("exception-{workload}")),
                rule: "georedundancy".into(),
                workload: workload_name(*workload),
                reason: String::new(),
                until: NOW + 1,
                approvals: (0..*approvals).map(|n| verbund_model::KeyId(verbund_model::Hash([n; 32]))).collect(),
            }),
            Event::RemoveCluster { cluster } => {
                let cluster = cluster_name(*cluster);
                self.clusters.remove(&cluster);
                self.inventory.remove_cluster(&cluster);
            }
        }
    }

    fn finding(&mut self, kind: usize, which: usize) {
        let finding = match kind {
            0 => {
                let cluster = cluster_name(which);
                self.lease(&cluster, false);
                let Some(generation) = self.inventory.lease(&cluster).map(|lease| lease.generation) else { return };
                Finding::LeaseEnded { cluster, generation }
            }
            1 => Finding::Unreachable { site: site_name(which % SITES), presence: 1 },
            _ => Finding::Returned { site: site_name(which % SITES), presence: 1 },
        };
        if let Finding::Unreachable { site, .. } | Finding::Returned { site, .. } = &finding {
            let lost = matches!(finding, Finding::Unreachable { .. });
            self.inventory.put_presence(&Presence { site: site.clone(), number: 1, lost });
            self.sites.get_mut(site).unwrap().lost = lost;
        }
        let names = lost(&self.inventory, &finding);
        let cause = Cause::Verdict { index: 1 };
        let requests: Vec<Request> = names.iter().map(|name| request(name, cause.clone(), None)).collect();
        for (plan, request) in plan_batch(&self.inventory, &requests).into_iter().zip(&requests) {
            self.take(plan, request);
        }
    }

    /// Excludes a site: nothing is active or prepared there any more, whether there is another place or not.
    fn exclude(&mut self, site: SiteName) {
        let text = self.sites.get_mut(&site).unwrap();
        text.standing = Standing::Excluded;
        text.put(&site, &mut self.inventory);
        let sites = [site].into();
        let names = excluded(&self.inventory, &sites);
        let requests: Vec<Request> = names.iter().map(|name| request(name, Cause::Excluded, None)).collect();
        for (plan, request) in plan_batch(&self.inventory, &requests).into_iter().zip(&requests) {
            self.take(plan, request);
        }
        assert!(excluded(&self.inventory, &sites).is_empty());
    }

    /// Where one place was chosen for a workload that had none of that kind, it is the best of those that `why` finds: `why`
    /// scores every place, while the planner leaves out those of which too little is hoped.
    fn best(&mut self, plan: &Plan, before: Option<&Placement>) {
        let [choice] = plan.report.choices.as_slice() else { return };
        let copies = before.map_or(&[][..], |placement| &placement.copies);
        let kept = copies.iter().all(|copy| plan.placement.copies.contains(copy));
        let alone = match choice.role {
            CopyRole::Active => copies.is_empty(),
            _ => copies.iter().all(|copy| copy.role == CopyRole::Active),
        };
        let report = why(&self.inventory, &plan.placement.workload, NOW).unwrap();
        let wished = before.is_some_and(|placement| placement.target.is_some());
        if wished || !kept || !alone || report.sought != choice.role {
            return;
        }
        let free = report.clusters.iter().filter(|cluster| cluster.holds.is_none());
        let fits = free.filter_map(|cluster| Some((cluster.score?, &cluster.cluster)));
        let best = fits.max_by_key(|(score, cluster)| (score.total, std::cmp::Reverse(*cluster)));
        assert_eq!(best, Some((choice.score, &choice.cluster)), "the best place by {report:#?}");
        self.compared.insert(choice.role);
    }

    /// Takes a plan: the checker has nothing against it, nothing may run elsewhere, and planning again, held or not as before,
    /// changes nothing.
    fn take(&mut self, plan: Plan, request: &Request) {
        let cause = &request.cause;
        let name = plan.placement.workload.clone();
        let before = self.inventory.placement(&name).cloned();
        assert_eq!(plan.changed, before.as_ref() != Some(&plan.placement) && plan.report.refused.is_none());
        if !plan.changed {
            return;
        }
        let checked = check(&self.inventory, &plan.placement, NOW);
        assert_eq!(checked, Ok(()), "{cause:?}: {before:#?} becomes {:#?}", plan.placement);
        self.fenced(&plan.placement);
        self.best(&plan, before.as_ref());
        self.inventory.put_placement(&plan.placement);
        let once_more = Request { cause: Cause::Room, target: None, ..request.clone() };
        let again = verbund_planner::plan(&self.inventory, &once_more);
        assert_eq!(again.placement, plan.placement, "planned again after {cause:?}, from {before:#?}");
    }

    /// Nothing of an exclusive workload starts while it may run elsewhere.
    fn fenced(&mut self, placement: &Placement) {
        let Some(fence) = self.workloads[&placement.workload].exclusive else { return };
        let running = self.running.entry(placement.workload.clone()).or_default();
        for copy in placement.copies.iter().filter(|copy| copy.role == CopyRole::Active) {
            if running.iter().any(|(_, epoch, _)| *epoch == copy.epoch) {
                continue;
            }
            for (cluster, _, generation) in running.iter().filter(|(cluster, ..)| *cluster != copy.cluster) {
                let lease = self.inventory.lease(cluster).unwrap();
                let ended = lease.generation > *generation || !lease.open;
                assert!(ended && fence != FenceLevel::Agent, "{} may run at {cluster}", placement.workload);
            }
            assert!(running.iter().all(|(_, epoch, _)| *epoch < copy.epoch), "epochs rise");
            running.push((copy.cluster.clone(), copy.epoch, copy.generation));
        }
    }

    fn lease(&mut self, cluster: &ClusterName, open: bool) {
        let Some(mut lease) = self.inventory.lease(cluster).cloned() else { return };
        if open && !lease.open {
            lease.generation += 1;
        }
        lease.open = open;
        self.inventory.put_lease(&lease);
    }

    fn receipt(&mut self, workload: &WorkloadName) {
        let stopping = |copy: &PlacedCopy| copy.role == CopyRole::Stopping;
        let copies = self.inventory.placement(workload).map_or(vec![], |placement| placement.copies.clone());
        let Some(stopped) = copies.iter().find(|copy| stopping(copy)).map(|copy| copy.cluster.clone()) else { return };
        self.change_placement(workload, |placement| placement.copies.retain(|copy| copy.cluster != stopped));
        self.running.entry(workload.clone()).or_default().retain(|(cluster, ..)| *cluster != stopped);
        let request = request(workload, Cause::Released, None);
        let plan = plan(&self.inventory, &request);
        self.take(plan, &request);
    }

    fn change_placement(&mut self, workload: &WorkloadName, change: impl Fn(&mut Placement)) {
        if let Some(mut placement) = self.inventory.placement(workload).cloned() {
            change(&mut placement);
            self.inventory.put_placement(&placement);
        }
    }

    fn reshape(&mut self, workload: &WorkloadName, how: usize) {
        let text = self.workloads.get_mut(workload).unwrap();
        match how {
            0 => text.wants.cpu = 6,
            1 => text.wants.cpu = 1,
            2 => text.zone = if text.zone == Zone::Internal { Zone::External } else { Zone::Internal },
            3 => text.copies = 1 + text.copies % 3,
            4 => text.customer = text.customer.is_none().then(|| name("bezirk")),
            _ => text.standby = text.standby.is_none().then_some(DistanceClass::Georedundant),
        }
        self.inventory.put_workload(&text.workload(workload));
    }

    fn alter(&mut self, number: usize, how: usize) {
        let cluster = cluster_name(number);
        let mut text = cluster_text(number);
        match how {
            0 => text.standing = ClusterStanding::Cordoned,
            1 => text.ready = false,
            2 => text.zone = Zone::External,
            3 => text.foreign.cpu = 8,
            _ => {}
        }
        self.inventory.put_cluster(&text.cluster(&cluster));
        self.clusters.insert(cluster, text);
    }
}

fn cause_of(number: usize) -> Cause {
    let causes = [Cause::Applied, Cause::Failover, Cause::Relocate, Cause::Failback, Cause::Drill, Cause::Released];
    let more = [Cause::Room, Cause::EvidenceExpired, Cause::ClusterRemoved, Cause::Excluded];
    causes.into_iter().chain(more).nth(number).unwrap()
}

fn request(workload: &WorkloadName, cause: Cause, target: Option<ClusterName>) -> Request {
    Request { workload: workload.clone(), cause, now: NOW, target, change: change(), held: false }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_fails_the_checker(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        for number in 0..WORKLOADS {
            world.happen(&Event::Plan { workload: number, cause: 0, target: None });
        }
        prop_assert!(!world.compared.is_empty(), "some choice is compared with all others");
        events.iter().for_each(|event| world.happen(event));
    }

    #[test]
    fn the_inventory_is_what_was_put(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.happen(event));
        let mut other = world.inventory.clone();
        // Everything is taken out and put again, in another order: placements first.
        let placements: Vec<Placement> =
            world.workloads.keys().filter_map(|name| other.placement(name).cloned()).collect();
        placements.iter().for_each(|placement| other.remove_placement(&placement.workload));
        world.workloads.keys().for_each(|name| other.remove_workload(name));
        world.clusters.keys().for_each(|name| other.remove_cluster(name));
        world.sites.keys().for_each(|name| other.remove_site(name));
        placements.iter().for_each(|placement| other.put_placement(placement));
        for (name, text) in world.clusters.iter().rev() {
            other.put_cluster(&text.cluster(name));
        }
        for (name, text) in world.workloads.iter().rev() {
            other.put_workload(&text.workload(name));
        }
        world.sites.iter().rev().for_each(|(name, text)| text.put(name, &mut other));
        prop_assert_eq!(other, world.inventory);
    }
}
