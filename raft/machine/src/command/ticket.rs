//! Changes and incidents: no placement moves without a change, and whose workload is in trouble learns of it
//! (Rahmenwerk 5.3.4).

use verbund_model::resource::{
    ChangeKind, ChangeTicket, CopyRole, Incident, Observation, Placement, Presence, Workload,
};
use verbund_model::{Accepted, ClusterName, Refusal, TicketName, WorkloadName};

use super::form;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{KEPT_TICKETS, MAX_OPEN_CHANGES};

/// What begins the names of changes that the federation opens by itself.
const CHANGE: &str = "chg-";
/// What begins the names of incidents.
const INCIDENT: &str = "inc-";

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
        });
        Ok(self.changed())
    }

    pub(crate) fn close_change(&mut self, name: &TicketName) -> Decision {
        let found = self.existing::<ChangeTicket>(name)?;
        if found.value.closed {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let closed = ChangeTicket { closed: true, ..found.value.clone() };
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

    /// Opens an incident for each workload that is active at the cluster and has none there, or resolves them all.
    pub(crate) fn note_impairment(&mut self, cluster: &ClusterName, observation: &Observation) {
        if !observation.ready || !observation.impairment.is_empty() {
            let reason = match observation.impairment.as_str() {
                "" => "the cluster is not ready".to_owned(),
                impairment => impairment.to_owned(),
            };
            self.open_incidents(cluster, &reason);
        } else if !self.is_lost(cluster) {
            self.resolve_incidents(cluster);
        }
    }

    /// Whether the cluster's site was found lost.
    fn is_lost(&self, cluster: &ClusterName) -> bool {
        let site = self.state.cluster(cluster).map(|cluster| &cluster.value.site);
        let presence = site.and_then(|site| self.state.find::<Presence>(site));
        presence.is_some_and(|presence| presence.value.lost)
    }

    /// An incident for each workload with an active copy at the cluster, unless one is open there.
    pub(crate) fn open_incidents(&mut self, cluster: &ClusterName, reason: &str) {
        for name in self.state.index.copies.of(cluster) {
            self.open_incident(&name, cluster, reason);
        }
    }

    /// An incident for the workload if it is active at the cluster, unless one is open there.
    pub(crate) fn open_incident(&mut self, name: &WorkloadName, cluster: &ClusterName, reason: &str) {
        let Some(workload) = self.state.find::<Workload>(name) else { return };
        let active = self.state.find::<Placement>(name).is_some_and(|placement| {
            placement.value.copies.iter().any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Active)
        });
        let open =
            self.state.index.troubles.of(cluster).iter().any(|ticket| {
                self.state.find::<Incident>(ticket).is_some_and(|incident| incident.value.workload == *name)
            });
        if !active || open {
            return;
        }
        let organisation = workload.value.organisation.clone();
        // Several clusters of one workload can be in trouble at once.
        let part = self.events.len();
        let Ok(ticket) = TicketName::new(format!("{INCIDENT}{}-{part}-{name}", self.index)) else { return };
        let (workload, cluster) = (name.clone(), cluster.clone());
        self.put(Incident {
            name: ticket,
            workload,
            organisation,
            cluster,
            reason: reason.to_owned(),
            resolved: false,
        });
        self.forget_incidents(name);
    }

    /// Resolves every open incident at the cluster.
    pub(crate) fn resolve_incidents(&mut self, cluster: &ClusterName) {
        for name in self.state.index.troubles.of(cluster) {
            self.resolve_incident(&name);
        }
    }

    pub(crate) fn resolve_incident(&mut self, name: &TicketName) {
        let Some(found) = self.state.find::<Incident>(name).filter(|incident| !incident.value.resolved) else { return };
        let resolved = Incident { resolved: true, ..found.value.clone() };
        self.put(resolved);
    }

    fn forget_incidents(&mut self, workload: &WorkloadName) {
        let names = self.state.index.incidents.of(workload);
        let mut resolved: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                self.state.find::<Incident>(&name).map(|found| (found.value.resolved, found.version, name))
            })
            .filter(|(resolved, _, _)| *resolved)
            .collect();
        resolved.sort();
        let surplus = resolved.len().saturating_sub(KEPT_TICKETS);
        for (_, _, name) in resolved.into_iter().take(surplus) {
            self.delete::<Incident>(&name);
        }
    }

    /// Resolves the open incidents at a cluster of which nothing bad is known any more.
    pub(crate) fn resolve_if_well(&mut self, name: &ClusterName) {
        let observation = self.state.cluster(name).and_then(|cluster| cluster.value.observation.as_ref());
        if observation.is_some_and(|observation| observation.ready && observation.impairment.is_empty()) {
            self.resolve_incidents(name);
        }
    }
}
