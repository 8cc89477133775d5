//! What a pod's object says of its containers.

use serde_json::Value;
use verbund_agent_core::{ObservedPod, names};

/// A pod as the agent's core sees it.
pub fn observed(pod: &Value) -> ObservedPod {
    let metadata = &pod["metadata"];
    let epoch = metadata["annotations"][names::EPOCH].as_str().and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    ObservedPod {
        name: metadata["name"].as_str().unwrap_or_default().to_owned(),
        epoch,
        terminating: is_terminating(pod),
        ended: has_ended(pod),
        ready: is_ready(pod),
        confirmed: true,
        trouble: trouble(pod),
    }
}

/// Whether it has a time of deletion.
pub fn is_terminating(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// Whether it was given to a node.
pub fn is_bound(pod: &Value) -> bool {
    pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty())
}

/// Whether nothing of it runs or can run any more, by the word of the kubelet: it is in a final phase, and each container that
/// has a status has ended. The kubelet sets that phase once all containers of a pod are down (since Kubernetes 1.27 also for
/// deleted pods). Others set it too (the garbage collector, for pods of nodes that are gone), but no container's status.
/// A pod that no node was given, and that is being deleted, never ran: the API server gives it to none any more.
pub fn has_ended(pod: &Value) -> bool {
    if !is_bound(pod) {
        return is_terminating(pod);
    }
    let status = &pod["status"];
    if status["phase"] != "Succeeded" && status["phase"] != "Failed" {
        return false;
    }
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    if conditions.iter().any(|c| c["type"] == "DisruptionTarget" && c["reason"] == "DeletionByPodGC") {
        return false;
    }
    let kinds = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let mut statuses = kinds.iter().flat_map(|kind| status[*kind].as_array().into_iter().flatten());
    statuses.all(|container| !container["state"]["terminated"].is_null() || never_ran(container))
}

/// Whether a container of a pod in a final phase never came up: it waits, and has no id.
fn never_ran(container: &Value) -> bool {
    !container["state"]["waiting"].is_null() && container["containerID"].as_str().is_none_or(str::is_empty)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Reasons for which a container waits while nothing is wrong.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// What is wrong with a pod, in a sentence; empty when nothing is.
fn trouble(pod: &Value) -> String {
    let status = &pod["status"];
    for kind in ["initContainerStatuses", "containerStatuses"] {
        for container in status[kind].as_array().into_iter().flatten() {
            if let Some(text) = container_trouble(container) {
                return text;
            }
        }
    }
    let unscheduled = status["conditions"].as_array().into_iter().flatten();
    for condition in unscheduled {
        if condition["type"] == "PodScheduled" && condition["status"] == "False" {
            return sentence("not scheduled", condition);
        }
    }
    if status["phase"] == "Failed" { sentence("failed", status) } else { String::new() }
}

fn container_trouble(container: &Value) -> Option<String> {
    let name = container["name"].as_str().unwrap_or_default();
    let waiting = &container["state"]["waiting"];
    if let Some(reason) = waiting["reason"].as_str().filter(|reason| !USUAL.contains(reason)) {
        let last = &container["lastState"]["terminated"]["exitCode"];
        let last = last.as_i64().map(|code| format!(" (last exit code {code})")).unwrap_or_default();
        let what = format!("container {name}: {reason}{last}");
        return Some(match waiting["message"].as_str() {
            Some(message) if !message.is_empty() => format!("{what}: {}", short(message)),
            _ => what,
        });
    }
    let ended = &container["state"]["terminated"];
    match ended["exitCode"].as_i64() {
        None | Some(0) => None,
        Some(code) => {
            Some(format!("container {name}: {} with exit code {code}", ended["reason"].as_str().unwrap_or("ended")))
        }
    }
}

fn sentence(what: &str, of: &Value) -> String {
    let parts = [Some(what), of["reason"].as_str(), of["message"].as_str()];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).map(short).collect();
    parts.join(": ")
}

/// What others wrote, at most 300 characters of it.
fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests;
