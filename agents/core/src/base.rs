//! What every namespace has: itself with Pod Security `restricted`, a quota, what a container asks for that does not say, a
//! NetworkPolicy that denies, and the ServiceAccount through which the agent acts.

use serde_json::{Map, Value, json};
use verbund_model::resource::{Amounts, FenceLevel};

use crate::desired::DesiredCopy;
use crate::facts::Facts;
use crate::names;
use crate::object::{Object, ObjectKey, Origin};
use crate::settings::Settings;

/// The key of a workload's namespace.
#[must_use]
pub fn namespace_key(workload: &str) -> ObjectKey {
    ObjectKey::new("v1", "Namespace", None, workload)
}

/// The key of its quota.
#[must_use]
pub fn quota_key(workload: &str) -> ObjectKey {
    ObjectKey::new("v1", "ResourceQuota", Some(workload), names::QUOTA)
}

/// The namespace.
#[must_use]
pub fn namespace(facts: &Facts) -> Object {
    let mut labels = owner(&facts.workload);
    for mode in ["enforce", "warn"] {
        labels.insert(format!("pod-security.kubernetes.io/{mode}"), "restricted".into());
    }
    labels.insert(names::FENCE.to_owned(), facts.fence.clone().into());
    labels.insert(names::FENCED.to_owned(), facts.fenced.to_string().into());
    let body = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": facts.workload,
            "labels": labels,
            "annotations": {
                names::ORGANISATION: facts.organisation,
                names::EPOCH: facts.epoch.to_string(),
                names::STOPPED_EPOCH: facts.stopped.to_string(),
                names::GENERATION: facts.generation.to_string(),
                names::STOP_BUDGET: facts.stop_budget.to_string(),
            },
        },
    });
    Object::seal(namespace_key(&facts.workload), Origin::Base, body)
}

/// The quota: twice what one copy uses, so that an update can roll; or, fenced, no pods at all.
#[must_use]
pub fn quota(workload: &str, amounts: Option<&Amounts>) -> Object {
    let mut hard = Map::new();
    match amounts {
        None => drop(hard.insert("pods".to_owned(), "0".into())),
        Some(amounts) => {
            let pods = if amounts.pods == 0 { 1000 } else { amounts.pods.saturating_mul(2) };
            hard.insert("pods".to_owned(), pods.to_string().into());
            if amounts.cpu_millis > 0 {
                hard.insert("requests.cpu".to_owned(), format!("{}m", amounts.cpu_millis.saturating_mul(2)).into());
            }
            if amounts.memory_bytes > 0 {
                let twice = amounts.memory_bytes.saturating_mul(2);
                hard.insert("requests.memory".to_owned(), twice.to_string().into());
            }
            if amounts.storage_bytes > 0 {
                hard.insert("requests.storage".to_owned(), amounts.storage_bytes.to_string().into());
            }
            for (name, amount) in &amounts.extended {
                hard.insert(format!("requests.{name}"), amount.to_string().into());
            }
        }
    }
    sealed(workload, "v1", "ResourceQuota", names::QUOTA, json!({ "spec": { "hard": hard } }))
}

/// Everything but namespace and quota, in the order of application.
#[must_use]
pub fn rest(copy: &DesiredCopy, settings: &Settings) -> Vec<Object> {
    let workload = copy.workload.as_str();
    let limits = json!({ "spec": { "limits": [
        { "type": "Container", "defaultRequest": { "cpu": "10m", "memory": "16Mi" } }
    ] } });
    let deny = json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } });
    let binding = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": settings.cluster_role },
        "subjects": [{ "kind": "ServiceAccount", "name": names::SERVICE_ACCOUNT, "namespace": workload }],
    });
    let account = json!({ "automountServiceAccountToken": false });
    let rbac = "rbac.authorization.k8s.io/v1";
    vec![
        sealed(workload, "v1", "LimitRange", names::LIMITS, limits),
        sealed(workload, "networking.k8s.io/v1", "NetworkPolicy", names::DEFAULT_DENY, deny),
        sealed(workload, "networking.k8s.io/v1", "NetworkPolicy", names::BASE_EGRESS, egress(copy, settings)),
        sealed(workload, "v1", "ServiceAccount", names::SERVICE_ACCOUNT, account),
        sealed(workload, rbac, "RoleBinding", names::ROLE_BINDING, binding),
    ]
}

/// What a workload can read of its own activation.
#[must_use]
pub fn epoch_config(copy: &DesiredCopy, cluster: &str) -> Object {
    let workload = copy.workload.as_str();
    let data = json!({ "data": { "workload": workload, "epoch": copy.epoch.to_string(), "cluster": cluster } });
    sealed(workload, "v1", "ConfigMap", names::EPOCH_CONFIG, data)
}

/// Name servers; and at level `guard` the agent's desk.
fn egress(copy: &DesiredCopy, settings: &Settings) -> Value {
    let dns = json!({ "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }] });
    let mut rules = vec![dns];
    if copy.fence() == Some(FenceLevel::Guard) {
        let port = |port: u16| json!({ "protocol": "UDP", "port": port });
        let ports: Vec<Value> = settings.guard_ports().into_iter().map(port).collect();
        if !ports.is_empty() {
            rules.push(json!({ "ports": ports }));
        }
    }
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": rules } })
}

/// The owner's labels.
#[must_use]
pub fn owner(workload: &str) -> Map<String, Value> {
    let labels = [(names::MANAGED_BY, names::MANAGER), (names::WORKLOAD, workload)];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn sealed(workload: &str, api: &str, kind: &str, name: &str, mut body: Value) -> Object {
    body["apiVersion"] = api.into();
    body["kind"] = kind.into();
    body["metadata"] = json!({ "name": name, "namespace": workload, "labels": owner(workload) });
    Object::seal(ObjectKey::new(api, kind, Some(workload), name), Origin::Base, body)
}
