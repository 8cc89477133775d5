//! What of placements needs somebody's eye: workloads that wait, sites that are lost, clusters whose agents are silent.

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::SiteName;
use verbund_model::resource::{Cluster, CopyRole, Lease, Millis, Placement, Presence};
use verbund_model::view::{Kind, Resource};

use super::super::{from_resource, placing};
use super::Finding;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::age;
use crate::t;

/// More workloads that wait are counted, not shown.
const SHOWN: usize = 10;
/// An agent measures far more often.
const OLD_MS: Millis = 10 * 60 * 1000;

/// The findings, from what the node has: the status must also be seen where nobody leads.
/// That a site is lost is not said of `homeless` ones.
pub(super) async fn findings(client: &Client, homeless: &BTreeSet<&SiteName>) -> Vec<Finding> {
    read(client, homeless).await.unwrap_or_default()
}

async fn read(client: &Client, homeless: &BTreeSet<&SiteName>) -> Result<Vec<Finding>, Failure> {
    let placements = client.list_stale(Kind::Placement).await?;
    let mut presences = client.list_stale(Kind::Presence).await?;
    presences.retain(|presence| homeless.iter().all(|site| site.as_str() != presence.metadata.name));
    let (clusters, leases) = (client.list_stale(Kind::Cluster).await?, client.list_stale(Kind::Lease).await?);
    of(&placements, &presences, &clusters, &leases, crate::client::now())
}

fn of(
    placements: &[Resource],
    presences: &[Resource],
    clusters: &[Resource],
    leases: &[Resource],
    now: Millis,
) -> Result<Vec<Finding>, Failure> {
    let mut all = Vec::new();
    for presence in presences {
        let presence: Presence = from_resource(presence)?;
        if presence.lost {
            let site = presence.site.to_string();
            all.push(Finding { bad: true, text: t!("status-placing-lost", site = site) });
        }
    }
    let leases: Result<Vec<Lease>, Failure> = leases.iter().map(from_resource).collect();
    let leases: BTreeMap<_, _> = leases?.into_iter().map(|lease| (lease.cluster.clone(), lease)).collect();
    for cluster in clusters {
        let cluster: Cluster = from_resource(cluster)?;
        let texts = silent(&cluster, leases.get(&cluster.name), now);
        all.extend(texts.into_iter().map(|text| Finding { bad: false, text }));
    }
    let placements: Result<Vec<Placement>, Failure> = placements.iter().map(from_resource).collect();
    let placements = placements?;
    let waiting: Vec<Finding> = placements.iter().filter_map(waits).collect();
    let more = waiting.len().saturating_sub(SHOWN);
    all.extend(waiting.into_iter().take(SHOWN));
    if more > 0 {
        all.push(Finding { bad: false, text: t!("status-placing-more", count = more) });
    }
    Ok(all)
}

/// A workload that waits; one of which nothing runs is worse than one that only lacks something.
fn waits(placement: &Placement) -> Option<Finding> {
    let waiting = placing::waiting(placement.waiting.as_ref()?);
    let workload = placement.workload.to_string();
    let runs = placement.copies.iter().any(|copy| copy.role == CopyRole::Active);
    Some(if runs {
        Finding { bad: false, text: t!("status-placing-waits", workload = workload, waiting = waiting) }
    } else {
        Finding { bad: true, text: t!("status-placing-nowhere", workload = workload, waiting = waiting) }
    })
}

fn silent(cluster: &Cluster, lease: Option<&Lease>, now: Millis) -> Vec<String> {
    let name = cluster.name.to_string();
    let mut texts = Vec::new();
    match &cluster.observation {
        None => texts.push(t!("status-placing-unheard", cluster = name.as_str())),
        Some(seen) => {
            let old = now.saturating_sub(seen.measured);
            if old > OLD_MS {
                texts.push(t!("status-placing-silent", cluster = name.as_str(), age = age(old)));
            }
            if !seen.ready {
                let reason = seen.impairment.as_str();
                texts.push(t!("status-placing-impaired", cluster = name.as_str(), reason = reason));
            }
        }
    }
    if lease.is_some_and(|lease| !lease.open) {
        texts.push(t!("status-placing-lease", cluster = name));
    }
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resource(kind: Kind, name: &str, spec: Value, status: Value) -> Resource {
        let at = "2026-11-22T16:04:31.000Z";
        let metadata = json!({ "name": name, "resourceVersion": 1, "created": at, "changed": at });
        let whole = json!({ "apiVersion": "verbund.de/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status });
        serde_json::from_value(whole).unwrap()
    }

    fn cluster(measured: Millis, ready: bool) -> Resource {
        let seen = json!({ "measured": measured, "kubernetes": { "major": 1, "minor": 34 }, "kinds": [],
            "storageClasses": [], "ingressClasses": [], "allocatable": {}, "foreign": {}, "ready": ready,
            "impairment": if ready { "" } else { "no nodes" } });
        let spec = json!({ "site": "nord", "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal",
            "stage": "test", "networks": [], "labels": {}, "clusterKinds": [], "price": 0 });
        let status = json!({ "standing": "active", "agent": "ab".repeat(32), "incarnation": 1, "observation": seen });
        resource(Kind::Cluster, "nord-a", spec, status)
    }

    fn placement(waiting: Value, copies: Value) -> Resource {
        let status = json!({ "epoch": 1, "copies": copies, "waiting": waiting, "cause": "applied", "home": null, "change": "chg-1" });
        resource(Kind::Placement, "kfz", json!({ "workload": "kfz", "target": null }), status)
    }

    #[test]
    fn all_is_well_where_nothing_waits() {
        let lease = resource(
            Kind::Lease,
            "nord-a",
            json!({ "cluster": "nord-a" }),
            json!({ "generation": 1, "open": true, "openedAt": 3 }),
        );
        let presence =
            resource(Kind::Presence, "nord", json!({ "site": "nord" }), json!({ "number": 2, "lost": false }));
        let found = of(&[placement(Value::Null, json!([]))], &[presence], &[cluster(1_000, true)], &[lease], 2_000);
        assert!(found.unwrap().is_empty());
    }

    #[test]
    fn what_waits_is_lost_or_silent_is_found() {
        let lease = resource(
            Kind::Lease,
            "nord-a",
            json!({ "cluster": "nord-a" }),
            json!({ "generation": 1, "open": false, "openedAt": 3 }),
        );
        let presence =
            resource(Kind::Presence, "nord", json!({ "site": "nord" }), json!({ "number": 2, "lost": true }));
        let waits = placement(json!({ "fence": { "cluster": "nord-a" } }), json!([]));
        let found = of(&[waits], &[presence], &[cluster(0, false)], &[lease], OLD_MS + 1).unwrap();
        let texts: Vec<&str> = found.iter().map(|f| f.text.as_str()).collect();
        assert_eq!(found.iter().filter(|f| f.bad).count(), 2, "{texts:?}");
        assert_eq!(texts.len(), 5, "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("no nodes")), "{texts:?}");
        let copy = json!([{ "cluster": "nord-a", "role": "active", "epoch": 1, "generation": 1, "since": 1, "phase": "ready" }]);
        let serves = of(&[placement(json!("turn"), copy)], &[], &[], &[], 0).unwrap();
        assert!(serves.len() == 1 && !serves[0].bad);
    }
}
