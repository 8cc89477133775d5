//! What a cluster is like: measured through its API, not claimed.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Request;
use serde_json::Value;
use verbund_agent_core::Measured;
use verbund_model::resource::{Amounts, KubernetesVersion, Observation};

use crate::api::{As, built};
use crate::error::KubeError;
use crate::kinds;
use crate::nodes;
use crate::objects::Objects;
use crate::quantity::Quantity;
use crate::requests;
use crate::watches::Watched;

/// How old the known kinds may be.
const KINDS: Duration = Duration::from_secs(30);

/// What is said of storage whose driver publishes no capacity: it is taken at its word that it has enough (1 PiB).
pub const UNPUBLISHED: u64 = 1 << 50;

const STORAGE: &str = "/apis/storage.k8s.io/v1";

/// Measures the cluster.
pub async fn measure(objects: &Objects, watched: &Watched) -> Result<Measured, KubeError> {
    let server = &objects.server;
    let kubernetes = version(objects).await?;
    let known = objects.kinds.known(server.client(), KINDS, server.timeout()).await?;
    let listed = server.list(As::Agent, "/api/v1/nodes", None).await?;
    let nodes: Vec<nodes::Node> = listed.iter().map(nodes::read).collect();
    watched.nodes(&nodes);
    let ours: BTreeSet<String> = watched.ours().iter().map(ToString::to_string).collect();
    let classes = server.list(As::Agent, &format!("{STORAGE}/storageclasses"), None).await?;
    let ingress = server.list(As::Agent, "/apis/networking.k8s.io/v1/ingressclasses", None).await?;
    let storage = storage(objects, &classes, &ours).await?;
    let foreign = match watched.foreign() {
        Some(foreign) => foreign,
        None => foreign_pods(objects, &ours).await?,
    };
    let open = nodes.iter().filter(|node| node.open);
    let allocatable = open.fold(Amounts::default(), |sum, node| sum.plus(&node.allocatable));
    let (ready, impairment) = nodes::judge(&nodes);
    let observation = Observation {
        measured: 0,
        kubernetes,
        kinds: known.keys().cloned().collect(),
        storage_classes: names(&classes),
        ingress_classes: names(&ingress),
        allocatable: Amounts { storage_bytes: storage.all, ..allocatable },
        foreign: Amounts { storage_bytes: storage.foreign, ..foreign },
        ready,
        impairment,
    };
    Ok(Measured { observation, scopes: kinds::scopes(&known) })
}

fn names(objects: &[Value]) -> BTreeSet<String> {
    objects.iter().filter_map(|object| object["metadata"]["name"].as_str()).map(str::to_owned).collect()
}

async fn version(objects: &Objects) -> Result<KubernetesVersion, KubeError> {
    let what = "reading the version";
    let request = Request::get("/version").body(Vec::new());
    let request = built(what, request.map_err(kube::core::request::Error::BuildRequest))?;
    let answer: Value = objects.server.call(As::Agent, what, request).await?;
    // Some distributions write `35+`.
    let number = |field: &str| {
        let text = answer[field].as_str().unwrap_or_default();
        text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u16>().ok()
    };
    match (number("major"), number("minor")) {
        (Some(major), Some(minor)) => Ok(KubernetesVersion { major, minor }),
        _ => Err(KubeError::Answer { what: what.to_owned(), why: format!("no version in {answer}") }),
    }
}

async fn foreign_pods(objects: &Objects, ours: &BTreeSet<String>) -> Result<Amounts, KubeError> {
    let pods = objects.server.list(As::Agent, "/api/v1/pods", None).await?;
    let live = pods.iter().filter(|pod| {
        let is_ours = pod["metadata"]["namespace"].as_str().is_some_and(|namespace| ours.contains(namespace));
        !is_ours && pod["status"]["phase"] != "Succeeded" && pod["status"]["phase"] != "Failed"
    });
    Ok(live.fold(Amounts::default(), |sum, pod| sum.plus(&requests::of_pod(&pod["spec"]))))
}

struct Storage {
    all: u64,
    foreign: u64,
}

/// Volumes that exist, and what the drivers say is left. A driver that says nothing has [`UNPUBLISHED`].
async fn storage(objects: &Objects, classes: &[Value], ours: &BTreeSet<String>) -> Result<Storage, KubeError> {
    let bytes = |quantity: &Value| quantity.as_str().and_then(Quantity::parse).map_or(0, Quantity::whole);
    let left = objects.server.list(As::Agent, &format!("{STORAGE}/csistoragecapacities"), None).await?;
    let published: BTreeSet<&str> = left.iter().filter_map(|one| one["storageClassName"].as_str()).collect();
    let silent = names(classes).iter().any(|class| !published.contains(class.as_str()));
    let free = if silent {
        UNPUBLISHED
    } else {
        left.iter().fold(0u64, |sum, one| sum.saturating_add(bytes(&one["capacity"])))
    };
    let (mut all, mut foreign) = (free, 0u64);
    for volume in objects.server.list(As::Agent, "/api/v1/persistentvolumes", None).await? {
        let size = bytes(&volume["spec"]["capacity"]["storage"]);
        all = all.saturating_add(size);
        let namespace = volume["spec"]["claimRef"]["namespace"].as_str();
        if namespace.is_some_and(|namespace| !ours.contains(namespace)) {
            foreign = foreign.saturating_add(size);
        }
    }
    Ok(Storage { all, foreign })
}
