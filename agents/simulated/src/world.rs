//! The whole cluster at one moment of virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use verbund_agent_core::{ClusterEvent, Object, ObjectKey, Scope, Scopes, names};
use verbund_model::WorkloadName;
use verbund_model::resource::{Amounts, ApiKind, KubernetesVersion, Observation};

use crate::pod::Stage;
use crate::space::Space;

/// The most events that are kept of a workload.
const EVENTS: usize = 100;

/// What a simulated cluster is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What its nodes can give.
    pub allocatable: Amounts,
    /// How many nodes it has: a DaemonSet has a pod on each.
    pub nodes: u64,
    /// Its version.
    pub kubernetes: KubernetesVersion,
    /// Kinds that it knows, beside the common ones.
    pub kinds: Scopes,
    /// Its storage classes.
    pub storage_classes: BTreeSet<String>,
    /// Its ingress classes.
    pub ingress_classes: BTreeSet<String>,
    /// Milliseconds until a pod is ready, if its script does not say.
    pub start: u64,
    /// Milliseconds that a pod takes to stop, if its script does not say.
    pub stop: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            allocatable: Amounts {
                cpu_millis: 64_000,
                memory_bytes: 256 << 30,
                storage_bytes: 4 << 40,
                pods: 5_000,
                extended: BTreeMap::new(),
            },
            nodes: 3,
            kubernetes: KubernetesVersion { major: 1, minor: 35 },
            kinds: Scopes::new(),
            storage_classes: BTreeSet::from(["standard".to_owned()]),
            ingress_classes: BTreeSet::from(["nginx".to_owned()]),
            start: 500,
            stop: 200,
        }
    }
}

/// Kinds that every cluster knows.
const NAMESPACED: [(&str, &str); 24] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("v1", "LimitRange"),
    ("v1", "ResourceQuota"),
    ("v1", "Endpoints"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("coordination.k8s.io/v1", "Lease"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
];
const OF_CLUSTER: [(&str, &str); 7] = [
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
];

/// What will happen to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Started,
    Finished,
    Gone,
}

pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) now: u64,
    pub(crate) reachable: bool,
    pub(crate) spaces: BTreeMap<WorkloadName, Space>,
    pub(crate) changed: BTreeSet<WorkloadName>,
    pub(crate) cpu: u64,
    pub(crate) memory: u64,
    pub(crate) pods: u64,
    queue: BTreeMap<(u64, u64), (WorkloadName, String, Happening)>,
    /// Workloads with a pod that found no room.
    pub(crate) starved: BTreeSet<WorkloadName>,
    events: BTreeMap<WorkloadName, Vec<ClusterEvent>>,
    count: u64,
}

impl World {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            now: 0,
            reachable: true,
            spaces: BTreeMap::new(),
            changed: BTreeSet::new(),
            cpu: 0,
            memory: 0,
            pods: 0,
            queue: BTreeMap::new(),
            starved: BTreeSet::new(),
            events: BTreeMap::new(),
            count: 0,
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn touch(&mut self, workload: &WorkloadName) {
        if let Some(space) = self.spaces.get_mut(workload) {
            space.seen = None;
        }
        self.changed.insert(workload.clone());
    }

    pub(crate) fn later(&mut self, after: u64, workload: &WorkloadName, pod: &str, what: Happening) {
        let number = self.number();
        self.queue.insert((self.now.saturating_add(after), number), (workload.clone(), pod.to_owned(), what));
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Everything that happens until `now`, in its order.
    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(entry) = self.queue.first_entry() {
            let due = entry.key().0;
            if due > now {
                break;
            }
            let (workload, pod, what) = entry.remove();
            self.now = self.now.max(due);
            self.happen(&workload, &pod, what);
        }
        self.now = self.now.max(now);
    }

