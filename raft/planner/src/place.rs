//! A cluster with all that the filters look at.

use verbund_model::SiteName;
use verbund_model::resource::{Cluster, Coordinates, Lease, SiteFacts, Standing};

use crate::inventory::{Inventory, SiteEntry};
use crate::sum::{Sum, plain};

/// A cluster with all that the filters look at.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) site: Option<&'a SiteEntry>,
    pub(crate) organisation: Option<Standing>,
    pub(crate) facts: Option<&'a SiteFacts>,
    /// Whether its site was found lost.
    lost: bool,
    /// Whether the loss of its site is tried: it counts as lost, and the lease as ended.
    pub(crate) gone: bool,
    pub(crate) lease: Option<&'a Lease>,
    /// What its nodes can give without what others use there: the most that the federation can have.
    pub(crate) capacity: [u64; 4],
    /// What the federation's workloads have reserved.
    pub(crate) reserved: Sum,
    /// What is left of the capacity.
    left: [u64; 4],
}

impl<'a> Place<'a> {
    pub(crate) fn of(inventory: &'a Inventory, cluster: &'a Cluster) -> Self {
        let site = inventory.sites.get(&cluster.site);
        let capacity = cluster.observation.as_ref().map_or([0; 4], |seen| {
            let (has, others) = (plain(&seen.allocatable), plain(&seen.foreign));
            core::array::from_fn(|i| has[i].saturating_sub(others[i]))
        });
        let mut place = Self {
            cluster,
            site,
            organisation: site.and_then(|site| inventory.organisations.get(&site.organisation).copied()),
            facts: inventory.facts.get(&cluster.site),
            lost: inventory.absent.contains(&cluster.site),
            gone: false,
            lease: inventory.leases.get(&cluster.name),
            capacity,
            reserved: inventory.reserved.get(&cluster.name).cloned().unwrap_or_default(),
            left: [0; 4],
        };
        place.weigh();
        place
    }

    /// Notes anew what is left, after a change of what is reserved.
    pub(crate) fn weigh(&mut self) {
        self.left = core::array::from_fn(|i| self.less(i, 0));
    }

    pub(crate) const fn site_name(&self) -> &'a SiteName {
        &self.cluster.site
    }

    pub(crate) fn coordinates(&self) -> Option<Coordinates> {
        self.facts.map(|facts| facts.coordinates)
    }

    /// The open generation of its lease.
    pub(crate) fn open_generation(&self) -> Option<u64> {
        self.lease.filter(|lease| lease.open && !self.gone).map(|lease| lease.generation)
    }

    /// Whether its site is lost.
    pub(crate) const fn is_lost(&self) -> bool {
        self.lost || self.gone
    }

    /// What is free of the i-th plain amount, with `own` of what is reserved given back.
    pub(crate) fn free(&self, i: usize, own: u64) -> u64 {
        if own == 0 { self.left[i] } else { self.less(i, own) }
    }

    fn less(&self, i: usize, own: u64) -> u64 {
        let reserved = self.reserved.plain[i].saturating_sub(u128::from(own));
        let free = u128::from(self.capacity[i]).saturating_sub(reserved);
        // No more than the capacity, which is 64 bits.
        u64::try_from(free).unwrap_or(u64::MAX)
    }

    /// What is free of an extended resource, with `own` given back.
    pub(crate) fn free_extended(&self, name: &str, own: u64) -> u64 {
        let Some(seen) = &self.cluster.observation else { return 0 };
        let has = seen.allocatable.extended_of(name).saturating_sub(seen.foreign.extended_of(name));
        let reserved = self.reserved.extended.get(name).copied().unwrap_or(0).saturating_sub(u128::from(own));
        u64::try_from(u128::from(has).saturating_sub(reserved)).unwrap_or(u64::MAX)
    }
}
