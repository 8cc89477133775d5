//! What the driver does when the API server refuses, fails, is silent or breaks off: against a scripted one.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

#[path = "faults/scripted.rs"]
mod scripted;

use std::time::Duration;

use scripted::{Answer, Scripted, driver, list, name, refusal};
use serde_json::json;
use verbund_agent_core::{Driver as _, Object, ObjectKey, Origin, names};
use verbund_agent_kube::KubeError;

const EVENTS: &str = "/api/v1/namespaces/register/events";

fn config_map(namespace: &str) -> Object {
    let key = ObjectKey::new("v1", "ConfigMap", Some(namespace), "settings");
    let labels = json!({ names::WORKLOAD: "register" });
    let body = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "settings", "namespace": namespace, "labels": labels },
    });
    Object::seal(key, Origin::Manifest, body)
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let server = Scripted::default();
    for answer in [refusal(429, "slow down"), refusal(500, "etcd"), Answer::Broken, list(&[])] {
        server.says("GET", EVENTS, answer);
    }
    let driver = driver(&server);
    assert!(driver.events(&name("register")).await.unwrap().is_empty());
    assert_eq!(server.asked("GET", EVENTS).len(), 4);
}

#[tokio::test]
async fn but_not_for_ever() {
    let server = Scripted::default();
    server.says_always("GET", EVENTS, refusal(503, "no leader"));
    let error = driver(&server).events(&name("register")).await.unwrap_err();
    assert_eq!(server.asked("GET", EVENTS).len(), 4);
    assert!(error.to_string().contains("503") && error.to_string().contains("no leader"), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_an_error() {
    let server = Scripted::default();
    server.says_always("GET", EVENTS, Answer::Silent);
    let error = driver(&server).events(&name("register")).await.unwrap_err();
    assert!(matches!(error, KubeError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let server = Scripted::default();
    let path = "/api/v1/namespaces/register/configmaps/settings";
    server.says_always("PATCH", path, refusal(403, "exceeded quota: verbund"));
    let error = driver(&server).apply(&name("register"), &config_map("register")).await.unwrap_err();
    assert!(error.to_string().contains("exceeded quota"), "{error}");
    assert_eq!(server.asked("PATCH", path).len(), 1);
}

#[tokio::test]
async fn a_right_that_is_missing_is_given_and_used() {
    let server = Scripted::default();
    let path = "/api/v1/namespaces/register/configmaps/settings";
    let lacks = "User \"agent\" cannot impersonate resource \"serviceaccounts\"";
    server.says("PATCH", path, refusal(403, lacks));
    // RBAC learns of the binding a little later.
    server.says("PATCH", path, refusal(403, lacks));
    server.says("PATCH", path, Answer::Json(json!({})));
    let review = json!({ "status": { "userInfo": { "username": "agent" } } });
    server.says("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", Answer::Json(review));
    let binding = "/apis/rbac.authorization.k8s.io/v1/namespaces/register/rolebindings/verbund-impersonation";
    server.says("PATCH", binding, Answer::Json(json!({})));
    driver(&server).apply(&name("register"), &config_map("register")).await.unwrap();
    let applied = server.asked("PATCH", path);
    assert_eq!(applied.len(), 3);
    for request in &applied {
        assert_eq!(request.acts_as.as_deref(), Some("system:serviceaccount:register:verbund-agent"));
        assert!(request.query.contains("fieldManager=verbund") && request.query.contains("force=true"));
    }
    let bound = server.asked("PATCH", binding);
    assert_eq!(bound.len(), 1);
    assert_eq!(bound[0].acts_as, None, "the agent binds with its own rights");
    assert_eq!(bound[0].body["subjects"][0]["name"], "agent");
}

#[tokio::test]
async fn only_what_is_ours_is_removed_and_only_as_it_was_seen() {
    let server = Scripted::default();
    let path = "/api/v1/namespaces/register/configmaps/settings";
    let key = ObjectKey::new("v1", "ConfigMap", Some("register"), "settings");
    let driver = driver(&server);
    server.says("GET", path, Answer::Json(json!({ "metadata": { "name": "settings", "labels": {} } })));
    let error = driver.delete(&name("register"), &key).await.unwrap_err();
    assert!(matches!(error, KubeError::NotOurs { .. }), "{error}");
    let other = json!({ "metadata": { "name": "settings", "labels": { names::WORKLOAD: "other" } } });
    server.says("GET", path, Answer::Json(other));
    assert!(driver.delete(&name("register"), &key).await.is_err());
    assert!(server.asked("DELETE", path).is_empty(), "what is not ours was removed");

    let labels = json!({ names::WORKLOAD: "register" });
    let ours = json!({ "metadata": { "name": "settings", "uid": "u-1", "resourceVersion": "7", "labels": labels } });
    server.says("GET", path, Answer::Json(ours));
    server.says("DELETE", path, Answer::Json(json!({})));
    driver.delete(&name("register"), &key).await.unwrap();
    let removed = server.asked("DELETE", path);
    assert_eq!(removed[0].body["preconditions"], json!({ "uid": "u-1", "resourceVersion": "7" }));
    assert_eq!(removed[0].body["propagationPolicy"], "Background");

    server.says("GET", path, refusal(404, "not found"));
    driver.delete(&name("register"), &key).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_for_another_namespace_or_scope() {
    let server = Scripted::default();
    let driver = driver(&server);
    let outside = driver.apply(&name("register"), &config_map("other")).await.unwrap_err();
    assert!(matches!(outside, KubeError::Outside { .. }), "{outside}");
    let mut without = config_map("register");
    without.key.namespace = None;
    let scope = driver.apply(&name("register"), &without).await.unwrap_err();
    assert!(matches!(scope, KubeError::Scope { namespaced: true, .. }), "{scope}");
    let unknown = Object { key: ObjectKey::new("x.de/v1", "Akte", Some("register"), "a"), ..config_map("register") };
    let unknown = driver.apply(&name("register"), &unknown).await.unwrap_err();
    assert!(matches!(unknown, KubeError::UnknownKind { .. }), "{unknown}");
    assert!(server.all().iter().all(|request| request.method == "GET"), "something was written");
}

#[tokio::test]
async fn a_strangers_namespace_is_not_taken() {
    let server = Scripted::default();
    let key = ObjectKey::new("v1", "Namespace", None, "register");
    let namespace = Object::seal(key, Origin::Base, json!({ "metadata": { "name": "register" } }));
    server.says_always(
        "GET",
        "/api/v1/namespaces/register",
        Answer::Json(json!({ "metadata": { "name": "register" } })),
    );
    let error = driver(&server).apply(&name("register"), &namespace).await.unwrap_err();
    assert!(matches!(error, KubeError::NotOurs { .. }), "{error}");
    assert!(server.asked("PATCH", "/api/v1/namespaces/register").is_empty());
}

#[tokio::test]
async fn a_version_that_is_expected_is_sent() {
    let server = Scripted::default();
    let path = "/api/v1/namespaces/register/configmaps/settings";
    server.says_always("PATCH", path, refusal(409, "the object has been modified"));
    let object = config_map("register").expecting(&json!({ "metadata": { "resourceVersion": "41" } }));
    let error = driver(&server).apply(&name("register"), &object).await.unwrap_err();
    assert!(matches!(error, KubeError::Refused { code: 409, .. }), "{error}");
    let sent = server.asked("PATCH", path);
    assert_eq!(sent.len(), 1, "a conflict is for who decides, not to be tried again");
    assert_eq!(sent[0].body["metadata"]["resourceVersion"], "41");
}

#[tokio::test]
async fn a_watch_that_breaks_off_is_taken_up_where_it_was() {
    let server = Scripted::default();
    let labels = json!({ names::WORKLOAD: "register", names::FENCE: "agent" });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "register", "labels": labels, "resourceVersion": "5" } });
    server.says("GET", "/api/v1/namespaces", list(&[namespace]));
    server.says("GET", "/api/v1/pods", list(&[]));
    let pod = |version: &str| {
        json!({ "type": "ADDED", "object": { "apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": format!("p{version}"), "namespace": "register", "resourceVersion": version,
        } } })
    };
    server.says("WATCH", "/api/v1/pods", Answer::Lines(vec![pod("21")]));
    server.says("WATCH", "/api/v1/pods", Answer::Lines(vec![pod("34")]));
    let driver = driver(&server);
    let followed = async {
        loop {
            let _changed = driver.changed().await;
            let watches = server.asked("WATCH", "/api/v1/pods");
            if watches.iter().any(|watch| watch.query.contains("resourceVersion=34")) {
                return watches;
            }
        }
    };
    let watches = tokio::time::timeout(Duration::from_secs(60), followed).await.unwrap();
    assert!(watches.iter().any(|watch| watch.query.contains("resourceVersion=21")), "{watches:?}");
    assert_eq!(server.asked("GET", "/api/v1/pods").len(), 1, "nothing had to be listed anew");
}
