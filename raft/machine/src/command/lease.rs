//! The generations of clusters' leases (lease.md 8 and 14).

use verbund_model::resource::{Cluster, CopyRole, Finding, Lease, Placement, Presence, SignedFinding, Site};
use verbund_model::{ClusterName, Refusal};

use crate::act::{Act, Decision, conflict, invalid};
use crate::object::label;

impl Act<'_> {
    pub(crate) fn open_lease(
        &mut self,
        name: &ClusterName,
        generation: u64,
        refusal: Option<&SignedFinding>,
    ) -> Decision {
        let site = self.existing::<Cluster>(name)?.value.site.clone();
        if self.state.is_excluded_site(&site) {
            return Err(Refusal::Excluded { what: label::<Site>(&site) });
        }
        if self.state.find::<Presence>(&site).is_some_and(|presence| presence.value.lost) {
            return Err(conflict(format!("site {site} was found lost: a lease is opened when it has returned")));
        }
        let last = self.state.find::<Lease>(name).map(|found| found.value.clone());
        let number = last.as_ref().map_or(0, |lease| lease.generation);
        if number.checked_add(1) != Some(generation) {
            let what = label::<Lease>(name);
            return Err(conflict(format!(
                "generation {generation} cannot be opened: the last one of {what} is {number}"
            )));
        }
        let in_place = self.check_cause(name, last.as_ref(), refusal)?;
        self.put(Lease { cluster: name.clone(), generation, open: true, opened_at: self.index });
        if in_place {
            self.carry_over(name, number, generation);
        } else {
            self.resolve_if_well(name);
        }
        Ok(self.changed())
    }

    /// The cause to open another generation: there is no open one, or a voter refuses it. Whether the latter.
    fn check_cause(
        &mut self,
        name: &ClusterName,
        last: Option<&Lease>,
        refusal: Option<&SignedFinding>,
    ) -> Result<bool, Refusal> {
        let Some(open) = last.filter(|lease| lease.open) else {
            let none = "found a voter's refusal, but no generation is open that it could refuse; allowed is none";
            return refusal.map_or(Ok(false), |_| Err(invalid("refusal", none)));
        };
        let Some(refusal) = refusal else {
            let what = label::<Lease>(name);
            return Err(conflict(format!(
                "generation {} of {what} is open, and no voter's refusal is named",
                open.generation
            )));
        };
        let finding = Finding::LeaseEnded { cluster: name.clone(), generation: open.generation };
        self.check_refusal(&finding, refusal)?;
        Ok(true)
    }

    /// The holder lives: its copies go on, under the generation that took the place of theirs. They keep counting as
    /// running until *that* one has ended.
    fn carry_over(&mut self, cluster: &ClusterName, from: u64, to: u64) {
        for name in self.state.index.copies.of(cluster) {
            let Some(found) = self.state.find::<Placement>(&name) else { continue };
            let mut placement = found.value.clone();
            let under = |copy: &&mut verbund_model::resource::PlacedCopy| {
                copy.cluster == *cluster && copy.generation == from && copy.role != CopyRole::Standby
            };
            let Some(copy) = placement.copies.iter_mut().find(under) else { continue };
            copy.generation = to;
            self.put(placement);
        }
    }
}
