//! The clusters on which a batch is planned, with what it has reserved so far.

mod field;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;

use verbund_model::resource::{CopyRole, Millis, PlacedCopy, Placement};
use verbund_model::{ClusterName, SiteName, WorkloadName};

use crate::demand::{Demand, Group, group};
use crate::filter::{self, Ask, Seek};
use crate::inventory::Inventory;
use crate::place::Place;
use crate::reason::Reason;
use crate::report::{Lack, Score};
pub(crate) use field::Away;
use field::Field;
pub(crate) use load::Loads;

/// The clusters of the groups that a batch touches.
pub(crate) struct Ground<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) now: Millis,
    groups: BTreeMap<Group, Field<'a>>,
    /// Placements of this batch.
    planned: BTreeMap<WorkloadName, Arc<Placement>>,
    /// A site whose loss is tried: it counts as lost, and the leases of its clusters as ended.
    gone: Option<&'a SiteName>,
}

impl<'a> Ground<'a> {
    /// The ground for the groups of `demands`.
    pub(crate) fn new<'d>(inventory: &'a Inventory, now: Millis, demands: impl Iterator<Item = &'d Demand>) -> Self {
        let mut groups = BTreeMap::new();
        for demand in demands {
            groups.entry(demand.shape.group()).or_insert_with_key(|group| Field::of(inventory, group));
        }
        Self { inventory, now, groups, planned: BTreeMap::new(), gone: None }
    }

    /// The ground with every cluster.
    pub(crate) fn of_all(inventory: &'a Inventory, now: Millis) -> Self {
        let groups = inventory.groups.keys().map(|group| (*group, Field::of(inventory, group))).collect();
        Self { inventory, now, groups, planned: BTreeMap::new(), gone: None }
    }

    /// Takes a site as lost, and the leases of its clusters as ended, until [`Ground::undo`].
    pub(crate) fn lose(&mut self, site: &'a SiteName) {
        self.gone = Some(site);
        self.groups.values_mut().for_each(|field| field.lose(site, true));
    }

    /// Takes back every placement of this batch, and the loss of a site. What filters and distances found stays known.
    pub(crate) fn undo(&mut self) {
        for (name, placement) in std::mem::take(&mut self.planned) {
            // What was planned was demanded.
            let Some(demand) = self.inventory.demands.get(&name) else { continue };
            let before = self.inventory.placement(&name).map_or(&[][..], |before| &before.copies);
            self.move_reservations(demand, &placement.copies, before);
        }
        if let Some(site) = self.gone.take() {
            self.groups.values_mut().for_each(|field| field.lose(site, false));
        }
    }

    /// Where a workload runs, as planned in this batch or before.
    pub(crate) fn placement(&self, workload: &WorkloadName) -> Option<Arc<Placement>> {
        self.planned.get(workload).or_else(|| self.inventory.placements.get(workload)).cloned()
    }

    /// Takes a placement of this batch: what comes later in it finds its reservations.
    pub(crate) fn settle(&mut self, demand: &Demand, placement: Arc<Placement>) {
        let before = self.placement(&demand.name);
        let old = before.as_ref().map_or(&[][..], |before| &before.copies);
        self.move_reservations(demand, old, &placement.copies);
        self.planned.insert(demand.name.clone(), placement);
    }

    fn move_reservations(&mut self, demand: &Demand, old: &[PlacedCopy], new: &[PlacedCopy]) {
        let held = |copies: &[PlacedCopy], cluster: &ClusterName| copies.iter().any(|c| c.cluster == *cluster);
        for copy in old.iter().filter(|copy| !held(new, &copy.cluster)) {
            self.reserve(demand, &copy.cluster, false);
        }
        for copy in new.iter().filter(|copy| !held(old, &copy.cluster)) {
            self.reserve(demand, &copy.cluster, true);
        }
    }

    fn reserve(&mut self, demand: &Demand, cluster: &ClusterName, present: bool) {
        // Nearly always the cluster is of the workload's own group.
        let own = demand.shape.group();
        let found = self.groups.get(&own).and_then(|field| field.index(cluster));
        let found = found.map(|index| (own, index)).or_else(|| self.find(cluster));
        if let Some((group, index)) = found
            && let Some(field) = self.groups.get_mut(&group)
        {
            field.reserve(demand, index, present);
        }
    }

    /// Where a cluster is on the ground.
    fn find(&self, cluster: &ClusterName) -> Option<(Group, usize)> {
        let group = group(&self.inventory.clusters.get(cluster)?.spec);
        let index = self.groups.get(&group)?.index(cluster)?;
        Some((group, index))
    }

    /// The best place for what is sought, if any fits: by score, then by name.
    pub(crate) fn best(&mut self, seek: &Seek<'_>) -> Option<(&'a ClusterName, Score)> {
        let field = self.groups.get_mut(&seek.demand.shape.group())?;
        field.best(seek, self.inventory, self.now)
    }

    /// Every rule that a cluster does not keep for what is sought.
    pub(crate) fn reasons(&self, seek: &Seek<'_>, cluster: &ClusterName) -> Option<Vec<Reason>> {
        let place = self.place(cluster)?;
        let ask = Ask { shape: &seek.demand.shape, inventory: self.inventory, now: self.now };
        let mut reasons = filter::reasons(&ask, &place);
        reasons.extend(filter::objections(seek, &place));
        Some(reasons)
    }

    /// The score of a cluster of the workload's own group.
    pub(crate) fn score(&mut self, seek: &Seek<'_>, cluster: &ClusterName) -> Option<Score> {
        self.groups.get_mut(&seek.demand.shape.group())?.score(seek, self.inventory, cluster)
    }

    /// A cluster with what this batch has reserved there.
    fn place(&self, cluster: &ClusterName) -> Option<Place<'a>> {
        let cluster = self.inventory.clusters.get(cluster)?;
        let known = self.groups.get(&group(&cluster.spec));
        let known = known.and_then(|field| field.index(&cluster.name).map(|index| field.place(index).clone()));
        // A cluster of a group that the batch does not touch has nothing of the batch reserved but what leaves it.
        Some(known.unwrap_or_else(|| Place::of(self.inventory, cluster)))
    }

    /// The last generation of a cluster's lease, and whether it is open.
    pub(crate) fn lease(&self, cluster: &ClusterName) -> Option<(u64, bool)> {
        let lease = self.inventory.leases.get(cluster)?;
        let gone = || self.gone.is_some() && self.inventory.site_of(cluster) == self.gone;
        Some((lease.generation, lease.open && !gone()))
    }

    /// The open generation of a cluster's lease.
    pub(crate) fn open_generation(&self, cluster: &ClusterName) -> Option<u64> {
        self.lease(cluster).and_then(|(generation, open)| open.then_some(generation))
    }

    /// Whether a majority of voters found the site of a cluster lost.
    pub(crate) fn is_lost(&self, cluster: &ClusterName) -> bool {
        let site = self.inventory.site_of(cluster);
        site.is_some_and(|site| self.gone == Some(site) || self.inventory.absent.contains(site))
    }

    /// What a workload lacks. An exclusive copy whose lease has ended and a parallel one at a lost site do not count.
    pub(crate) fn lacks(&self, demand: &Demand, placement: Option<&Placement>) -> Vec<Lack> {
        let copies = placement.map_or(&[][..], |placement| &placement.copies);
        let serves = |copy: &&PlacedCopy| {
            let leased = || self.open_generation(&copy.cluster) == Some(copy.generation);
            let present = || self.inventory.site_of(&copy.cluster).is_some() && !self.is_lost(&copy.cluster);
            copy.role == CopyRole::Active && if demand.is_exclusive() { leased() } else { present() }
        };
        let active = copies.iter().filter(serves).count() < demand.copies();
        let standby = demand.standby.is_some() && !copies.iter().any(|copy| copy.role == CopyRole::Standby);
        active.then_some(Lack::Active).into_iter().chain(standby.then_some(Lack::Standby)).collect()
    }
}
