//! Moves that people ask for, and due ones that a node brings.

use verbund_model::resource::{Cause, CopyRole, Lease, Placement, Presence, Workload};
use verbund_model::{ClusterName, WorkloadName};

use super::planning::Ticket;
use crate::act::{Act, Decision, conflict};

impl Act<'_> {
    pub(crate) fn failover(&mut self, name: &WorkloadName, to: Option<&ClusterName>, accept_loss: bool) -> Decision {
        let workload = self.living(name)?.clone();
        let serving = self.serving_alive(name);
        if let Some(cluster) = serving.filter(|_| !accept_loss) {
            return Err(conflict(format!(
                "the copy on cluster {cluster} is not lost: what it has not passed on would be; accept the loss, or relocate"
            )));
        }
        let ticket = self.automatic_change(&workload, "failover, as a person said")?;
        self.move_to(name, Cause::Failover, to.cloned(), ticket)
    }

    /// The cluster of an active copy that nobody found lost: its site is there, and so is its lease if it is under one.
    fn serving_alive(&self, name: &WorkloadName) -> Option<ClusterName> {
        let placement = &self.state.find::<Placement>(name)?.value;
        let alive = placement.copies.iter().filter(|copy| copy.role == CopyRole::Active).find(|copy| {
            let site = self.state.cluster(&copy.cluster).map(|cluster| &cluster.value.site);
            let presence = site.and_then(|site| self.state.find::<Presence>(site));
            let lease = self.state.find::<Lease>(&copy.cluster);
            let ended = copy.generation > 0
                && lease.is_some_and(|lease| !lease.value.open || lease.value.generation > copy.generation);
            !presence.is_some_and(|presence| presence.value.lost) && !ended
        });
        alive.map(|copy| copy.cluster.clone())
    }

    pub(crate) fn relocate(&mut self, name: &WorkloadName, to: &ClusterName) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.normal_change(&workload, "relocated by its operator")?;
        self.move_to(name, Cause::Relocate, Some(to.clone()), ticket)
    }

    pub(crate) fn failback(&mut self, name: &WorkloadName) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.normal_change(&workload, "brought back by its operator")?;
        self.move_to(name, Cause::Failback, None, ticket)
    }

    pub(crate) fn start_drill(&mut self, name: &WorkloadName) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.normal_change(&workload, "drill, as its operator said")?;
        self.move_to(name, Cause::Drill, None, ticket)
    }

    fn move_to(&mut self, name: &WorkloadName, cause: Cause, target: Option<ClusterName>, ticket: Ticket) -> Decision {
        let plan = self.plan_on(&self.state.index.inventory, name, cause, target, &ticket)?;
        if self.put_plan(plan, ticket) {
            return Ok(self.changed());
        }
        Err(conflict(format!("nothing of workload {name} would move")))
    }

    /// Something is due if the rules, asked now, say something else than what is: that they do is the proof.
    pub(crate) fn replan(&mut self, name: &WorkloadName) -> Decision {
        let workload = self.living(name)?.clone();
        let cause = self.state.due_cause(&workload, self.now);
        let ticket = match self.state.find::<Placement>(name) {
            // What was asked for and waited, or is on its way, goes on under its own change.
            Some(placement) if cause != Cause::EvidenceExpired => self.going_on(&placement.value, &workload)?,
            _ => self.automatic_change(&workload, "moved by the rules")?,
        };
        let plan = self.plan_on(&self.state.index.inventory, name, cause, None, &ticket)?;
        if self.put_plan(plan, ticket) {
            return Ok(self.changed());
        }
        Err(conflict(format!("nothing is due for workload {name}")))
    }

    /// The change of a move that is not finished; otherwise one for an automatic move.
    fn going_on(&self, placement: &Placement, workload: &Workload) -> Result<Ticket, verbund_model::Refusal> {
        let unfinished = placement.waiting.is_some() || placement.target.is_some();
        if unfinished && self.state.change(&placement.change).is_some() {
            return Ok(Ticket::standing(placement.change.clone()));
        }
        self.automatic_change(workload, "moved by the rules")
    }
}
