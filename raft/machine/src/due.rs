//! What can be due: a workload lacks something, is on its way, or is where it should not be any more (design 5).
//!
//! Whether something **is** due, only a plan tells ([`State::is_due`]), and a plan costs. So whoever looks for due work asks
//! first for whom something has changed: what lacks something ([`State::restless`]), whom the changes since an earlier state
//! concern ([`State::concerned_since`]), and where time alone has ended something ([`State::ended_between`]). A place
//! elsewhere that becomes free for a workload whose own place is wrong is in none of these; for that, look at all of them in
//! turn ([`State::placed_after`]). Nothing is due where a rule only scores: what runs at a place that keeps every rule stays.

use std::collections::BTreeSet;

use verbund_model::resource::{
    Cause, Cluster, CopyRole, Evidence, EvidenceSubject, Exception, Millis, Observation, Placement, Waiting, Workload,
};
use verbund_model::{ClusterName, OrgName, SiteName, WorkloadName};

use crate::plans::dry_ticket;
use crate::state::State;

impl State {
    /// Whether `Replan` of the workload would change anything at `now`. Costs a plan.
    #[must_use]
    pub fn is_due(&self, name: &WorkloadName, now: Millis) -> bool {
        let (Ok(workload), Ok(change)) = (self.living(name), dry_ticket()) else { return false };
        let cause = self.due_cause(workload, now);
        self.plan_due(workload, cause, now, change).is_ok_and(|plan| plan.changed)
    }

    /// The workloads that lack something, or that are on their way to a place that a person wants.
    pub fn restless(&self) -> impl Iterator<Item = &WorkloadName> {
        self.index.inventory.unsettled().chain(self.index.moving.iter())
    }

