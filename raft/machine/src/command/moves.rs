//! Moves that people ask for, and due ones that a node brings.

use verbund_model::resource::{Cause, CopyRole, Lease, Millis, PlacedCopy, Placement, Presence, Waiting, Workload};
use verbund_model::{ClusterName, Refusal, TicketName, WorkloadName};
use verbund_planner::{Plan, Request, plan};

use super::exclusion::EXCLUDED;
use super::planning::{Ticket, sound};
use crate::act::{Act, Decision, conflict};
use crate::state::State;

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
        self.move_to(name, Cause::Failover, to.cloned(), ticket, true)
    }

    /// The cluster of an active copy that nobody found lost.
    fn serving_alive(&self, name: &WorkloadName) -> Option<ClusterName> {
        let placement = &self.state.find::<Placement>(name)?.value;
        let mut active = placement.copies.iter().filter(|copy| copy.role == CopyRole::Active);
        active.find(|copy| self.state.serves(copy)).map(|copy| copy.cluster.clone())
    }

    pub(crate) fn relocate(&mut self, name: &WorkloadName, to: &ClusterName, emergency: Option<&str>) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.planned_change(&workload, "relocated by its operator", emergency)?;
        self.move_to(name, Cause::Relocate, Some(to.clone()), ticket, emergency.is_some())
    }

    pub(crate) fn failback(&mut self, name: &WorkloadName, emergency: Option<&str>) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.planned_change(&workload, "brought back by its operator", emergency)?;
        self.move_to(name, Cause::Failback, None, ticket, emergency.is_some())
    }

    pub(crate) fn start_drill(&mut self, name: &WorkloadName, emergency: Option<&str>) -> Decision {
        let workload = self.living(name)?.clone();
        let ticket = self.planned_change(&workload, "drill, as its operator said", emergency)?;
        self.move_to(name, Cause::Drill, None, ticket, emergency.is_some())
    }

    /// `urgent`: it does not wait for windows.
    fn move_to(
        &mut self,
        name: &WorkloadName,
        cause: Cause,
        target: Option<ClusterName>,
        ticket: Ticket,
        urgent: bool,
    ) -> Decision {
        let plan = self.plan_on(&self.state.index.inventory, name, cause, target, &ticket)?;
        let closed = self.state.closed_to(self.living(name)?, &plan.placement, self.now);
        if let Some(not_now) = closed.filter(|_| !urgent) {
            return Err(not_now);
        }
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
            _ if cause == Cause::Excluded => self.automatic_change(&workload, EXCLUDED)?,
            Some(placement) if cause != Cause::EvidenceExpired => self.going_on(&placement.value, &workload)?,
            _ => self.automatic_change(&workload, "moved by the rules")?,
        };
        let plan = self.state.plan_due(&workload, cause, self.now, ticket.name.clone())?;
        if self.put_plan(plan, ticket) {
            return Ok(self.changed());
        }
        Err(conflict(format!("nothing is due for workload {name}")))
    }

    /// The change of a move that is not finished; otherwise one for an automatic move.
    fn going_on(&self, placement: &Placement, workload: &Workload) -> Result<Ticket, Refusal> {
        let waits = placement.waiting.as_ref().is_some_and(|waiting| *waiting != Waiting::Window);
        let unfinished = waits || placement.target.is_some();
        if unfinished && self.state.change(&placement.change).is_some() {
            return Ok(Ticket::standing(placement.change.clone()));
        }
        self.automatic_change(workload, "moved by the rules")
    }
}

impl State {
    /// Whether nobody found an active copy lost: its site is there and not excluded, and so is its lease if it is under one.
    pub(crate) fn serves(&self, copy: &PlacedCopy) -> bool {
        let site = self.cluster(&copy.cluster).map(|cluster| &cluster.value.site);
        let presence = site.and_then(|site| self.find::<Presence>(site));
        let lease = self.find::<Lease>(&copy.cluster);
        let ended = copy.generation > 0
            && lease.is_some_and(|lease| !lease.value.open || lease.value.generation > copy.generation);
        let excluded = self.is_at_excluded_site(&copy.cluster);
        !presence.is_some_and(|presence| presence.value.lost) && !ended && !excluded
    }

    /// What the rules say of a workload now, if nobody asks for anything. What runs and had better be elsewhere is moved when
    /// the windows of what it leaves and of what it comes to are open.
    pub(crate) fn plan_due(
        &self,
        workload: &Workload,
        cause: Cause,
        now: Millis,
        change: TicketName,
    ) -> Result<Plan, Refusal> {
        let (inventory, held) = (&self.index.inventory, self.is_held(workload, now));
        let mut request = Request { workload: workload.name.clone(), cause, now, target: None, change, held };
        let mut found = plan(inventory, &request);
        if !held && found.changed && self.arrives_closed(workload, &found.placement, now) {
            request.held = true;
            found = plan(inventory, &request);
        }
        sound(inventory, found, &request)
    }
}
