//! How well a place may fit at most: what takes no division for each place, so that only promising places are scored.

use super::{BEST, Near, WEIGHTS, price, stability};
use crate::filter::Seek;
use crate::place::Place;
use crate::sum::plain;

/// How well a place may fit at most, for any workload: kept as reservations change.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hope {
    /// What is free of its site, in thousandths.
    free_of_site: u32,
    /// What is free of its CPU and of its memory, in thousandths, rounded down.
    free: [u32; 2],
    price: u32,
}

/// More than any loss takes away: of what has nothing at all, all is free for those who ask for nothing.
const ALWAYS: u32 = u32::MAX;

impl Hope {
    /// What is hoped of a place at a site of which `free_of_site` is free, in thousandths.
    pub(crate) fn of(place: &Place<'_>, free_of_site: u32) -> Self {
        let free = core::array::from_fn(|i| {
            let free = u128::from(place.free(i, 0)) * u128::from(BEST);
            free.checked_div(u128::from(place.capacity[i])).map_or(ALWAYS, |part| u32::try_from(part).unwrap_or(BEST))
        });
        Self { free_of_site, free, price: price(place.cluster.spec.price) }
    }

    /// Notes that the load of its site changed.
    pub(crate) const fn set_free_of_site(&mut self, free_of_site: u32) {
        self.free_of_site = free_of_site;
    }

    /// No less than the total of the score of this place.
    pub(crate) fn total(
        &self,
        seek: &Seek<'_>,
        near: &Near<'_>,
        loss: &Loss,
        (index, place): (usize, &Place<'_>),
    ) -> u32 {
        let headroom = (0..2).map(|i| self.free[i].saturating_sub(loss.0[i]).min(BEST)).min().unwrap_or(0);
        let parts = [
            self.free_of_site / 2 + BEST / 2,
            headroom,
            near.locality(seek, index),
            self.price,
            stability(seek, near, place),
        ];
        parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum()
    }
}

/// What every place of a group loses at least of its headroom to a workload and to the loss of the worst other site, in
/// thousandths of CPU and of memory.
pub(crate) struct Loss([u32; 2]);

impl Loss {
    /// In: what is sought, what the loss of any other site brings at least, in millionths, and how large the places are.
    pub(crate) fn of(seek: &Seek<'_>, brought: [u64; 2], sizes: &Sizes) -> Self {
        // Where it has a copy, its amounts are reserved already.
        let amounts = if seek.holds.is_empty() { plain(&seek.demand.amounts) } else { [0; 4] };
        Self(core::array::from_fn(|i| {
            let own = (u128::from(amounts[i]) * u128::from(BEST)).checked_div(u128::from(sizes.most[i])).unwrap_or(0);
            let whole = own + u128::from(brought[i] / 1000);
            // What comes to a place is rounded down to whole amounts, which count for much where there is little.
            let rounded = u64::from(BEST).checked_div(sizes.least[i]).unwrap_or(0) + 1;
            u32::try_from(whole.saturating_sub(u128::from(rounded))).unwrap_or(BEST)
        }))
    }
}

/// The least and the most that a place of a group has of CPU and of memory, if it has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    least: [u64; 2],
    most: [u64; 2],
}

impl Sizes {
    /// Those of `places`.
    pub(crate) fn of(places: &[Place<'_>]) -> Self {
        let some = |i: usize| places.iter().map(move |place| place.capacity[i]).filter(|has| *has > 0);
        Self {
            least: core::array::from_fn(|i| some(i).min().unwrap_or(0)),
            most: core::array::from_fn(|i| some(i).max().unwrap_or(0)),
        }
    }
}
