//! Workloads: applied, which places them, and deleted, which waits for their last copy.

use verbund_model::resource::{
    Cause, ChangeTicket, Consent, CopyRole, Exception, FenceLevel, Incident, LicenceVeto, Millis, Mode, Organisation,
    Placement, SealedSecret, Workload,
};
use verbund_model::{Accepted, Hash, Refusal, TicketName, WorkloadName};
use verbund_planner::{Inventory, Plan, Request};

use super::planning::sound_plan;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::MAX_WORKLOADS;
use crate::plans::plan_hash;
use crate::state::State;
use crate::tables::LastEpoch;

impl Act<'_> {
    pub(crate) fn apply_workload(
        &mut self,
        workload: Workload,
        expect: Option<Hash>,
        emergency: Option<&str>,
    ) -> Decision {
        let name = &workload.name.clone();
        self.state.check_applied(&workload)?;
        let old = self.state.find::<Workload>(name);
        if let Some(old) = old.filter(|old| old.value == workload) {
            return Ok(Accepted::Unchanged { version: old.version });
        }
        let new_customer = old.is_some_and(|old| old.value.customer != workload.customer);
        let ticket = self.planned_change(&workload, "applied by its operator", emergency)?;
        let plan = self.state.plan_applied(&workload, self.now, ticket.name.clone())?;
        if let Some(expected) = expect {
            let found = plan_hash(&plan.placement);
            if found != expected {
                let (found, expected) = (found.short(), expected.short());
                return Err(conflict(format!(
                    "the plan would be {found} now, and not {expected} as expected: look at the plan again"
                )));
            }
        }
        let closed = self.state.closed_to(&workload, &plan.placement, self.now);
        if let Some(not_now) = closed.filter(|_| emergency.is_none()) {
            return Err(not_now);
        }
        if new_customer {
            self.delete::<Consent>(name);
        }
        self.put(workload);
        self.put_ticket(ticket);
        if plan.changed {
            self.put(plan.placement);
        }
        self.forget_changes(name);
        Ok(self.changed())
    }

    /// Standbys go at once, active copies when their agents have stopped them. A workload of which nothing runs is gone.
    pub(crate) fn delete_workload(&mut self, name: &WorkloadName) -> Decision {
        let workload = self.living(name)?.clone();
        let placement = self.state.find::<Placement>(name).map(|found| found.value.clone());
        let ticket = self.normal_change(&workload, "deleted by its operator")?;
        let change = ticket.name.clone();
        self.put(Workload { deleting: true, ..workload });
        self.put_ticket(ticket);
        if let Some(mut placement) = placement {
            placement.copies.retain(|copy| copy.role != CopyRole::Standby);
            for copy in placement.copies.iter_mut().filter(|copy| copy.role == CopyRole::Active) {
                copy.role = CopyRole::Stopping;
                copy.since = self.now;
            }
            self.put(Placement { waiting: None, target: None, cause: Cause::Applied, change, ..placement });
        }
        self.forget_if_stopped(name);
        Ok(self.changed())
    }

    /// Forgets a deleted workload, with all that is about it, when no copy is left.
    pub(crate) fn forget_if_stopped(&mut self, name: &WorkloadName) {
        if !self.state.find::<Workload>(name).is_some_and(|workload| workload.value.deleting) {
            return;
        }
        if let Some(placement) = self.state.find::<Placement>(name).map(|found| &found.value) {
            if !placement.copies.is_empty() {
                return;
            }
            let epoch = placement.epoch;
            self.state.tables.last_epochs.put(name.clone(), LastEpoch(epoch));
            self.delete::<Placement>(name);
        }
        self.delete::<Consent>(name);
        for exception in self.state.index.exceptions.of(name) {
            self.delete::<Exception>(&exception);
        }
        for site in self.state.index.vetoes.of(name) {
            self.delete::<LicenceVeto>(&(site, name.clone()));
        }
        for secret in self.state.index.secrets.of(name) {
            self.delete::<SealedSecret>(&(name.clone(), secret));
        }
        for incident in self.state.index.incidents.of(name) {
            self.delete::<Incident>(&incident);
        }
        for change in self.state.index.changes.of(name) {
            self.delete::<ChangeTicket>(&change);
        }
        self.delete::<Workload>(name);
    }
}

impl State {
    /// Whether a workload may be applied, but for whether it fits anywhere. Errors: the first thing that is wrong.
    pub(crate) fn check_applied(&self, workload: &Workload) -> Result<(), Refusal> {
        match self.find::<Workload>(&workload.name) {
            Some(old) if old.value.organisation != workload.organisation => {
                let owner = &old.value.organisation;
                return Err(conflict(format!("workload {} belongs to organisation {owner}", workload.name)));
            }
            Some(_) => self.check_guard_change(self.living(&workload.name)?, workload)?,
            None => {
                let count = self.index.counts_of(&workload.organisation).workloads;
                within("the organisation's number of workloads", count + 1, MAX_WORKLOADS)?;
            }
        }
        if let Some(customer) = &workload.customer
            && self.find::<Organisation>(customer).is_none()
        {
            let reason = format!("found \"{customer}\", which is no organisation; allowed are those of the federation");
            return Err(invalid("customer", reason));
        }
        self.check_workload(&workload.name, &workload.spec)
    }

    /// What runs without the guard cannot be fenced by it: no workload comes to level `guard` while a copy of it runs.
    fn check_guard_change(&self, old: &Workload, new: &Workload) -> Result<(), Refusal> {
        let guarded = |workload: &Workload| workload.spec.mode == Mode::Exclusive { fence: FenceLevel::Guard };
        let copies = self.find::<Placement>(&new.name).map_or(&[][..], |found| &found.value.copies);
        let runs = copies.iter().any(|copy| copy.role != CopyRole::Standby);
        if !guarded(old) && guarded(new) && runs {
            let reason = "found guard, but copies without the guard run; allowed is guard when none runs";
            return Err(invalid("spec.mode.exclusive.fence", reason));
        }
        Ok(())
    }

    /// The plan for a workload as it is applied: on the state with it in it.
    pub(crate) fn plan_applied(&self, workload: &Workload, now: Millis, change: TicketName) -> Result<Plan, Refusal> {
        let mut inventory: Inventory = self.index.inventory.clone();
        let old = self.find::<Workload>(&workload.name);
        if old.is_some_and(|old| old.value.customer != workload.customer) {
            inventory.remove_consent(&workload.name);
        }
        inventory.put_workload(workload);
        if let Some(LastEpoch(epoch)) = self.tables.last_epochs.get(&workload.name)
            && inventory.placement(&workload.name).is_none()
        {
            inventory.put_placement(&Placement {
                workload: workload.name.clone(),
                epoch: *epoch,
                copies: Vec::new(),
                waiting: None,
                target: None,
                cause: Cause::Applied,
                home: None,
                change: change.clone(),
            });
        }
        let workload = workload.name.clone();
        sound_plan(&inventory, &Request { workload, cause: Cause::Applied, now, target: None, change, held: false })
    }
}
