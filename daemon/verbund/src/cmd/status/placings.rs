//! What of placements needs somebody's eye: workloads that wait, clusters whose agents are silent.

use std::collections::BTreeMap;

use verbund_model::resource::{Cluster, CopyRole, Lease, Millis, Placement};
use verbund_model::view::{Kind, Resource};

use super::super::{from_resource, placing, ticket};
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
pub(super) async fn findings(client: &Client) -> Vec<Finding> {
    read(client).await.unwrap_or_default()
}

async fn read(client: &Client) -> Result<Vec<Finding>, Failure> {
    let (mut placements, incidents) =
        (client.list_stale(Kind::Placement).await?, client.list_stale(Kind::Incident).await?);
    let (clusters, leases) = (client.list_stale(Kind::Cluster).await?, client.list_stale(Kind::Lease).await?);
    let mut all = awaited(&incidents);
    placements.retain(|placement| !is_told(placement, &incidents));
    all.extend(of(&placements, &clusters, &leases, crate::client::now())?);
    all.extend(unreviewed(&client.list_stale(Kind::Change).await?));
    Ok(all)
}

fn of(
    placements: &[Resource],
    clusters: &[Resource],
    leases: &[Resource],
    now: Millis,
) -> Result<Vec<Finding>, Failure> {
    let mut all = Vec::new();
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

/// Whether an incident says already that a workload waits for a person.
fn is_told(placement: &Resource, incidents: &[Resource]) -> bool {
    let tells = |incident: &Resource| {
        ticket::is_open(incident)
            && incident.status["awaits"].is_object()
            && incident.spec["workload"] == placement.metadata.name.as_str()
    };
    placement.status["waiting"] == "person" && incidents.iter().any(tells)
}

/// Decisions that people must make: as long as they are not made, nothing moves.
fn awaited(incidents: &[Resource]) -> Vec<Finding> {
    let decision = |incident: &Resource| {
        let decision = ticket::awaits(incident)?;
        let cell = |field: &str| incident.spec[field].as_str().unwrap_or_default().to_owned();
        let (workload, reason, name) = (cell("workload"), cell("reason"), incident.metadata.name.as_str());
        let text = t!("status-placing-awaits", workload = workload, name = name, reason = reason, decision = decision);
        Some(Finding { bad: true, text })
    };
    let open = incidents.iter().filter(|incident| ticket::is_open(incident));
    let all: Vec<Finding> = open.filter_map(decision).collect();
    let more = all.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| Finding { bad: true, text: t!("status-placing-awaits-more", count = more) });
    all.into_iter().take(SHOWN).chain(rest).collect()
}

/// Emergency changes at which nobody has looked yet.
fn unreviewed(changes: &[Resource]) -> Option<Finding> {
    let is = |change: &&Resource| change.status["kind"] == "emergency" && change.status["closed"] == false;
    let mut open = changes.iter().filter(is);
    let first = open.next()?.metadata.name.clone();
    Some(Finding { bad: false, text: t!("status-placing-unreviewed", count = 1 + open.count(), name = first) })
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
        let found = of(&[placement(Value::Null, json!([]))], &[cluster(1_000, true)], &[lease], 2_000);
        assert!(found.unwrap().is_empty());
    }

    #[test]
    fn emergency_changes_wait_for_somebody_who_looks_at_them() {
        let change = |name: &str, kind: &str, closed: bool| {
            let spec = json!({ "workload": "kfz", "organisation": "dataport", "description": "moved" });
            resource(Kind::Change, name, spec, json!({ "kind": kind, "closed": closed, "review": "" }))
        };
        let all = [
            change("a", "standard", false),
            change("b", "emergency", true),
            change("c", "emergency", false),
            change("d", "emergency", false),
        ];
        let found = unreviewed(&all).unwrap();
        assert!(!found.bad && found.text.contains('2') && found.text.contains('c'), "{}", found.text);
        assert!(unreviewed(&all[..2]).is_none());
    }

    #[test]
    fn decisions_that_are_awaited_are_the_first_to_be_seen() {
        let incident = |name: &str, awaits: Value, resolved: bool| {
            let spec = json!({ "workload": "kfz", "organisation": "dataport", "cluster": "nord-a", "reason": "site nord was found lost" });
            resource(Kind::Incident, name, spec, json!({ "awaits": awaits, "resolved": resolved }))
        };
        let decision = json!({ "since": 1, "rpo": 30 });
        let all = [
            incident("inc-1", Value::Null, false),
            incident("inc-2", decision.clone(), true),
            incident("inc-3", decision.clone(), false),
        ];
        let found = awaited(&all);
        assert_eq!(found.len(), 1);
        let text = &found[0].text;
        for part in ["kfz", "inc-3", "site nord was found lost", "verbund failover kfz", "30"] {
            assert!(found[0].bad && text.contains(part), "{text}");
        }
        assert!(awaited(&all[..2]).is_empty());
        // It is said once.
        let waits = placement(json!("person"), json!([]));
        assert!(is_told(&waits, &all) && !is_told(&waits, &all[..2]));
        assert!(!is_told(&placement(json!("notPlaceable"), json!([])), &all));
        let many: Vec<Resource> = (0..14).map(|n| incident(&format!("inc-{n}"), decision.clone(), false)).collect();
        let found = awaited(&many);
        assert!(found.len() == 11 && found[10].text.contains('4'), "{found:?}");
    }

    #[test]
    fn what_waits_or_is_silent_is_found() {
        let lease = resource(
            Kind::Lease,
            "nord-a",
            json!({ "cluster": "nord-a" }),
            json!({ "generation": 1, "open": false, "openedAt": 3 }),
        );
        let waits = placement(json!({ "fence": { "cluster": "nord-a" } }), json!([]));
        let found = of(&[waits], &[cluster(0, false)], &[lease], OLD_MS + 1).unwrap();
        let texts: Vec<&str> = found.iter().map(|f| f.text.as_str()).collect();
        assert_eq!(found.iter().filter(|f| f.bad).count(), 1, "{texts:?}");
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("no nodes")), "{texts:?}");
        let copy = json!([{ "cluster": "nord-a", "role": "active", "epoch": 1, "generation": 1, "since": 1, "phase": "ready" }]);
        let serves = of(&[placement(json!("turn"), copy)], &[], &[], 0).unwrap();
        assert!(serves.len() == 1 && !serves[0].bad);
    }
}
