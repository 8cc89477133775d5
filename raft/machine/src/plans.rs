//! What people and daemons ask of placements: dry runs, reasons, what runs where. Nothing here changes the state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_identity::sha256;
use verbund_model::resource::{Cause, CopyRole, EvidenceSubject, Millis, PlacedCopy, Placement, Waiting, Workload};
use verbund_model::{ClusterName, EvidenceName, ExceptionName, Hash, Refusal, SiteName, TicketName, WorkloadName};
use verbund_planner::{Inventory, Plan, Report, Request, SiteLoss, capacity, why};

use crate::command::sound_plan;
use crate::object::Held;
use crate::state::State;

/// A plan that nobody carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DryRun {
    /// The log index whose state was planned on.
    pub index: u64,
    /// What would become of the workload, and why.
    pub plan: Plan,
    /// For `expect` of `ApplyWorkload`.
    pub hash: Hash,
    /// The refusal that it gets now without an emergency: it is outside of windows, or in a freeze.
    pub closed: Option<Refusal>,
}

/// What of a plan counts when it is compared with the one that somebody saw: which copies with which roles and epochs, what
/// it waits for and where it goes; no times, no names of changes.
#[must_use]
pub fn plan_hash(placement: &Placement) -> Hash {
    type Copies<'a> = Vec<(&'a ClusterName, CopyRole, u64)>;
    let copies: Copies<'_> = placement.copies.iter().map(|copy| (&copy.cluster, copy.role, copy.epoch)).collect();
    let waiting: &Option<Waiting> = &placement.waiting;
    let all = ("verbund.plan.v1", &placement.workload, copies, waiting, &placement.target);
    // Writing plain structures to a growing vector cannot fail.
    sha256(&postcard::to_stdvec(&all).unwrap_or_default())
}

impl State {
    /// What planning knows of the state.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.index.inventory
    }

    /// What `ApplyWorkload` would do now, at `now` by the log's time. Errors: the refusal that it would get, but for who the
    /// author is.
    pub fn plan_dry_run(&self, workload: &Workload, now: Millis) -> Result<DryRun, Refusal> {
        self.check_applied(workload)?;
        let plan = self.plan_applied(workload, now, dry_ticket()?)?;
        let closed = self.closed_to(workload, &plan.placement, now);
        Ok(self.dry(plan, closed))
    }

    /// What a move would do now: `Failover`, `Relocate`, `Failback` and `Drill` are the causes that people have. Errors: the
    /// refusal that it would get, but for who the author is and what may be lost.
    pub fn move_dry_run(
        &self,
        workload: &WorkloadName,
        cause: Cause,
        target: Option<ClusterName>,
        now: Millis,
    ) -> Result<DryRun, Refusal> {
        let found = self.living(workload)?;
        let (planned, held, change) = (cause != Cause::Failover, self.is_held(found, now), dry_ticket()?);
        let request = Request { workload: workload.clone(), cause, now, target, change, held };
        let plan = sound_plan(&self.index.inventory, &request)?;
        let closed = if planned { self.closed_to(found, &plan.placement, now) } else { None };
        Ok(self.dry(plan, closed))
    }

    fn dry(&self, plan: Plan, closed: Option<Refusal>) -> DryRun {
        DryRun { index: self.applied().index, hash: plan_hash(&plan.placement), plan, closed }
    }

    /// For each cluster, each rule that a workload's place must keep. `None`: there is no such workload.
    #[must_use]
    pub fn why(&self, workload: &WorkloadName, now: Millis) -> Option<Report> {
        why(&self.index.inventory, workload, now)
    }

    /// For each site, whether the federation can lose it now, and what would not fit elsewhere.
    #[must_use]
    pub fn capacity(&self, now: Millis) -> Vec<SiteLoss> {
        dry_ticket().map_or_else(|_| Vec::new(), |change| capacity(&self.index.inventory, now, &change))
    }

    /// The workloads with a copy on a cluster, each with that copy, by name: what its agent carries out. A workload that is
    /// being deleted is among them until its copy has stopped.
    pub fn desired(&self, cluster: &ClusterName) -> impl Iterator<Item = (Held<Workload>, PlacedCopy)> + use<'_> {
        let cluster = cluster.clone();
        self.index.copies.of(&cluster).into_iter().filter_map(move |name| {
            let workload = self.workload(&name)?;
            let copy = self.placement(&name)?.value.copies.iter().find(|copy| copy.cluster == cluster)?;
            Some((Arc::clone(workload), copy.clone()))
        })
    }

    /// The clusters of a site, by name.
    pub fn clusters_of(&self, site: &SiteName) -> impl Iterator<Item = ClusterName> + use<> {
        self.index.clusters.of(site).into_iter()
    }

    /// The evidence of a site or a cluster, by name.
    pub fn evidence_of(&self, subject: &EvidenceSubject) -> impl Iterator<Item = EvidenceName> + use<> {
        self.index.evidence.of(subject).into_iter()
    }

    /// The changes of a workload, by name.
    pub fn changes_of_workload(&self, workload: &WorkloadName) -> impl Iterator<Item = TicketName> + use<> {
        self.index.changes.of(workload).into_iter()
    }

    /// The incidents of a workload, by name.
    pub fn incidents_of(&self, workload: &WorkloadName) -> impl Iterator<Item = TicketName> + use<> {
        self.index.incidents.of(workload).into_iter()
    }

    /// The exceptions of a workload, by name.
    pub fn exceptions_of(&self, workload: &WorkloadName) -> impl Iterator<Item = ExceptionName> + use<> {
        self.index.exceptions.of(workload).into_iter()
    }

    /// The verdicts of which workloads remain to be planned: for each, `PlanNext` is due.
    pub fn pending_verdicts(&self) -> impl Iterator<Item = u64> + use<'_> {
        self.index.pending.iter().copied()
    }

    /// Whether a majority of voters found the site lost, and it has not returned.
    #[must_use]
    pub fn is_lost(&self, site: &SiteName) -> bool {
        self.presence(site).is_some_and(|presence| presence.value.lost)
    }
}

/// The name of the change of a plan that nobody carries out.
pub(crate) fn dry_ticket() -> Result<TicketName, Refusal> {
    let wrong = |error: verbund_model::id::NameError| Refusal::Malformed { reason: error.to_string() };
    TicketName::new("dry-run").map_err(wrong)
}
