//! The form of a workload's manifests, and what none of them may hold whichever cluster it comes to: what reaches its node or
//! another's namespace. The agent judges each object again, and in full, before it applies it.

use std::collections::BTreeSet;

use serde_json::Value;
use verbund_model::resource::ApiKind;
use verbund_model::{Document, Refusal, SecretName, WorkloadName};

use super::form;
use crate::act::invalid;

/// Where kinds that make pods have the pod's specification.
const PODS: [(&str, &str); 9] = [
    ("Pod", "spec"),
    ("Deployment", "spec.template.spec"),
    ("StatefulSet", "spec.template.spec"),
    ("DaemonSet", "spec.template.spec"),
    ("ReplicaSet", "spec.template.spec"),
    ("ReplicationController", "spec.template.spec"),
    ("Job", "spec.template.spec"),
    ("CronJob", "spec.jobTemplate.spec.template.spec"),
    ("PodTemplate", "template.spec"),
];
/// What a pod may not share with its node.
const HOST: [&str; 3] = ["hostNetwork", "hostPID", "hostIPC"];
/// Where a pod has its containers.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// What a workload's manifests may be.
pub(super) struct Allowed<'a> {
    /// The workload, and with it the namespace.
    pub(super) workload: &'a WorkloadName,
    /// Its sealed secrets: no manifest has their name.
    pub(super) secrets: &'a BTreeSet<SecretName>,
    /// Also nothing that the guard cannot fence.
    pub(super) guarded: bool,
}

impl Allowed<'_> {
    /// A Kubernetes object, or a list of some, for the workload's own namespace. Errors: the first field that is wrong.
    pub(super) fn check(&self, field: &str, manifest: &Document) -> Result<(), Refusal> {
        let value = manifest.to_value();
        self.object(field, &value)?;
        if value["kind"] != "List" {
            return Ok(());
        }
        let items = value["items"].as_array().map_or(&[][..], Vec::as_slice);
        for (number, item) in items.iter().enumerate() {
            let field = format!("{field}.items[{number}]");
            if item["kind"] == "List" {
                return Err(invalid(&field, "found a list within a list, allowed are objects"));
            }
            self.object(&field, item)?;
        }
        Ok(())
    }

    fn object(&self, field: &str, value: &Value) -> Result<(), Refusal> {
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
        if group.is_empty() && kind == "Secret" && self.secrets.iter().any(|secret| secret.as_str() == name) {
            let reason = format!("found a Secret \"{name}\", which spec.secrets names too; allowed is one of both");
            return Err(invalid(&format!("{field}.metadata.name"), reason));
        }
        let own = self.workload.as_str();
        let namespace = &value["metadata"]["namespace"];
        if !namespace.is_null() && namespace != own {
            let reason = format!("found another namespace, allowed is the workload's own, {own}, or none");
            return Err(invalid(&format!("{field}.metadata.namespace"), reason));
        }
        if group.is_empty() && kind == "Namespace" && name != own {
            let reason = format!("found another namespace, allowed is the workload's own, {own}");
            return Err(invalid(&format!("{field}.metadata.name"), reason));
        }
        pods(field, kind, value, self.guarded)
    }
}

fn pods(field: &str, kind: &str, value: &Value, guarded: bool) -> Result<(), Refusal> {
    let Some((_, path)) = PODS.iter().find(|(name, _)| *name == kind) else { return Ok(()) };
    let Some(pod) = value.pointer(&format!("/{}", path.replace('.', "/"))) else { return Ok(()) };
    let at = |part: &str| format!("{field}.{path}.{part}");
    if let Some(flag) = HOST.into_iter().find(|flag| is_set(&pod[*flag])) {
        return Err(invalid(&at(flag), "found set, allowed is false: a pod shares nothing of its node"));
    }
    for (number, volume) in list(pod, "volumes").iter().enumerate() {
        if is_set(&volume["hostPath"]) {
            let reason = "found a path of the node, allowed are volumes that are the workload's own";
            return Err(invalid(&at(&format!("volumes[{number}].hostPath")), reason));
        }
    }
    for containers in CONTAINERS {
        for (number, container) in list(pod, containers).iter().enumerate() {
            if is_set(&container["securityContext"]["privileged"]) {
                let place = format!("{containers}[{number}].securityContext.privileged");
                return Err(invalid(&at(&place), "found set, allowed is false"));
            }
        }
    }
    if guarded { unguarded(pod, &at) } else { Ok(()) }
}

/// What would run beside the guard, or without it (design 6).
fn unguarded(pod: &Value, at: &dyn Fn(&str) -> String) -> Result<(), Refusal> {
    if is_set(&pod["shareProcessNamespace"]) {
        return Err(invalid(&at("shareProcessNamespace"), "found true, allowed at fence level guard is false"));
    }
    if !list(pod, "ephemeralContainers").is_empty() {
        return Err(invalid(&at("ephemeralContainers"), "found some, allowed at fence level guard are none"));
    }
    for containers in ["initContainers", "containers"] {
        for (number, container) in list(pod, containers).iter().enumerate() {
            let command = container.get("command").and_then(Value::as_array);
            if command.is_none_or(Vec::is_empty) {
                let reason = "found none, wanted at fence level guard is the command that the guard starts";
                return Err(invalid(&at(&format!("{containers}[{number}].command")), reason));
            }
        }
    }
    Ok(())
}

fn list<'a>(pod: &'a Value, field: &str) -> &'a [Value] {
    pod.get(field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

/// Whether something stands there: anything but `false` counts, whatever a lenient reader would make of it.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}
