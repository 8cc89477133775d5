//! Where pods are described: the kinds that make pods, and their templates.

use serde_json::Value;
use verbund_model::resource::ApiKind;

/// Where the pod template lies in a body of this kind; `None` for kinds that make no pods by themselves. A `Pod` is its own
/// template: the path is empty.
#[must_use]
pub fn template_path(kind: &ApiKind) -> Option<&'static [&'static str]> {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => Some(&[]),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job") => Some(&["spec", "template"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// The pod template in a body.
#[must_use]
pub fn template<'a>(kind: &ApiKind, body: &'a Value) -> Option<&'a Value> {
    template_path(kind).map(|path| path.iter().fold(body, |value, field| &value[*field])).filter(|t| t.is_object())
}

/// The same, to change it.
pub fn template_mut<'a>(kind: &ApiKind, body: &'a mut Value) -> Option<&'a mut Value> {
    let path = template_path(kind)?;
    path.iter().try_fold(body, |value, field| value.get_mut(*field)).filter(|t| t.is_object())
}

/// Whether objects of this kind may exist where nothing runs: they make no pods, and lead no traffic to any.
#[must_use]
pub fn is_inert(kind: &ApiKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        (
            "",
            "ServiceAccount"
                | "ConfigMap"
                | "Secret"
                | "Service"
                | "PersistentVolumeClaim"
                | "LimitRange"
                | "ResourceQuota"
        ) | ("rbac.authorization.k8s.io" | "apiextensions.k8s.io" | "scheduling.k8s.io" | "storage.k8s.io", _)
            | ("networking.k8s.io", "NetworkPolicy")
            | ("policy", "PodDisruptionBudget")
    )
}

/// Whether a change of an object of this kind means to make it anew.
#[must_use]
pub fn is_immutable(kind: &ApiKind) -> bool {
    matches!((kind.group.as_str(), kind.kind.as_str()), ("", "Pod") | ("batch", "Job"))
}

/// When an object of this kind is applied: lower before higher. What others lean on comes first.
#[must_use]
pub fn rank(kind: &ApiKind, cluster_scoped: bool) -> u8 {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        ("admissionregistration.k8s.io", _) => 9,
        _ if cluster_scoped => 1,
        ("", "ServiceAccount") => 2,
        ("rbac.authorization.k8s.io", _) => 3,
        ("", "ConfigMap" | "Secret") => 4,
        ("", "PersistentVolumeClaim" | "LimitRange" | "ResourceQuota")
        | ("networking.k8s.io", "NetworkPolicy")
        | ("policy", "PodDisruptionBudget") => 5,
        ("", "Service") => 6,
        ("batch", _) => 9,
        ("", _) | ("apps", _) => 7,
        _ => 8,
    }
}
