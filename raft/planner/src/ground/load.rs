//! The load of sites within a group, for scores.

use crate::place::Place;
use crate::score::BEST;

/// CPU and memory of one site within a group.
pub(super) struct SiteLoad {
    capacity: [u128; 2],
    reserved: [u128; 2],
    /// What its loss would bring to the others, in millionths of what they can give.
    pub(super) share: [u64; 2],
}

impl SiteLoad {
    pub(super) const fn empty() -> Self {
        Self { capacity: [0; 2], reserved: [0; 2], share: [0; 2] }
    }

    /// Counts a place of the site.
    pub(super) fn count(&mut self, place: &Place<'_>) {
        for i in 0..2 {
            self.capacity[i] += u128::from(place.capacity[i]);
            self.reserved[i] += place.reserved.plain[i];
        }
    }

    /// Notes that what is reserved at one of its places changed.
    pub(super) fn change(&mut self, before: [u128; 4], after: [u128; 4]) {
        self.reserved = core::array::from_fn(|i| self.reserved[i] - before[i] + after[i]);
    }

    /// Notes anew what its loss would bring, in a group that has `whole`.
    pub(super) fn weigh(&mut self, whole: [u128; 2]) {
        self.share = core::array::from_fn(|i| {
            let rest = whole[i] - self.capacity[i];
            let share = (self.reserved[i] * 1_000_000).checked_div(rest).unwrap_or(u128::from(u32::MAX));
            u64::try_from(share).unwrap_or(u64::MAX).min(u64::from(u32::MAX))
        });
    }

    /// What stays free of the site's part of the group with `amounts` more, in thousandths.
    pub(super) fn free(&self, amounts: &[u64; 4]) -> u32 {
        let left = (0..2).map(|i| {
            let capacity = self.capacity[i];
            let free = capacity.saturating_sub(self.reserved[i]).saturating_sub(u128::from(amounts[i]));
            (free * u128::from(BEST)).checked_div(capacity).map_or(0, |part| u32::try_from(part).unwrap_or(BEST))
        });
        left.min().unwrap_or(0)
    }
}

/// For CPU and for memory, the two sites whose loss would bring most to the others: what, and the site's number.
pub(super) type Worst = [[(u64, usize); 2]; 2];

/// The worst of `sites`.
pub(super) fn worst(sites: &[SiteLoad]) -> Worst {
    core::array::from_fn(|i| {
        let mut worst = [(0, usize::MAX); 2];
        for (index, site) in sites.iter().enumerate() {
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

/// What scores know of the load of sites.
pub(crate) struct Loads<'s> {
    pub(super) site: &'s SiteLoad,
    /// How much the worst other site's loss would bring, in millionths of the remaining capacity.
    pub(crate) worst_other: [u64; 2],
}

impl Loads<'_> {
    /// What stays free of the site's part of the group with `amounts` more, in thousandths.
    pub(crate) fn free_of_site(&self, amounts: &[u64; 4]) -> u32 {
        self.site.free(amounts)
    }
}
