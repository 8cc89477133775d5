//! Pods: what escapes its namespace, and what escapes the guard.

use serde_json::Value;
use verbund_model::resource::ApiKind;

use super::Faults;
use crate::{names, pods};

/// Kinds of volumes that Pod Security `restricted` allows.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Judges the pods of an object; `guarded`: level `guard` is asked for.
pub(super) fn judge(kind: &ApiKind, body: &Value, guarded: bool, faults: &mut Faults<'_>) {
    let Some(path) = pods::template_path(kind) else { return };
    let Some(template) = pods::template(kind, body) else {
        faults.add(path.join("."), "a pod template is needed here");
        return;
    };
    let at = |field: &str| path.iter().copied().chain(["spec", field]).collect::<Vec<_>>().join(".");
    let spec = &template["spec"];
    if !shape(template, &path.join("."), faults) {
        return;
    }
    annotations(template, &path.join("."), faults);
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if is_true(&spec[field]) {
            faults.add(at(field), "true, but a pod may not share anything of its node");
        }
    }
    for field in ["nodeName", "serviceAccount"] {
        if !spec[field].is_null() {
            faults.add(at(field), "not allowed; leave it to the scheduler, and name the account in serviceAccountName");
        }
    }
    if spec["serviceAccountName"] == names::SERVICE_ACCOUNT {
        faults.add(at("serviceAccountName"), "the agent's own account; make one for the workload");
    }
    volumes(spec, &at("volumes"), faults);
    security(&spec["securityContext"], &at("securityContext"), faults);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for (number, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            judge_container(container, &format!("{}[{number}]", at(list)), faults);
        }
    }
    if guarded {
        judge_guarded(spec, &at, faults);
    }
}

/// Whether everything that is looked at, or written to, is of the type that it must be: what is not was written to be read in
/// one way here and in another by the cluster.
fn shape(template: &Value, path: &str, faults: &mut Faults<'_>) -> bool {
    let object = |value: &Value| value.is_null() || value.is_object();
    let list = |value: &Value| value.is_null() || value.is_array();
    let of_objects = |value: &Value| list(value) && value.as_array().into_iter().flatten().all(Value::is_object);
    let (metadata, spec) = (&template["metadata"], &template["spec"]);
    let mut wrong = Vec::new();
    if !(object(metadata) && object(&metadata["labels"]) && object(&metadata["annotations"])) {
        wrong.push("metadata".to_owned());
    }
    if !spec.is_object() {
        wrong.push("spec".to_owned());
    }
    for field in ["containers", "initContainers", "ephemeralContainers", "volumes"] {
        if !of_objects(&spec[field]) {
            wrong.push(format!("spec.{field}"));
        } else if field != "volumes" {
            for (number, container) in spec[field].as_array().into_iter().flatten().enumerate() {
                let fits = list(&container["command"])
                    && ["env", "volumeMounts", "ports"].into_iter().all(|field| of_objects(&container[field]))
                    && object(&container["securityContext"])
                    && list(&container["securityContext"]["capabilities"]["add"]);
                if !fits {
                    wrong.push(format!("spec.{field}[{number}]"));
                }
            }
        }
    }
    let fits = wrong.is_empty();
    for field in wrong {
        let dot = if path.is_empty() { "" } else { "." };
        faults.add(format!("{path}{dot}{field}"), "something in it is not of the type that Kubernetes wants there");
    }
    fits
}

fn annotations(template: &Value, path: &str, faults: &mut Faults<'_>) {
    for field in ["labels", "annotations"] {
        for name in template["metadata"][field].as_object().into_iter().flatten().map(|(name, _)| name) {
            if name.starts_with(names::PREFIX) && name != names::SIMULATE && name != names::TAKE_OVER {
                faults.add(format!("{path}.metadata.{field}"), format!("{name:?} is set by the agent alone"));
            }
        }
    }
}

fn volumes(spec: &Value, at: &str, faults: &mut Faults<'_>) {
    for (number, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        for kind in volume.as_object().into_iter().flatten().map(|(field, _)| field).filter(|field| *field != "name") {
            if !VOLUMES.contains(&kind.as_str()) {
                let problem = format!("{kind:?} is not allowed; allowed are {}", VOLUMES.join(", "));
                faults.add(format!("{at}[{number}]"), problem);
            }
        }
    }
}

fn security(context: &Value, at: &str, faults: &mut Faults<'_>) {
    if context["seccompProfile"]["type"] == "Unconfined" {
        faults.add(format!("{at}.seccompProfile.type"), "Unconfined is not allowed");
    }
    if context["runAsUser"] == 0 {
        faults.add(format!("{at}.runAsUser"), "0 is root; use another user");
    }
    if is_true(&context["windowsOptions"]["hostProcess"]) {
        faults.add(format!("{at}.windowsOptions.hostProcess"), "true, but a pod may not share anything of its node");
    }
}

fn judge_container(container: &Value, at: &str, faults: &mut Faults<'_>) {
    let context = &container["securityContext"];
    security(context, &format!("{at}.securityContext"), faults);
    for field in ["privileged", "allowPrivilegeEscalation"] {
        if is_true(&context[field]) {
            faults.add(format!("{at}.securityContext.{field}"), "true is not allowed");
        }
    }
    for capability in context["capabilities"]["add"].as_array().into_iter().flatten() {
        if capability != "NET_BIND_SERVICE" {
            let problem = format!("{capability} is not allowed; allowed is NET_BIND_SERVICE");
            faults.add(format!("{at}.securityContext.capabilities.add"), problem);
        }
    }
    let mount = &context["procMount"];
    if !mount.is_null() && mount != "Default" {
        faults.add(format!("{at}.securityContext.procMount"), "only Default is allowed");
    }
    for port in container["ports"].as_array().into_iter().flatten() {
        if port["hostPort"].as_u64().is_some_and(|port| port > 0) {
            faults.add(format!("{at}.ports"), "a hostPort is not allowed; use a Service");
        }
    }
}

/// Level `guard`: process 1 of each container must be the guard, and nobody beside it may keep what it ends alive.
fn judge_guarded(spec: &Value, at: &dyn Fn(&str) -> String, faults: &mut Faults<'_>) {
    if is_true(&spec["shareProcessNamespace"]) {
        faults
            .add(at("shareProcessNamespace"), "true, but at level guard the guard must be process 1 of its container");
    }
    if spec["ephemeralContainers"].as_array().is_some_and(|list| !list.is_empty()) {
        faults.add(at("ephemeralContainers"), "at level guard no container may start unguarded");
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        if volume["name"] == names::GUARD {
            faults.add(at("volumes"), format!("the name {:?} is the guard's", names::GUARD));
        }
    }
    for list in ["initContainers", "containers"] {
        for (number, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let place = format!("{}[{number}]", at(list));
            if container["command"].as_array().is_none_or(Vec::is_empty) {
                let problem = "missing, but at level guard each container must say its command: the guard starts it";
                faults.add(format!("{place}.command"), problem);
            }
            if container["name"] == names::GUARD {
                faults.add(format!("{place}.name"), format!("{:?} is the guard's", names::GUARD));
            }
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                let path = mount["mountPath"].as_str().unwrap_or_default().trim_end_matches('/');
                if path == names::GUARD_FOLDER
                    || path.starts_with(&format!("{}/", names::GUARD_FOLDER))
                    || path.is_empty()
                {
                    faults.add(format!("{place}.volumeMounts"), format!("{} is the guard's", names::GUARD_FOLDER));
                }
            }
        }
    }
}

/// Whether a field is set: anything but `false` and nothing counts, whatever a lenient reader would make of it.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}
