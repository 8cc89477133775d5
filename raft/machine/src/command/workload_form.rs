//! The form of a workload's document. Whether a place fits it is for the planner to say.

use verbund_lease::LeaseSettings;
use verbund_model::resource::{FenceLevel, Mode, Requirements, Site, Timings, WorkloadSpec};
use verbund_model::{Refusal, WorkloadName};

use super::form;
use super::maintenance::check_maintenance;
use super::manifest::Allowed;
use crate::act::{invalid, within};
use crate::limits::{MAX_COPIES, MAX_LIST, MAX_MANIFESTS, MAX_SECRETS, MAX_STOP_BUDGET};
use crate::state::State;

impl State {
    /// Everything about a workload's document but where it could run. Errors: the first field that is wrong, by its path.
    pub(crate) fn check_workload(&self, name: &WorkloadName, spec: &WorkloadSpec) -> Result<(), Refusal> {
        self.check_requirements(&spec.requirements)?;
        check_maintenance("spec.maintenance", &spec.maintenance)?;
        form::number("spec.stopBudget", spec.stop_budget.into(), 1, MAX_STOP_BUDGET.into())?;
        match &spec.mode {
            Mode::Parallel { copies } => {
                form::number("spec.mode.parallel.copies", (*copies).into(), 1, MAX_COPIES.into())?;
            }
            Mode::Exclusive { fence: FenceLevel::Guard } => {
                check_guard_budget(spec.stop_budget, &self.timings().value.timings)?;
            }
            Mode::Exclusive { .. } => {}
        }
        within("the number of spec.secrets", spec.secrets.len() as u64, MAX_SECRETS)?;
        within("the number of spec.manifests", spec.manifests.len() as u64, MAX_MANIFESTS)?;
        let guarded = matches!(spec.mode, Mode::Exclusive { fence: FenceLevel::Guard });
        let allowed = Allowed { workload: name, secrets: &spec.secrets, guarded };
        for (at, document) in spec.manifests.iter().enumerate() {
            allowed.check(&format!("spec.manifests[{at}]"), document)?;
        }
        Ok(())
    }

    fn check_requirements(&self, wanted: &Requirements) -> Result<(), Refusal> {
        let at = |field: &str| format!("spec.requirements.{field}");
        form::kinds(&at("kinds"), &wanted.kinds)?;
        form::classes(&at("storageClasses"), &wanted.storage_classes)?;
        form::classes(&at("ingressClasses"), &wanted.ingress_classes)?;
        form::amounts(&at("amounts"), &wanted.amounts)?;
        form::labels(&at("labels"), &wanted.labels)?;
        form::versions(wanted.kubernetes_min, wanted.kubernetes_max)?;
        within(&format!("the number of {}", at("sites")), wanted.sites.len() as u64, MAX_LIST)?;
        for (number, site) in wanted.sites.iter().enumerate() {
            if self.find::<Site>(site).is_none() {
                let reason = format!("found \"{site}\", which is no site; allowed are sites of the federation");
                return Err(invalid(&at(&format!("sites[{number}]")), reason));
            }
        }
        Ok(())
    }
}

/// The guard ends the program a stop budget before the lease ends, and what renews the lease takes its part of it
/// (lease.md, Numbers).
fn check_guard_budget(stop_budget: u32, timings: &Timings) -> Result<(), Refusal> {
    let settings = LeaseSettings { stop_budget: 0, ..LeaseSettings::default() };
    let most = u64::from(timings.lease).saturating_sub(settings.used() + 1);
    if u64::from(stop_budget) <= most {
        return Ok(());
    }
    let reason =
        format!("found {stop_budget}, allowed at fence level guard is {most} with a lease of {}", timings.lease);
    Err(invalid("spec.stopBudget", reason))
}
