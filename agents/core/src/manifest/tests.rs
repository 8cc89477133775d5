use serde_json::{Value, json};

use super::*;
use crate::DesiredRole;
use crate::samples::{self, Place, copy, deployment, service};

fn judge_as(mode: verbund_model::resource::Mode, bodies: &[Value]) -> Result<Vec<Manifest>, Unfit> {
    let place = Place::new();
    read(&copy(mode, DesiredRole::Active, 1, bodies), &place.listed, &place.scopes)
}

fn judge(body: &Value) -> Result<Vec<Manifest>, Unfit> {
    judge_as(samples::PARALLEL, std::slice::from_ref(body))
}

/// A Deployment whose pod has `value` at `path` of its spec.
fn pod_with(path: &str, value: Value) -> Value {
    let mut body = deployment();
    *make(&mut body["spec"]["template"]["spec"], path) = value;
    body
}

/// The place at a path, made where it is missing; numbers are places in lists.
fn make<'a>(body: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(body, |value, field| match field.parse::<usize>() {
        Ok(number) => {
            if !value.is_array() {
                *value = json!([]);
            }
            let list = value.as_array_mut().unwrap();
            while list.len() <= number {
                list.push(json!({}));
            }
            &mut list[number]
        }
        Err(_) => &mut value[field],
    })
}

fn fields(result: Result<Vec<Manifest>, Unfit>) -> Vec<String> {
    match result {
        Err(Unfit::Refused(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_is_in_order_passes() {
    let manifests = judge_as(samples::GUARDED, &[deployment(), service()]).unwrap();
    assert_eq!(manifests.len(), 2);
    assert_eq!(manifests[0].key.to_string(), "apps/v1/Deployment wohngeld/web");
}

#[test]
fn what_escapes_its_namespace_is_refused() {
    let cases = [
        ("hostNetwork", json!(true)),
        ("hostPID", json!(true)),
        ("hostPID", json!("true")),
        ("hostIPC", json!(true)),
        ("nodeName", json!("node1")),
        ("serviceAccountName", json!("verbund-agent")),
        ("volumes", json!([{ "name": "x", "hostPath": { "path": "/" } }])),
        ("volumes", json!([{ "name": "x", "nfs": { "server": "a", "path": "/" } }])),
        ("containers.0.securityContext.privileged", json!(true)),
        ("containers.0.securityContext.allowPrivilegeEscalation", json!(true)),
        ("containers.0.securityContext.capabilities.add", json!(["SYS_ADMIN"])),
        ("containers.0.securityContext.procMount", json!("Unmasked")),
        ("containers.0.securityContext.seccompProfile.type", json!("Unconfined")),
        ("containers.0.securityContext.runAsUser", json!(0)),
        ("securityContext.runAsUser", json!(0)),
        ("containers.0.ports", json!([{ "hostPort": 80 }])),
        ("initContainers.0.securityContext.privileged", json!(true)),
        ("ephemeralContainers.0.securityContext.privileged", json!(true)),
    ];
    for (path, value) in cases {
        let found = fields(judge(&pod_with(path, value.clone())));
        assert_eq!(found.len(), 1, "{path} = {value}: {found:?}");
        assert!(found[0].starts_with("spec.template.spec."), "{found:?}");
    }
}

#[test]
fn the_same_holds_wherever_pods_are_described() {
    let spec = json!({ "hostPID": true, "containers": [{ "name": "a", "image": "a" }] });
    let template = json!({ "spec": spec });
    let bodies = [
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" }, "spec": spec }),
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "x" }, "spec": { "template": template } }),
        json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "x" },
                "spec": { "jobTemplate": { "spec": { "template": template } } } }),
        json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "x" }, "spec": { "template": template } }),
        json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "x" }, "spec": { "template": template } }),
        json!({ "apiVersion": "v1", "kind": "List", "items": [
            { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" }, "spec": spec }] }),
    ];
    for body in bodies {
        assert!(fields(judge(&body))[0].ends_with("hostPID"), "{body}");
    }
}

#[test]
fn foreign_namespaces_and_reserved_names_are_refused() {
    let mut foreign = service();
    foreign["metadata"]["namespace"] = "kube-system".into();
    assert_eq!(fields(judge(&foreign)), ["metadata.namespace"]);
    foreign["metadata"]["namespace"] = json!(["kube-system"]);
    assert_eq!(fields(judge(&foreign)), ["metadata.namespace"]);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } });
    assert_eq!(fields(judge(&namespace)), ["metadata.name"]);
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "verbund" } });
    assert_eq!(fields(judge(&quota)), ["metadata.name"]);
    let mut own = service();
    own["metadata"]["namespace"] = "wohngeld".into();
    assert!(judge(&own).is_ok());
}

