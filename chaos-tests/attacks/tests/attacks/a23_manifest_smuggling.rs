//! Attack 23: a workload's manifests reach beyond its namespace: privileged pods, the node's file system, its network and processes,
//! another's namespace, kinds of the whole cluster; also hidden in lists and in fields of another type than Kubernetes wants
//! (design 6).
//!
//! Expected: denied twice, by every replica when the workload is applied, and by the agent before it applies anything. Kinds that
//! belong to a whole cluster are allowed cluster by cluster, so that the federation places such a workload nowhere else
//! (`raft/planner/tests/golden.rs`, rule APP.4.4.A1), and the agent refuses them. Capabilities, ports of the node and the like are
//! the agent's alone. The third judgement, the API server's own admission, is in `agents/kube/tests/real`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verbund_agent_core::manifest::{Unfit, read};
use verbund_agent_core::{DesiredCopy, DesiredRole, ObjectKey, Scope, Scopes};
use verbund_attacks::world::World;
use verbund_kit::Workload;
use verbund_model::resource::{Amounts, Mode, WorkloadSpec};
use verbund_model::{Command, Document, Outcome, Refusal};

const NAME: &str = "wohngeld";

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web:1", "command": ["/web"] }] },
            },
        },
    })
}

/// The Deployment with a value at a path of its pod's specification.
fn pod_with(pointer: &str, value: Value) -> Value {
    let mut body = deployment();
    let spec = body.pointer_mut("/spec/template/spec").unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[field] = value;
    body
}

/// What a replica answers when the workload is applied.
fn applied(world: &mut World, manifests: Vec<Value>) -> Outcome {
    let workload = Workload::new(NAME, Mode::Parallel { copies: 1 }).unwrap();
    let manifests = manifests.iter().map(|manifest| Document::from_value(manifest).unwrap()).collect();
    let mut spec = WorkloadSpec { manifests, standby: None, ..workload.spec };
    spec.requirements.networks.clear();
    let (name, organisation) = (workload.name, "kost".parse().unwrap());
    let command = Command::ApplyWorkload { name, organisation, customer: None, spec, expect: None, emergency: None };
    let envelope = world.administrator_says(command).unwrap();
    world.apply(&envelope)
}

/// What an agent says to it.
fn judged(manifests: &[Value]) -> Result<usize, Unfit> {
    let copy = DesiredCopy {
        workload: NAME.parse().unwrap(),
        organisation: "kost".parse().unwrap(),
        epoch: 1,
        role: DesiredRole::Active,
        mode: Mode::Parallel { copies: 1 },
        generation: 0,
        stop_budget: 1000,
        manifests: manifests.iter().map(|manifest| Document::from_value(manifest).unwrap()).collect(),
        secrets: Default::default(),
        amounts: Amounts::default(),
    };
    let scopes: Scopes = [
        ("v1", "ConfigMap", Scope::Namespaced),
        ("v1", "Pod", Scope::Namespaced),
        ("apps/v1", "Deployment", Scope::Namespaced),
        ("batch/v1", "CronJob", Scope::Namespaced),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", Scope::Cluster),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", Scope::Cluster),
    ]
    .map(|(api, kind, scope)| (ObjectKey::new(api, kind, None, "x").kind, scope))
    .into();
    read(&copy, &BTreeSet::new(), &scopes).map(|manifests| manifests.len())
}

fn smuggled() -> Vec<(&'static str, Value)> {
    let privileged = json!({ "privileged": true });
    let config_map = |namespace: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c", "namespace": namespace } });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
        "spec": { "hostPID": true, "containers": [{ "name": "c", "image": "i" }] },
    });
    let mut cron = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "n" }, "spec": {} });
    cron["spec"]["jobTemplate"]["spec"]["template"]["spec"] =
        json!({ "containers": [{ "name": "c", "image": "i", "securityContext": privileged }] });
    let list =
        |item: &Value| json!({ "apiVersion": "v1", "kind": "List", "metadata": { "name": "l" }, "items": [item] });
    let side = json!([{ "name": "side", "image": "side:1", "securityContext": privileged }]);
    vec![
        ("a privileged container", pod_with("/containers/0/securityContext", privileged.clone())),
        ("one that says so in a text", pod_with("/containers/0/securityContext", json!({ "privileged": "true" }))),
        ("one that says so in a number", pod_with("/containers/0/securityContext", json!({ "privileged": 1 }))),
        ("a privileged container before", pod_with("/initContainers", side.clone())),
        ("a privileged container later", pod_with("/ephemeralContainers", side)),
        ("the node's file system", pod_with("/volumes", json!([{ "name": "v", "hostPath": { "path": "/" } }]))),
        ("the node's network", pod_with("/hostNetwork", json!(true))),
        ("the node's processes", pod_with("/hostPID", json!(true))),
        ("the node's memory", pod_with("/hostIPC", json!(true))),
        ("all of it hidden in a list", list(&pod_with("/hostNetwork", json!(true)))),
        ("a pod in a list", list(&pod)),
        ("a job that starts it later", cron),
        ("another's namespace", config_map(json!("kube-system"))),
        ("another's namespace in a list", list(&config_map(json!("steuer")))),
        ("a namespace that is no text", config_map(json!(["kube-system"]))),
        (
            "another's namespace itself",
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "steuer" } }),
        ),
        ("a list within a list", list(&list(&pod))),
    ]
}

#[test]
fn it_is_denied_where_it_is_applied_and_where_it_would_run() {
    let mut world = World::new().unwrap();
    let own = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c", "namespace": NAME } });
    let taken = applied(&mut world, vec![deployment(), own.clone()]);
    assert!(matches!(taken, Outcome::Accepted(_)), "positive control: {taken:?}");
    assert_eq!(judged(&[deployment(), own]), Ok(2), "positive control");
    for (what, manifest) in smuggled() {
        let outcome = applied(&mut world, vec![deployment(), manifest.clone()]);
        let Outcome::Refused(Refusal::Invalid { field, reason }) = outcome else { panic!("{what}: {outcome:?}") };
        assert!(field.starts_with("spec.manifests[1]") && reason.contains("found"), "{what}: {field}: {reason}");
        // A list within a list is nothing that a cluster knows: nothing is applied then either.
        assert!(judged(&[deployment(), manifest]).is_err(), "{what}: the agent would apply it");
    }
}

#[test]
fn an_agent_applies_no_kind_of_the_whole_cluster() {
    let kinds = [
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ];
    for (api, kind) in kinds {
        let manifest = json!({ "apiVersion": api, "kind": kind, "metadata": { "name": "mine" } });
        for manifest in [
            manifest.clone(),
            json!({ "apiVersion": "v1", "kind": "List", "metadata": { "name": "l" }, "items": [manifest] }),
        ] {
            let Err(Unfit::Refused(faults)) = judged(&[deployment(), manifest]) else { panic!("{kind} was let in") };
            assert!(faults.iter().any(|fault| fault.problem.contains("whole cluster")), "{faults:?}");
        }
    }
}
