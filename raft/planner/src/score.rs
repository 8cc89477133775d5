//! How well a place fits, in whole numbers.

pub(crate) mod hope;

use verbund_model::resource::{Coordinates, CopyRole, DistanceClass};
use verbund_model::{OrgName, SiteName};

use crate::distance::GEOREDUNDANT;
use crate::filter::Seek;
use crate::ground::{Away, Loads};
use crate::inventory::Inventory;
use crate::place::Place;
use crate::report::Score;
use crate::sum::plain;

/// The best of each part.
pub(crate) const BEST: u32 = 1000;

/// The weights of spread, headroom, locality, price and stability.
const WEIGHTS: [u32; 5] = [2, 3, 2, 1, 4];

/// The price in cents at which half of the score for the price is left.
const HALF_PRICE: u32 = 1000;

/// Scores a place that fits.
pub(crate) fn score(seek: &Seek<'_>, near: &Near<'_>, (index, place): (usize, &Place<'_>), loads: &Loads<'_>) -> Score {
    let parts = [
        spread(seek, place, loads),
        headroom(seek, place, loads),
        near.locality(seek, index),
        price(place.cluster.spec.price),
        stability(seek, near, place),
    ];
    let [spread, headroom, locality, price, stability] = parts;
    let total = parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum();
    Score { spread, headroom, locality, price, stability, total }
}

/// Half for an organisation that runs no other copy, half for what stays free at the site.
fn spread(seek: &Seek<'_>, place: &Place<'_>, loads: &Loads<'_>) -> u32 {
    let ours = place.site.map(|site| &site.organisation);
    let alone = seek.others.iter().all(|other| other.organisation != ours);
    let free = loads.free_of_site(&plain(&seek.demand.amounts));
    free / 2 + if alone { BEST / 2 } else { 0 }
}

/// What stays free of the cluster, in thousandths, when the workload is there and the worst other site of its group was
/// lost and what it had reserved came to the remaining clusters in proportion to their size.
fn headroom(seek: &Seek<'_>, place: &Place<'_>, loads: &Loads<'_>) -> u32 {
    let amounts = plain(&seek.demand.amounts);
    let holds = seek.holds.contains(&place.cluster.name);
    let left = (0..2).map(|i| {
        let capacity = u128::from(place.capacity[i]);
        if capacity == 0 {
            return if amounts[i] == 0 { BEST } else { 0 };
        }
        let free = place.free(i, if holds { amounts[i] } else { 0 });
        let moved = capacity * u128::from(loads.worst_other[i]) / 1_000_000;
        let left = u128::from(free).saturating_sub(u128::from(amounts[i])).saturating_sub(moved);
        u32::try_from(left * u128::from(BEST) / capacity).unwrap_or(BEST)
    });
    left.min().unwrap_or(0)
}

/// Cheaper is better; a price that nobody gave counts as the dearest.
const fn price(cents: u32) -> u32 {
    match cents {
        0 => 0,
        _ => (BEST as u64 * HALF_PRICE as u64 / (HALF_PRICE as u64 + cents as u64)) as u32,
    }
}

/// A place that is prepared, then one at a site where the workload is or was.
fn stability(seek: &Seek<'_>, near: &Near<'_>, place: &Place<'_>) -> u32 {
    if seek.holds.contains(&place.cluster.name) {
        BEST
    } else if near.sites.contains(&place.site_name()) {
        BEST / 2
    } else {
        0
    }
}

/// To what a place had better be near.
pub(crate) struct Near<'a> {
    /// The kilometres from each point to each place.
    pub(crate) away: Vec<Away>,
    /// Sites where the workload has a copy, or was before.
    pub(crate) sites: Vec<&'a SiteName>,
}

impl<'a> Near<'a> {
    /// The other copies; without any, where it was before; without that, the sites of the customer or of its operator.
    pub(crate) fn point<'s>(seek: &'s Seek<'_>, inventory: &Inventory) -> Point<'s> {
        if !seek.others.is_empty() {
            return Point::Others(seek.others.iter().filter_map(|other| other.coordinates).collect());
        }
        let home = seek.home.as_ref().and_then(|home| inventory.site_of(home));
        match home.and_then(|site| inventory.facts.get(site)) {
            Some(facts) => Point::Home(facts.coordinates),
            None => Point::Organisation(seek.demand.customer.as_ref().unwrap_or(&seek.demand.organisation)),
        }
    }

    /// Where the sites of an organisation stand.
    pub(crate) fn homes(organisation: &OrgName, inventory: &Inventory) -> Vec<Coordinates> {
        let sites = inventory.organisation_sites.get(organisation).into_iter().flatten();
        let facts = sites.take(MOST_POINTS).filter_map(|site| inventory.facts.get(site));
        facts.map(|facts| facts.coordinates).collect()
    }

    /// Where the workload has a copy, or was before.
    pub(crate) fn sites(seek: &Seek<'_>, inventory: &'a Inventory) -> Vec<&'a SiteName> {
        seek.holds.iter().chain(&seek.home).filter_map(|cluster| inventory.site_of(cluster)).collect()
    }

    /// A point less for each kilometre to the farthest of the other copies, or to the nearest of its organisation's sites. A
    /// standby nearer than was demanded, by an exception, is worth nothing here, so that one far enough is preferred.
    fn locality(&self, seek: &Seek<'_>, index: usize) -> u32 {
        let distances = self.away.iter().filter_map(|away| away[index]);
        let away = if seek.others.is_empty() { distances.min() } else { distances.max() };
        let Some(away) = away else { return 0 };
        let georedundant = seek.demand.standby.is_some_and(|standby| standby.distance == DistanceClass::Georedundant);
        if seek.role == CopyRole::Standby && georedundant && away < GEOREDUNDANT {
            return 0;
        }
        BEST.saturating_sub(away)
    }
}

/// From where it is measured how near a place is.
pub(crate) enum Point<'s> {
    /// Where the other copies are: the farthest counts.
    Others(Vec<Coordinates>),
    /// Where the workload was before.
    Home(Coordinates),
    /// The sites of an organisation: the nearest counts.
    Organisation(&'s OrgName),
}

/// Of an organisation with many sites, the first by name stand for all.
const MOST_POINTS: usize = 8;
