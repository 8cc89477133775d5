//! The objects of a workload that are ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::names;
use crate::object::ObjectKey;
use crate::observed::ObservedCopy;
use crate::{base, pods};

/// Group, kind, namespace and name.
type Identity<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

/// What is there and ours, by identity: versions differ between those who write and those who read.
pub(super) struct Seen<'a> {
    workload: &'a str,
    objects: BTreeMap<Identity<'a>, (&'a ObjectKey, &'a Arc<Value>)>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(workload: &'a str, observed: &'a ObservedCopy) -> Self {
        let ours = observed.objects.iter().filter(|(_, object)| is_ours(workload, &object.live));
        let objects = ours.map(|(key, object)| (key.identity(), (key, &object.live))).collect();
        Self { workload, objects }
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&'a Arc<Value>> {
        self.objects.get(&key.identity()).map(|(_, live)| *live)
    }

    /// The objects for which `leaves` holds, last applied first. The namespace is not among them, nor what every namespace
    /// has: that goes with it.
    pub(super) fn in_order_of_removal(&self, leaves: impl Fn(&ObjectKey) -> bool) -> Vec<ObjectKey> {
        let keys = self.objects.values().map(|(key, _)| *key);
        let mut keys: Vec<&ObjectKey> = keys.filter(|key| !self.is_base(key) && leaves(key)).collect();
        keys.sort_by_key(|key| (std::cmp::Reverse(pods::rank(&key.kind, key.namespace.is_none())), *key));
        keys.into_iter().cloned().collect()
    }

    fn is_base(&self, key: &ObjectKey) -> bool {
        let base = [
            base::quota_key(self.workload),
            ObjectKey::new("v1", "LimitRange", Some(self.workload), names::LIMITS),
            ObjectKey::new("v1", "ServiceAccount", Some(self.workload), names::SERVICE_ACCOUNT),
            ObjectKey::new("networking.k8s.io/v1", "NetworkPolicy", Some(self.workload), names::DEFAULT_DENY),
            ObjectKey::new("networking.k8s.io/v1", "NetworkPolicy", Some(self.workload), names::BASE_EGRESS),
            ObjectKey::new("rbac.authorization.k8s.io/v1", "RoleBinding", Some(self.workload), names::ROLE_BINDING),
        ];
        base.iter().any(|base| base.identity() == key.identity())
    }
}

/// Whether the agent applied it itself. A label alone does not say so: controllers copy labels to what they make.
pub(super) fn is_ours(workload: &str, live: &Value) -> bool {
    let metadata = &live["metadata"];
    let owners = metadata["ownerReferences"].as_array();
    metadata["labels"][names::WORKLOAD] == workload
        && metadata["annotations"][names::APPLIED].is_string()
        && !owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
}

/// Who else manages an object: Argo CD or Flux, by what they leave on it.
pub(super) fn manager(live: &Value) -> Option<&'static str> {
    let metadata = &live["metadata"];
    let label = |name: &str| metadata["labels"][name].is_string();
    if metadata["annotations"]["argocd.argoproj.io/tracking-id"].is_string() || label("argocd.argoproj.io/instance") {
        return Some("Argo CD");
    }
    let flux = ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];
    flux.into_iter().any(label).then_some("Flux")
}
