//! What a cluster's nodes can give, and what is wrong with them.

use serde_json::Value;
use verbund_model::resource::Amounts;

use crate::requests;

/// A node, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Which start of its machine this is.
    pub boot: String,
    /// What is wrong with it; empty when nothing is.
    pub trouble: String,
    /// Whether pods of workloads may be put there: ready, not cordoned, without a taint that keeps them away.
    pub open: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// What it gives to pods.
    pub allocatable: Amounts,
}

/// A node from its object.
pub fn read(node: &Value) -> Node {
    let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let conditions = node["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let condition = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let ready = condition("Ready").is_some_and(|condition| condition["status"] == "True");
    let mut trouble = Vec::new();
    if !ready {
        let why = condition("Ready").and_then(|condition| condition["reason"].as_str()).unwrap_or("no condition Ready");
        trouble.push(format!("not ready ({why})"));
    }
    for pressure in ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] {
        if condition(pressure).is_some_and(|condition| condition["status"] == "True") {
            trouble.push(pressure.to_owned());
        }
    }
    let taints = node["spec"]["taints"].as_array().map_or(&[][..], Vec::as_slice);
    let kept = taints.iter().any(|taint| taint["effect"] == "NoSchedule" || taint["effect"] == "NoExecute");
    let cordoned = node["spec"]["unschedulable"] == true;
    Node {
        trouble: if trouble.is_empty() { String::new() } else { format!("node {name}: {}", trouble.join(", ")) },
        boot: node["status"]["nodeInfo"]["bootID"].as_str().unwrap_or_default().to_owned(),
        open: ready && !kept && !cordoned,
        ready,
        allocatable: requests::amounts(&node["status"]["allocatable"]),
        name,
    }
}

/// What is wrong with the cluster, and whether it runs pods at all.
pub fn judge(nodes: &[Node]) -> (bool, String) {
    let ready = nodes.iter().any(|node| node.ready);
    let mut wrong: Vec<&str> = nodes.iter().map(|node| node.trouble.as_str()).filter(|text| !text.is_empty()).collect();
    let more = wrong.len().saturating_sub(5);
    wrong.truncate(5);
    let mut text = wrong.join("; ");
    if more > 0 {
        text = format!("{text}; and {more} more");
    }
    if nodes.is_empty() {
        "there are no nodes".clone_into(&mut text);
    } else if ready && !nodes.iter().any(|node| node.open) {
        text = format!("no node takes pods: all ready ones are cordoned or tainted. {text}").trim_end().to_owned();
    }
    (ready, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, ready: &str, spec: Value) -> Node {
        read(&json!({
            "metadata": { "name": name },
            "spec": spec,
            "status": {
                "allocatable": { "cpu": "4", "memory": "8Gi", "pods": "110" },
                "conditions": [{ "type": "Ready", "status": ready, "reason": "KubeletNotReady" }],
                "nodeInfo": { "bootID": "b" },
            },
        }))
    }

    #[test]
    fn only_ready_untainted_nodes_take_pods() {
        assert!(node("a", "True", json!({})).open);
        assert!(!node("a", "Unknown", json!({})).open);
        assert!(!node("a", "True", json!({ "unschedulable": true })).open);
        let taint = json!({ "taints": [{ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" }] });
        assert!(!node("a", "True", taint).open);
        let soft = json!({ "taints": [{ "key": "x", "effect": "PreferNoSchedule" }] });
        assert!(node("a", "True", soft).open);
        assert_eq!(node("a", "True", json!({})).allocatable.cpu_millis, 4_000);
    }

    #[test]
    fn what_is_wrong_is_said_in_few_words() {
        assert_eq!(judge(&[node("a", "True", json!({}))]), (true, String::new()));
        assert_eq!(judge(&[]), (false, "there are no nodes".to_owned()));
        let (ready, text) = judge(&[node("a", "True", json!({})), node("b", "False", json!({}))]);
        assert!(ready);
        assert_eq!(text, "node b: not ready (KubeletNotReady)");
        let all: Vec<Node> = (0..9).map(|n| node(&n.to_string(), "Unknown", json!({}))).collect();
        let (ready, text) = judge(&all);
        assert!(!ready && text.ends_with("and 4 more"), "{text}");
    }
}
