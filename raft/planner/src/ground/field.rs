//! The clusters of one group, with what a batch has reserved on them so far.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use verbund_model::resource::{Coordinates, Millis};
use verbund_model::{ClusterName, OrgName, SiteName};

use super::load::{Loads, SiteLoad, Worst, worst};
use crate::demand::{Demand, Group, Shape, SiteDemand};
use crate::distance::kilometres;
use crate::filter::{self, Ask, Seek};
use crate::inventory::Inventory;
use crate::place::Place;
use crate::report::Score;
use crate::score::hope::{Hope, Loss, Sizes};
use crate::score::{Near, Point, score};

/// The clusters of one group, in the order of names.
pub(super) struct Field<'a> {
    places: Vec<Place<'a>>,
    /// For each place, which of the offers is its.
    offer_of: Vec<usize>,
    /// For each offer, a place that offers it.
    offers: Vec<usize>,
    /// For each place, which of the sites it is at.
    site_of: Vec<usize>,
    sites: Vec<SiteLoad>,
    worst: Worst,
    /// CPU and memory of all.
    capacity: [u128; 2],
    sizes: Sizes,
    /// For each place, how well it may fit at most.
    hopes: Vec<Hope>,
    /// For each shape, the places that alone fit: they do not change within a batch.
    fits: BTreeMap<Shape, Rc<[usize]>>,
    /// For each demand of sites, whether the site of each place fits.
    sites_fit: BTreeMap<SiteDemand, Rc<[bool]>>,
    /// For each point from which was measured, the kilometres to each place.
    away: BTreeMap<Coordinates, Away>,
    /// For each organisation, the kilometres from the nearest of its sites to each place.
    homes: BTreeMap<OrgName, Away>,
}

/// Kilometres from one point to each place of a field; none where nobody said where that stands.
pub(crate) type Away = Rc<[Option<u32>]>;

/// How good a place is: its score, then its place in the order of names. More is better.
type Rank = (u32, Reverse<usize>);

