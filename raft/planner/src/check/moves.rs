//! What may become of copies: counts, epochs, generations, fences, authority.

use std::collections::BTreeMap;

use verbund_model::resource::{Cause, CopyRole, FailoverAuthority, FenceLevel, Mode, PlacedCopy, Waiting};

use super::{Case, Violation};

impl Case<'_> {
    pub(super) fn moves(&self) -> Result<(), Violation> {
        let copies = &self.placement.copies;
        if copies.windows(2).any(|pair| pair[0].cluster >= pair[1].cluster) {
            return Err(Violation::Order(self.placement.workload.clone()));
        }
        self.counts()?;
        self.apart()?;
        self.epochs()?;
        self.remains()?;
        self.waiting()?;
        let activated = copies.iter().filter(|copy| self.is_activated(copy));
        activated.into_iter().try_for_each(|copy| self.activation(copy))
    }

    /// Whether a copy is active in another way than before.
    pub(super) fn is_activated(&self, copy: &PlacedCopy) -> bool {
        let same = |old: &PlacedCopy| {
            old.role == CopyRole::Active && old.epoch == copy.epoch && old.generation == copy.generation
        };
        copy.role == CopyRole::Active && !self.old(&copy.cluster).is_some_and(same)
    }

    fn role(&self, role: CopyRole) -> impl Iterator<Item = &PlacedCopy> {
        self.placement.copies.iter().filter(move |copy| copy.role == role)
    }

    fn counts(&self) -> Result<(), Violation> {
        let moving = usize::from(self.placement.target.is_some());
        let wanted = match self.demand.mode {
            Mode::Exclusive { .. } => 1,
            // A relocation starts the new copy first. A copy at a lost site stays until there is another one for it.
            Mode::Parallel { copies } => usize::from(copies) + moving,
        };
        let found = self.role(CopyRole::Active).count();
        if found > wanted {
            return Err(Violation::TooManyActive { found, wanted });
        }
        // While it waits, the place where it will go on is reserved beside the standby.
        let waits = self.placement.waiting.as_ref().is_some_and(|waiting| *waiting != Waiting::Window);
        let reserved = usize::from(waits);
        let wanted = usize::from(self.demand.standby.is_some()) + reserved.max(moving);
        let found = self.role(CopyRole::Standby).count();
        if found > wanted { Err(Violation::TooManyStandbys { found, wanted }) } else { Ok(()) }
    }

    /// Active copies are at sites of their own, but for one that leaves for another cluster of its site.
    fn apart(&self) -> Result<(), Violation> {
        let leaving = self.placement.home.as_ref().filter(|_| self.placement.target.is_some());
        let mut seen = BTreeMap::new();
        for copy in self.role(CopyRole::Active).filter(|copy| Some(&copy.cluster) != leaving) {
            let Some(cluster) = self.inventory.clusters.get(&copy.cluster) else { continue };
            if seen.insert(cluster.site.clone(), ()).is_some() {
                return Err(Violation::SameSite(cluster.site.clone()));
            }
        }
        Ok(())
    }

    fn epochs(&self) -> Result<(), Violation> {
        let before = self.before.map_or(0, |before| before.epoch);
        let after = self.placement.epoch;
        let mut fresh: Vec<u64> = vec![];
        for copy in &self.placement.copies {
            let wrong = || Violation::Epoch { cluster: copy.cluster.clone() };
            if self.is_activated(copy) {
                fresh.push(copy.epoch);
            } else if copy.epoch != self.old(&copy.cluster).map_or(0, |old| old.epoch) {
                return Err(wrong());
            }
            if copy.epoch > after {
                return Err(wrong());
            }
        }
        fresh.sort_unstable();
        let expected = (before + 1..).take(fresh.len());
        if !fresh.iter().copied().eq(expected) || after != before + fresh.len() as u64 {
            return Err(Violation::PlacementEpoch { before, after, activations: fresh.len() });
        }
        Ok(())
    }

    /// What ran stays until it is proven stopped, and only what ran is stopped.
    fn remains(&self) -> Result<(), Violation> {
        let ran = |role| matches!(role, CopyRole::Active | CopyRole::Stopping);
        for old in self.before.map_or(&[][..], |before| &before.copies) {
            let now = self.placement.copies.iter().find(|copy| copy.cluster == old.cluster);
            // Nobody is left to stop a copy at a cluster that was removed, or who could be believed where one was
            // excluded.
            let excluded = |cluster| !self.is_member(cluster) && old.generation == 0;
            let removed = self.inventory.clusters.get(&old.cluster).is_none_or(|cluster| excluded(cluster));
            let parallel = matches!(self.demand.mode, Mode::Parallel { .. });
            let stays = now.is_some_and(|copy| ran(copy.role)) || (parallel && removed);
            if ran(old.role) && !stays {
                return Err(Violation::Vanished(old.cluster.clone()));
            }
        }
        let unfounded = |copy: &&PlacedCopy| !self.old(&copy.cluster).is_some_and(|old| ran(old.role));
        match self.role(CopyRole::Stopping).find(unfounded) {
            Some(copy) => Err(Violation::NothingToStop(copy.cluster.clone())),
            None => Ok(()),
        }
    }

    fn waiting(&self) -> Result<(), Violation> {
        let wrong = match &self.placement.waiting {
            Some(Waiting::Fence { cluster }) => !self.placement.copies.iter().any(|copy| copy.cluster == *cluster),
            Some(Waiting::Person) => self.demand.failover == FailoverAuthority::Automatic,
            Some(Waiting::NotPlaceable | Waiting::Turn) => false,
            None | Some(Waiting::Window) => self.role(CopyRole::Active).next().is_none(),
        };
        if wrong { Err(Violation::Waiting) } else { Ok(()) }
    }

    /// What an activation needs.
    fn activation(&self, copy: &PlacedCopy) -> Result<(), Violation> {
        self.authority(copy)?;
        let open = self.inventory.leases.get(&copy.cluster).filter(|lease| lease.open).map(|lease| lease.generation);
        let generation_fits = match self.demand.mode {
            Mode::Exclusive { .. } => open == Some(copy.generation),
            Mode::Parallel { .. } => copy.generation == 0,
        };
        if !generation_fits {
            return Err(Violation::Generation { cluster: copy.cluster.clone(), found: copy.generation, open });
        }
        match self.demand.mode {
            Mode::Exclusive { fence } => self.fenced(copy, fence),
            Mode::Parallel { .. } => Ok(()),
        }
    }

    /// An exclusive copy starts only when every other one is proven stopped (lease.md 5, 8, 11).
    fn fenced(&self, started: &PlacedCopy, fence: FenceLevel) -> Result<(), Violation> {
        for old in self.before.map_or(&[][..], |before| &before.copies) {
            if old.role == CopyRole::Standby || old.cluster == started.cluster {
                continue;
            }
            let closed = self.inventory.leases.get(&old.cluster).is_some_and(|lease| {
                old.generation != 0
                    && old.generation <= lease.generation - u64::from(lease.open && lease.generation > 0)
            });
            if !closed || fence == FenceLevel::Agent {
                return Err(Violation::NotFenced(old.cluster.clone()));
            }
        }
        Ok(())
    }

    /// What was lost is replaced only with the authority that the workload demands.
    fn authority(&self, started: &PlacedCopy) -> Result<(), Violation> {
        let asked = matches!(
            self.placement.cause,
            Cause::Failover | Cause::Relocate | Cause::Failback | Cause::Drill | Cause::Applied
        );
        if asked || self.demand.failover == FailoverAuthority::Automatic {
            return Ok(());
        }
        let Some(before) = self.before else { return Ok(()) };
        let waited = before.waiting == Some(Waiting::Person);
        let stopped_now = self.role(CopyRole::Stopping).find(|copy| {
            self.old(&copy.cluster).is_some_and(|old| old.role == CopyRole::Active) && self.was_lost(copy)
        });
        let elsewhere = self.old(&started.cluster).is_none_or(|old| old.role != CopyRole::Active);
        // What waits for a place was let go on before.
        let let_go = before.waiting == Some(Waiting::NotPlaceable);
        if elsewhere && (waited || (stopped_now.is_some() && !let_go)) {
            return Err(Violation::Authority(started.cluster.clone()));
        }
        Ok(())
    }

    /// Whether what ran there was lost, and not merely misplaced.
    fn was_lost(&self, copy: &PlacedCopy) -> bool {
        let Some(cluster) = self.inventory.clusters.get(&copy.cluster) else { return false };
        match self.demand.mode {
            Mode::Exclusive { .. } => {
                let lease = self.inventory.leases.get(&copy.cluster);
                !lease.is_some_and(|lease| lease.open && lease.generation == copy.generation)
            }
            Mode::Parallel { .. } => self.inventory.absent.contains(&cluster.site) && self.is_member(cluster),
        }
    }
}
