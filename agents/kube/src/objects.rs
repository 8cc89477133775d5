//! Applying, removing and listing objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::Value;
use verbund_agent_core::{Object, ObjectKey, ObservedObject, Origin, Scope, names};
use verbund_model::WorkloadName;
use verbund_model::resource::ApiKind;

use crate::api::{As, Server, built};
use crate::error::KubeError;
use crate::kinds::{Kind, Kinds, Known};

/// How often all kinds are looked through for objects of a workload, not only those where some were seen.
const SWEEP: Duration = Duration::from_secs(600);
/// How old the known kinds may be when they are looked through.
const KINDS: Duration = Duration::from_secs(60);
/// Requests at a time for one workload.
pub const AT_A_TIME: usize = 8;

/// Kinds whose objects are never a workload's: events are notes, and namespaces are looked at by themselves.
const SKIPPED: [(&str, &str); 4] = [("", "Event"), ("events.k8s.io", "Event"), ("", "Namespace"), ("", "Node")];

/// The kinds in which objects of a workload were seen, and when all were looked through.
#[derive(Default)]
struct Trace {
    kinds: BTreeSet<ApiKind>,
    swept: Option<Instant>,
}

/// The objects of workloads.
pub struct Objects {
    pub server: Server,
    pub kinds: Kinds,
    namespaced: Mutex<HashMap<WorkloadName, Trace>>,
    /// The same for cluster-scoped kinds.
    cluster: Mutex<Trace>,
}

impl Objects {
    pub fn new(server: Server) -> Self {
        Self { server, kinds: Kinds::default(), namespaced: Mutex::default(), cluster: Mutex::default() }
    }

    pub async fn kind(&self, kind: &ApiKind) -> Result<Kind, KubeError> {
        self.kinds.find(self.server.client(), kind, self.server.timeout()).await
    }

    async fn known(&self) -> Result<Arc<Known>, KubeError> {
        self.kinds.known(self.server.client(), KINDS, self.server.timeout()).await
    }

    /// Applies one object.
    pub async fn apply(&self, workload: &WorkloadName, object: &Object) -> Result<(), KubeError> {
        let kind = self.kind(&object.key.kind).await?;
        confine(workload, &object.key, kind.scope)?;
        let path = kind.path(object.key.namespace.as_deref());
        if is_namespace(&object.key) {
            self.refuse_foreign_namespace(workload, object, &path).await?;
        }
        let mut body = object.body.clone();
        if let Some(version) = &object.expect {
            body["metadata"]["resourceVersion"] = version.as_str().into();
        }
        let what = format!("applying {}", object.key);
        let who = match (object.origin, kind.scope) {
            (Origin::Manifest, Scope::Namespaced) => As::Workload(workload),
            // What belongs to the cluster is applied with the agent's rights, which its operator extends kind by kind.
            (Origin::Base, _) | (Origin::Manifest, Scope::Cluster) => As::Agent,
        };
        let params = PatchParams::apply(names::FIELD_MANAGER).force();
        let request = kube::core::Request::new(&path).patch(&object.key.name, &params, &Patch::Apply(&body));
        let _applied: Value = self.server.call(who, &what, built(&what, request)?).await?;
        if object.origin == Origin::Base && object.key.kind.kind == "ServiceAccount" {
            self.server.bind(workload).await?;
        }
        self.remember(workload, &object.key.kind, kind.scope);
        Ok(())
    }

