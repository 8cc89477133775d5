//! What is there, as a driver sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use verbund_model::WorkloadName;

use crate::object::ObjectKey;

/// Whether the namespace of a workload exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NamespaceState {
    /// It does not.
    #[default]
    Absent,
    /// It exists and lacks the owner's label, or names another workload.
    Foreign,
    /// It is being removed.
    Terminating,
    /// It exists and is ours.
    Ours(ObservedNamespace),
}

/// A namespace of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedNamespace {
    /// Its whole body as it lies in the cluster (labels and annotations of [`crate::names`] are read from it).
    pub live: Arc<Value>,
}

/// An object with the owner's label of a workload, wherever it lies. Whether it is really ours, and not a controller's copy of
/// a label, is for [`mod@crate::reconcile`] to say: a driver gives all that have the label.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedObject {
    /// Its whole body as it lies in the cluster.
    pub live: Arc<Value>,
}

/// A pod in a workload's namespace, whoever made it. It counts until the API server removed it; a driver that
/// saw it removed without the kubelet's word (by force, or with its node) keeps it with `confirmed` false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPod {
    /// Its name.
    pub name: String,
    /// Its annotation [`crate::names::EPOCH`]; 0 if it has none.
    pub epoch: u64,
    /// Whether it has a time of deletion.
    pub terminating: bool,
    /// Whether all its containers have ended for good, as the kubelet says (phase Succeeded or Failed).
    pub ended: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether the kubelet's word stands behind what is said here; false: it vanished and may still run.
    pub confirmed: bool,
    /// What is wrong with it, in a sentence; empty when nothing is (such as `container web: CrashLoopBackOff: …`).
    pub trouble: String,
}

/// All that is there of one workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedCopy {
    /// Its namespace.
    pub namespace: NamespaceState,
    /// Its objects, with those of the cluster. Not the namespace.
    pub objects: BTreeMap<ObjectKey, ObservedObject>,
    /// Pods in its namespace.
    pub pods: Vec<ObservedPod>,
    /// Objects that a manifest names and that exist without the owner's label: their body. Filled by a driver for the keys
    /// that it was asked about.
    pub foreign: BTreeMap<ObjectKey, Arc<Value>>,
}

/// What is there of every workload that was asked for.
pub type Observed = BTreeMap<WorkloadName, Arc<ObservedCopy>>;
