//! Placements: planned by the rules inside apply, looked at by the independent checker, never without a change.

use verbund_model::resource::{Cause, ChangeKind, ChangeTicket, Placement, Workload};
use verbund_model::{ClusterName, Refusal, TicketName, WorkloadName};
use verbund_planner::{Inventory, Lang, Plan, Refused, Request, check, plan};

use super::form;
use crate::act::{Act, conflict};
use crate::object::label;
use crate::state::State;

/// How many reasons why a cluster does not fit a refusal names.
const SHOWN: usize = 3;

/// The change under which a workload is moved: one that stands, or one that this entry opens if anything moves.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) name: TicketName,
    new: Option<ChangeTicket>,
}

impl Ticket {
    /// The change that stands already.
    pub(crate) const fn standing(name: TicketName) -> Self {
        Self { name, new: None }
    }
}

impl Act<'_> {
    /// A change that its author approves by asking for it; it is done with this entry.
    pub(crate) fn normal_change(&self, workload: &Workload, description: &str) -> Result<Ticket, Refusal> {
        self.new_change(workload, ChangeKind::Normal, description)
    }

    /// A normal change, or the emergency change of what cannot wait for a window, with the reason.
    pub(crate) fn planned_change(
        &self,
        workload: &Workload,
        description: &str,
        emergency: Option<&str>,
    ) -> Result<Ticket, Refusal> {
        let Some(reason) = emergency else { return self.normal_change(workload, description) };
        form::text("emergency", reason, true)?;
        self.new_change(workload, ChangeKind::Emergency, &format!("{description}: {reason}"))
    }

    /// What an automatic move rests on: the standard change that was approved before, or an emergency change that somebody
    /// looks at afterwards. A standard change does not cover a freeze.
    pub(crate) fn automatic_change(&self, workload: &Workload, description: &str) -> Result<Ticket, Refusal> {
        if let Some(freeze) = self.state.freeze_of(workload, self.now) {
            return self.new_change(workload, ChangeKind::Emergency, &format!("{description}, in {freeze}"));
        }
        match self.standard_change(&workload.name) {
            Some(name) => Ok(Ticket::standing(name)),
            None => self.new_change(workload, ChangeKind::Emergency, description),
        }
    }

    fn new_change(&self, workload: &Workload, kind: ChangeKind, description: &str) -> Result<Ticket, Refusal> {
        let name = self.change_name(&workload.name)?;
        let new = ChangeTicket {
            name: name.clone(),
            workload: workload.name.clone(),
            organisation: workload.organisation.clone(),
            kind,
            description: description.to_owned(),
            closed: kind == ChangeKind::Normal,
            review: String::new(),
        };
        Ok(Ticket { name, new: Some(new) })
    }

    /// Plans a workload on `inventory`. What need not move waits for its windows.
    pub(crate) fn plan_on(
        &self,
        inventory: &Inventory,
        workload: &WorkloadName,
        cause: Cause,
        target: Option<ClusterName>,
        ticket: &Ticket,
    ) -> Result<Plan, Refusal> {
        let (change, now) = (ticket.name.clone(), self.now);
        let held = self.living(workload).is_ok_and(|workload| self.state.is_held(workload, now));
        sound_plan(inventory, &Request { workload: workload.clone(), cause, now, target, change, held })
    }

    /// Puts what a plan says, with its change, if it says anything new. Whether it did.
    pub(crate) fn put_plan(&mut self, plan: Plan, ticket: Ticket) -> bool {
        if !plan.changed {
            return false;
        }
        let mut placement = plan.placement;
        let before = self.state.find::<Placement>(&placement.workload).map(|found| &found.value);
        match before.filter(|before| before.copies == placement.copies) {
            // Nothing moves, so there is no other change than before.
            Some(before) => placement.change = before.change.clone(),
            None => self.put_ticket(ticket),
        }
        let workload = placement.workload.clone();
        self.put(placement);
        self.forget_changes(&workload);
        true
    }

    /// Opens the ticket's change, if it is a new one.
    pub(crate) fn put_ticket(&mut self, ticket: Ticket) {
        if let Some(new) = ticket.new {
            self.put(new);
        }
    }

    /// The workload, if it is not being deleted.
    pub(crate) fn living(&self, name: &WorkloadName) -> Result<&Workload, Refusal> {
        self.state.living(name)
    }
}

impl State {
    /// The workload, if it is not being deleted.
    pub(crate) fn living(&self, name: &WorkloadName) -> Result<&Workload, Refusal> {
        let found = self.find::<Workload>(name).ok_or_else(|| Refusal::NotFound { what: label::<Workload>(name) })?;
        if found.value.deleting {
            return Err(conflict(format!("{} was deleted and is being stopped", label::<Workload>(name))));
        }
        Ok(&found.value)
    }
}

/// A plan that a person gets, and that keeps every hard rule. Errors: why what was asked for cannot be; what the checker
/// found, should planner and checker ever differ.
pub(crate) fn sound_plan(inventory: &Inventory, request: &Request) -> Result<Plan, Refusal> {
    sound(inventory, plan(inventory, request), request)
}

/// That a plan for a request keeps every hard rule.
pub(crate) fn sound(inventory: &Inventory, plan: Plan, request: &Request) -> Result<Plan, Refusal> {
    if let Some(refused) = &plan.report.refused {
        return Err(refused_move(&request.workload, refused));
    }
    if plan.changed {
        check(inventory, &plan.placement, request.now).map_err(|violation| {
            conflict(format!("the plan for workload {} breaks a rule: {violation}", request.workload))
        })?;
    }
    Ok(plan)
}

fn refused_move(workload: &WorkloadName, refused: &Refused) -> Refusal {
    let what = match refused {
        Refused::UnknownWorkload => return Refusal::NotFound { what: label::<Workload>(workload) },
        Refused::UnknownCluster { cluster } => {
            return Refusal::NotFound { what: label::<verbund_model::resource::Cluster>(cluster) };
        }
        Refused::Unfit { cluster, reasons } => {
            let shown: Vec<String> = reasons.iter().take(SHOWN).map(|reason| reason.text(Lang::En)).collect();
            let more = reasons.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(" ({more} more)") };
            format!("cluster {cluster} does not fit workload {workload}: {}{more}", shown.join(" "))
        }
        Refused::AlreadyThere { cluster } => format!("workload {workload} is active on cluster {cluster} already"),
        Refused::NoPlace => format!("no other cluster fits workload {workload}"),
        Refused::NoStandby => format!("workload {workload} has no standby that fits"),
        Refused::NoHome => format!("workload {workload} was never moved, so there is nowhere to go back to"),
        Refused::NotActive => format!("no copy of workload {workload} is active"),
        Refused::NoTarget => format!("no target for workload {workload} was given"),
    };
    conflict(what)
}
