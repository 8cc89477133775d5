//! What a driver can do: the port to a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_model::WorkloadName;
use verbund_model::resource::Observation;

use crate::object::{Object, ObjectKey, Scopes};
use crate::observed::{Observed, ObservedCopy};

/// What a cluster is like now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What the federation is told; `measured` is 0, and the agent fills it in.
    pub observation: Observation,
    /// The kinds that it knows.
    pub scopes: Scopes,
}

/// Which lines of a workload's logs are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogQuery {
    /// The workload.
    pub workload: WorkloadName,
    /// Only of pods with this name; none: of all.
    pub pod: Option<String>,
    /// Only of containers with this name; none: of all.
    pub container: Option<String>,
    /// At most so many lines of each container, the last ones.
    pub tail: u32,
    /// Only what was written at this time or later, in milliseconds since 1970 by the cluster's clock; none: whenever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// What the run of each container before its present one wrote, instead of that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub previous: bool,
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLine {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// When it was written, in milliseconds since 1970 by the cluster's clock; none: the cluster does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The line.
    pub text: String,
}

/// An event that a cluster noted about an object of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterEvent {
    /// When it was seen last, in milliseconds since 1970, by the cluster's clock.
    pub time: u64,
    /// Whether it is a warning.
    pub warning: bool,
    /// Kind and name of the object.
    pub object: String,
    /// The reason, in one word.
    pub reason: String,
    /// The message.
    pub message: String,
    /// How often it was seen.
    pub count: u32,
}

/// A cluster, as an agent uses it. Every operation may be repeated without harm, and may fail without having done anything, or
/// after a part of it.
pub trait Driver: Send + Sync + 'static {
    /// Why an operation failed: what was tried, what was wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What the cluster is like now. A cluster whose API server does not answer is an error; one that answers and is
    /// impaired says so in the observation.
    fn measure(&self) -> impl Future<Output = Result<Measured, Self::Error>> + Send;

    /// Every workload of which something is there (a namespace of ours, or an object with the owner's label).
    fn present(&self) -> impl Future<Output = Result<BTreeSet<WorkloadName>, Self::Error>> + Send;

    /// What is there of some workloads: `wanted` names them, each with the keys of the objects that are to be applied, so
    /// that the driver can look for objects that exist and are not ours. Every workload that was asked for is in the answer.
    fn observe(
        &self,
        wanted: &BTreeMap<WorkloadName, BTreeSet<ObjectKey>>,
    ) -> impl Future<Output = Result<Observed, Self::Error>> + Send;

    /// Waits until something of a workload may have changed since the last answer, and says of which. May wait for ever, and
    /// may name too many; dropping the future loses nothing.
    fn changed(&self) -> impl Future<Output = BTreeSet<WorkloadName>> + Send;

    /// Applies one object of a workload, server-side with the field manager [`crate::names::FIELD_MANAGER`] and by force, so
    /// that fields which left it are removed; with the rights that [`Object::origin`] says, and only if the object still has
    /// the version of [`Object::expect`], if that is given. Creating a namespace that exists and is not ours is an error.
    fn apply(&self, workload: &WorkloadName, object: &Object) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes one object (dependents in the background), only if it carries the owner's label of this workload. One that is
    /// not there is a success.
    fn delete(&self, workload: &WorkloadName, key: &ObjectKey) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Asks all pods of a workload's namespace that are not yet terminating to end within `grace` milliseconds (whole seconds
    /// are rounded down, but at least one: a grace of none would remove pods without the kubelet's word).
    fn delete_pods(&self, workload: &WorkloadName, grace: u32) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The last lines of a workload's containers.
    fn logs(&self, query: &LogQuery) -> impl Future<Output = Result<Vec<LogLine>, Self::Error>> + Send;

    /// What the cluster noted about a workload's objects, the oldest first.
    fn events(&self, workload: &WorkloadName) -> impl Future<Output = Result<Vec<ClusterEvent>, Self::Error>> + Send;
}

/// One workload of which nothing is there.
#[must_use]
pub fn nothing() -> Arc<ObservedCopy> {
    Arc::new(ObservedCopy::default())
}
