//! Incidents: whose workload is in trouble learns of it, and of what a person must decide (Rahmenwerk 5.3.4).

use std::collections::BTreeSet;

use verbund_model::resource::{
    AwaitedDecision, CopyRole, FailoverAuthority, Finding, Incident, Lease, Observation, Placement, Presence, Waiting,
    Workload,
};
use verbund_model::view::Change;
use verbund_model::{Accepted, ClusterName, TicketName, WorkloadName};

use crate::act::{Act, Decision};
use crate::limits::KEPT_TICKETS;
use crate::object::Object;

/// What begins the names of incidents.
pub(super) const INCIDENT: &str = "inc-";

impl Act<'_> {
    /// A person says that it is over, or that they know.
    pub(crate) fn close_incident(&mut self, name: &TicketName) -> Decision {
        let found = self.existing::<Incident>(name)?;
        if found.value.resolved {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let closed = Incident { resolved: true, awaits: None, ..found.value.clone() };
        self.put(closed);
        Ok(self.changed())
    }

    /// What an agent newly says of its cluster: that its runtime is impaired, or that it is well. What it says again opens
    /// nothing again: a person may have closed it.
    pub(crate) fn note_impairment(
        &mut self,
        cluster: &ClusterName,
        before: Option<&Observation>,
        observation: &Observation,
    ) {
        let said = |observation: &Observation| (observation.ready, observation.impairment.clone());
        if is_well(observation) {
            if !self.is_lost(cluster) {
                self.resolve_incidents(cluster);
            }
        } else if before.map(said) != Some(said(observation)) {
            let reason = match observation.impairment.as_str() {
                "" => "the cluster is not ready".to_owned(),
                impairment => impairment.to_owned(),
            };
            for name in self.state.index.copies.of(cluster) {
                self.report(&name, cluster, &reason);
            }
        }
    }

    /// Tells those who run a batch of workloads what was found: nothing is heard of their cluster's agent, or their site is
    /// lost.
    pub(crate) fn note_finding(&mut self, finding: &Finding, batch: &[WorkloadName]) {
        match finding {
            Finding::LeaseEnded { cluster, generation } => {
                let what = if self.is_lost(cluster) { "its site is lost" } else { "its site is there" };
                let reason = format!(
                    "the agent of cluster {cluster} is silent, and {what}: generation {generation} of its lease has ended"
                );
                batch.iter().for_each(|name| self.report(name, cluster, &reason));
            }
            Finding::Unreachable { site, .. } => {
                let reason = format!("site {site} was found lost");
                for name in batch {
                    let copies = self.state.find::<Placement>(name).map(|found| found.value.copies.clone());
                    let at = |cluster: &ClusterName| self.state.cluster(cluster).is_some_and(|c| c.value.site == *site);
                    let here: Vec<_> = copies.into_iter().flatten().filter(|copy| at(&copy.cluster)).collect();
                    here.iter().for_each(|copy| self.report(name, &copy.cluster, &reason));
                }
            }
            Finding::Returned { .. } => {}
        }
    }

    /// Whether a workload has an active copy at a cluster.
    pub(crate) fn is_active_at(&self, name: &WorkloadName, cluster: &ClusterName) -> bool {
        self.state.find::<Placement>(name).is_some_and(|placement| {
            let mut copies = placement.value.copies.iter();
            copies.any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Active)
        })
    }

    /// An incident for a workload with an active copy at a cluster, unless one is open there.
    fn report(&mut self, name: &WorkloadName, cluster: &ClusterName, reason: &str) {
        let open = self.state.index.incidents.of(name).iter().any(|ticket| {
            let found = self.state.find::<Incident>(ticket).map(|found| &found.value);
            found.is_some_and(|incident| !incident.resolved && incident.cluster == *cluster)
        });
        if self.is_active_at(name, cluster) && !open {
            self.open_incident(name, cluster, reason, None);
        }
    }

    /// Whether the cluster's site was found lost.
    pub(crate) fn is_lost(&self, cluster: &ClusterName) -> bool {
        let site = self.state.cluster(cluster).map(|cluster| &cluster.value.site);
        let presence = site.and_then(|site| self.state.find::<Presence>(site));
        presence.is_some_and(|presence| presence.value.lost)
    }

    fn open_incident(
        &mut self,
        name: &WorkloadName,
        cluster: &ClusterName,
        reason: &str,
        awaits: Option<AwaitedDecision>,
    ) {
        let Some(workload) = self.state.find::<Workload>(name) else { return };
        let organisation = workload.value.organisation.clone();
        // Several clusters of one workload can be in trouble at once.
        let part = self.events.len();
        let Ok(ticket) = TicketName::new(format!("{INCIDENT}{}-{part}-{name}", self.index)) else { return };
        self.put(Incident {
            name: ticket,
            workload: name.clone(),
            organisation,
            cluster: cluster.clone(),
            reason: reason.to_owned(),
            awaits,
            resolved: false,
        });
        self.forget_incidents(name);
    }

    /// Resolves every open incident at the cluster, but for those that await a decision: those are over when it is made.
    pub(crate) fn resolve_incidents(&mut self, cluster: &ClusterName) {
        for name in self.state.index.troubles.of(cluster) {
            let Some(found) = self.state.find::<Incident>(&name) else { continue };
            if found.value.awaits.is_none() {
                let resolved = Incident { resolved: true, ..found.value.clone() };
                self.put(resolved);
            }
        }
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
        if observation.is_some_and(is_well) {
            self.resolve_incidents(name);
        }
    }

    /// Whether something bad is known of a cluster.
    fn is_troubled(&self, name: &ClusterName) -> bool {
        let Some(cluster) = self.state.cluster(name) else { return false };
        let closed = self.state.find::<Lease>(name).is_some_and(|lease| !lease.value.open);
        closed || self.is_lost(name) || cluster.value.observation.as_ref().is_some_and(|seen| !is_well(seen))
    }

    /// After an entry: what became of workloads whose placements it changed. Where a person must decide, an incident says so
    /// and what may be lost; where that was decided, or nothing is left at the cluster in trouble, it is over.
    pub(crate) fn settle_incidents(&mut self) {
        let moved: BTreeSet<WorkloadName> = self
            .events
            .iter()
            .filter_map(|event| match &event.object {
                Object::Placement(held) if event.change != Change::Deleted => Some(held.value.workload.clone()),
                _ => None,
            })
            .collect();
        moved.iter().for_each(|name| self.settle_incidents_of(name));
    }

    fn settle_incidents_of(&mut self, name: &WorkloadName) {
        let (Some(placement), Some(workload)) = (self.state.find::<Placement>(name), self.state.find::<Workload>(name))
        else {
            return;
        };
        let (placement, workload) = (placement.value.clone(), &workload.value);
        let asks = workload.spec.failover == FailoverAuthority::Ask && !workload.deleting;
        let decision = AwaitedDecision { since: self.now, rpo: workload.spec.rpo };
        let names = self.state.index.incidents.of(name);
        let found = names.into_iter().filter_map(|name| self.state.find::<Incident>(&name));
        let open: Vec<Incident> =
            found.map(|found| &found.value).filter(|incident| !incident.resolved).cloned().collect();
        if asks && placement.waiting == Some(Waiting::Person) {
            self.await_decision(&placement, &open, decision);
        } else {
            let at = |cluster: &ClusterName| placement.copies.iter().any(|copy| copy.cluster == *cluster);
            for incident in open {
                let resolved =
                    !at(&incident.cluster) || (incident.awaits.is_some() && !self.is_troubled(&incident.cluster));
                if resolved || incident.awaits.is_some() {
                    self.put(Incident { awaits: None, resolved, ..incident });
                }
            }
        }
    }

    fn await_decision(&mut self, placement: &Placement, open: &[Incident], decision: AwaitedDecision) {
        // Trouble where it only has a standby is another matter.
        let standby = |cluster: &ClusterName| {
            placement.copies.iter().any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Standby)
        };
        let left: Vec<&Incident> = open.iter().filter(|incident| !standby(&incident.cluster)).collect();
        for incident in left.iter().filter(|incident| incident.awaits.is_none()) {
            self.put(Incident { awaits: Some(decision), ..(*incident).clone() });
        }
        let serving = placement.copies.iter().find(|copy| copy.role != CopyRole::Standby).map(|copy| &copy.cluster);
        if let (true, Some(cluster)) = (left.is_empty(), serving.or(placement.home.as_ref())) {
            let reason = format!("no copy may go on at cluster {cluster}");
            self.open_incident(&placement.workload, cluster, &reason, Some(decision));
        }
    }
}

fn is_well(observation: &Observation) -> bool {
    observation.ready && observation.impairment.is_empty()
}
