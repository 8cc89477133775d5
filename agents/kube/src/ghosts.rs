//! Pods that vanished without the kubelet's word.
//!
//! A pod can be taken from the API server while its containers run: by force (`--force --grace-period=0`), or by the garbage
//! collector when its node is gone. Such a pod of an exclusive workload is kept here, and counts as running, until its
//! node has started anew (then nothing of before runs). What is kept is kept by this run of the agent: after a restart nobody
//! knows of it any more. Pods that the agent itself stops have a finalizer and cannot vanish ([`crate::FINALIZER`]).

use std::collections::BTreeMap;

use serde_json::Value;
use verbund_agent_core::ObservedPod;

use crate::nodes::Node;
use crate::pods;

/// One that vanished.
#[derive(Clone, Debug)]
struct Ghost {
    pod: ObservedPod,
    node: String,
    /// Which start of the node's machine it ran under; none: not known.
    boot: Option<String>,
}

/// All of them, by namespace.
#[derive(Debug, Default)]
pub struct Ghosts {
    by_namespace: BTreeMap<String, Vec<Ghost>>,
    /// The last known start of each node's machine.
    boots: BTreeMap<String, String>,
}

impl Ghosts {
    /// A pod was removed; this is the last that was seen of it. If it may still run it is kept.
    pub fn vanished(&mut self, namespace: &str, last: &Value) {
        if pods::has_ended(last) || !pods::is_bound(last) {
            return;
        }
        let node = last["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
        let boot = self.boots.get(&node).cloned();
        let trouble = format!("it vanished from the API server, and may still run on node {node}");
        let pod = ObservedPod { confirmed: false, ended: false, ready: false, trouble, ..pods::observed(last) };
        self.by_namespace.entry(namespace.to_owned()).or_default().push(Ghost { pod, node, boot });
    }

    /// What vanished from a namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Vec<ObservedPod> {
        let ghosts = self.by_namespace.get(namespace);
        ghosts.into_iter().flatten().map(|ghost| ghost.pod.clone()).collect()
    }

    /// Takes the nodes as they are now: on one that has started anew since, nothing of before runs. Gives the namespaces of
    /// which something is forgotten.
    pub(crate) fn seen(&mut self, nodes: &[Node]) -> Vec<String> {
        for node in nodes.iter().filter(|node| !node.boot.is_empty()) {
            self.boots.insert(node.name.clone(), node.boot.clone());
        }
        let boots = &self.boots;
        let rebooted = |ghost: &Ghost| match (&ghost.boot, boots.get(&ghost.node)) {
            (Some(then), Some(now)) => then != now,
            _ => false,
        };
        let mut freed = Vec::new();
        self.by_namespace.retain(|namespace, ghosts| {
            let before = ghosts.len();
            ghosts.retain(|ghost| !rebooted(ghost));
            if ghosts.len() < before {
                freed.push(namespace.clone());
            }
            !ghosts.is_empty()
        });
        freed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verbund_model::resource::Amounts;

    use super::*;

    fn node(boot: &str) -> Node {
        let (name, boot, trouble) = ("n1".to_owned(), boot.to_owned(), String::new());
        Node { name, boot, trouble, open: true, ready: true, allocatable: Amounts::default() }
    }

    fn pod(phase: &str) -> Value {
        json!({ "metadata": { "name": "p" }, "spec": { "nodeName": "n1" }, "status": { "phase": phase } })
    }

    #[test]
    fn only_what_may_still_run_is_kept_until_its_node_starts_anew() {
        let mut ghosts = Ghosts::default();
        assert!(ghosts.seen(&[node("one")]).is_empty());
        ghosts.vanished("register", &pod("Succeeded"));
        assert!(ghosts.of("register").is_empty());
        ghosts.vanished("register", &pod("Running"));
        let kept = ghosts.of("register");
        assert_eq!(kept.len(), 1);
        assert!(!kept[0].confirmed && !kept[0].ended);
        assert!(ghosts.seen(&[]).is_empty(), "a node that is not there proves nothing");
        assert!(ghosts.seen(&[node("one")]).is_empty());
        assert_eq!(ghosts.seen(&[node("two")]), ["register"]);
        assert!(ghosts.of("register").is_empty());
    }

    #[test]
    fn what_ran_under_an_unknown_start_is_kept() {
        let mut ghosts = Ghosts::default();
        ghosts.vanished("register", &pod("Running"));
        ghosts.seen(&[node("one")]);
        ghosts.seen(&[node("two")]);
        assert_eq!(ghosts.of("register").len(), 1);
    }
}
