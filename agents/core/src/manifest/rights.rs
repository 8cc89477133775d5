//! Objects that give rights: none of them may reach what holds the workload itself.

use serde_json::Value;

use super::Faults;
use crate::names;
use crate::object::ObjectKey;

/// Verbs that change something.
const WRITES: [&str; 7] = ["*", "create", "update", "patch", "delete", "deletecollection", "escalate"];
/// Resources by which a workload could lift its own fence, or take the agent's rights.
const HELD: [&str; 4] = ["*", "resourcequotas", "serviceaccounts/token", "namespaces"];

/// Judges roles, and Secrets that bring tokens.
pub(super) fn judge(key: &ObjectKey, body: &Value, faults: &mut Faults<'_>) {
    match (key.kind.group.as_str(), key.kind.kind.as_str()) {
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => role(body, faults),
        ("", "Secret") if is_agent_token(body) => {
            faults.add("metadata.annotations", "a token of the agent's ServiceAccount is not given out");
        }
        _ => {}
    }
}

fn is_agent_token(body: &Value) -> bool {
    let account = &body["metadata"]["annotations"]["kubernetes.io/service-account.name"];
    body["type"] == "kubernetes.io/service-account-token" && account == names::SERVICE_ACCOUNT
}

fn role(body: &Value, faults: &mut Faults<'_>) {
    for (number, rule) in body["rules"].as_array().into_iter().flatten().enumerate() {
        let has = |field: &str, wanted: &[&str]| {
            rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).any(|found| wanted.contains(&found))
        };
        if has("verbs", &WRITES) && has("apiGroups", &["", "*"]) && has("resources", &HELD) {
            let problem = "rights to change quotas, namespaces or tokens would let the workload lift its own fence; name the \
                           resources that it needs";
            faults.add(format!("rules[{number}]"), problem);
        }
    }
}
