//! Ending pods so that the kubelet's word on it cannot get lost.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use verbund_model::WorkloadName;

use crate::api::{As, Server, built};
use crate::error::KubeError;
use crate::pods;

/// Finalizer of pods of exclusive workloads that the agent ends: the API server keeps the pod until the agent has read the
/// kubelet's last word on it. It keeps no container running. Should an agent be gone for good, a person removes it.
pub const FINALIZER: &str = "verbund.de/stop";

/// How often a change is tried when others change the pod meanwhile.
const TRIES: usize = 5;

fn path(workload: &WorkloadName) -> String {
    format!("/api/v1/namespaces/{workload}/pods")
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}

fn finalizers(pod: &Value) -> Vec<&str> {
    pod["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Asks a pod to end within `seconds` (at least one). With `confirm` it stays until its end was read.
pub async fn end(
    server: &Server,
    workload: &WorkloadName,
    pod: &Value,
    seconds: u32,
    confirm: bool,
) -> Result<(), KubeError> {
    let ends_soon = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().is_some_and(|grace| grace <= seconds.into());
    if pods::is_terminating(pod) && ends_soon {
        return Ok(());
    }
    // The API server takes no new finalizer once a pod is being deleted, and one that never ran needs none.
    if confirm && !pods::is_terminating(pod) && pods::is_bound(pod) && !pods::has_ended(pod) {
        hold(server, workload, pod).await?;
    }
    let what = format!("ending the pod {workload}/{}", name(pod));
    let uid = pod["metadata"]["uid"].as_str().map(str::to_owned);
    let params = DeleteParams {
        grace_period_seconds: Some(seconds.max(1)),
        preconditions: Some(Preconditions { uid, resource_version: None }),
        ..DeleteParams::default()
    };
    let request = kube::core::Request::new(path(workload)).delete(name(pod), &params);
    match server.call::<Value>(As::Workload(workload), &what, built(&what, request)?).await {
        Ok(_) => Ok(()),
        // It is gone, or another pod has its name now.
        Err(error) if error.is_missing() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

async fn hold(server: &Server, workload: &WorkloadName, pod: &Value) -> Result<(), KubeError> {
    change(server, workload, pod, |pod| {
        let mut with = finalizers(pod);
        (!with.contains(&FINALIZER) && !pods::is_terminating(pod)).then(|| {
            with.push(FINALIZER);
            json!(with)
        })
    })
    .await
}

/// Lets a pod go whose end was read.
pub async fn release(server: &Server, workload: &WorkloadName, pod: &Value) -> Result<(), KubeError> {
    change(server, workload, pod, |pod| {
        let all = finalizers(pod);
        let others: Vec<&str> = all.iter().copied().filter(|one| *one != FINALIZER).collect();
        (others.len() < all.len()).then(|| json!(others))
    })
    .await
}

/// Whether a pod waits for [`release`].
pub fn is_held(pod: &Value) -> bool {
    pods::is_terminating(pod) && pods::has_ended(pod) && finalizers(pod).contains(&FINALIZER)
}

/// Changes a pod's finalizers, only if nobody changed the pod meanwhile; otherwise reads it again.
async fn change(
    server: &Server,
    workload: &WorkloadName,
    pod: &Value,
    wanted: impl Fn(&Value) -> Option<Value>,
) -> Result<(), KubeError> {
    let what = format!("changing the pod {workload}/{}", name(pod));
    let mut current = pod.clone();
    for _ in 0..TRIES {
        let Some(finalizers) = wanted(&current) else { return Ok(()) };
        let metadata = &current["metadata"];
        let body = json!({ "metadata": {
            "finalizers": finalizers, "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
        } });
        let patch = Patch::Merge(&body);
        let request = kube::core::Request::new(path(workload)).patch(name(pod), &PatchParams::default(), &patch);
        match server.call::<Value>(As::Workload(workload), &what, built(&what, request)?).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        match server.get(As::Workload(workload), &path(workload), name(pod)).await? {
            Some(again) if again["metadata"]["uid"] == pod["metadata"]["uid"] => current = again,
            _ => return Ok(()),
        }
    }
    let why = "others change it all the time".to_owned();
    Err(KubeError::Answer { what, why })
}
