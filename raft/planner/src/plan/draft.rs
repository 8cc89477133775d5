//! A placement while it is being planned.

use std::sync::Arc;

use verbund_model::resource::{Cause, CopyPhase, CopyRole, FailoverAuthority, PlacedCopy, Placement, Waiting};
use verbund_model::{ClusterName, SiteName};

use super::{Authority, empty};
use crate::demand::Demand;
use crate::exception;
use crate::filter::{Other, Seek};
use crate::ground::Ground;
use crate::reason::Reason;
use crate::report::{Choice, Lack, Plan, Refused, Report, Request};

/// A placement while it is being planned.
pub(super) struct Draft<'g, 'a> {
    pub(super) ground: &'g mut Ground<'a>,
    pub(super) request: &'g Request,
    pub(super) demand: &'g Demand,
    authority: Authority,
    before: Arc<Placement>,
    existed: bool,
    /// What becomes of it.
    pub(super) placement: Placement,
    choices: Vec<Choice>,
    lacks: Vec<Lack>,
}

impl<'g, 'a> Draft<'g, 'a> {
    pub(super) fn new(
        ground: &'g mut Ground<'a>,
        request: &'g Request,
        demand: &'g Demand,
        before: Option<Arc<Placement>>,
        authority: Authority,
    ) -> Self {
        let existed = before.is_some();
        let before = before.unwrap_or_else(|| Arc::new(empty(&demand.name, request)));
        let placement = Placement { waiting: None, ..before.as_ref().clone() };
        Self { ground, request, demand, authority, before, existed, placement, choices: vec![], lacks: vec![] }
    }

