//! What is there of one workload.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use verbund_agent_core::{NamespaceState, ObjectKey, ObservedCopy, ObservedNamespace, ObservedObject, base, names};

use crate::pod::Pod;

#[derive(Default)]
pub(crate) struct Space {
    pub(crate) namespace: Option<Arc<Value>>,
    pub(crate) terminating: bool,
    pub(crate) objects: BTreeMap<ObjectKey, Arc<Value>>,
    pub(crate) pods: BTreeMap<String, Pod>,
    /// The observation that was last made, until something changes.
    pub(crate) seen: Option<Arc<ObservedCopy>>,
    pub(crate) made: u64,
}

impl Space {
    pub(crate) fn is_empty(&self) -> bool {
        self.namespace.is_none() && self.objects.is_empty() && self.pods.is_empty()
    }

    /// How many pods the quota lets be; none without a quota: then there is no limit.
    pub(crate) fn quota(&self, workload: &str) -> Option<u64> {
        let quota = self.objects.get(&base::quota_key(workload))?;
        quota["status"]["hard"]["pods"].as_str()?.parse().ok()
    }

    pub(crate) fn observe(&mut self, workload: &str) -> Arc<ObservedCopy> {
        if let Some(seen) = &self.seen {
            return seen.clone();
        }
        let namespace = match &self.namespace {
            None => NamespaceState::Absent,
            Some(_) if self.terminating => NamespaceState::Terminating,
            Some(live) if live["metadata"]["labels"][names::WORKLOAD] == workload => {
                NamespaceState::Ours(ObservedNamespace { live: live.clone() })
            }
            Some(_) => NamespaceState::Foreign,
        };
        let (ours, foreign): (Vec<_>, Vec<_>) =
            self.objects.iter().partition(|(_, live)| live["metadata"]["labels"][names::WORKLOAD] == workload);
        let seen = Arc::new(ObservedCopy {
            namespace,
            objects: ours.into_iter().map(|(key, live)| (key.clone(), ObservedObject { live: live.clone() })).collect(),
            pods: self.pods.values().map(Pod::observed).collect(),
            foreign: foreign.into_iter().map(|(key, live)| (key.clone(), live.clone())).collect(),
        });
        self.seen = Some(seen.clone());
        seen
    }
}
