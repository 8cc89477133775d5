//! Changes: no placement moves without one (Rahmenwerk 5.3.4).

use verbund_model::resource::{ChangeKind, ChangeTicket, Placement, Workload};
use verbund_model::{Accepted, Refusal, TicketName, WorkloadName};

use super::form;
use super::incident::INCIDENT;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{KEPT_TICKETS, MAX_OPEN_CHANGES};

/// What begins the names of changes that the federation opens by itself.
const CHANGE: &str = "chg-";

impl Act<'_> {
    pub(crate) fn open_change(&mut self, name: &TicketName, workload: &WorkloadName, description: &str) -> Decision {
        let organisation = self.existing::<Workload>(workload)?.value.organisation.clone();
        self.absent::<ChangeTicket>(name)?;
        if [CHANGE, INCIDENT].iter().any(|prefix| name.as_str().starts_with(prefix)) {
            return Err(invalid(
                "name",
                format!("found \"{name}\", but {CHANGE} and {INCIDENT} begin names that are given"),
            ));
        }
        form::text("description", description, true)?;
        let open = self.changes_of(workload, |change| change.kind == ChangeKind::Standard && !change.closed).count();
        within("the workload's number of open standard changes", open as u64 + 1, MAX_OPEN_CHANGES)?;
        self.put(ChangeTicket {
            name: name.clone(),
            workload: workload.clone(),
            organisation,
            kind: ChangeKind::Standard,
            description: description.to_owned(),
            closed: false,
            review: String::new(),
        });
        Ok(self.changed())
    }

    /// Whoever closes an emergency change has looked at it, and says what they found.
    pub(crate) fn close_change(&mut self, name: &TicketName, review: &str) -> Decision {
        let found = self.existing::<ChangeTicket>(name)?;
        if found.value.closed {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        form::text("review", review, found.value.kind == ChangeKind::Emergency)?;
        let closed = ChangeTicket { closed: true, review: review.to_owned(), ..found.value.clone() };
        let workload = closed.workload.clone();
        self.put(closed);
        self.forget_changes(&workload);
        Ok(self.changed())
    }

    /// A workload's changes for which `wanted` holds, with the index at which each was last changed, by name.
    fn changes_of(
        &self,
        workload: &WorkloadName,
        wanted: fn(&ChangeTicket) -> bool,
    ) -> impl Iterator<Item = (u64, TicketName)> + use<'_> {
        let names = self.state.index.changes.of(workload);
        names.into_iter().filter_map(move |name| {
            let change = self.state.find::<ChangeTicket>(&name)?;
            wanted(&change.value).then_some((change.version, name))
        })
    }

    /// The standard change under which a workload moves by itself: the first that is open, by name.
    pub(crate) fn standard_change(&self, workload: &WorkloadName) -> Option<TicketName> {
        let mut open = self.changes_of(workload, |change| change.kind == ChangeKind::Standard && !change.closed);
        open.next().map(|(_, name)| name)
    }

    /// The name of the change that this entry opens for a workload: one for each, and none that a person can have given.
    pub(crate) fn change_name(&self, workload: &WorkloadName) -> Result<TicketName, Refusal> {
        let name = TicketName::new(format!("{CHANGE}{}-{workload}", self.index));
        name.map_err(|error| conflict(error.to_string()))
    }

    /// Keeps the last closed changes of a workload, but the one under which it was last moved in any case.
    pub(crate) fn forget_changes(&mut self, workload: &WorkloadName) {
        let last = self.state.find::<Placement>(workload).map(|placement| placement.value.change.clone());
        let mut closed: Vec<_> = self.changes_of(workload, |change| change.closed).collect();
        closed.sort();
        let surplus = closed.len().saturating_sub(KEPT_TICKETS);
        for (_, name) in closed.into_iter().take(surplus).filter(|(_, name)| Some(name) != last.as_ref()) {
            self.delete::<ChangeTicket>(&name);
        }
    }
}
