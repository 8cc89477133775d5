//! The form of a workload's document. Whether a place fits it is for the planner to say.

use std::collections::BTreeSet;

use serde_json::Value;
use verbund_lease::LeaseSettings;
use verbund_model::resource::{ApiKind, FenceLevel, Mode, Requirements, Site, Timings, WorkloadSpec};
use verbund_model::{Document, Refusal, SecretName};

use super::form;
use super::maintenance::check_maintenance;
use crate::act::{invalid, within};
use crate::limits::{MAX_COPIES, MAX_LIST, MAX_MANIFESTS, MAX_SECRETS, MAX_STOP_BUDGET};
use crate::state::State;

impl State {
    /// Everything about a workload's document but where it could run. Errors: the first field that is wrong, by its path.
    pub(crate) fn check_workload(&self, spec: &WorkloadSpec) -> Result<(), Refusal> {
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
        for (at, manifest) in spec.manifests.iter().enumerate() {
            check_manifest(&format!("spec.manifests[{at}]"), manifest, guarded, &spec.secrets)?;
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

/// A Kubernetes object: kind and name, which no sealed secret has. `guarded`: also what the guard cannot fence.
fn check_manifest(
    field: &str,
    manifest: &Document,
    guarded: bool,
    secrets: &BTreeSet<SecretName>,
) -> Result<(), Refusal> {
    let value = manifest.to_value();
    let text = |pointer: &str, name: &str| {
        let found = value.pointer(pointer);
        found.and_then(Value::as_str).ok_or_else(|| {
            let what = if found.is_none() { "nothing" } else { "no text" };
            invalid(&format!("{field}.{name}"), format!("found {what}, wanted is text"))
        })
    };
    let api_version = text("/apiVersion", "apiVersion")?;
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let kind = text("/kind", "kind")?;
    let named = ApiKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
    form::api_kind(field, &named)?;
    let name = text("/metadata/name", "metadata.name")?;
    if name.is_empty() || name.len() > 253 || name.contains('/') || name.chars().any(char::is_control) {
        return Err(invalid(
            &format!("{field}.metadata.name"),
            "found no name of an object, wanted is one of 1 to 253 characters",
        ));
    }
    if group.is_empty() && kind == "Secret" && secrets.iter().any(|secret| secret.as_str() == name) {
        let reason = format!("found a Secret \"{name}\", which spec.secrets names too; allowed is one of both");
        return Err(invalid(&format!("{field}.metadata.name"), reason));
    }
    if guarded { check_pods(field, kind, &value) } else { Ok(()) }
}

/// Where kinds that make pods have the pod's specification.
const PODS: [(&str, &str); 8] = [
    ("Pod", "spec"),
    ("Deployment", "spec.template.spec"),
    ("StatefulSet", "spec.template.spec"),
    ("DaemonSet", "spec.template.spec"),
    ("ReplicaSet", "spec.template.spec"),
    ("ReplicationController", "spec.template.spec"),
    ("Job", "spec.template.spec"),
    ("CronJob", "spec.jobTemplate.spec.template.spec"),
];

/// What would run beside the guard, or without it (design 6).
fn check_pods(field: &str, kind: &str, value: &Value) -> Result<(), Refusal> {
    let Some((_, path)) = PODS.iter().find(|(name, _)| *name == kind) else { return Ok(()) };
    let Some(pod) = value.pointer(&format!("/{}", path.replace('.', "/"))) else { return Ok(()) };
    let at = |part: &str| format!("{field}.{path}.{part}");
    for flag in ["shareProcessNamespace", "hostPID"] {
        if pod.get(flag).and_then(Value::as_bool).unwrap_or(false) {
            return Err(invalid(&at(flag), "found true, allowed at fence level guard is false"));
        }
    }
    if pod.get("ephemeralContainers").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(invalid(&at("ephemeralContainers"), "found some, allowed at fence level guard are none"));
    }
    for list in ["initContainers", "containers"] {
        let containers = pod.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (number, container) in containers.iter().enumerate() {
            let command = container.get("command").and_then(Value::as_array);
            if command.is_none_or(|command| command.is_empty()) {
                let reason = "found none, wanted at fence level guard is the command that the guard starts";
                return Err(invalid(&at(&format!("{list}[{number}].command")), reason));
            }
        }
    }
    Ok(())
}
