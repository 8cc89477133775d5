use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use verbund_agent_core::{Driver as _, NamespaceState, Object, ObjectKey, Origin, base, names};
use verbund_model::WorkloadName;
use verbund_model::resource::Amounts;

use super::*;

fn name(text: &str) -> WorkloadName {
    WorkloadName::new(text).unwrap()
}

fn object(workload: &str, kind: (&str, &str), mut body: Value) -> Object {
    body["apiVersion"] = kind.0.into();
    body["kind"] = kind.1.into();
    body["metadata"] = json!({ "name": "web", "labels": { names::WORKLOAD: workload } });
    Object::seal(ObjectKey::new(kind.0, kind.1, Some(workload), "web"), Origin::Manifest, body)
}

fn deployment(workload: &str, replicas: u64, script: &str) -> Object {
    let template = json!({
        "metadata": { "annotations": { names::SIMULATE: script, names::EPOCH: "3" } },
        "spec": { "containers": [{ "resources": { "requests": { "cpu": "500m" } } }] },
    });
    object(workload, ("apps/v1", "Deployment"), json!({ "spec": { "replicas": replicas, "template": template } }))
}

async fn prepare(cluster: &Simulated, workload: &str) {
    let workload = name(workload);
    let facts = verbund_agent_core::Facts {
        workload: workload.to_string(),
        organisation: "stadt".to_owned(),
        epoch: 3,
        stopped: 0,
        generation: 0,
        fence: "parallel".to_owned(),
        stop_budget: 100,
        fenced: false,
    };
    cluster.apply(&workload, &base::namespace(&facts)).await.unwrap();
}

async fn observe(cluster: &Simulated, workload: &str) -> std::sync::Arc<verbund_agent_core::ObservedCopy> {
    let workload = name(workload);
    let wanted = BTreeMap::from([(workload.clone(), BTreeSet::new())]);
    cluster.observe(&wanted).await.unwrap().remove(&workload).unwrap()
}

#[tokio::test]
async fn pods_become_ready_in_their_time() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    cluster.apply(&name("a"), &deployment("a", 2, "start=100")).await.unwrap();
    cluster.advance(99);
    assert!(cluster.serving().is_empty());
    assert_eq!(cluster.next_due(), Some(100));
    cluster.advance(100);
    assert_eq!(cluster.serving(), BTreeMap::from([(name("a"), 3)]));
    let seen = observe(&cluster, "a").await;
    let (_, live) = seen.objects.iter().next().unwrap();
    assert_eq!(live.live["status"]["availableReplicas"], 2);
    assert!(seen.pods.iter().all(|pod| pod.ready && pod.epoch == 3));
}

#[tokio::test]
async fn crashes_and_missing_images_are_told() {
    for (script, trouble) in [("start=1,crash", "CrashLoopBackOff"), ("fail", "ImagePullBackOff")] {
        let cluster = Simulated::new(Shape::default());
        prepare(&cluster, "a").await;
        cluster.apply(&name("a"), &deployment("a", 1, script)).await.unwrap();
        cluster.advance(10_000);
        let seen = observe(&cluster, "a").await;
        assert!(seen.pods[0].trouble.contains(trouble) && !seen.pods[0].ready, "{script}");
    }
}

#[tokio::test]
async fn no_pod_starts_against_the_quota_and_those_deleted_come_back_without_it() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    cluster.apply(&name("a"), &base::quota("a", Some(&Amounts { pods: 1, ..Amounts::default() }))).await.unwrap();
    cluster.apply(&name("a"), &deployment("a", 5, "start=1,stop=50")).await.unwrap();
    cluster.advance(10);
    assert_eq!(cluster.pods(&name("a")).len(), 2, "twice one");
    cluster.delete_pods(&name("a"), 1_000).await.unwrap();
    cluster.advance(59);
    assert!(cluster.pods(&name("a")).iter().all(|pod| pod.terminating));
    cluster.advance(100);
    assert!(cluster.pods(&name("a")).iter().all(|pod| !pod.terminating), "they were made anew");
    cluster.apply(&name("a"), &base::quota("a", None)).await.unwrap();
    cluster.delete_pods(&name("a"), 1_000).await.unwrap();
    cluster.advance(1_000);
    assert!(cluster.pods(&name("a")).is_empty());
    let events = cluster.events(&name("a")).await.unwrap();
    assert!(events.iter().any(|event| event.reason == "FailedCreate" && event.warning));
}

