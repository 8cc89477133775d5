//! From the manifests of a copy to the objects that are applied: a pure function.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use verbund_model::ClusterName;
use verbund_model::resource::{ApiKind, FenceLevel};

use crate::desired::{DesiredCopy, DesiredRole};
use crate::manifest::{self, Manifest, Unfit};
use crate::object::{Object, ObjectKey, Origin, Scopes};
use crate::settings::Settings;
use crate::{base, guard, names, pods, secret};

/// What rendering depends on beside the copy.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// Cluster-scoped kinds that its operator allows.
    pub listed: &'a BTreeSet<ApiKind>,
    /// The kinds that it knows.
    pub scopes: &'a Scopes,
    /// What its operator set.
    pub settings: &'a Settings,
}

/// An object that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// It.
    pub object: Arc<Object>,
    /// Whether it may be taken from another manager.
    pub take_over: bool,
    /// The definition of its kind, if the manifest brings that.
    pub defined_by: Option<ObjectKey>,
}

/// The objects of a copy, in the order of application; without namespace, quota and the like. A standby has only what runs
/// nothing; a copy that is to stop has what an active one has, and one that is gone has nothing.
///
/// # Errors
/// [`Unfit`].
pub fn render(copy: &DesiredCopy, context: &Context<'_>) -> Result<Vec<Wanted>, Unfit> {
    if matches!(copy.role, DesiredRole::Gone { .. }) {
        return Ok(Vec::new());
    }
    let mut manifests = manifest::read(copy, context.listed, context.scopes)?;
    manifests.sort_by_key(|manifest| {
        (pods::rank(&manifest.key.kind, manifest.key.namespace.is_none()), manifest.key.clone())
    });
    let scaled = scaled(&manifests);
    let standby = copy.role == DesiredRole::Standby;
    let wanted = manifests.into_iter().filter(|manifest| !standby || pods::is_inert(&manifest.key.kind));
    let mut objects: Vec<Wanted> = wanted.map(|manifest| object(manifest, copy, context, &scaled)).collect();
    let workload = copy.workload.as_str();
    let secrets = copy.secrets.iter().filter_map(|secret| secret.object(workload));
    let secrets = secrets.map(|object| Wanted { object: Arc::new(object), take_over: false, defined_by: None });
    objects = secrets.chain(objects).collect();
    if !standby {
        let object = Arc::new(base::epoch_config(copy, context.cluster.as_str()));
        objects.insert(0, Wanted { object, take_over: false, defined_by: None });
    }
    Ok(objects)
}

/// The same object, leading no traffic anywhere; `None` if it leads none.
#[must_use]
pub fn cut(wanted: &Wanted) -> Option<Object> {
    let Object { key, origin, body, .. } = &*wanted.object;
    let is_service = key.kind.group.is_empty() && key.kind.kind == "Service";
    if !is_service || body["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let mut body = body.clone();
    body["spec"]["selector"][names::CUT] = "true".into();
    body["metadata"]["annotations"].as_object_mut().map(|annotations| annotations.remove(names::APPLIED));
    Some(Object::seal(key.clone(), *origin, body))
}

fn object(
    manifest: Manifest,
    copy: &DesiredCopy,
    context: &Context<'_>,
    scaled: &BTreeSet<(String, String)>,
) -> Wanted {
    let Manifest { key, mut body, take_over, defined_by } = manifest;
    if key.namespace.is_some() {
        body["metadata"]["namespace"] = copy.workload.as_str().into();
    }
    label(&mut body, copy.workload.as_str());
    if let Some(annotations) = body["metadata"]["annotations"].as_object_mut() {
        annotations.remove(names::TAKE_OVER);
    }
    if scaled.contains(&(key.kind.kind.clone(), key.name.clone()))
        && let Some(spec) = body["spec"].as_object_mut()
    {
        spec.remove("replicas");
    }
    if key.kind.group == "batch"
        && key.kind.kind == "Job"
        && let Some(spec) = body["spec"].as_object_mut()
    {
        // A Job that removed itself would be made and run again; it goes when the copy goes.
        spec.remove("ttlSecondsAfterFinished");
    }
    if let Some(template) = pods::template_mut(&key.kind, &mut body) {
        activate(template, copy, context);
        // Nothing that cannot be changed in place is made anew for other values: a Job would run again.
        if !copy.secrets.is_empty() && !pods::is_immutable(&key.kind) {
            template["metadata"]["annotations"][names::SECRETS] = secret::stamps(&copy.secrets).into();
        }
    }
    Wanted { object: Arc::new(Object::seal(key, Origin::Manifest, body)), take_over, defined_by }
}

fn label(body: &mut Value, workload: &str) {
    if !body["metadata"]["labels"].is_object() {
        body["metadata"]["labels"] = Value::Object(serde_json::Map::new());
    }
    for (name, value) in base::owner(workload) {
        body["metadata"]["labels"][name] = value;
    }
}

/// Tells pods their epoch, and guards them.
fn activate(template: &mut Value, copy: &DesiredCopy, context: &Context<'_>) {
    if !template["metadata"].is_object() {
        template["metadata"] = Value::Object(serde_json::Map::new());
    }
    if !template["metadata"]["annotations"].is_object() {
        template["metadata"]["annotations"] = Value::Object(serde_json::Map::new());
    }
    template["metadata"]["annotations"][names::EPOCH] = copy.epoch.to_string().into();
    if copy.fence() == Some(FenceLevel::Guard) {
        guard::inject(template, copy, context.settings);
    }
    for list in ["initContainers", "containers"] {
        for container in template["spec"][list].as_array_mut().into_iter().flatten() {
            guard::set_env(container, names::ENV_CLUSTER, context.cluster.as_str());
            guard::set_env(container, names::ENV_EPOCH, &copy.epoch.to_string());
            guard::set_env(container, names::ENV_WORKLOAD, copy.workload.as_str());
        }
    }
}

/// Kind and name of what an autoscaler of the manifest scales: their `replicas` are its own.
fn scaled(manifests: &[Manifest]) -> BTreeSet<(String, String)> {
    let is_scaler = |manifest: &&Manifest| {
        let kind = &manifest.key.kind;
        (kind.group == "autoscaling" && kind.kind == "HorizontalPodAutoscaler")
            || (kind.group == "keda.sh" && kind.kind == "ScaledObject")
    };
    let target = |manifest: &Manifest| {
        let target = &manifest.body["spec"]["scaleTargetRef"];
        let kind = target["kind"].as_str().unwrap_or("Deployment");
        target["name"].as_str().map(|name| (kind.to_owned(), name.to_owned()))
    };
    manifests.iter().filter(is_scaler).filter_map(target).collect()
}

#[cfg(test)]
mod tests;
