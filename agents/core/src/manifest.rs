//! Manifests, read and judged: what may not run is refused here, whatever the API let pass (attack 23).

mod pod;
mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use verbund_model::resource::{ApiKind, FenceLevel};

use crate::desired::DesiredCopy;
use crate::names;
use crate::object::{ObjectKey, Scope, Scopes};

/// The most objects of one workload.
pub const MAX_OBJECTS: usize = 512;

/// Namespaces that no workload may have.
const RESERVED: [&str; 3] = ["default", "verbund", "verbund-system"];

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The object, such as `apps/v1/Deployment web`; or its place in the manifest.
    pub object: String,
    /// The path of the field.
    pub field: String,
    /// What was found, and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.field, self.problem)
    }
}

/// An object of a manifest that may be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Which object.
    pub key: ObjectKey,
    /// Its body, as it was written but for what only a server sets.
    pub body: Value,
    /// Whether it takes an object over from another manager.
    pub take_over: bool,
    /// Index in the list of the definition (CRD) of its kind, if the manifest brings it.
    pub defined_by: Option<ObjectKey>,
}

/// What is wrong with a workload's manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// They are refused; these are the faults, at most 20.
    Refused(Vec<Fault>),
    /// The cluster does not know these kinds (yet).
    UnknownKinds(BTreeSet<ApiKind>),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(faults) => {
                let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
                write!(f, "refused: {}", faults.join("; "))
            }
            Self::UnknownKinds(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(ApiKind::to_string).collect();
                write!(f, "the cluster does not know {}", kinds.join(", "))
            }
        }
    }
}

/// Gathers faults of one object.
pub(crate) struct Faults<'a> {
    object: &'a str,
    found: &'a mut Vec<Fault>,
}

impl Faults<'_> {
    pub(crate) fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        if self.found.len() < 20 {
            self.found.push(Fault { object: self.object.to_owned(), field: field.into(), problem: problem.into() });
        }
    }
}

/// Reads and judges the manifests of a copy. `listed` are the cluster-scoped kinds that the cluster's operator allows,
/// `scopes` what the cluster knows.
///
/// # Errors
/// [`Unfit`]: nothing of the copy may be applied.
pub fn read(copy: &DesiredCopy, listed: &BTreeSet<ApiKind>, scopes: &Scopes) -> Result<Vec<Manifest>, Unfit> {
    let mut faults = Vec::new();
    let namespace = copy.workload.as_str();
    if RESERVED.contains(&namespace) || namespace.starts_with("kube-") {
        let problem = format!("the namespace {namespace:?} belongs to the cluster; give the workload another name");
        faults.push(Fault { object: "workload".to_owned(), field: "name".to_owned(), problem });
    }
    let mut bodies = Vec::new();
    for (number, document) in copy.manifests.iter().enumerate() {
        unfold(document.to_value(), &format!("manifests[{number}]"), &mut bodies);
    }
    if bodies.len() > MAX_OBJECTS {
        let problem = format!("{} objects, but at most {MAX_OBJECTS} are allowed", bodies.len());
        faults.push(Fault { object: "workload".to_owned(), field: "manifests".to_owned(), problem });
        return Err(Unfit::Refused(faults));
    }
    let defined = definitions(&bodies);
    let mut unknown = BTreeSet::new();
    let mut manifests: Vec<Manifest> = Vec::new();
    let judge = Judge { copy, listed, scopes, defined: &defined };
    for (place, body) in bodies {
        match judge.one(&place, body, &mut faults) {
            Judged::Fits(manifest) => {
                if manifests.iter().any(|other| other.key.identity() == manifest.key.identity()) {
                    let object = manifest.key.to_string();
                    let problem = "the manifest names this object twice".to_owned();
                    faults.push(Fault { object, field: "metadata.name".to_owned(), problem });
                }
                manifests.push(*manifest);
            }
            Judged::Unknown(kind) => drop(unknown.insert(kind)),
            Judged::Nothing => {}
        }
    }
    if !faults.is_empty() {
        return Err(Unfit::Refused(faults));
    }
    if !unknown.is_empty() {
        return Err(Unfit::UnknownKinds(unknown));
    }
    Ok(manifests)
}

/// A `List` counts as its items.
fn unfold(body: Value, place: &str, into: &mut Vec<(String, Value)>) {
    if body["kind"] == "List" && body["items"].is_array() {
        for (number, item) in body["items"].as_array().into_iter().flatten().enumerate() {
            into.push((format!("{place}.items[{number}]"), item.clone()));
        }
    } else {
        into.push((place.to_owned(), body));
    }
}

/// The kinds that the manifest itself defines, with scope and defining object.
fn definitions(bodies: &[(String, Value)]) -> BTreeMap<ApiKind, (Scope, ObjectKey)> {
    let mut found = BTreeMap::new();
    for (_, body) in bodies.iter().filter(|(_, body)| body["kind"] == "CustomResourceDefinition") {
        let (Some(api), Some(name)) = (body["apiVersion"].as_str(), body["metadata"]["name"].as_str()) else {
            continue;
        };
        let spec = &body["spec"];
        let scope = if spec["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
        let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else { continue };
        let key = ObjectKey::new(api, "CustomResourceDefinition", None, name);
        for version in spec["versions"].as_array().into_iter().flatten().filter_map(|v| v["name"].as_str()) {
            let kind = ApiKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
            found.insert(kind, (scope, key.clone()));
        }
    }
    found
}

enum Judged {
    Fits(Box<Manifest>),
    Unknown(ApiKind),
    /// It was refused, or is nothing to apply.
    Nothing,
}

struct Judge<'a> {
    copy: &'a DesiredCopy,
    listed: &'a BTreeSet<ApiKind>,
    scopes: &'a Scopes,
    defined: &'a BTreeMap<ApiKind, (Scope, ObjectKey)>,
}

