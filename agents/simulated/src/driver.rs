//! The simulated cluster behind the agent's port.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use verbund_agent_core::driver::nothing;
use verbund_agent_core::{ClusterEvent, Driver, LogLine, LogQuery, Measured, Object, ObjectKey, Observed, ObservedPod};
use verbund_model::WorkloadName;

use crate::pod::Stage;
use crate::world::{Shape, World};

/// What the one container of each pod is called.
const CONTAINER: &str = "simulated";

/// Why the simulated API did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It was switched off.
    #[error("the simulated cluster's API does not answer")]
    Unreachable,
    /// It refused.
    #[error("the simulated cluster refused: {0}")]
    Refused(String),
}

/// A simulated cluster. A handle: clones share it.
#[derive(Clone)]
pub struct Simulated {
    world: Arc<Mutex<World>>,
    changed: Arc<Notify>,
}

impl Simulated {
    /// An empty cluster at time 0.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(shape))), changed: Arc::new(Notify::new()) }
    }

    /// Lets everything happen that is due until `now`, in milliseconds of virtual time. Time does not go back.
    pub fn advance(&self, now: u64) {
        self.world().advance(now);
        self.tell();
    }

    /// When something happens next; `None`: nothing will by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.world().next_due()
    }

    /// Virtual time now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.world().now
    }

    /// Lets the cluster follow tokio's clock, from its own time on, as long as the future is polled.
    pub async fn follow_clock(self) {
        let (began, from) = (Instant::now(), self.now());
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.advance(from.saturating_add(passed));
        }
    }

    /// Switches the API off or on. Pods go on without it.
    pub fn set_reachable(&self, reachable: bool) {
        self.world().reachable = reachable;
        self.tell();
    }

    /// The pods of a workload, whether or not the API answers: what really runs.
    #[must_use]
    pub fn pods(&self, workload: &WorkloadName) -> Vec<ObservedPod> {
        let world = self.world();
        let space = world.spaces.get(workload);
        space.into_iter().flat_map(|space| space.pods.values()).map(crate::pod::Pod::observed).collect()
    }

    /// Whether anything of a workload is there, whether or not the API answers.
    #[must_use]
    pub fn has(&self, workload: &WorkloadName) -> bool {
        self.world().spaces.contains_key(workload)
    }

    /// The workloads of which a pod is ready, each with the highest epoch of those: what serves.
    #[must_use]
    pub fn serving(&self) -> BTreeMap<WorkloadName, u64> {
        let world = self.world();
        let serves = |(name, space): (&WorkloadName, &crate::space::Space)| {
            let ready = space.pods.values().filter(|pod| pod.stage == Stage::Ready && !pod.terminating);
            ready.map(|pod| pod.epoch).max().map(|epoch| (name.clone(), epoch))
        };
        world.spaces.iter().filter_map(serves).collect()
    }

    /// Somebody writes an object past the agent: `change` gets its body. `false`: it is not there.
    pub fn tamper(
        &self,
        workload: &WorkloadName,
        key: &ObjectKey,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> bool {
        let mut world = self.world();
        let Some(live) = world.spaces.get_mut(workload).and_then(|space| space.objects.get_mut(key)) else {
            return false;
        };
        change(Arc::make_mut(live));
        world.touch(workload);
        world.control(workload);
        drop(world);
        self.tell();
        true
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic while the lock was held leaves a cluster that is as good as any other.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> Result<MutexGuard<'_, World>, ApiError> {
        let world = self.world();
        if world.reachable { Ok(world) } else { Err(ApiError::Unreachable) }
    }

    fn tell(&self) {
        if !self.world().changed.is_empty() {
            self.changed.notify_one();
        }
    }
}

impl Driver for Simulated {
    type Error = ApiError;

    async fn measure(&self) -> Result<Measured, ApiError> {
        let world = self.reached()?;
        Ok(Measured { observation: world.observation(), scopes: world.scopes() })
    }

    async fn present(&self) -> Result<BTreeSet<WorkloadName>, ApiError> {
        Ok(self.reached()?.spaces.keys().cloned().collect())
    }

    async fn observe(&self, wanted: &BTreeMap<WorkloadName, BTreeSet<ObjectKey>>) -> Result<Observed, ApiError> {
        let mut world = self.reached()?;
        let mut observed = Observed::new();
        for name in wanted.keys() {
            let copy = world.spaces.get_mut(name).map_or_else(nothing, |space| space.observe(name.as_str()));
            observed.insert(name.clone(), copy);
        }
        Ok(observed)
    }

    async fn changed(&self) -> BTreeSet<WorkloadName> {
        loop {
            let told = self.changed.notified();
            {
                let mut world = self.world();
                // An API that does not answer tells nothing either.
                if world.reachable && !world.changed.is_empty() {
                    return std::mem::take(&mut world.changed);
                }
            }
            told.await;
        }
    }

    async fn apply(&self, workload: &WorkloadName, object: &Object) -> Result<(), ApiError> {
        let done = self.reached()?.apply(workload, object).map_err(ApiError::Refused);
        self.tell();
        done
    }

    async fn delete(&self, workload: &WorkloadName, key: &ObjectKey) -> Result<(), ApiError> {
        let done = self.reached()?.delete(workload, key).map_err(ApiError::Refused);
        self.tell();
        done
    }

    async fn delete_pods(&self, workload: &WorkloadName, grace: u32) -> Result<(), ApiError> {
        self.reached()?.end_pods(workload, u64::from(grace), |_| true);
        self.tell();
        Ok(())
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, ApiError> {
        let world = self.reached()?;
        let space = world.spaces.get(&query.workload);
        let pods = space.into_iter().flat_map(|space| space.pods.values());
        let pods = pods.filter(|pod| query.pod.as_ref().is_none_or(|wanted| *wanted == pod.name));
        let pods = pods.filter(|_| query.container.as_ref().is_none_or(|wanted| wanted == CONTAINER));
        let line = |pod: &crate::pod::Pod| LogLine {
            pod: pod.name.clone(),
            container: CONTAINER.to_owned(),
            time: Some(pod.since),
            text: format!("epoch {}: {:?}", pod.epoch, pod.stage),
        };
        let lines = pods.map(line).filter(|line| query.since.is_none_or(|since| line.time >= Some(since)));
        // Each pod says one thing, and forgets what it said before.
        Ok(if query.tail == 0 || query.previous { Vec::new() } else { lines.collect() })
    }

    async fn events(&self, workload: &WorkloadName) -> Result<Vec<ClusterEvent>, ApiError> {
        Ok(self.reached()?.events(workload))
    }
}
