//! How far objects have come, and what they wait for.

use serde_json::Value;
use verbund_model::resource::ApiKind;

use crate::observed::ObservedPod;

/// How far an object has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It does what it is there for.
    Ready,
    /// It waits for something.
    Waiting(String),
    /// It does not come up without somebody's doing.
    Failed(String),
}

/// How far an object has come, from its body as it lies in the cluster.
#[must_use]
pub fn of(kind: &ApiKind, live: &Value) -> Readiness {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            replicas(live, number(&live["status"], "readyReplicas"), "ready")
        }
        ("batch", "Job") => job(live),
        ("", "Pod") => pod(live),
        ("", "Service") => service(live),
        ("", "PersistentVolumeClaim") => claim(live),
        // These are there as soon as they exist.
        ("", _)
        | ("batch", "CronJob")
        | ("rbac.authorization.k8s.io" | "networking.k8s.io" | "policy" | "scheduling.k8s.io", _)
        | ("autoscaling" | "admissionregistration.k8s.io" | "coordination.k8s.io", _) => Readiness::Ready,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => conditions(live, &["Established"]),
        _ => conditions(live, &["Ready", "Available", "Established", "Healthy"]),
    }
}

/// What pods say about why something waits: of those that are in trouble the first by name.
#[must_use]
pub fn trouble(pods: &[ObservedPod]) -> Option<String> {
    let in_trouble = pods.iter().filter(|pod| !pod.trouble.is_empty() && !pod.terminating);
    in_trouble.min_by(|a, b| a.name.cmp(&b.name)).map(|pod| format!("pod {}: {}", pod.name, pod.trouble))
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or(0)
}

/// Whether the controller has seen the newest version of the object.
fn is_seen(live: &Value) -> bool {
    number(&live["status"], "observedGeneration") >= number(&live["metadata"], "generation")
}

fn wanted(live: &Value) -> u64 {
    live["spec"]["replicas"].as_u64().unwrap_or(1)
}

fn condition<'a>(live: &'a Value, name: &str) -> Option<&'a Value> {
    live["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}

fn told(condition: &Value) -> String {
    let (reason, message) = (condition["reason"].as_str(), condition["message"].as_str());
    match (reason, message.filter(|message| !message.is_empty())) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "no reason given".to_owned(),
    }
}

fn replicas(live: &Value, have: u64, what: &str) -> Readiness {
    let wanted = wanted(live);
    if !is_seen(live) {
        Readiness::Waiting("its controller has not seen it yet".to_owned())
    } else if have < wanted {
        Readiness::Waiting(format!("{have} of {wanted} replicas are {what}"))
    } else {
        Readiness::Ready
    }
}

fn deployment(live: &Value) -> Readiness {
    if !is_seen(live) {
        return Readiness::Waiting("its controller has not seen it yet".to_owned());
    }
    if let Some(failure) = condition(live, "ReplicaFailure").filter(|condition| condition["status"] == "True") {
        return Readiness::Failed(format!("pods cannot be made: {}", told(failure)));
    }
    if let Some(late) = condition(live, "Progressing").filter(|c| c["reason"] == "ProgressDeadlineExceeded") {
        return Readiness::Failed(told(late));
    }
    let status = &live["status"];
    let (updated, wanted) = (number(status, "updatedReplicas"), wanted(live));
    if updated < wanted {
        return Readiness::Waiting(format!("{updated} of {wanted} replicas are updated"));
    }
    let (all, available) = (number(status, "replicas"), number(status, "availableReplicas"));
    if all > updated {
        return Readiness::Waiting(format!("{} old replicas are still to end", all - updated));
    }
    if available < updated {
        return Readiness::Waiting(format!("{available} of {wanted} replicas are available"));
    }
    Readiness::Ready
}