    fn happen(&mut self, workload: &WorkloadName, name: &str, what: Happening) {
        let now = self.now;
        let Some(pod) = self.spaces.get_mut(workload).and_then(|space| space.pods.get_mut(name)) else { return };
        match what {
            Happening::Started if pod.stage == Stage::Starting => {
                pod.stage = if pod.script.crash { Stage::Crashed } else { Stage::Ready };
                pod.since = now;
                let (crashed, done) = (pod.script.crash, pod.script.done);
                if let Some(done) = done.filter(|_| !crashed) {
                    self.later(done, workload, name, Happening::Finished);
                }
                let reason = if crashed { "BackOff" } else { "Started" };
                self.note(workload, crashed, format!("Pod/{name}"), reason, "the container was started");
            }
            Happening::Finished if pod.stage == Stage::Ready && !pod.terminating => {
                (pod.stage, pod.since) = (Stage::Done, now);
                let (cpu, memory) = (pod.cpu, pod.memory);
                self.free(cpu, memory);
            }
            Happening::Gone => {
                let (placed, cpu, memory) = (pod.is_placed(), pod.cpu, pod.memory);
                if let Some(space) = self.spaces.get_mut(workload) {
                    space.pods.remove(name);
                }
                if placed {
                    self.free(cpu, memory);
                }
            }
            Happening::Started | Happening::Finished => return,
        }
        self.touch(workload);
        self.control(workload);
        // Room became free: who waited for it comes next.
        if what != Happening::Started {
            for starved in std::mem::take(&mut self.starved) {
                self.control(&starved);
            }
        }
    }

    fn free(&mut self, cpu: u64, memory: u64) {
        self.cpu = self.cpu.saturating_sub(cpu);
        self.memory = self.memory.saturating_sub(memory);
        self.pods = self.pods.saturating_sub(1);
    }

    pub(crate) fn apply(&mut self, workload: &WorkloadName, object: &Object) -> Result<(), String> {
        let is_namespace = object.key.kind.group.is_empty() && object.key.kind.kind == "Namespace";
        let number = self.number();
        let now = self.now;
        let space = self.spaces.entry(workload.clone()).or_default();
        if space.terminating {
            return Err(format!("the namespace {workload} is being removed"));
        }
        if space.namespace.is_none() && !is_namespace && object.key.namespace.is_some() {
            return Err(format!("the namespace {workload} does not exist"));
        }
        let before = if is_namespace { space.namespace.clone() } else { space.objects.get(&object.key).cloned() };
        let version = before.as_ref().and_then(|before| before["metadata"]["resourceVersion"].as_str());
        if object.expect.is_some() && object.expect.as_deref() != version {
            return Err(format!(
                "{} has changed: expected version {:?}, it has {version:?}",
                object.key, object.expect
            ));
        }
        let mut body = object.body.clone();
        let metadata = &mut body["metadata"];
        metadata["resourceVersion"] = number.to_string().into();
        metadata["uid"] = before.as_ref().map_or_else(|| number.into(), |before| before["metadata"]["uid"].clone());
        let generation = before.as_ref().and_then(|before| before["metadata"]["generation"].as_u64()).unwrap_or(0);
        let changed = before.as_ref().is_none_or(|before| before["spec"] != object.body["spec"]);
        metadata["generation"] = (generation + u64::from(changed)).into();
        metadata["creationTimestamp"] = now.into();
        if let Some(status) = before.as_ref().map(|before| before["status"].clone()).filter(|status| !status.is_null())
        {
            body["status"] = status;
        }
        if object.key.kind.kind == "ResourceQuota" {
            body["status"] = json!({ "hard": body["spec"]["hard"] });
        }
        if is_namespace {
            space.namespace = Some(Arc::new(body));
        } else {
            space.objects.insert(object.key.clone(), Arc::new(body));
        }
        self.touch(workload);
        self.control(workload);
        Ok(())
    }

