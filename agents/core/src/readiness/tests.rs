use serde_json::{Value, json};

use super::*;
use crate::samples::kind;

fn of_kind(name: &str, live: Value) -> Readiness {
    of(&kind(name), &live)
}

fn waits(name: &str, live: Value) -> String {
    match of_kind(name, live) {
        Readiness::Waiting(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn fails(name: &str, live: Value) -> String {
    match of_kind(name, live) {
        Readiness::Failed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn deployments() {
    let live = |generation: u64, updated: u64, all: u64, available: u64| {
        json!({ "metadata": { "generation": generation }, "spec": { "replicas": 2 },
                "status": { "observedGeneration": 4, "updatedReplicas": updated, "replicas": all, "availableReplicas": available } })
    };
    assert_eq!(of_kind("apps/v1/Deployment", live(4, 2, 2, 2)), Readiness::Ready);
    assert!(waits("apps/v1/Deployment", live(5, 2, 2, 2)).contains("not seen"));
    assert_eq!(waits("apps/v1/Deployment", live(4, 1, 2, 2)), "1 of 2 replicas are updated");
    assert_eq!(waits("apps/v1/Deployment", live(4, 2, 3, 2)), "1 old replicas are still to end");
    assert_eq!(waits("apps/v1/Deployment", live(4, 2, 2, 1)), "1 of 2 replicas are available");
    let mut failing = live(4, 0, 0, 0);
    failing["status"]["conditions"] = json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                                               "message": "violates PodSecurity" }]);
    assert_eq!(fails("apps/v1/Deployment", failing), "pods cannot be made: FailedCreate: violates PodSecurity");
    let mut late = live(4, 0, 0, 0);
    late["status"]["conditions"] =
        json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" }]);
    assert_eq!(fails("apps/v1/Deployment", late), "ProgressDeadlineExceeded");
    assert!(matches!(of_kind("apps/v1/Deployment", json!({})), Readiness::Waiting(_)), "no status is not ready");
}

#[test]
fn stateful_sets_and_daemon_sets() {
    let set = json!({ "spec": { "replicas": 3 }, "status": { "readyReplicas": 3, "updatedReplicas": 1,
                      "currentRevision": "a", "updateRevision": "b" } });
    assert_eq!(waits("apps/v1/StatefulSet", set), "1 of 3 replicas are updated");
    let set = json!({ "spec": { "replicas": 3 }, "status": { "readyReplicas": 2 } });
    assert_eq!(waits("apps/v1/StatefulSet", set), "2 of 3 replicas are ready");
    let set = json!({ "spec": { "replicas": 1 }, "status": { "readyReplicas": 1, "currentRevision": "a", "updateRevision": "a" } });
    assert_eq!(of_kind("apps/v1/StatefulSet", set), Readiness::Ready);
    let status = |updated: u64, available: u64| json!({ "status": { "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available } });
    assert_eq!(of_kind("apps/v1/DaemonSet", status(2, 2)), Readiness::Ready);
    assert_eq!(waits("apps/v1/DaemonSet", status(1, 2)), "1 of 2 nodes have the newest pod");
    assert_eq!(waits("apps/v1/DaemonSet", status(2, 1)), "its pod is available on 1 of 2 nodes");
}

#[test]
fn jobs_pods_claims_and_services() {
    assert_eq!(of_kind("batch/v1/Job", json!({ "status": { "ready": 1 } })), Readiness::Ready);
    assert_eq!(
        of_kind("batch/v1/Job", json!({ "status": { "conditions": [{ "type": "Complete", "status": "True" }] } })),
        Readiness::Ready
    );
    assert_eq!(waits("batch/v1/Job", json!({})), "its pod does not run yet");
    assert_eq!(
        waits("batch/v1/Job", json!({ "status": { "failed": 2 } })),
        "its pod failed 2 times and is tried again"
    );
    let failed = json!({ "status": { "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }] } });
    assert_eq!(fails("batch/v1/Job", failed), "BackoffLimitExceeded");
    assert_eq!(of_kind("batch/v1/CronJob", json!({})), Readiness::Ready);
    assert_eq!(
        of_kind("v1/Pod", json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })),
        Readiness::Ready
    );
    assert!(waits("v1/Pod", json!({})).contains("not scheduled"));
    assert_eq!(of_kind("v1/PersistentVolumeClaim", json!({ "status": { "phase": "Bound" } })), Readiness::Ready);
    assert!(waits("v1/PersistentVolumeClaim", json!({})).contains("not bound"));
    assert_eq!(of_kind("v1/Service", json!({ "spec": {} })), Readiness::Ready);
    assert!(waits("v1/Service", json!({ "spec": { "type": "LoadBalancer" } })).contains("no address"));
}

#[test]
fn other_kinds_by_their_conditions() {
    let with = |name: &str, status: &str| json!({ "status": { "conditions": [{ "type": name, "status": status, "reason": "R", "message": "m" }] } });
    assert_eq!(of_kind("example.org/v1/Thing", json!({})), Readiness::Ready);
    assert_eq!(of_kind("example.org/v1/Thing", with("Ready", "True")), Readiness::Ready);
    assert_eq!(waits("example.org/v1/Thing", with("Ready", "False")), "R: m");
    assert_eq!(fails("example.org/v1/Thing", with("Stalled", "True")), "R: m");
    assert!(waits("apiextensions.k8s.io/v1/CustomResourceDefinition", json!({})).contains("not established"));
    assert_eq!(
        of_kind("apiextensions.k8s.io/v1/CustomResourceDefinition", with("Established", "True")),
        Readiness::Ready
    );
}
