//! Copies, and a toy cluster, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use verbund_model::resource::{Amounts, ApiKind, FenceLevel, Mode};
use verbund_model::{ClusterName, Document, OrgName, WorkloadName};

use crate::object::{ObjectKey, Scope, Scopes};
use crate::observed::{NamespaceState, ObservedCopy, ObservedNamespace, ObservedObject, ObservedPod};
use crate::{Act, DesiredCopy, DesiredRole, Object, Settings, names};

pub(crate) fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web:1", "command": ["/web"], "args": ["-v"] }] },
            },
        },
    })
}

pub(crate) fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    })
}

pub(crate) fn config_map() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "a": "b" } })
}

pub(crate) fn copy(mode: Mode, role: DesiredRole, epoch: u64, bodies: &[Value]) -> DesiredCopy {
    let generation = if matches!(mode, Mode::Exclusive { .. }) { 7 } else { 0 };
    DesiredCopy {
        workload: WorkloadName::new("wohngeld").unwrap(),
        organisation: OrgName::new("stadt").unwrap(),
        epoch,
        role,
        mode,
        generation,
        stop_budget: 3000,
        manifests: bodies.iter().map(|body| Document::from_value(body).unwrap()).collect(),
        secrets: Arc::new([]),
        amounts: Amounts { cpu_millis: 500, pods: 2, ..Amounts::default() },
    }
}

pub(crate) const EXCLUSIVE: Mode = Mode::Exclusive { fence: FenceLevel::Agent };
pub(crate) const GUARDED: Mode = Mode::Exclusive { fence: FenceLevel::Guard };
pub(crate) const PARALLEL: Mode = Mode::Parallel { copies: 2 };

/// What rendering depends on, owned.
pub(crate) struct Place {
    pub(crate) cluster: ClusterName,
    pub(crate) listed: BTreeSet<ApiKind>,
    pub(crate) scopes: Scopes,
    pub(crate) settings: Settings,
}

impl Place {
    pub(crate) fn new() -> Self {
        let namespaced = [
            "v1/ConfigMap",
            "v1/Secret",
            "v1/Service",
            "v1/ServiceAccount",
            "v1/PersistentVolumeClaim",
            "v1/Pod",
            "apps/v1/Deployment",
            "apps/v1/StatefulSet",
            "apps/v1/DaemonSet",
            "batch/v1/Job",
            "batch/v1/CronJob",
            "autoscaling/v2/HorizontalPodAutoscaler",
            "networking.k8s.io/v1/Ingress",
            "networking.k8s.io/v1/NetworkPolicy",
            "rbac.authorization.k8s.io/v1/Role",
            "v1/ResourceQuota",
        ];
        let cluster = ["rbac.authorization.k8s.io/v1/ClusterRole", "apiextensions.k8s.io/v1/CustomResourceDefinition"];
        let scopes = namespaced.map(|kind| (kind, Scope::Namespaced)).into_iter();
        let scopes = scopes.chain(cluster.map(|kind| (kind, Scope::Cluster)));
        Self {
            cluster: ClusterName::new("alpha").unwrap(),
            listed: BTreeSet::new(),
            scopes: scopes.map(|(kind, scope)| (self::kind(kind), scope)).collect(),
            settings: Settings::default(),
        }
    }

    pub(crate) fn context(&self) -> crate::Context<'_> {
        let Self { cluster, listed, scopes, settings } = self;
        crate::Context { cluster, listed, scopes, settings }
    }
}

pub(crate) fn kind(text: &str) -> ApiKind {
    let (api, kind) = text.rsplit_once('/').unwrap();
    ObjectKey::new(api, kind, None, "x").kind
}

/// A cluster of one namespace: it takes what is applied, and runs the pods of its Deployments while the quota allows.
#[derive(Default)]
pub(crate) struct Toy {
    version: u64,
    pub(crate) objects: BTreeMap<ObjectKey, Value>,
    pub(crate) pods: BTreeMap<String, ObservedPod>,
}