fn stateful_set(live: &Value) -> Readiness {
    let status = &live["status"];
    let rolls = live["spec"]["updateStrategy"]["type"] != "OnDelete";
    let ready = replicas(live, number(status, "readyReplicas"), "ready");
    if ready != Readiness::Ready {
        return ready;
    }
    let partition = number(&live["spec"]["updateStrategy"]["rollingUpdate"], "partition");
    let (updated, wanted) = (number(status, "updatedReplicas"), wanted(live).saturating_sub(partition));
    if rolls && updated < wanted && status["currentRevision"] != status["updateRevision"] {
        return Readiness::Waiting(format!("{updated} of {wanted} replicas are updated"));
    }
    Readiness::Ready
}

fn daemon_set(live: &Value) -> Readiness {
    if !is_seen(live) {
        return Readiness::Waiting("its controller has not seen it yet".to_owned());
    }
    let status = &live["status"];
    let wanted = number(status, "desiredNumberScheduled");
    let rolls = live["spec"]["updateStrategy"]["type"] != "OnDelete";
    let (updated, available) = (number(status, "updatedNumberScheduled"), number(status, "numberAvailable"));
    if rolls && updated < wanted {
        return Readiness::Waiting(format!("{updated} of {wanted} nodes have the newest pod"));
    }
    if available < wanted {
        return Readiness::Waiting(format!("its pod is available on {available} of {wanted} nodes"));
    }
    Readiness::Ready
}

/// A Job that runs is ready: it does what it is there for. One that was given up is not.
fn job(live: &Value) -> Readiness {
    if let Some(failed) = condition(live, "Failed").filter(|condition| condition["status"] == "True") {
        return Readiness::Failed(told(failed));
    }
    let status = &live["status"];
    let suspended = live["spec"]["suspend"] == true;
    let complete = condition(live, "Complete").is_some_and(|condition| condition["status"] == "True");
    if complete || suspended || number(status, "ready") > 0 || number(status, "succeeded") > 0 {
        return Readiness::Ready;
    }
    match number(status, "failed") {
        0 => Readiness::Waiting("its pod does not run yet".to_owned()),
        failed => Readiness::Waiting(format!("its pod failed {failed} times and is tried again")),
    }
}

fn pod(live: &Value) -> Readiness {
    match live["status"]["phase"].as_str() {
        Some("Succeeded") => Readiness::Ready,
        Some("Failed") => Readiness::Failed(live["status"]["message"].as_str().unwrap_or("it failed").to_owned()),
        _ => match condition(live, "Ready") {
            Some(ready) if ready["status"] == "True" => Readiness::Ready,
            Some(not) => Readiness::Waiting(told(not)),
            None => Readiness::Waiting("it is not scheduled yet".to_owned()),
        },
    }
}

fn service(live: &Value) -> Readiness {
    let has_address = live["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|list| !list.is_empty());
    if live["spec"]["type"] == "LoadBalancer" && !has_address {
        return Readiness::Waiting("its load balancer has no address yet".to_owned());
    }
    Readiness::Ready
}

fn claim(live: &Value) -> Readiness {
    match live["status"]["phase"].as_str() {
        Some("Bound") => Readiness::Ready,
        Some("Lost") => Readiness::Failed("its volume is lost".to_owned()),
        // A claim whose class waits for the first consumer is bound only once a pod wants it.
        _ => Readiness::Waiting("its volume is not bound yet".to_owned()),
    }
}

/// Other kinds: by the first of these conditions that they have; without any they are ready when they exist.
fn conditions(live: &Value, names: &[&str]) -> Readiness {
    if let Some(stalled) = condition(live, "Stalled").filter(|condition| condition["status"] == "True") {
        return Readiness::Failed(told(stalled));
    }
    match names.iter().find_map(|name| condition(live, name)) {
        Some(found) if found["status"] == "True" => Readiness::Ready,
        Some(found) => Readiness::Waiting(told(found)),
        None if names == ["Established"] => Readiness::Waiting("it is not established yet".to_owned()),
        None => Readiness::Ready,
    }
}

#[cfg(test)]
mod tests;
