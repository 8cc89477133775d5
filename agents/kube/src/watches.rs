//! What is watched: all pods, and the namespaces of workloads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::core::DynamicObject;
use kube::core::dynamic::ApiResource;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::Value;
use verbund_agent_core::{ObservedPod, names};
use verbund_model::WorkloadName;
use verbund_model::resource::Amounts;

use crate::changes::Changes;
use crate::ghosts::Ghosts;
use crate::nodes::Node;
use crate::requests;

/// What the watches saw.
#[derive(Default)]
pub struct Watched {
    table: Mutex<Table>,
    pub changes: Changes,
}

#[derive(Default)]
struct Table {
    /// Namespaces of workloads, with their fence level.
    ours: BTreeMap<WorkloadName, String>,
    /// Pods by namespace and name.
    pods: BTreeMap<(String, String), Seen>,
    /// While the pods are listed anew: those that came so far.
    listed: Option<BTreeMap<(String, String), Seen>>,
    /// Whether the pods were listed at least once.
    complete: bool,
    ghosts: Ghosts,
}

/// A pod.
struct Seen {
    asks: Amounts,
    /// Whether it asks for anything: it has not ended, as far as its phase says.
    live: bool,
    /// Its whole object, for pods of exclusive workloads.
    last: Option<Value>,
}

impl Watched {
    /// What pods that are of no workload ask for; `None` while the pods are not known.
    pub fn foreign(&self) -> Option<Amounts> {
        let table = self.lock();
        let is_foreign =
            |namespace: &str| WorkloadName::new(namespace).map_or(true, |name| !table.ours.contains_key(&name));
        let pods = table.pods.iter().filter(|((namespace, _), seen)| seen.live && is_foreign(namespace));
        table.complete.then(|| pods.fold(Amounts::default(), |sum, (_, seen)| sum.plus(&seen.asks)))
    }

    /// Pods that vanished from a workload's namespace and may still run.
    pub fn ghosts(&self, workload: &WorkloadName) -> Vec<ObservedPod> {
        self.lock().ghosts.of(workload.as_str())
    }

    /// Takes the nodes as they are now.
    pub fn nodes(&self, nodes: &[Node]) {
        let freed = self.lock().ghosts.seen(nodes);
        self.changes.mark_all(freed.iter().filter_map(|namespace| WorkloadName::new(namespace).ok()));
    }

    /// The workloads that have a namespace here.
    pub fn ours(&self) -> Vec<WorkloadName> {
        self.lock().ours.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pod(&self, event: Event<Value>) {
        let mut table = self.lock();
        let changed = match event {
            Event::Init => {
                table.listed = Some(BTreeMap::new());
                None
            }
            Event::InitApply(pod) => table.list(&pod),
            Event::InitDone => {
                let gone = table.listed_all();
                drop(table);
                self.changes.mark_all(gone);
                return;
            }
            Event::Apply(pod) => table.apply(&pod),
            Event::Delete(pod) => table.remove(&pod),
        };
        drop(table);
        if let Some(workload) = changed {
            self.changes.mark(&workload);
        }
    }

    fn namespace(&self, event: &Event<Value>) {
        let (namespace, is_there) = match event {
            Event::Apply(namespace) | Event::InitApply(namespace) => (namespace, true),
            Event::Delete(namespace) => (namespace, false),
            Event::Init | Event::InitDone => return,
        };
        let name = namespace["metadata"]["name"].as_str().and_then(|name| WorkloadName::new(name).ok());
        let Some(workload) = name else { return };
        let labels = &namespace["metadata"]["labels"];
        if is_there && labels[names::WORKLOAD] == workload.as_str() {
            let fence = labels[names::FENCE].as_str().unwrap_or_default().to_owned();
            self.lock().ours.insert(workload.clone(), fence);
        } else {
            self.lock().ours.remove(&workload);
        }
        self.changes.mark(&workload);
    }
}

impl Table {
    /// The workload whose namespace this is.
    fn workload(&self, namespace: &str) -> Option<WorkloadName> {
        WorkloadName::new(namespace).ok().filter(|name| self.ours.contains_key(name))
    }

    fn seen(pod: &Value) -> Option<((String, String), Seen)> {
        let metadata = &pod["metadata"];
        let key = (metadata["namespace"].as_str()?.to_owned(), metadata["name"].as_str()?.to_owned());
        let live = pod["status"]["phase"] != "Succeeded" && pod["status"]["phase"] != "Failed";
        Some((key, Seen { asks: requests::of_pod(&pod["spec"]), live, last: None }))
    }

