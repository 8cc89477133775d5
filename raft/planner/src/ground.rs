//! The clusters on which a batch is planned, with what it has reserved so far.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use verbund_model::resource::{Coordinates, Millis, PlacedCopy, Placement};
use verbund_model::{ClusterName, SiteName, WorkloadName};

use crate::demand::{Demand, Group, Shape};
use crate::distance::kilometres;
use crate::filter::{self, Ask, Seek};
use crate::inventory::Inventory;
use crate::place::Place;
use crate::reason::Reason;
use crate::report::Score;
use crate::score::{BEST, Near, score};

/// The clusters of the groups that a batch touches.
pub(crate) struct Ground<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) now: Millis,
    groups: BTreeMap<Group, Field<'a>>,
    /// Placements of this batch.
    planned: BTreeMap<WorkloadName, Arc<Placement>>,
}

/// The clusters of one group, in the order of names.
struct Field<'a> {
    places: Vec<Place<'a>>,
    /// For each place, which of the sites it is at.
    site_of: Vec<usize>,
    sites: Vec<SiteLoad>,
    /// CPU and memory of all.
    capacity: [u128; 2],
    /// For each shape, the places that alone fit: they do not change within a batch.
    fits: BTreeMap<Shape, Rc<[usize]>>,
    /// For each point from which was measured, the kilometres to each place.
    away: BTreeMap<Coordinates, Away>,
}

/// Kilometres from one point to each place of a field; none where nobody said where that stands.
pub(crate) type Away = Rc<[Option<u32>]>;

/// CPU and memory of one site within a group.
struct SiteLoad {
    capacity: [u128; 2],
    reserved: [u128; 2],
    /// What its loss would bring to the others, in millionths of what they can give.
    share: [u64; 2],
}

/// What scores know of the load of sites.
pub(crate) struct Loads<'s> {
    site: &'s SiteLoad,
    /// How much the worst other site's loss would bring, in millionths of the remaining capacity.
    pub(crate) worst_other: [u64; 2],
}

impl Loads<'_> {
    /// What stays free of the site's part of the group with `amounts` more, in thousandths.
    pub(crate) fn free_of_site(&self, amounts: &[u64; 4]) -> u32 {
        let left = (0..2).map(|i| {
            let capacity = self.site.capacity[i];
            let free = capacity.saturating_sub(self.site.reserved[i]).saturating_sub(u128::from(amounts[i]));
            (free * u128::from(BEST)).checked_div(capacity).map_or(0, |part| u32::try_from(part).unwrap_or(BEST))
        });
        left.min().unwrap_or(0)
    }
}