impl Toy {
    pub(crate) fn do_it(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::EnsureNamespace { objects } | Act::SetQuotaZero { objects } | Act::CutTraffic { objects } => {
                objects.iter().try_for_each(|object| self.apply(object))
            }
            Act::Apply { object } | Act::MarkStopped { object } => self.apply(object),
            Act::Prune { objects } => {
                for key in objects {
                    self.objects.remove(key);
                    if key.kind.kind == "Namespace" {
                        self.objects.retain(|other, _| other.namespace.as_deref() != Some(&key.name));
                        self.pods.clear();
                    }
                }
                Ok(())
            }
            Act::DeletePods { .. } => {
                self.pods.values_mut().for_each(|pod| pod.terminating = true);
                Ok(())
            }
            Act::SignReceipt { .. } | Act::Report { .. } => Ok(()),
        }
    }

    pub(crate) fn apply(&mut self, object: &Object) -> Result<(), String> {
        let live = self.objects.get(&object.key);
        let version = live.and_then(|live| live["metadata"]["resourceVersion"].as_str());
        if object.expect.is_some() && object.expect.as_deref() != version {
            return Err(format!("{} has changed", object.key));
        }
        self.version += 1;
        let mut body = object.body.clone();
        body["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object.key.kind.kind == "ResourceQuota" {
            body["status"]["hard"] = body["spec"]["hard"].clone();
        }
        self.objects.insert(object.key.clone(), body);
        Ok(())
    }

    fn open(&self) -> bool {
        let pods = |body: &Value| body["status"]["hard"]["pods"] != "0";
        self.objects.iter().any(|(key, body)| key.kind.kind == "ResourceQuota" && pods(body))
    }

    /// Controllers and kubelet do their part.
    pub(crate) fn settle(&mut self) {
        self.pods.retain(|_, pod| !pod.terminating);
        let open = self.open();
        let mut pods = Vec::new();
        for (key, body) in self.objects.iter_mut().filter(|(key, _)| key.kind.kind == "Deployment") {
            let replicas = body["spec"]["replicas"].as_u64().unwrap_or(1);
            if open {
                let annotation = &body["spec"]["template"]["metadata"]["annotations"][names::EPOCH];
                let epoch: u64 = annotation.as_str().unwrap().parse().unwrap();
                pods.extend((0..replicas).map(|n| (format!("{}-{n}", key.name), epoch)));
            }
        }
        for (name, epoch) in pods {
            self.start(name, epoch);
        }
        let running = self.pods.len() as u64;
        for (_, body) in self.objects.iter_mut().filter(|(key, _)| key.kind.kind == "Deployment") {
            body["status"] = json!({ "replicas": running, "updatedReplicas": running, "availableReplicas": running });
        }
    }

    fn start(&mut self, name: String, epoch: u64) {
        let pod = ObservedPod {
            name: name.clone(),
            epoch,
            terminating: false,
            ended: false,
            ready: true,
            confirmed: true,
            trouble: String::new(),
        };
        self.pods.insert(name, pod);
    }

    /// A person, or an autoscaler, wants one pod more.
    pub(crate) fn scale_up(&mut self, epoch: u64) {
        if self.open() {
            self.start("more".to_owned(), epoch);
        }
    }

    pub(crate) fn namespace(&self) -> Option<&Value> {
        self.objects.iter().find(|(key, _)| key.kind.kind == "Namespace").map(|(_, body)| body)
    }

    pub(crate) fn observe(&self) -> ObservedCopy {
        let namespace = self.namespace().map_or(NamespaceState::Absent, |body| {
            NamespaceState::Ours(ObservedNamespace { live: Arc::new(body.clone()) })
        });
        let objects = self.objects.iter().filter(|(key, _)| key.kind.kind != "Namespace");
        ObservedCopy {
            namespace,
            objects: objects
                .map(|(key, body)| (key.clone(), ObservedObject { live: Arc::new(body.clone()) }))
                .collect(),
            pods: self.pods.values().cloned().collect(),
            foreign: BTreeMap::new(),
        }
    }
}
