use serde_json::json;

use super::*;

fn namespace(name: &str, fence: &str) -> Event<Value> {
    let labels = json!({ "verbund.de/workload": name, "verbund.de/fence": fence });
    Event::Apply(json!({ "metadata": { "name": name, "labels": labels } }))
}

fn pod(namespace: &str, name: &str, phase: &str) -> Value {
    json!({
        "metadata": { "namespace": namespace, "name": name },
        "spec": { "nodeName": "n1", "containers": [{ "resources": { "requests": { "cpu": "100m" } } }] },
        "status": { "phase": phase },
    })
}

fn name(text: &str) -> WorkloadName {
    WorkloadName::new(text).unwrap()
}

fn listed(watched: &Watched, pods: &[Value]) {
    watched.pod(Event::Init);
    for pod in pods {
        watched.pod(Event::InitApply(pod.clone()));
    }
    watched.pod(Event::InitDone);
}

#[test]
fn pods_of_no_workload_are_foreign() {
    let watched = Watched::default();
    assert_eq!(watched.foreign(), None, "nothing is known before the first list is complete");
    watched.namespace(&namespace("register", "guard"));
    let mut ended = pod("other", "c", "Succeeded");
    ended["metadata"]["name"] = "c".into();
    listed(&watched, &[pod("register", "a", "Running"), pod("other", "b", "Running"), ended]);
    let foreign = watched.foreign().unwrap();
    assert_eq!((foreign.cpu_millis, foreign.pods), (100, 1));
    watched.pod(Event::Apply(pod("kube-system", "d", "Pending")));
    assert_eq!(watched.foreign().unwrap().pods, 2);
    watched.pod(Event::Delete(pod("kube-system", "d", "Running")));
    assert_eq!(watched.foreign().unwrap().pods, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_vanishes_while_it_runs_is_kept_and_told() {
    let watched = Watched::default();
    watched.namespace(&namespace("register", "agent"));
    listed(&watched, &[pod("register", "a", "Running"), pod("register", "b", "Running")]);
    watched.changes.next().await;
    watched.pod(Event::Delete(pod("register", "a", "Succeeded")));
    assert!(watched.ghosts(&name("register")).is_empty(), "the kubelet said that it has ended");
    watched.pod(Event::Delete(pod("register", "b", "Running")));
    let ghosts = watched.ghosts(&name("register"));
    assert_eq!(ghosts.len(), 1);
    assert!(ghosts[0].name == "b" && !ghosts[0].confirmed);
    assert_eq!(watched.changes.next().await.len(), 1);
}

#[test]
fn what_is_missing_after_a_gap_of_the_watch_has_vanished() {
    let watched = Watched::default();
    watched.namespace(&namespace("register", "agent"));
    listed(
        &watched,
        &[pod("register", "a", "Running"), pod("register", "b", "Running"), pod("register", "c", "Failed")],
    );
    listed(&watched, &[pod("register", "a", "Running")]);
    let names: Vec<String> = watched.ghosts(&name("register")).into_iter().map(|pod| pod.name).collect();
    assert_eq!(names, ["b"], "c had ended before");
}

#[test]
fn parallel_workloads_have_no_ghosts() {
    let watched = Watched::default();
    watched.namespace(&namespace("register", "parallel"));
    listed(&watched, &[pod("register", "a", "Running")]);
    watched.pod(Event::Delete(pod("register", "a", "Running")));
    assert!(watched.ghosts(&name("register")).is_empty());
}

#[test]
fn a_namespace_that_is_not_a_workloads_is_none_of_ours() {
    let watched = Watched::default();
    watched.namespace(&Event::Apply(json!({ "metadata": { "name": "a", "labels": { "verbund.de/workload": "b" } } })));
    assert!(watched.ours().is_empty());
    watched.namespace(&namespace("a", "data"));
    assert_eq!(watched.ours(), [name("a")]);
    watched.namespace(&Event::Delete(json!({ "metadata": { "name": "a" } })));
    assert!(watched.ours().is_empty());
}