impl<'a> Field<'a> {
    pub(super) fn of(inventory: &'a Inventory, group: &Group) -> Self {
        let mut places: Vec<(Place<'a>, usize)> = vec![];
        for (offer, names) in inventory.groups.get(group).into_iter().flat_map(|offers| offers.values()).enumerate() {
            let clusters = names.iter().filter_map(|name| inventory.clusters.get(name));
            places.extend(clusters.map(|cluster| (Place::of(inventory, cluster), offer)));
        }
        places.sort_by(|(one, _), (other, _)| one.cluster.name.cmp(&other.cluster.name));
        let (places, offer_of): (Vec<Place<'a>>, Vec<usize>) = places.into_iter().unzip();
        let mut offers = vec![0; offer_of.iter().max().map_or(0, |last| last + 1)];
        for (index, offer) in offer_of.iter().enumerate() {
            offers[*offer] = index;
        }
        let mut field = Self {
            hopes: vec![Hope::default(); places.len()],
            sizes: Sizes::of(&places),
            places,
            offer_of,
            offers,
            site_of: vec![],
            sites: vec![],
            worst: Worst::default(),
            capacity: [0; 2],
            fits: BTreeMap::new(),
            sites_fit: BTreeMap::new(),
            away: BTreeMap::new(),
            homes: BTreeMap::new(),
        };
        field.count();
        field
    }

    /// Counts what sites have and give.
    fn count(&mut self) {
        let mut known: BTreeMap<&SiteName, usize> = BTreeMap::new();
        for place in &self.places {
            let index = *known.entry(place.site_name()).or_insert(self.sites.len());
            if index == self.sites.len() {
                self.sites.push(SiteLoad::empty());
            }
            self.sites[index].count(place);
            self.capacity = core::array::from_fn(|i| self.capacity[i] + u128::from(place.capacity[i]));
            self.site_of.push(index);
        }
        self.sites.iter_mut().for_each(|site| site.weigh(self.capacity));
        self.worst = worst(&self.sites);
        for (index, place) in self.places.iter().enumerate() {
            self.hopes[index] = Hope::of(place, self.sites[self.site_of[index]].free(&[0; 4]));
        }
    }

    pub(super) fn index(&self, cluster: &ClusterName) -> Option<usize> {
        self.places.binary_search_by(|place| place.cluster.name.cmp(cluster)).ok()
    }

    pub(super) fn place(&self, index: usize) -> &Place<'a> {
        &self.places[index]
    }

    /// Reserves a demand's amounts at a place, or gives them back.
    pub(super) fn reserve(&mut self, demand: &Demand, index: usize, present: bool) {
        let sum = &mut self.places[index].reserved;
        let before = sum.plain;
        if present {
            sum.add(&demand.amounts);
        } else {
            sum.take(&demand.amounts);
        }
        let after = sum.plain;
        self.places[index].weigh();
        let number = self.site_of[index];
        let site = &mut self.sites[number];
        site.change(before, after);
        site.weigh(self.capacity);
        let free = site.free(&[0; 4]);
        self.worst = worst(&self.sites);
        self.hopes[index] = Hope::of(&self.places[index], free);
        for (hope, _) in self.hopes.iter_mut().zip(&self.site_of).filter(|(_, site)| **site == number) {
            hope.set_free_of_site(free);
        }
    }

    /// Takes the places of a site as lost, or as they are.
    pub(super) fn lose(&mut self, site: &SiteName, gone: bool) {
        for place in self.places.iter_mut().filter(|place| place.site_name() == site) {
            place.gone = gone;
        }
    }

    /// The best place for what is sought, if any fits: by score, then by name. The most promising ones are tried first, until
    /// what was found is no worse than what the others can hope for.
    pub(super) fn best(
        &mut self,
        seek: &Seek<'_>,
        inventory: &'a Inventory,
        now: Millis,
    ) -> Option<(&'a ClusterName, Score)> {
        let fits = self.fits(inventory, now, &seek.demand.shape);
        let near = self.near(seek, inventory);
        let to_others: Vec<Option<Away>> =
            seek.others.iter().map(|other| other.coordinates.map(|from| self.away(from))).collect();
        let loss = Loss::of(seek, self.worst.map(|[_, second]| second.0), &self.sizes);
        let there = fits.iter().filter(|index| !self.places[**index].is_lost());
        let hope = |index: usize| self.hopes[index].total(seek, &near, &loss, (index, &self.places[index]));
        let mut hopes: BinaryHeap<Rank> = there.map(|&index| (hope(index), Reverse(index))).collect();
        let mut best: Option<(Rank, Score)> = None;
        while let Some(hope) = hopes.pop() {
            if best.is_some_and(|(rank, _)| rank >= hope) {
                break;
            }
            let Reverse(index) = hope.1;
            let place = &self.places[index];
            let away = |number: usize| to_others.get(number)?.as_ref()?[index];
            if seek.avoid.contains(&place.cluster.name) || !filter::suits(seek, place, away) {
                continue;
            }
            let score = score(seek, &near, (index, place), &self.loads(index));
            debug_assert!(score.total <= hope.0, "no place is better than what is hoped of it");
            let rank = (score.total, Reverse(index));
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, score));
            }
        }
        best.map(|((_, Reverse(index)), score)| (&self.places[index].cluster.name, score))
    }

    /// The score of a place.
    pub(super) fn score(&mut self, seek: &Seek<'_>, inventory: &'a Inventory, cluster: &ClusterName) -> Option<Score> {
        let index = self.index(cluster)?;
        let near = self.near(seek, inventory);
        Some(score(seek, &near, (index, &self.places[index]), &self.loads(index)))
    }

    /// The places that alone fit, but for whether their sites are there.
    fn fits(&mut self, inventory: &Inventory, now: Millis, shape: &Shape) -> Rc<[usize]> {
        if let Some(fits) = self.fits.get(shape) {
            return Rc::clone(fits);
        }
        let offers = self.offers.iter().map(|&example| filter::cluster_fits(shape, self.places[example].cluster));
        let offers: Vec<bool> = offers.collect();
        let sites = self.sites_fit(&Ask { shape, inventory, now });
        let fits = |index: &usize| offers[self.offer_of[*index]] && sites[*index];
        let fits: Rc<[usize]> = (0..self.places.len()).filter(fits).collect();
        self.fits.insert(shape.clone(), Rc::clone(&fits));
        fits
    }

    fn sites_fit(&mut self, ask: &Ask<'_>) -> Rc<[bool]> {
        let places = &self.places;
        let try_all = || places.iter().map(|place| filter::site_fits(ask, place)).collect();
        Rc::clone(self.sites_fit.entry(ask.shape.of_site()).or_insert_with(try_all))
    }

    /// The kilometres from a point to each place.
    fn away(&mut self, from: Coordinates) -> Away {
        let places = &self.places;
        let measure = || places.iter().map(|place| place.coordinates().map(|to| kilometres(from, to))).collect();
        Rc::clone(self.away.entry(from).or_insert_with(measure))
    }

    /// The kilometres from the nearest site of an organisation to each place.
    fn home(&mut self, organisation: &OrgName, inventory: &Inventory) -> Away {
        if let Some(home) = self.homes.get(organisation) {
            return Rc::clone(home);
        }
        let points = Near::homes(organisation, inventory);
        let from: Vec<Away> = points.into_iter().map(|point| self.away(point)).collect();
        let nearest = |index| from.iter().filter_map(|away| away[index]).min();
        let home: Away = (0..self.places.len()).map(nearest).collect();
        self.homes.insert(organisation.clone(), Rc::clone(&home));
        home
    }

    /// To what a place had better be near, as seen from each place.
    fn near<'s>(&mut self, seek: &Seek<'s>, inventory: &'s Inventory) -> Near<'s> {
        let away = match Near::point(seek, inventory) {
            Point::Others(points) => points.into_iter().map(|point| self.away(point)).collect(),
            Point::Home(point) => vec![self.away(point)],
            Point::Organisation(name) => vec![self.home(name, inventory)],
        };
        Near { away, sites: Near::sites(seek, inventory) }
    }

    fn loads(&self, index: usize) -> Loads<'_> {
        let site = self.site_of[index];
        let worst_other = core::array::from_fn(|i| {
            let [first, second] = self.worst[i];
            if first.1 == site { second.0 } else { first.0 }
        });
        Loads { site: &self.sites[site], worst_other }
    }
}