    async fn refuse_foreign_namespace(
        &self,
        workload: &WorkloadName,
        object: &Object,
        path: &str,
    ) -> Result<(), KubeError> {
        let there = self.server.get(As::Agent, path, &object.key.name).await?;
        match there {
            Some(there) if !owned_by(&there, workload) => {
                Err(KubeError::NotOurs { object: object.key.to_string(), workload: workload.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Removes one object that is the workload's.
    pub async fn delete(&self, workload: &WorkloadName, key: &ObjectKey) -> Result<(), KubeError> {
        let kind = match self.kind(&key.kind).await {
            // With its definition went every object.
            Err(KubeError::UnknownKind { .. }) => return Ok(()),
            kind => kind?,
        };
        confine(workload, key, kind.scope)?;
        let path = kind.path(key.namespace.as_deref());
        let own = kind.scope == Scope::Cluster || is_base(key);
        self.delete_at(if own { As::Agent } else { As::Workload(workload) }, workload, key, &path).await
    }

    async fn delete_at(
        &self,
        who: As<'_>,
        workload: &WorkloadName,
        key: &ObjectKey,
        path: &str,
    ) -> Result<(), KubeError> {
        let Some(live) = self.server.get(who, path, &key.name).await? else { return Ok(()) };
        if !owned_by(&live, workload) {
            return Err(KubeError::NotOurs { object: key.to_string(), workload: workload.clone() });
        }
        if !live["metadata"]["deletionTimestamp"].is_null() {
            return Ok(());
        }
        let text = |field: &str| live["metadata"][field].as_str().map(str::to_owned);
        // The very object whose label was read: who takes it over meanwhile, or makes another by this name, keeps it.
        let preconditions = Some(Preconditions { uid: text("uid"), resource_version: text("resourceVersion") });
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        let what = format!("removing {key}");
        let request = kube::core::Request::new(path).delete(&key.name, &params);
        match self.server.call::<Value>(who, &what, built(&what, request)?).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All objects with the owner's label of this workload, in its namespace (if it has one) and of the cluster.
    pub async fn of(
        &self,
        workload: &WorkloadName,
        wanted: &BTreeSet<ObjectKey>,
        has_namespace: bool,
    ) -> Result<BTreeMap<ObjectKey, ObservedObject>, KubeError> {
        let known = self.known().await?;
        let label = format!("{}={workload}", names::WORKLOAD);
        let mut lists = Vec::new();
        let sweeps = has_namespace && self.sweeps(workload);
        for (kind, found) in known.iter().filter(|(kind, found)| found.listable && found.preferred && !skipped(kind)) {
            let wants = wanted.iter().any(|key| same_kind(&key.kind, kind));
            let looks = match found.scope {
                Scope::Namespaced => has_namespace && (sweeps || wants || self.traced(workload, kind)),
                Scope::Cluster => wants || self.lock_cluster().kinds.iter().any(|traced| same_kind(traced, kind)),
            };
            if looks {
                lists.push((kind.clone(), found.clone()));
            }
        }
        let each = lists.into_iter().map(|(kind, found)| self.list(workload, kind, found, &label));
        let lists: Vec<Vec<(ObjectKey, ObservedObject)>> =
            futures::stream::iter(each).buffer_unordered(AT_A_TIME).try_collect().await?;
        let objects: BTreeMap<_, _> = lists.into_iter().flatten().collect();
        for key in objects.keys().filter(|key| key.namespace.is_some()) {
            self.remember(workload, &key.kind, Scope::Namespaced);
        }
        if sweeps {
            self.lock_namespaced().entry(workload.clone()).or_default().swept = Some(Instant::now());
        }
        Ok(objects)
    }

    async fn list(
        &self,
        workload: &WorkloadName,
        kind: ApiKind,
        found: Kind,
        label: &str,
    ) -> Result<Vec<(ObjectKey, ObservedObject)>, KubeError> {
        let namespace = (found.scope == Scope::Namespaced).then_some(workload.as_str());
        let path = found.path(namespace);
        let who = if namespace.is_some() { As::Workload(workload) } else { As::Agent };
        let items = match self.server.list(who, &path, Some(label)).await {
            // A kind whose definition or server just went, or that cannot be listed after all.
            Err(KubeError::Refused { code: 404 | 405, .. }) => Vec::new(),
            // Cluster-scoped kinds that the operator has not given to the agent hold nothing of ours.
            Err(error) if namespace.is_none() && error.lacks_right() => Vec::new(),
            items => items?,
        };
        Ok(items.into_iter().filter_map(|item| observed(&kind, item)).collect())
    }

    /// Objects that are wanted, not among `ours`, and there all the same.
    pub async fn foreign(
        &self,
        workload: &WorkloadName,
        wanted: &BTreeSet<ObjectKey>,
        ours: &BTreeMap<ObjectKey, ObservedObject>,
        has_namespace: bool,
    ) -> Result<BTreeMap<ObjectKey, Arc<Value>>, KubeError> {
        let known = self.known().await?;
        let is_ours = |key: &ObjectKey| ours.keys().any(|other| other.identity() == key.identity());
        let mut looks = Vec::new();
        for key in wanted.iter().filter(|key| !is_ours(key) && !is_namespace(key)) {
            let Some(found) = known.get(&key.kind) else { continue };
            let inside = key.namespace.as_deref() == Some(workload.as_str()) && has_namespace;
            if inside || found.scope == Scope::Cluster {
                looks.push(self.look(workload, key, found.path(key.namespace.as_deref())));
            }
        }
        let found: Vec<Option<(ObjectKey, Arc<Value>)>> =
            futures::stream::iter(looks).buffer_unordered(AT_A_TIME).try_collect().await?;
        // What got the label since the list was read is no stranger's.
        Ok(found.into_iter().flatten().filter(|(_, live)| !owned_by(live, workload)).collect())
    }

    /// One object, whoever's it is.
    async fn look(
        &self,
        workload: &WorkloadName,
        key: &ObjectKey,
        path: String,
    ) -> Result<Option<(ObjectKey, Arc<Value>)>, KubeError> {
        let who = if key.namespace.is_some() { As::Workload(workload) } else { As::Agent };
        match self.server.get(who, &path, &key.name).await {
            // What the agent may not even see of the cluster's own it cannot apply either, and is told so then.
            Err(error) if error.lacks_right() && key.namespace.is_none() => Ok(None),
            found => Ok(found?.map(|live| (key.clone(), Arc::new(live)))),
        }
    }

    /// Workloads that have cluster-scoped objects here.
    pub async fn with_cluster_objects(&self) -> Result<BTreeSet<WorkloadName>, KubeError> {
        let known = self.known().await?;
        let sweeps = is_due(self.lock_cluster().swept);
        let traced = self.lock_cluster().kinds.clone();
        let mut lists = Vec::new();
        for (kind, found) in known.iter() {
            let is_traced = traced.iter().any(|other| same_kind(other, kind));
            let holds = found.scope == Scope::Cluster && found.listable && found.preferred && !skipped(kind);
            if holds && (sweeps || is_traced) {
                lists.push(self.of_all(kind.clone(), found.path(None)));
            }
        }
        let found: Vec<(ApiKind, Vec<Value>)> =
            futures::stream::iter(lists).buffer_unordered(AT_A_TIME).try_collect().await?;
        let mut trace = self.lock_cluster();
        trace.kinds.extend(found.iter().filter(|(_, items)| !items.is_empty()).map(|(kind, _)| kind.clone()));
        if sweeps {
            trace.swept = Some(Instant::now());
        }
        let labels = found.iter().flat_map(|(_, items)| items).filter_map(|item| label(item));
        Ok(labels.filter_map(|name| WorkloadName::new(name).ok()).collect())
    }

    /// Cluster-scoped objects of a kind with any owner's label.
    async fn of_all(&self, kind: ApiKind, path: String) -> Result<(ApiKind, Vec<Value>), KubeError> {
        match self.server.list(As::Agent, &path, Some(names::WORKLOAD)).await {
            Err(error) if error.lacks_right() => Ok((kind, Vec::new())),
            Err(KubeError::Refused { code: 404 | 405, .. }) => Ok((kind, Vec::new())),
            found => Ok((kind, found?)),
        }
    }

    fn remember(&self, workload: &WorkloadName, kind: &ApiKind, scope: Scope) {
        let kind = kind.clone();
        match scope {
            Scope::Namespaced => drop(self.lock_namespaced().entry(workload.clone()).or_default().kinds.insert(kind)),
            Scope::Cluster => drop(self.lock_cluster().kinds.insert(kind)),
        }
    }

    fn traced(&self, workload: &WorkloadName, kind: &ApiKind) -> bool {
        let traces = self.lock_namespaced();
        traces.get(workload).is_some_and(|trace| trace.kinds.iter().any(|other| same_kind(other, kind)))
    }

    fn sweeps(&self, workload: &WorkloadName) -> bool {
        is_due(self.lock_namespaced().get(workload).and_then(|trace| trace.swept))
    }

    /// Forgets what is only worth knowing while a workload has a namespace.
    pub fn forget(&self, workload: &WorkloadName) {
        self.lock_namespaced().remove(workload);
    }

    fn lock_namespaced(&self) -> MutexGuard<'_, HashMap<WorkloadName, Trace>> {
        self.namespaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_cluster(&self) -> MutexGuard<'_, Trace> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_due(swept: Option<Instant>) -> bool {
    swept.is_none_or(|at| at.elapsed() >= SWEEP)
}

/// Group and kind: versions show the same objects.
fn same_kind(one: &ApiKind, other: &ApiKind) -> bool {
    one.group == other.group && one.kind == other.kind
}

fn skipped(kind: &ApiKind) -> bool {
    SKIPPED.contains(&(kind.group.as_str(), kind.kind.as_str()))
}

pub fn is_namespace(key: &ObjectKey) -> bool {
    key.kind.group.is_empty() && key.kind.kind == "Namespace"
}

/// Whether it is one of the objects that every namespace has, which are the agent's own.
fn is_base(key: &ObjectKey) -> bool {
    let named = [names::QUOTA, names::DEFAULT_DENY, names::BASE_EGRESS, names::SERVICE_ACCOUNT, names::EPOCH_CONFIG];
    is_namespace(key) || named.contains(&key.name.as_str())
}

fn label(live: &Value) -> Option<&str> {
    live["metadata"]["labels"][names::WORKLOAD].as_str()
}

/// Whether it carries the owner's label of this workload.
pub fn owned_by(live: &Value, workload: &WorkloadName) -> bool {
    label(live) == Some(workload.as_str())
}

/// An item of a list, whose kind the API server leaves out.
fn observed(kind: &ApiKind, mut item: Value) -> Option<(ObjectKey, ObservedObject)> {
    let metadata = &item["metadata"];
    let key = ObjectKey {
        kind: kind.clone(),
        namespace: metadata["namespace"].as_str().map(str::to_owned),
        name: metadata["name"].as_str()?.to_owned(),
    };
    item["apiVersion"] = key.api_version().into();
    item["kind"] = kind.kind.as_str().into();
    Some((key, ObservedObject { live: Arc::new(item) }))
}

/// A workload uses its own namespace, and the scope of a kind is what the cluster says.
fn confine(workload: &WorkloadName, key: &ObjectKey, scope: Scope) -> Result<(), KubeError> {
    let object = key.to_string();
    match (scope, key.namespace.as_deref()) {
        (Scope::Namespaced, None) => Err(KubeError::Scope { object, namespaced: true }),
        (Scope::Cluster, Some(_)) => Err(KubeError::Scope { object, namespaced: false }),
        (Scope::Namespaced, Some(namespace)) if namespace != workload.as_str() => {
            Err(KubeError::Outside { object, workload: workload.clone() })
        }
        (Scope::Cluster, None) if is_namespace(key) && key.name != workload.as_str() => {
            Err(KubeError::Outside { object, workload: workload.clone() })
        }
        _ => Ok(()),
    }
}