impl<'a> Ground<'a> {
    /// The ground for the groups of `demands`.
    pub(crate) fn new<'d>(inventory: &'a Inventory, now: Millis, demands: impl Iterator<Item = &'d Demand>) -> Self {
        let mut groups = BTreeMap::new();
        for demand in demands {
            groups.entry(demand.shape.group()).or_insert_with_key(|group| Field::of(inventory, group));
        }
        Self { inventory, now, groups, planned: BTreeMap::new() }
    }

    /// The ground with every cluster.
    pub(crate) fn of_all(inventory: &'a Inventory, now: Millis) -> Self {
        let groups = inventory.groups.keys().map(|group| (*group, Field::of(inventory, group))).collect();
        Self { inventory, now, groups, planned: BTreeMap::new() }
    }

    /// Where a workload runs, as planned in this batch or before.
    pub(crate) fn placement(&self, workload: &WorkloadName) -> Option<Arc<Placement>> {
        self.planned.get(workload).or_else(|| self.inventory.placements.get(workload)).cloned()
    }

    /// Takes a placement of this batch: what comes later in it finds its reservations.
    pub(crate) fn settle(&mut self, demand: &Demand, placement: Arc<Placement>) {
        let before = self.placement(&demand.name);
        let old = before.as_ref().map_or(&[][..], |before| &before.copies);
        let held = |copies: &[PlacedCopy], cluster: &ClusterName| copies.iter().any(|c| c.cluster == *cluster);
        for copy in old.iter().filter(|copy| !held(&placement.copies, &copy.cluster)) {
            self.reserve(demand, &copy.cluster, false);
        }
        for copy in placement.copies.iter().filter(|copy| !held(old, &copy.cluster)) {
            self.reserve(demand, &copy.cluster, true);
        }
        self.planned.insert(demand.name.clone(), placement);
    }

    fn reserve(&mut self, demand: &Demand, cluster: &ClusterName, present: bool) {
        let Some(spec) = self.inventory.clusters.get(cluster).map(|cluster| &cluster.spec) else { return };
        let Some(field) = self.groups.get_mut(&(spec.zone, spec.schutzbedarf, spec.stage)) else { return };
        field.reserve(demand, cluster, present);
    }

    /// The best place for what is sought, if any fits: by score, then by name.
    pub(crate) fn best(&mut self, seek: &Seek<'_>) -> Option<(&'a ClusterName, Score)> {
        let (inventory, now) = (self.inventory, self.now);
        let field = self.groups.get_mut(&seek.demand.shape.group())?;
        let fits = field.fits(inventory, now, &seek.demand.shape);
        let worst = field.worst_sites();
        let near = field.near(seek, inventory);
        let to_others: Vec<Option<Away>> =
            seek.others.iter().map(|other| other.coordinates.map(|from| field.away(from))).collect();
        let mut best: Option<(&'a ClusterName, Score)> = None;
        for &index in fits.iter() {
            let place = &field.places[index];
            let away = |number: usize| to_others.get(number)?.as_ref()?[index];
            if seek.avoid.contains(&place.cluster.name) || !filter::suits(seek, place, away) {
                continue;
            }
            let score = score(seek, &near, (index, place), &field.loads(index, &worst));
            if best.as_ref().is_none_or(|(_, other)| score.total > other.total) {
                best = Some((&place.cluster.name, score));
            }
        }
        best
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
        let field = self.groups.get_mut(&seek.demand.shape.group())?;
        let index = field.index(cluster)?;
        let near = field.near(seek, self.inventory);
        Some(score(seek, &near, (index, &field.places[index]), &field.loads(index, &field.worst_sites())))
    }

    /// A cluster with what this batch has reserved there.
    fn place(&self, cluster: &ClusterName) -> Option<Place<'a>> {
        let cluster = self.inventory.clusters.get(cluster)?;
        let spec = &cluster.spec;
        let known = self.groups.get(&(spec.zone, spec.schutzbedarf, spec.stage));
        let known = known.and_then(|field| field.index(&cluster.name).map(|index| field.places[index].clone()));
        // A cluster of a group that the batch does not touch has nothing of the batch reserved but what leaves it.
        Some(known.unwrap_or_else(|| Place::of(self.inventory, cluster)))
    }

    /// The open generation of a cluster's lease.
    pub(crate) fn open_generation(&self, cluster: &ClusterName) -> Option<u64> {
        self.inventory.leases.get(cluster).filter(|lease| lease.open).map(|lease| lease.generation)
    }

    /// Whether a majority of voters found the site of a cluster lost.
    pub(crate) fn is_lost(&self, cluster: &ClusterName) -> bool {
        self.inventory.site_of(cluster).is_some_and(|site| self.inventory.absent.contains(site))
    }
}