    /// The whole object is kept only where it matters how a pod ended.
    fn with_last(&self, key: &(String, String), seen: Seen, pod: &Value) -> Seen {
        let exclusive = self.is_exclusive(&key.0);
        Seen { last: exclusive.then(|| slim(pod)), ..seen }
    }

    fn is_exclusive(&self, namespace: &str) -> bool {
        let name = WorkloadName::new(namespace).ok();
        name.and_then(|name| self.ours.get(&name)).is_some_and(|fence| fence != "parallel")
    }

    fn list(&mut self, pod: &Value) -> Option<WorkloadName> {
        let (key, seen) = Self::seen(pod)?;
        let (workload, seen) = (self.workload(&key.0), self.with_last(&key, seen, pod));
        self.listed.get_or_insert_default().insert(key, seen);
        workload
    }

    /// All pods were listed anew: what was there before and is not any more has vanished unseen.
    fn listed_all(&mut self) -> Vec<WorkloadName> {
        let new = self.listed.take().unwrap_or_default();
        self.complete = true;
        let before = std::mem::replace(&mut self.pods, new);
        let mut touched = Vec::new();
        for ((namespace, name), seen) in before {
            if self.pods.contains_key(&(namespace.clone(), name)) {
                continue;
            }
            if let Some(last) = &seen.last {
                self.ghosts.vanished(&namespace, last);
            }
            touched.extend(self.workload(&namespace));
        }
        touched
    }

    fn apply(&mut self, pod: &Value) -> Option<WorkloadName> {
        let (key, seen) = Self::seen(pod)?;
        let (workload, seen) = (self.workload(&key.0), self.with_last(&key, seen, pod));
        self.pods.insert(key, seen);
        workload
    }

    fn remove(&mut self, pod: &Value) -> Option<WorkloadName> {
        let (key, _) = Self::seen(pod)?;
        self.pods.remove(&key);
        if self.is_exclusive(&key.0) {
            self.ghosts.vanished(&key.0, pod);
        }
        self.workload(&key.0)
    }
}

/// What tells how a pod ended.
fn slim(pod: &Value) -> Value {
    let mut slim = Value::Null;
    slim["metadata"]["name"] = pod["metadata"]["name"].clone();
    slim["metadata"]["annotations"][names::EPOCH] = pod["metadata"]["annotations"][names::EPOCH].clone();
    slim["metadata"]["deletionTimestamp"] = pod["metadata"]["deletionTimestamp"].clone();
    slim["spec"]["nodeName"] = pod["spec"]["nodeName"].clone();
    slim["status"] = pod["status"].clone();
    slim
}

/// Watches all pods, for ever. A dropped watch is taken up where it was; one that is too old is listed anew.
pub async fn pods(client: Client, watched: Arc<Watched>) {
    let kind = ApiResource::erase::<Pod>(&());
    let all = watcher(Api::<DynamicObject>::all_with(client, &kind), watcher::Config::default());
    follow(all, |event| watched.pod(event)).await;
}

/// Watches the namespaces of workloads, for ever.
pub async fn namespaces(client: Client, watched: Arc<Watched>) {
    let kind = ApiResource::erase::<Namespace>(&());
    let config = watcher::Config::default().labels(names::WORKLOAD);
    let all = watcher(Api::<DynamicObject>::all_with(client, &kind), config);
    follow(all, |event| watched.namespace(&event)).await;
}

async fn follow(
    events: impl futures::Stream<Item = watcher::Result<Event<DynamicObject>>> + Send,
    mut take: impl FnMut(Event<Value>),
) {
    let mut events = std::pin::pin!(events.default_backoff());
    while let Some(event) = events.next().await {
        let value = |object: DynamicObject| serde_json::to_value(object).unwrap_or_default();
        match event {
            Ok(Event::Init) => take(Event::Init),
            Ok(Event::InitDone) => take(Event::InitDone),
            Ok(Event::InitApply(object)) => take(Event::InitApply(value(object))),
            Ok(Event::Apply(object)) => take(Event::Apply(value(object))),
            Ok(Event::Delete(object)) => take(Event::Delete(value(object))),
            Err(error) => {
                tracing::debug!(error = crate::error::chain(&error), "a watch broke off and is taken up again")
            }
        }
    }
}

#[cfg(test)]
mod tests;
