//! The driver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::Client;
use tokio::task::JoinSet;
use verbund_agent_core::{
    ClusterEvent, Driver, LogLine, LogQuery, Measured, NamespaceState, Object, ObjectKey, Observed, ObservedCopy,
    ObservedNamespace, ObservedPod, names,
};
use verbund_model::WorkloadName;

use crate::api::{As, Server};
use crate::error::KubeError;
use crate::objects::{Objects, is_namespace, owned_by};
use crate::watches::{self, Watched};
use crate::{events, logs, measure, pods, stop};

/// How a driver behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often every workload is looked at without a cause: objects other than pods and namespaces are not watched.
    pub resync: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// Pause before the first of three repetitions of a request that failed; each further one is three times as long.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let (resync, timeout) = (Duration::from_secs(15), Duration::from_secs(10));
        Self { resync, timeout, pause: Duration::from_millis(100) }
    }
}

/// A Kubernetes cluster, as an agent uses it. Its watches end with it.
pub struct KubeDriver {
    objects: Objects,
    watched: Arc<Watched>,
    _tasks: JoinSet<()>,
}

impl KubeDriver {
    /// A driver for the API server that `client` reaches (see [`crate::connect`]). Watching begins at once; a server that does not
    /// answer is tried again until it does.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn start(client: Client, options: Options) -> Self {
        let watched = Arc::new(Watched::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(watches::namespaces(client.clone(), Arc::clone(&watched)));
        tasks.spawn(watches::pods(client.clone(), Arc::clone(&watched)));
        tasks.spawn(resync(Arc::clone(&watched), options.resync));
        let objects = Objects::new(Server::new(client, options.timeout, options.pause));
        Self { objects, watched, _tasks: tasks }
    }

    /// What is there of one workload.
    async fn copy(
        &self,
        workload: &WorkloadName,
        wanted: &BTreeSet<ObjectKey>,
    ) -> Result<(WorkloadName, Arc<ObservedCopy>), KubeError> {
        let namespace = self.namespace(workload).await?;
        // In one that is being removed the agent's rights go with everything else.
        let inside = matches!(namespace, NamespaceState::Ours(_));
        if namespace == NamespaceState::Absent {
            self.objects.forget(workload);
        }
        let objects = self.objects.of(workload, wanted, inside).await?;
        let foreign = self.objects.foreign(workload, wanted, &objects, inside).await?;
        let pods = match &namespace {
            NamespaceState::Foreign => Vec::new(),
            NamespaceState::Absent => self.watched.ghosts(workload),
            NamespaceState::Terminating | NamespaceState::Ours(_) => self.pods(workload).await?,
        };
        Ok((workload.clone(), Arc::new(ObservedCopy { namespace, objects, pods, foreign })))
    }

    async fn namespace(&self, workload: &WorkloadName) -> Result<NamespaceState, KubeError> {
        let Some(live) = self.objects.server.get(As::Agent, "/api/v1/namespaces", workload.as_str()).await? else {
            return Ok(NamespaceState::Absent);
        };
        Ok(if !owned_by(&live, workload) {
            NamespaceState::Foreign
        } else if live["metadata"]["deletionTimestamp"].is_null() {
            NamespaceState::Ours(ObservedNamespace { live: Arc::new(live) })
        } else {
            NamespaceState::Terminating
        })
    }

    /// The pods of a namespace as the store has them, and those that vanished. Lets those go whose end was read.
    async fn pods(&self, workload: &WorkloadName) -> Result<Vec<ObservedPod>, KubeError> {
        let path = format!("/api/v1/namespaces/{workload}/pods");
        let listed = self.objects.server.list(As::Agent, &path, None).await?;
        for pod in listed.iter().filter(|pod| stop::is_held(pod)) {
            stop::release(&self.objects.server, workload, pod).await?;
        }
        let mut all: Vec<ObservedPod> = listed.iter().map(pods::observed).collect();
        all.extend(self.watched.ghosts(workload));
        Ok(all)
    }
}

impl Driver for KubeDriver {
    type Error = KubeError;

    async fn measure(&self) -> Result<Measured, KubeError> {
        measure::measure(&self.objects, &self.watched).await
    }

    async fn present(&self) -> Result<BTreeSet<WorkloadName>, KubeError> {
        let server = &self.objects.server;
        let listed = server.list(As::Agent, "/api/v1/namespaces", Some(names::WORKLOAD)).await?;
        let named = listed.iter().filter_map(|namespace| {
            let workload = WorkloadName::new(namespace["metadata"]["name"].as_str()?).ok()?;
            owned_by(namespace, &workload).then_some(workload)
        });
        let mut present: BTreeSet<WorkloadName> = named.collect();
        present.extend(self.objects.with_cluster_objects().await?);
        Ok(present)
    }

    async fn observe(&self, wanted: &BTreeMap<WorkloadName, BTreeSet<ObjectKey>>) -> Result<Observed, KubeError> {
        let mut each = Vec::new();
        for (workload, keys) in wanted {
            each.push(self.copy(workload, keys));
        }
        futures::stream::iter(each).buffer_unordered(4).try_collect().await
    }

    async fn changed(&self) -> BTreeSet<WorkloadName> {
        self.watched.changes.next().await
    }

    async fn apply(&self, workload: &WorkloadName, object: &Object) -> Result<(), KubeError> {
        self.objects.apply(workload, object).await?;
        self.watched.changes.mark(workload);
        Ok(())
    }

    async fn delete(&self, workload: &WorkloadName, key: &ObjectKey) -> Result<(), KubeError> {
        self.objects.delete(workload, key).await?;
        self.watched.changes.mark(workload);
        if is_namespace(key) {
            self.objects.forget(workload);
        }
        Ok(())
    }

    async fn delete_pods(&self, workload: &WorkloadName, grace: u32) -> Result<(), KubeError> {
        let NamespaceState::Ours(namespace) = self.namespace(workload).await? else { return Ok(()) };
        // Of a parallel workload nobody needs a receipt, so nothing holds its pods.
        let confirm = namespace.live["metadata"]["labels"][names::FENCE] != "parallel";
        let path = format!("/api/v1/namespaces/{workload}/pods");
        let listed = self.objects.server.list(As::Agent, &path, None).await?;
        let seconds = (grace / 1_000).max(1);
        let mut each = Vec::new();
        for pod in &listed {
            each.push(stop::end(&self.objects.server, workload, pod, seconds, confirm));
        }
        let done: Vec<Result<(), KubeError>> =
            futures::stream::iter(each).buffer_unordered(crate::objects::AT_A_TIME).collect().await;
        // One that cannot be ended keeps no other from it.
        done.into_iter().collect()
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, KubeError> {
        logs::read(&self.objects, query).await
    }

    async fn events(&self, workload: &WorkloadName) -> Result<Vec<ClusterEvent>, KubeError> {
        events::read(&self.objects, workload).await
    }
}

/// Names every workload from time to time.
async fn resync(watched: Arc<Watched>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        watched.changes.mark_all(watched.ours());
    }
}
