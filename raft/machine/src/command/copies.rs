//! What agents say of copies: how they are, and that they have stopped.

use verbund_model::resource::{Cause, Cluster, CopyPhase, CopyReport, CopyRole, Placement};
use verbund_model::{Accepted, ClusterName, Refusal, WorkloadName};

use super::form;
use super::planning::Ticket;
use crate::act::{Act, Decision, conflict, within};
use crate::limits::MAX_REPORTS;
use crate::object::label;

impl Act<'_> {
    /// Reports of copies that are not there any more, or have another epoch by now, say nothing.
    pub(crate) fn report_copies(&mut self, cluster: &ClusterName, copies: &[CopyReport]) -> Decision {
        let version = self.existing::<Cluster>(cluster)?.version;
        within("the number of copies", copies.len() as u64, MAX_REPORTS)?;
        for (at, report) in copies.iter().enumerate() {
            if let CopyPhase::Starting { reason } | CopyPhase::Failed { reason } = &report.phase {
                form::text(&format!("copies[{at}].phase.reason"), reason, false)?;
            }
        }
        for report in copies {
            self.note_phase(cluster, report);
        }
        Ok(if self.events.is_empty() { Accepted::Unchanged { version } } else { self.changed() })
    }

    fn note_phase(&mut self, cluster: &ClusterName, report: &CopyReport) {
        let Some(found) = self.state.find::<Placement>(&report.workload) else { return };
        let mut placement = found.value.clone();
        let is = |copy: &&mut verbund_model::resource::PlacedCopy| {
            copy.cluster == *cluster && copy.epoch == report.epoch && copy.phase != report.phase
        };
        let Some(copy) = placement.copies.iter_mut().find(is) else { return };
        copy.phase = report.phase.clone();
        let arrived = copy.role == CopyRole::Active
            && copy.phase == CopyPhase::Ready
            && placement.target.as_ref() == Some(cluster);
        self.put(placement);
        if arrived {
            self.go_on(&report.workload);
        }
    }

    /// Goes on with a move of which a step is done.
    fn go_on(&mut self, name: &WorkloadName) {
        let Some(placement) = self.state.find::<Placement>(name) else { return };
        let ticket = Ticket::standing(placement.value.change.clone());
        if self.living(name).is_ok()
            && let Ok(plan) = self.plan_on(&self.state.index.inventory, name, Cause::Released, None, &ticket)
        {
            self.put_plan(plan, ticket);
        }
    }

    /// The agent's receipt, or a person's word, that a copy has stopped and does not come back. One that is known to have
    /// stopped says nothing new.
    pub(crate) fn stopped(&mut self, name: &WorkloadName, cluster: &ClusterName, epoch: u64) -> Decision {
        self.existing::<Cluster>(cluster)?;
        let found = self.existing::<Placement>(name)?;
        let Some(copy) = found.value.copies.iter().find(|copy| copy.cluster == *cluster) else {
            return Ok(Accepted::Unchanged { version: found.version });
        };
        let what = || format!("the copy of workload {name} on {}", label::<Cluster>(cluster));
        if epoch < copy.epoch {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if epoch > copy.epoch {
            return Err(conflict(format!("{} has epoch {}, not {epoch}", what(), copy.epoch)));
        }
        if copy.role != CopyRole::Stopping {
            return Err(conflict(format!("{} is not being stopped: move the workload first", what())));
        }
        let mut without = found.value.clone();
        without.copies.retain(|copy| copy.cluster != *cluster);
        self.release(without)?;
        self.forget_if_stopped(name);
        Ok(self.changed())
    }

    /// Plans a workload of which a copy was proven stopped and taken out. Should the checker not like the plan, the copy is
    /// gone all the same.
    fn release(&mut self, without: Placement) -> Result<(), Refusal> {
        let name = without.workload.clone();
        if self.living(&name).is_err() {
            self.put(without);
            return Ok(());
        }
        let ticket = Ticket::standing(without.change.clone());
        let mut inventory = self.state.index.inventory.clone();
        inventory.put_placement(&without);
        let planned = self.plan_on(&inventory, &name, Cause::Released, None, &ticket);
        self.put(planned.map_or(without, |plan| plan.placement));
        Ok(())
    }
}