    /// Whether a person asked for a move.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self.request.cause, Cause::Failover | Cause::Relocate | Cause::Failback | Cause::Drill)
    }

    /// Whether what was lost may be replaced without a person's word.
    pub(super) fn may_replace(&self) -> bool {
        self.moves_by_itself() || self.is_asked()
    }

    /// Whether what runs may be moved, with a place for it found, because its own place is not right any more.
    pub(super) fn may_move(&self) -> bool {
        self.moves_by_itself() || self.request.cause == Cause::Applied
    }

    /// Whether what runs stays until its windows open. What a person applies is looked at as a whole by whoever applies it.
    pub(super) fn is_held(&self) -> bool {
        self.request.held && self.request.cause != Cause::Applied
    }

    fn moves_by_itself(&self) -> bool {
        self.authority == Authority::Ignored || self.demand.failover == FailoverAuthority::Automatic
    }

    /// Whether it was let go on before, and only waits for a place.
    pub(super) fn waited_for_place(&self) -> bool {
        self.before.waiting == Some(Waiting::NotPlaceable)
    }

    /// Whether a person's word was waited for before.
    pub(super) fn waited_for_person(&self) -> bool {
        self.before.waiting == Some(Waiting::Person)
    }

    /// The copies of a role, in the order of names.
    pub(super) fn of_role(&self, role: CopyRole) -> Vec<ClusterName> {
        let copies = self.placement.copies.iter().filter(|copy| copy.role == role);
        copies.map(|copy| copy.cluster.clone()).collect()
    }

    pub(super) fn copy(&self, cluster: &ClusterName) -> Option<&PlacedCopy> {
        self.placement.copies.iter().find(|copy| copy.cluster == *cluster)
    }

    /// Whether this plan activated a copy.
    pub(super) fn is_new(&self, cluster: &ClusterName) -> bool {
        self.copy(cluster).is_some_and(|copy| copy.epoch > self.before.epoch)
    }

    fn copy_mut(&mut self, cluster: &ClusterName) -> Option<&mut PlacedCopy> {
        self.placement.copies.iter_mut().find(|copy| copy.cluster == *cluster)
    }

    pub(super) fn site_of(&self, cluster: &ClusterName) -> Option<&'a SiteName> {
        self.ground.inventory.site_of(cluster)
    }

    /// What to look for: a copy of `role` beside the copies at `others`, not at `avoid`.
    pub(super) fn seek(&self, role: CopyRole, others: &[ClusterName], avoid: &[ClusterName]) -> Seek<'g>
    where
        'a: 'g,
    {
        seek(self.ground, self.demand, (&self.before.copies, self.placement.home.as_ref()), role, others, avoid)
    }

    /// Every rule that a cluster does not keep as a place for an active copy beside `others`.
    pub(super) fn unfit(&self, cluster: &ClusterName, others: &[ClusterName]) -> Option<Refused> {
        let seek = self.seek(CopyRole::Active, others, &[]);
        match self.ground.reasons(&seek, cluster) {
            None => Some(Refused::UnknownCluster { cluster: cluster.clone() }),
            Some(reasons) if reasons.is_empty() => None,
            Some(reasons) => Some(Refused::Unfit { cluster: cluster.clone(), reasons }),
        }
    }

    /// What of the rules that are not of the moment a copy's place does not keep any more. A place that is gone keeps none.
    pub(super) fn misfits(&self, cluster: &ClusterName) -> Option<Vec<Reason>> {
        let seek = self.seek(CopyRole::Active, &[], &[]);
        let mut reasons = self.ground.reasons(&seek, cluster)?;
        reasons.retain(|reason| !reason.rule().is_momentary());
        Some(reasons)
    }

    /// Whether a copy may not stay where it is, even if there is no other place.
    pub(super) fn must_leave(&self, cluster: &ClusterName) -> bool {
        self.misfits(cluster).is_none_or(|reasons| reasons.iter().any(|reason| reason.rule().binds_what_runs()))
    }

    /// Whether a copy had better be elsewhere: its place does not keep every rule, or, when its owner changed what it
    /// demands, has no room for it.
    pub(super) fn should_leave(&self, cluster: &ClusterName) -> bool {
        let misfit = self.misfits(cluster).is_none_or(|reasons| !reasons.is_empty());
        let crowded = || {
            let seek = self.seek(CopyRole::Active, &[], &[]);
            let reasons = self.ground.reasons(&seek, cluster).unwrap_or_default();
            reasons.iter().any(|reason| matches!(reason, Reason::Capacity { .. } | Reason::ExtendedResource { .. }))
        };
        misfit || (self.request.cause == Cause::Applied && crowded())
    }

    /// The place for an active copy beside `others`: a standby before any other.
    pub(super) fn find(&mut self, others: &[ClusterName], avoid: &[ClusterName]) -> Option<ClusterName> {
        let standbys = self.of_role(CopyRole::Standby);
        if let Some(standby) = standbys.into_iter().find(|c| !avoid.contains(c) && self.unfit(c, others).is_none()) {
            return Some(standby);
        }
        let seek = self.seek(CopyRole::Active, others, avoid);
        self.ground.best(&seek).map(|(cluster, _)| cluster.clone())
    }

    /// Makes a copy active, under a new epoch and the open generation.
    pub(super) fn activate(&mut self, cluster: &ClusterName, others: &[ClusterName]) {
        self.choose(CopyRole::Active, cluster, others);
        self.placement.epoch += 1;
        let epoch = self.placement.epoch;
        let exclusive = self.demand.is_exclusive();
        let generation = self.ground.open_generation(cluster).filter(|_| exclusive).unwrap_or(0);
        self.set(cluster, CopyRole::Active, epoch, generation);
    }

    /// Reserves a place.
    pub(super) fn reserve(&mut self, cluster: &ClusterName, others: &[ClusterName]) {
        if self.copy(cluster).is_none() {
            self.choose(CopyRole::Standby, cluster, others);
            self.set(cluster, CopyRole::Standby, 0, 0);
        }
    }

    /// Begins to stop a copy; where it was is where failback goes.
    pub(super) fn stop(&mut self, cluster: &ClusterName) {
        let now = self.request.now;
        if let Some(copy) = self.copy_mut(cluster) {
            copy.role = CopyRole::Stopping;
            copy.since = now;
            self.placement.home = Some(cluster.clone());
        }
    }

    /// Forgets a copy that never ran, or that nobody is left to stop.
    pub(super) fn drop_copy(&mut self, cluster: &ClusterName) {
        self.placement.copies.retain(|copy| copy.cluster != *cluster);
    }

    /// Gives a reserved place back.
    pub(super) fn drop_standby(&mut self, cluster: &ClusterName) {
        self.placement.copies.retain(|copy| copy.cluster != *cluster || copy.role != CopyRole::Standby);
    }

    fn set(&mut self, cluster: &ClusterName, role: CopyRole, epoch: u64, generation: u64) {
        let cluster = cluster.clone();
        let copy = PlacedCopy { cluster, role, epoch, generation, since: self.request.now, phase: CopyPhase::Pending };
        match self.placement.copies.binary_search_by(|other| other.cluster.cmp(&copy.cluster)) {
            Ok(at) => self.placement.copies[at] = copy,
            Err(at) => self.placement.copies.insert(at, copy),
        }
    }

    fn choose(&mut self, role: CopyRole, cluster: &ClusterName, others: &[ClusterName]) {
        let seek = self.seek(role, others, &[]);
        let score = self.ground.score(&seek, cluster).unwrap_or_default();
        self.choices.push(Choice { cluster: cluster.clone(), role, score });
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.placement.waiting = Some(waiting);
    }

    /// Waits for a window, if it waits for nothing more urgent.
    pub(super) fn wait_for_window(&mut self) {
        self.placement.waiting.get_or_insert(Waiting::Window);
    }

    pub(super) fn lack(&mut self, lack: Lack) {
        self.lacks.push(lack);
    }

    /// The plan. What did not change keeps its cause and its change.
    pub(super) fn finish(mut self) -> Plan {
        let missing = self.placement.waiting.as_ref().is_some_and(|waiting| *waiting != Waiting::Window);
        if missing && !self.lacks.contains(&Lack::Active) {
            self.lacks.insert(0, Lack::Active);
        }
        let changed = !self.existed || self.placement != *self.before;
        if changed {
            self.placement.cause = self.request.cause.clone();
            self.placement.change = self.request.change.clone();
        }
        let report = self.report(None);
        Plan { placement: self.placement, changed, report }
    }

    /// The plan that leaves everything as it is.
    pub(super) fn refuse(mut self, refused: Refused) -> Plan {
        self.choices.clear();
        let report = self.report(Some(refused));
        Plan { placement: Arc::unwrap_or_clone(self.before), changed: false, report }
    }

    fn report(&mut self, refused: Option<Refused>) -> Report {
        Report {
            workload: self.demand.name.clone(),
            refused,
            choices: std::mem::take(&mut self.choices),
            lacks: std::mem::take(&mut self.lacks),
            sought: CopyRole::Active,
            clusters: vec![],
        }
    }
}

