use serde_json::json;

use super::*;

fn pod(phase: &str, state: Value) -> Value {
    json!({
        "metadata": { "name": "web-1", "annotations": { "verbund.de/epoch": "4" } },
        "spec": { "nodeName": "n1" },
        "status": {
            "phase": phase,
            "containerStatuses": [{ "name": "web", "containerID": "containerd://1", "state": state }],
        },
    })
}

fn ended(exit: i64) -> Value {
    json!({ "terminated": { "exitCode": exit, "reason": if exit == 0 { "Completed" } else { "Error" } } })
}

#[test]
fn only_the_kubelets_word_ends_a_pod() {
    assert!(has_ended(&pod("Succeeded", ended(0))));
    assert!(has_ended(&pod("Failed", ended(137))));
    assert!(!has_ended(&pod("Running", ended(1))), "a container that crashed is started again");
    assert!(!has_ended(&pod("Unknown", ended(0))));
    // Who only says that the phase is Failed has not seen the container end.
    assert!(!has_ended(&pod("Failed", json!({ "running": {} }))));
    let mut collected = pod("Failed", ended(1));
    collected["status"]["conditions"] = json!([{ "type": "DisruptionTarget", "reason": "DeletionByPodGC" }]);
    assert!(!has_ended(&collected), "the garbage collector does not look at the node");
    let mut other = pod("Failed", ended(1));
    other["status"]["initContainerStatuses"] =
        json!([{ "name": "side", "containerID": "x", "state": { "running": {} } }]);
    assert!(!has_ended(&other), "a sidecar still runs");
}

#[test]
fn what_never_ran_has_ended_when_it_cannot_begin() {
    let mut unbound = json!({ "metadata": { "name": "p" }, "spec": {}, "status": { "phase": "Pending" } });
    assert!(!has_ended(&unbound), "the scheduler may give it to a node any moment");
    unbound["metadata"]["deletionTimestamp"] = "2026-11-22T20:00:00Z".into();
    assert!(has_ended(&unbound));
    let mut rejected = pod("Failed", json!({ "waiting": { "reason": "ContainerCreating" } }));
    rejected["status"]["containerStatuses"][0]["containerID"] = Value::Null;
    assert!(has_ended(&rejected), "the kubelet refused the pod before it made a container");
}

#[test]
fn trouble_is_told_in_a_sentence() {
    let cases = [
        (json!({ "running": {} }), ""),
        (json!({ "waiting": { "reason": "ContainerCreating" } }), ""),
        (
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } }),
            "container web: ImagePullBackOff: no such image",
        ),
        (ended(0), ""),
        (ended(2), "container web: Error with exit code 2"),
    ];
    for (state, expected) in cases {
        assert_eq!(observed(&pod("Running", state)).trouble, expected);
    }
    let mut crashing = pod("Running", json!({ "waiting": { "reason": "CrashLoopBackOff" } }));
    crashing["status"]["containerStatuses"][0]["lastState"] = ended(3);
    assert_eq!(observed(&crashing).trouble, "container web: CrashLoopBackOff (last exit code 3)");
    let unscheduled = json!({ "status": { "phase": "Pending", "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" }
    ] } });
    assert_eq!(observed(&unscheduled).trouble, "not scheduled: Unschedulable: 0/1 nodes");
    let long = json!({ "waiting": { "reason": "Err", "message": "x".repeat(5_000) } });
    assert!(observed(&pod("Pending", long)).trouble.len() < 400);
}

#[test]
fn the_epoch_is_read_or_none() {
    assert_eq!(observed(&pod("Running", ended(0))).epoch, 4);
    assert_eq!(observed(&json!({ "metadata": { "annotations": { "verbund.de/epoch": "x" } } })).epoch, 0);
}