#[tokio::test]
async fn a_pod_without_room_waits_for_it() {
    let allocatable = Amounts { cpu_millis: 600, memory_bytes: 1, pods: 10, ..Amounts::default() };
    let cluster = Simulated::new(Shape { allocatable, ..Shape::default() });
    for one in ["a", "b"] {
        prepare(&cluster, one).await;
        cluster.apply(&name(one), &deployment(one, 1, "start=1")).await.unwrap();
    }
    cluster.advance(10);
    assert_eq!(cluster.serving().keys().collect::<Vec<_>>(), [&name("a")]);
    cluster.delete(&name("a"), &deployment("a", 1, "").key).await.unwrap();
    cluster.advance(1_000);
    assert_eq!(cluster.serving().keys().collect::<Vec<_>>(), [&name("b")]);
}

#[tokio::test]
async fn a_namespace_goes_when_its_pods_have_gone() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    cluster.apply(&name("a"), &deployment("a", 1, "start=1,stop=100")).await.unwrap();
    cluster.advance(10);
    cluster.delete(&name("a"), &base::namespace_key("a")).await.unwrap();
    assert_eq!(observe(&cluster, "a").await.namespace, NamespaceState::Terminating);
    assert!(cluster.apply(&name("a"), &deployment("a", 1, "")).await.is_err());
    cluster.advance(200);
    assert_eq!(observe(&cluster, "a").await.namespace, NamespaceState::Absent);
    assert!(cluster.present().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_conditional_write_fails_once_the_object_has_changed() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    let first = deployment("a", 1, "");
    cluster.apply(&name("a"), &first).await.unwrap();
    let seen = observe(&cluster, "a").await.objects.values().next().unwrap().live.clone();
    let late = deployment("a", 9, "").expecting(&seen);
    cluster.apply(&name("a"), &deployment("a", 2, "")).await.unwrap();
    assert!(matches!(cluster.apply(&name("a"), &late).await, Err(ApiError::Refused(_))));
}

#[tokio::test]
async fn an_api_that_does_not_answer_leaves_pods_running() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    cluster.apply(&name("a"), &deployment("a", 1, "start=1")).await.unwrap();
    cluster.set_reachable(false);
    cluster.advance(10);
    assert_eq!(cluster.present().await, Err(ApiError::Unreachable));
    assert_eq!(cluster.serving().len(), 1);
}

#[tokio::test]
async fn the_same_calls_give_the_same_cluster() {
    let play = || async {
        let cluster = Simulated::new(Shape::default());
        for number in 0..200 {
            let one = format!("w{number}");
            prepare(&cluster, &one).await;
            cluster.apply(&name(&one), &deployment(&one, 2, "start=7")).await.unwrap();
        }
        cluster.advance(5);
        cluster.delete_pods(&name("w7"), 3).await.unwrap();
        cluster.advance(50);
        (0..200).map(|number| cluster.pods(&name(&format!("w{number}")))).collect::<Vec<_>>()
    };
    assert_eq!(play().await, play().await);
}

#[test]
fn scripts() {
    assert_eq!("".parse(), Ok(Script::default()));
    let script: Script = "start=5, stop=6,done=7,crash".parse().unwrap();
    assert_eq!(script, Script { start: Some(5), stop: Some(6), done: Some(7), crash: true, fail: false });
    for bad in ["start", "start=x", "crash=1", "explode"] {
        assert!(bad.parse::<Script>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn each_pod_says_what_it_does_and_since_when() {
    let cluster = Simulated::new(Shape::default());
    prepare(&cluster, "a").await;
    cluster.apply(&name("a"), &deployment("a", 1, "start=100")).await.unwrap();
    cluster.advance(100);
    let query = verbund_agent_core::LogQuery {
        workload: name("a"),
        pod: None,
        container: None,
        tail: 5,
        since: None,
        previous: false,
    };
    let said = async |query: verbund_agent_core::LogQuery| cluster.logs(&query).await.unwrap();
    let lines = said(query.clone()).await;
    assert_eq!((lines.len(), lines[0].time, lines[0].text.as_str()), (1, Some(100), "epoch 3: Ready"));
    let with = |change: fn(&mut verbund_agent_core::LogQuery)| {
        let mut query = query.clone();
        change(&mut query);
        query
    };
    assert_eq!(said(with(|query| query.since = Some(100))).await.len(), 1);
    for nothing in [
        with(|query| query.since = Some(101)),
        with(|query| query.tail = 0),
        with(|query| query.previous = true),
        with(|query| query.pod = Some("b".to_owned())),
        with(|query| query.container = Some("b".to_owned())),
    ] {
        assert!(said(nothing.clone()).await.is_empty(), "{nothing:?}");
    }
}