/// What to look for: a copy of `role` beside `others`, not at `avoid`, of a workload with the copies, and once at the home, that `held`
/// says: the copies are those of which the ground knows the reservations.
pub(crate) fn seek<'g>(
    ground: &Ground<'g>,
    demand: &'g Demand,
    held: (&[PlacedCopy], Option<&ClusterName>),
    role: CopyRole,
    others: &[ClusterName],
    avoid: &[ClusterName],
) -> Seek<'g> {
    let inventory = ground.inventory;
    let other = |name: &ClusterName| {
        let (cluster, found) = inventory.clusters.get_key_value(name)?;
        Some(Other {
            cluster,
            site: &found.site,
            organisation: inventory.sites.get(&found.site).map(|site| &site.organisation),
            coordinates: inventory.facts.get(&found.site).map(|facts| facts.coordinates),
        })
    };
    Seek {
        demand,
        role,
        others: others.iter().filter_map(other).collect(),
        holds: held.0.iter().map(|copy| copy.cluster.clone()).collect(),
        avoid: avoid.to_vec(),
        home: held.1.cloned(),
        excepted: role == CopyRole::Standby && exception::allows_nearer(inventory, &demand.name, ground.now),
        consent: inventory.consents.get(&demand.name),
        vetoes: inventory.vetoes.get(&demand.name),
        secrets: inventory.secrets.get(&demand.name),
    }
}