    /// The workloads with a placement, by name, from the one that follows `after`.
    pub fn placed_after(&self, after: Option<&WorkloadName>) -> impl Iterator<Item = &WorkloadName> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.cloned().map_or(Unbounded, Excluded);
        self.tables.placements.range((from, Unbounded)).map(|(name, _)| name)
    }

    /// The workloads for which an evidence of their place, or an exception, ended after `after` and not after `until`.
    #[must_use]
    pub fn ended_between(&self, after: Millis, until: Millis) -> BTreeSet<WorkloadName> {
        let evidence = self.index.evidence_ends.iter().rev().skip_while(|(end, _)| *end > until);
        let evidence = evidence.take_while(|(end, _)| *end > after).filter_map(|(_, name)| self.find::<Evidence>(name));
        let exceptions = self.index.exception_ends.iter().rev().skip_while(|(end, _)| *end > until);
        let exceptions =
            exceptions.take_while(|(end, _)| *end > after).filter_map(|(_, name)| self.find::<Exception>(name));
        let mut found: BTreeSet<WorkloadName> = exceptions.map(|held| held.value.workload.clone()).collect();
        evidence.for_each(|held| self.copies_under(&held.value.subject, &mut found));
        found
    }

    /// The workloads that run where something has changed since `before`, an earlier state of the same log, so that `Replan` can
    /// have become due for them. What is only of the moment, such as capacity, is no change: it moves nothing that runs.
    #[must_use]
    pub fn concerned_since(&self, before: &Self) -> BTreeSet<WorkloadName> {
        let mut found = BTreeSet::new();
        let (now, before) = (&self.tables, &before.tables);
        found.extend(now.consents.differences(&before.consents).filter_map(either).map(|c| c.value.workload.clone()));
        found.extend(
            now.licence_vetoes.differences(&before.licence_vetoes).filter_map(either).map(|v| v.value.workload.clone()),
        );
        found.extend(
            now.exceptions.differences(&before.exceptions).filter_map(either).map(|e| e.value.workload.clone()),
        );
        found.extend(now.secrets.differences(&before.secrets).filter_map(either).map(|s| s.value.workload.clone()));
        found.extend(now.workloads.differences(&before.workloads).filter_map(either).map(|w| w.value.name.clone()));
        for (old, new) in now.evidence.differences(&before.evidence) {
            for evidence in [old, new].into_iter().flatten() {
                self.copies_under(&evidence.value.subject, &mut found);
            }
        }
        for (old, new) in now.clusters.differences(&before.clusters) {
            if old.map(|held| lasting(&held.value)) != new.map(|held| lasting(&held.value)) {
                new.or(old).into_iter().for_each(|held| self.copies_on(&held.value.name, &mut found));
            }
        }
        for (old, new) in now.leases.differences(&before.leases) {
            new.or(old).into_iter().for_each(|held| self.copies_on(&held.value.cluster, &mut found));
        }
        for (old, new) in now.sites.differences(&before.sites) {
            new.or(old).into_iter().for_each(|held| self.copies_at(&held.value.name, &mut found));
        }
        for (old, new) in now.organisations.differences(&before.organisations) {
            if old.map(|held| held.value.standing) != new.map(|held| held.value.standing) {
                let own =
                    |organisation: OrgName| self.sites().filter(move |site| site.value.organisation == organisation);
                let names = new.or(old).map(|held| held.value.name.clone());
                names.into_iter().flat_map(own).for_each(|site| self.copies_at(&site.value.name, &mut found));
            }
        }
        found
    }

    /// Why something could be due for a workload.
    pub(crate) fn due_cause(&self, workload: &Workload, now: Millis) -> Cause {
        let Some(placement) = self.find::<Placement>(&workload.name).map(|found| &found.value) else {
            return Cause::Room;
        };
        let mut held = placement.copies.iter().filter(|copy| copy.role != CopyRole::Stopping);
        if held.any(|copy| self.is_at_excluded_site(&copy.cluster)) {
            return Cause::Excluded;
        }
        let mut active = placement.copies.iter().filter(|copy| copy.role == CopyRole::Active);
        if active.any(|copy| self.lacks_evidence(workload, &copy.cluster, now)) {
            Cause::EvidenceExpired
        } else if placement.target.is_some() {
            Cause::Released
        } else if placement.waiting == Some(Waiting::Window) || self.index.inventory.is_settled(&workload.name) {
            Cause::Misplaced
        } else {
            Cause::Room
        }
    }

    /// Whether an evidence that the workload demands was there and has expired.
    fn lacks_evidence(&self, workload: &Workload, cluster: &ClusterName, now: Millis) -> bool {
        let Some(site) = self.cluster(cluster).map(|cluster| cluster.value.site.clone()) else { return false };
        let subjects = [EvidenceSubject::Site(site), EvidenceSubject::Cluster(cluster.clone())];
        let held: Vec<_> = subjects
            .iter()
            .flat_map(|subject| self.index.evidence.of(subject))
            .filter_map(|name| self.find::<Evidence>(&name).map(|found| (found.value.kind, found.value.valid_until)))
            .collect();
        workload.spec.requirements.evidence.iter().any(|wanted| {
            let mut ends = held.iter().filter(|(kind, _)| kind == wanted).map(|(_, until)| *until).peekable();
            ends.peek().is_some() && ends.all(|until| until <= now)
        })
    }

    fn copies_on(&self, cluster: &ClusterName, found: &mut BTreeSet<WorkloadName>) {
        found.extend(self.index.copies.of(cluster));
    }

    fn copies_at(&self, site: &SiteName, found: &mut BTreeSet<WorkloadName>) {
        self.clusters_of(site).for_each(|cluster| self.copies_on(&cluster, found));
    }

    fn copies_under(&self, subject: &EvidenceSubject, found: &mut BTreeSet<WorkloadName>) {
        match subject {
            EvidenceSubject::Site(site) => self.copies_at(site, found),
            EvidenceSubject::Cluster(cluster) => self.copies_on(cluster, found),
        }
    }
}

/// The row as it is now, or as it was.
fn either<'a, R>((old, new): (Option<&'a R>, Option<&'a R>)) -> Option<&'a R> {
    new.or(old)
}

/// What of a cluster matters to what runs there, as it may last: an agent measures anew all the time.
fn lasting(cluster: &Cluster) -> impl PartialEq + '_ {
    let measured = |seen: &Observation| {
        let Observation { kubernetes, kinds, storage_classes, ingress_classes, .. } = seen.clone();
        (kubernetes, kinds, storage_classes, ingress_classes)
    };
    (&cluster.site, &cluster.spec, cluster.observation.as_ref().map(measured))
}