impl<'a> Field<'a> {
    fn of(inventory: &'a Inventory, group: &Group) -> Self {
        let names = inventory.groups.get(group).into_iter().flatten();
        let places: Vec<Place<'a>> = names
            .filter_map(|name| inventory.clusters.get(name))
            .map(|cluster| Place::of(inventory, cluster))
            .collect();
        let mut field = Self {
            places,
            site_of: vec![],
            sites: vec![],
            capacity: [0; 2],
            fits: BTreeMap::new(),
            away: BTreeMap::new(),
        };
        let mut known: BTreeMap<&SiteName, usize> = BTreeMap::new();
        for place in &field.places {
            let sites = &mut field.sites;
            let index = *known.entry(place.site_name()).or_insert_with(|| {
                sites.push(SiteLoad { capacity: [0; 2], reserved: [0; 2], share: [0; 2] });
                sites.len() - 1
            });
            for i in 0..2 {
                sites[index].capacity[i] += u128::from(place.capacity[i]);
                sites[index].reserved[i] += place.reserved.plain[i];
                field.capacity[i] += u128::from(place.capacity[i]);
            }
            field.site_of.push(index);
        }
        for index in 0..field.sites.len() {
            field.weigh(index);
        }
        field
    }

    fn index(&self, cluster: &ClusterName) -> Option<usize> {
        self.places.binary_search_by(|place| place.cluster.name.cmp(cluster)).ok()
    }

    fn fits(&mut self, inventory: &Inventory, now: Millis, shape: &Shape) -> Rc<[usize]> {
        if let Some(fits) = self.fits.get(shape) {
            return Rc::clone(fits);
        }
        let ask = Ask { shape, inventory, now };
        let all = self.places.iter().enumerate();
        let fits: Rc<[usize]> = all.filter(|(_, place)| filter::fits(&ask, place)).map(|(index, _)| index).collect();
        self.fits.insert(shape.clone(), Rc::clone(&fits));
        fits
    }

    fn reserve(&mut self, demand: &Demand, cluster: &ClusterName, present: bool) {
        let Some(index) = self.index(cluster) else { return };
        let site = self.site_of[index];
        let load = &mut self.sites[site].reserved;
        let sum = &mut self.places[index].reserved;
        let [cpu, memory, ..] = sum.plain;
        if present {
            sum.add(&demand.amounts);
        } else {
            sum.take(&demand.amounts);
        }
        *load = [load[0] - cpu + sum.plain[0], load[1] - memory + sum.plain[1]];
        self.places[index].weigh();
        self.weigh(site);
    }

    /// Notes anew what a site's loss would bring.
    fn weigh(&mut self, index: usize) {
        let site = &mut self.sites[index];
        site.share = core::array::from_fn(|i| {
            let rest = self.capacity[i] - site.capacity[i];
            let share = (site.reserved[i] * 1_000_000).checked_div(rest).unwrap_or(u128::from(u32::MAX));
            u64::try_from(share).unwrap_or(u64::MAX).min(u64::from(u32::MAX))
        });
    }

    /// The kilometres from a point to each place.
    fn away(&mut self, from: Coordinates) -> Away {
        let places = &self.places;
        let measure = || places.iter().map(|place| place.coordinates().map(|to| kilometres(from, to))).collect();
        Rc::clone(self.away.entry(from).or_insert_with(measure))
    }

    /// To what a place had better be near, as seen from each place.
    fn near<'s>(&mut self, seek: &Seek<'s>, inventory: &'s Inventory) -> Near<'s> {
        let points = Near::points(seek, inventory);
        Near { away: points.into_iter().map(|point| self.away(point)).collect(), sites: Near::sites(seek, inventory) }
    }

    /// For CPU and for memory, the two sites whose loss would bring most to the others.
    fn worst_sites(&self) -> [[(u64, usize); 2]; 2] {
        core::array::from_fn(|i| {
            let mut worst = [(0, usize::MAX); 2];
            for (index, site) in self.sites.iter().enumerate() {
                let part = site.share[i];
                if part > worst[0].0 {
                    worst = [(part, index), worst[0]];
                } else if part > worst[1].0 {
                    worst[1] = (part, index);
                }
            }
            worst
        })
    }

    fn loads(&self, index: usize, worst: &[[(u64, usize); 2]; 2]) -> Loads<'_> {
        let site = self.site_of[index];
        let worst_other = core::array::from_fn(|i| {
            let [first, second] = worst[i];
            if first.1 == site { second.0 } else { first.0 }
        });
        Loads { site: &self.sites[site], worst_other }
    }
}
