//! The guard, put into pods: it becomes process 1 of each container (design 6).

use serde_json::{Value, json};

use crate::desired::DesiredCopy;
use crate::names;
use crate::settings::Settings;

/// Puts the guard into a pod template: a volume, an init container that copies it there before every other starts, and the
/// guard in front of each container's command. The template was judged: each container says its command.
pub fn inject(template: &mut Value, copy: &DesiredCopy, settings: &Settings) {
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let volume = json!({ "name": names::GUARD, "emptyDir": { "sizeLimit": "64Mi" } });
    push(spec.entry("volumes").or_insert(Value::Null), volume);
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            guard(container, copy, settings);
        }
    }
    let init = spec.entry("initContainers").or_insert(Value::Null);
    let others = init.as_array_mut().map(std::mem::take).unwrap_or_default();
    *init = std::iter::once(copier(settings)).chain(others).collect();
}

/// The container that copies the guard. It meets Pod Security `restricted` whatever the pod says.
fn copier(settings: &Settings) -> Value {
    json!({
        "name": names::GUARD,
        "image": settings.guard_image,
        "imagePullPolicy": settings.guard_pull.as_str(),
        "command": [settings.guard_binary, "copy", names::GUARD_PATH],
        "volumeMounts": [{ "name": names::GUARD, "mountPath": names::GUARD_FOLDER }],
        "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    })
}

fn guard(container: &mut Value, copy: &DesiredCopy, settings: &Settings) {
    let command = container["command"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let guard = [names::GUARD_PATH, "run", "--"].into_iter().map(Value::from);
    container["command"] = guard.chain(command).collect();
    let mount = json!({ "name": names::GUARD, "mountPath": names::GUARD_FOLDER, "readOnly": true });
    push(&mut container["volumeMounts"], mount);
    if !settings.guard_key.is_empty() {
        set_env(container, names::ENV_GUARD_KEY, &settings.guard_key);
    }
    set_env(container, names::ENV_GUARD_DESK, &settings.guard_desk);
    set_env(container, names::ENV_STOP_BUDGET, &copy.stop_budget.to_string());
}

/// Sets a variable of a container's environment, whatever the manifest said of it. It comes first, so that others can
/// refer to it.
pub fn set_env(container: &mut Value, name: &str, value: &str) {
    let others = container["env"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let ours = json!({ "name": name, "value": value });
    container["env"] = std::iter::once(ours).chain(others.into_iter().filter(|other| other["name"] != name)).collect();
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

#[cfg(test)]
mod tests;