    pub(crate) fn delete(&mut self, workload: &WorkloadName, key: &ObjectKey) -> Result<(), String> {
        let Some(space) = self.spaces.get_mut(workload) else { return Ok(()) };
        let owned = |live: &Value| live["metadata"]["labels"][names::WORKLOAD] == workload.as_str();
        if key.kind.group.is_empty() && key.kind.kind == "Namespace" {
            if space.namespace.as_ref().is_some_and(|live| !owned(live)) {
                return Err(format!("{key} is not of the workload {workload}"));
            }
            space.terminating = space.namespace.is_some();
            space.objects.retain(|key, _| key.namespace.is_none());
        } else if let Some(found) = space.objects.keys().find(|other| other.identity() == key.identity()).cloned() {
            if space.objects.get(&found).is_some_and(|live| !owned(live)) {
                return Err(format!("{key} is not of the workload {workload}"));
            }
            space.objects.remove(&found);
        }
        self.touch(workload);
        self.control(workload);
        Ok(())
    }

    /// Ends pods for which `which` holds, within `grace` milliseconds.
    pub(crate) fn end_pods(&mut self, workload: &WorkloadName, grace: u64, which: impl Fn(&crate::pod::Pod) -> bool) {
        let stop = self.shape.stop;
        let Some(space) = self.spaces.get_mut(workload) else { return };
        let mut ending = Vec::new();
        for pod in space.pods.values_mut().filter(|pod| !pod.terminating && which(pod)) {
            pod.terminating = true;
            // A grace of none does not exist here either: see the port's contract.
            let takes = pod.script.stop.unwrap_or(stop).min(grace.max(1));
            ending.push((pod.name.clone(), if pod.is_placed() { takes } else { 0 }));
        }
        let any = !ending.is_empty();
        for (name, takes) in ending {
            self.later(takes, workload, &name, Happening::Gone);
        }
        if any {
            self.touch(workload);
        }
    }

    pub(crate) fn note(&mut self, workload: &WorkloadName, warning: bool, object: String, reason: &str, message: &str) {
        let time = self.now;
        let events = self.events.entry(workload.clone()).or_default();
        let same = |event: &&mut ClusterEvent| event.object == object && event.reason == reason;
        if let Some(event) = events.iter_mut().find(same) {
            (event.time, event.count) = (time, event.count.saturating_add(1));
            return;
        }
        if events.len() >= EVENTS {
            events.remove(0);
        }
        let (reason, message) = (reason.to_owned(), message.to_owned());
        events.push(ClusterEvent { time, warning, object, reason, message, count: 1 });
    }

    pub(crate) fn events(&self, workload: &WorkloadName) -> Vec<ClusterEvent> {
        self.events.get(workload).cloned().unwrap_or_default()
    }

    pub(crate) fn scopes(&self) -> Scopes {
        let kind = |(api, kind): (&str, &str)| -> ApiKind { ObjectKey::new(api, kind, None, "").kind };
        let namespaced = NAMESPACED.into_iter().map(|one| (kind(one), Scope::Namespaced));
        let of_cluster = OF_CLUSTER.into_iter().map(|one| (kind(one), Scope::Cluster));
        let defined = self.spaces.values().flat_map(|space| space.objects.iter());
        let defined =
            defined.filter(|(key, _)| key.kind.kind == "CustomResourceDefinition").flat_map(|(_, live)| defines(live));
        namespaced.chain(of_cluster).chain(self.shape.kinds.clone()).chain(defined).collect()
    }

    pub(crate) fn observation(&self) -> Observation {
        Observation {
            measured: 0,
            kubernetes: self.shape.kubernetes,
            kinds: self.scopes().into_keys().collect(),
            storage_classes: self.shape.storage_classes.clone(),
            ingress_classes: self.shape.ingress_classes.clone(),
            allocatable: self.shape.allocatable.clone(),
            foreign: Amounts::default(),
            ready: true,
            impairment: String::new(),
        }
    }
}

fn defines(live: &Value) -> Vec<(ApiKind, Scope)> {
    let spec = &live["spec"];
    let scope = if spec["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
    let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else { return Vec::new() };
    let versions = spec["versions"].as_array().into_iter().flatten().filter_map(|version| version["name"].as_str());
    let named = |version: &str| ApiKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
    versions.map(|version| (named(version), scope)).collect()
}