#[test]
fn a_workload_cannot_be_called_like_a_system_namespace() {
    let place = Place::new();
    for name in ["kube-system", "default", "verbund-system"] {
        let mut copy = copy(samples::PARALLEL, DesiredRole::Active, 1, &[service()]);
        copy.workload = verbund_model::WorkloadName::new(name).unwrap();
        assert_eq!(fields(read(&copy, &place.listed, &place.scopes)), ["name"]);
    }
}

#[test]
fn kinds_of_the_cluster_need_the_operators_list() {
    let role =
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "x" } });
    assert_eq!(fields(judge(&role)), ["kind"]);
    let mut place = Place::new();
    place.listed.insert(samples::kind("rbac.authorization.k8s.io/v1/ClusterRole"));
    let copy = copy(samples::PARALLEL, DesiredRole::Active, 1, &[role]);
    assert_eq!(read(&copy, &place.listed, &place.scopes).unwrap()[0].key.namespace, None);
}

#[test]
fn rights_over_the_own_fence_are_refused() {
    let role = |resources: Value, verbs: Value| {
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "x" },
                "rules": [{ "apiGroups": [""], "resources": resources, "verbs": verbs }] })
    };
    assert_eq!(fields(judge(&role(json!(["resourcequotas"]), json!(["patch"])))), ["rules[0]"]);
    assert_eq!(fields(judge(&role(json!(["*"]), json!(["*"])))), ["rules[0]"]);
    assert!(judge(&role(json!(["*"]), json!(["get"]))).is_ok());
    assert!(judge(&role(json!(["pods"]), json!(["create"]))).is_ok());
    let token = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x",
        "annotations": { "kubernetes.io/service-account.name": "verbund-agent" } },
        "type": "kubernetes.io/service-account-token" });
    assert_eq!(fields(judge(&token)), ["metadata.annotations"]);
}

#[test]
fn the_agents_own_labels_cannot_be_forged() {
    let mut labelled = service();
    labelled["metadata"]["labels"] = json!({ "verbund.de/workload": "other" });
    assert_eq!(fields(judge(&labelled)), ["metadata.labels"]);
    let mut template = deployment();
    template["spec"]["template"]["metadata"]["annotations"] = json!({ "verbund.de/epoch": "9" });
    assert_eq!(fields(judge(&template)), ["spec.template.metadata.annotations"]);
    let mut owned = service();
    owned["metadata"]["ownerReferences"] = json!([{ "uid": "x" }]);
    assert_eq!(fields(judge(&owned)), ["metadata.ownerReferences"]);
}

#[test]
fn the_guard_refuses_what_it_cannot_hold() {
    let cases = [
        ("shareProcessNamespace", json!(true)),
        ("hostPID", json!(true)),
        ("ephemeralContainers", json!([{ "name": "debug", "image": "x", "command": ["x"] }])),
        ("containers.0.command", json!([])),
        ("containers.0.command", Value::Null),
        ("initContainers", json!([{ "name": "early", "image": "x" }])),
        ("volumes", json!([{ "name": "verbund-guard", "emptyDir": {} }])),
        ("containers.0.volumeMounts", json!([{ "name": "x", "mountPath": "/verbund-guard/" }])),
        ("containers.0.volumeMounts", json!([{ "name": "x", "mountPath": "/" }])),
    ];
    for (path, value) in cases {
        let body = pod_with(path, value.clone());
        assert_eq!(fields(judge_as(samples::GUARDED, std::slice::from_ref(&body))).len(), 1, "{path} = {value}");
        // The control: without the guard only what escapes the namespace is refused.
        assert_eq!(judge_as(samples::EXCLUSIVE, &[body]).is_ok(), path != "hostPID", "{path}");
    }
}

#[test]
fn kinds_that_the_cluster_does_not_know_are_waited_for() {
    let thing = json!({ "apiVersion": "example.org/v1", "kind": "Thing", "metadata": { "name": "x" } });
    assert!(matches!(judge(&thing), Err(Unfit::UnknownKinds(kinds)) if kinds.len() == 1));
    let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.example.org" },
        "spec": { "group": "example.org", "scope": "Namespaced", "names": { "kind": "Thing" }, "versions": [{ "name": "v1" }] } });
    let mut place = Place::new();
    place.listed.insert(samples::kind("apiextensions.k8s.io/v1/CustomResourceDefinition"));
    let copy = copy(samples::PARALLEL, DesiredRole::Active, 1, &[thing, definition]);
    let manifests = read(&copy, &place.listed, &place.scopes).unwrap();
    assert_eq!(manifests[0].defined_by.as_ref().unwrap().name, "things.example.org");
}

#[test]
fn an_object_stands_once() {
    assert_eq!(fields(judge_as(samples::PARALLEL, &[service(), service()])), ["metadata.name"]);
    assert!(fields(judge(&json!({ "kind": "Service" })))[0].contains("name"));
}
