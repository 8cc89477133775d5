//! A workload of all kinds: it is applied and runs, drift is repaired, an update prunes, deletion leaves nothing.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use verbund_agent_core::{DesiredCopy, Driver as _, LogQuery};
use verbund_testbed::{Site, until};

use crate::agent::{Agent, PARALLEL, copy};
use crate::samples;

const NAME: &str = "wohngeld";

pub async fn live_and_go(site: &Site, agent: &Agent) -> Result<()> {
    let wanted = copy(NAME, PARALLEL, &samples::all_kinds())?;
    agent.ready(&wanted).await?;
    run(agent, &wanted).await?;
    is_measured(agent).await?;
    drift_is_repaired(site, agent, &wanted).await?;
    let updated = an_update_prunes_what_left(site, agent).await?;
    agent.remove(&updated).await?;
    nothing_is_left(site).await
}

/// The containers of each kind wrote what they write when they run.
async fn run(agent: &Agent, wanted: &DesiredCopy) -> Result<()> {
    let query = LogQuery {
        workload: wanted.workload.clone(),
        pod: None,
        container: None,
        tail: 10,
        since: None,
        previous: false,
    };
    let words = ["web-runs", "data-runs", "node-runs", "once-ran", "often-ran"];
    let (lines, _) = until("the words of all containers", || async {
        let lines = agent.driver.logs(&query).await?;
        for word in words {
            ensure!(lines.iter().any(|line| line.text == word), "nobody said {word}; said was {lines:?}");
        }
        Ok(lines)
    })
    .await?;
    let web = lines.iter().filter(|line| line.text == "web-runs" && line.container == "main").count();
    ensure!(web == 2, "the Deployment has two replicas, but {web} wrote");
    let events = agent.driver.events(&wanted.workload).await?;
    ensure!(
        events.iter().any(|event| event.reason == "Started" && event.time > 0),
        "no event says that a container started"
    );
    ensure!(events.is_sorted_by_key(|event| event.time), "events come in the order of time");
    Ok(())
}

async fn is_measured(agent: &Agent) -> Result<()> {
    let measured = agent.driver.measure().await?.observation;
    ensure!((measured.kubernetes.major, measured.kubernetes.minor) == (1, 35), "{}", measured.kubernetes);
    ensure!(measured.ready && measured.impairment.is_empty(), "{}", measured.impairment);
    ensure!(measured.allocatable.cpu_millis >= 1_000 && measured.allocatable.pods > 10, "{:?}", measured.allocatable);
    ensure!(measured.foreign.pods == 0, "all pods are the workload's, but {:?}", measured.foreign);
    ensure!(measured.kinds.iter().any(|kind| kind.kind == "Akte"), "the kind that the workload defined is not known");
    let present = agent.driver.present().await?;
    ensure!(present.iter().map(|name| name.as_str()).eq([NAME]), "{present:?}");
    Ok(())
}

async fn drift_is_repaired(site: &Site, agent: &Agent, wanted: &DesiredCopy) -> Result<()> {
    let inside = ["--namespace", NAME];
    site.kubectl(&[&inside[..], &["delete", "configmap", "settings"]].concat()).await?;
    site.kubectl(&[&inside[..], &["patch", "configmap", "leaves", "--patch", r#"{"data":{"is":"gone"}}"#]].concat())
        .await?;
    site.kubectl(&[&inside[..], &["scale", "deployment", "web", "--replicas", "1"]].concat()).await?;
    site.kubectl(
        &[&inside[..], &["patch", "service", "web", "--patch", r#"{"spec":{"selector":{"app":"evil"}}}"#]].concat(),
    )
    .await?;
    agent.ready(wanted).await?;
    let field = async |kind: &str, name: &str, path: &str| {
        site.kubectl(&[&inside[..], &["get", kind, name, "-o", &format!("jsonpath={path}")]].concat()).await
    };
    ensure!(field("configmap", "settings", "{.data.colour}").await? == "blue");
    ensure!(field("configmap", "leaves", "{.data.is}").await? == "here");
    ensure!(field("deployment", "web", "{.spec.replicas}").await? == "2");
    ensure!(field("service", "web", "{.spec.selector.app}").await? == "web");
    Ok(())
}

async fn an_update_prunes_what_left(site: &Site, agent: &Agent) -> Result<DesiredCopy> {
    // Somebody else's, in the same namespace.
    site.kubectl(&["--namespace", NAME, "create", "configmap", "strangers", "--from-literal", "a=b"]).await?;
    let manifest = samples::all_kinds();
    let leaves = ["name: leaves", "kind: StatefulSet", "kind: Akte\n"];
    let stays: Vec<&str> =
        manifest.split("---").filter(|document| !leaves.iter().any(|leaf| document.contains(leaf))).collect();
    ensure!(stays.len() == manifest.split("---").count() - leaves.len(), "three objects leave");
    let updated = copy(NAME, PARALLEL, &stays.join("---"))?;
    agent.ready(&updated).await?;
    let kinds = "configmaps,statefulsets,akten,services,secrets,deployments,daemonsets,jobs,cronjobs,ingresses,networkpolicies,roles";
    let left = site.kubectl(&["--namespace", NAME, "get", kinds, "-o", "name"]).await?;
    for name in ["configmap/leaves", "statefulset.apps/data", "akte.example.de/eins"] {
        ensure!(!left.lines().any(|line| line == name), "{name} left the manifest and is still there");
    }
    let there = [
        "configmap/settings",
        "configmap/strangers",
        "service/web",
        "secret/access",
        "deployment.apps/web",
        "daemonset.apps/node",
        "job.batch/once",
        "cronjob.batch/often",
        "ingress.networking.k8s.io/web",
        "networkpolicy.networking.k8s.io/web",
        "role.rbac.authorization.k8s.io/reader",
    ];
    for name in there {
        ensure!(left.lines().any(|line| line == name), "{name} was removed and should be there: {left}");
    }
    Ok(updated)
}

async fn nothing_is_left(site: &Site) -> Result<()> {
    let namespaces = site.kubectl(&["get", "namespaces", "-o", "name"]).await?;
    ensure!(!namespaces.contains(NAME), "{namespaces}");
    let kinds = site.kubectl(&["api-resources", "--verbs", "list", "-o", "name"]).await?;
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
    ensure!(kinds.len() > 40, "the cluster knows more kinds than {kinds:?}");
    let all = kinds.join(",");
    let left = site.kubectl(&["get", &all, "--all-namespaces", "-l", "verbund.de/workload", "-o", "json"]).await?;
    let left: Value = serde_json::from_str(&left)?;
    let left = left["items"].as_array().context("a list")?;
    let names = left.iter().map(|item| format!("{} {}", item["kind"], item["metadata"]["name"]));
    ensure!(left.is_empty(), "left: {:?}", names.collect::<Vec<_>>());
    Ok(())
}