impl Judge<'_> {
    fn one(&self, place: &str, mut body: Value, found: &mut Vec<Fault>) -> Judged {
        let before = found.len();
        let text = |field: &Value| field.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (api, kind) = (text(&body["apiVersion"]), text(&body["kind"]));
        let name = text(&body["metadata"]["name"]);
        let (Some(api), Some(kind), Some(name)) = (api, kind, name) else {
            let problem = "apiVersion, kind and metadata.name must be given, as texts".to_owned();
            found.push(Fault { object: place.to_owned(), field: "metadata.name".to_owned(), problem });
            return Judged::Nothing;
        };
        let mut key = ObjectKey::new(&api, &kind, None, &name);
        let label = format!("{} {name}", key.kind);
        let mut faults = Faults { object: &label, found };
        let own = self.copy.workload.as_str();
        if key.kind.group.is_empty() && key.kind.kind == "Namespace" {
            // It is made anyway; its labels are the agent's.
            if name != own {
                faults.add(
                    "metadata.name",
                    format!("{name:?} is a foreign namespace; a workload has the one called {own:?}"),
                );
            }
            return Judged::Nothing;
        }
        let Some(scope) = self.scope(&key.kind) else { return Judged::Unknown(key.kind) };
        match scope {
            Scope::Namespaced => {
                let namespace = &body["metadata"]["namespace"];
                if !namespace.is_null() && namespace != own {
                    let problem = format!("{namespace} is a foreign namespace; leave it out, or say {own:?}");
                    faults.add("metadata.namespace", problem);
                }
                key.namespace = Some(own.to_owned());
            }
            Scope::Cluster => {
                let is_listed = |listed: &ApiKind| listed.group == key.kind.group && listed.kind == key.kind.kind;
                if !self.listed.iter().any(is_listed) {
                    let problem =
                        "its kind belongs to the whole cluster and is not on the list of the cluster's operator";
                    faults.add("kind", problem);
                }
            }
        }
        let take_over = self.metadata(&body, &mut faults);
        reserved(&key, &mut faults);
        rights::judge(&key, &body, &mut faults);
        pod::judge(&key.kind, &body, self.copy.fence() == Some(FenceLevel::Guard), &mut faults);
        if found.len() > before {
            return Judged::Nothing;
        }
        strip(&mut body);
        let defined_by = self.defined.get(&key.kind).map(|(_, by)| by.clone());
        Judged::Fits(Box::new(Manifest { key, body, take_over, defined_by }))
    }

    fn scope(&self, kind: &ApiKind) -> Option<Scope> {
        self.scopes.get(kind).copied().or_else(|| self.defined.get(kind).map(|(scope, _)| *scope))
    }

    /// Judges labels and annotations. Gives whether the object is to be taken over.
    fn metadata(&self, body: &Value, faults: &mut Faults<'_>) -> bool {
        let metadata = &body["metadata"];
        for field in ["labels", "annotations"] {
            if !(metadata[field].is_null() || metadata[field].is_object()) {
                faults.add(format!("metadata.{field}"), "must be an object");
            }
            for name in metadata[field].as_object().into_iter().flatten().map(|(name, _)| name) {
                let allowed = field == "annotations" && matches!(name.as_str(), names::TAKE_OVER | names::SIMULATE);
                if name.starts_with(names::PREFIX) && !allowed {
                    faults.add(format!("metadata.{field}"), format!("{name:?} is set by the agent alone"));
                }
            }
        }
        for field in ["ownerReferences", "finalizers", "generateName"] {
            if !metadata[field].is_null() {
                faults.add(format!("metadata.{field}"), "not allowed in a manifest");
            }
        }
        metadata["annotations"][names::TAKE_OVER] == "true"
    }
}

/// What the agent itself makes in each namespace.
fn reserved(key: &ObjectKey, faults: &mut Faults<'_>) {
    let taken = match (key.kind.group.as_str(), key.kind.kind.as_str()) {
        ("", "ResourceQuota") => key.name == names::QUOTA,
        ("", "LimitRange") => key.name == names::LIMITS,
        ("", "ServiceAccount") => key.name == names::SERVICE_ACCOUNT,
        ("", "ConfigMap") => key.name == names::EPOCH_CONFIG,
        ("networking.k8s.io", "NetworkPolicy") => key.name == names::DEFAULT_DENY || key.name == names::BASE_EGRESS,
        ("rbac.authorization.k8s.io", "RoleBinding") => key.name == names::ROLE_BINDING,
        _ => false,
    };
    if taken {
        faults.add("metadata.name", format!("the agent makes an object called {:?} itself", key.name));
    }
}

/// Takes away what only a server sets.
fn strip(body: &mut Value) {
    if let Some(object) = body.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = body["metadata"].as_object_mut() {
        for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
            metadata.remove(field);
        }
    }
}

#[cfg(test)]
mod tests;
