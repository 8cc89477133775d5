//! Fencing: quota first, then pods; gone is what the kubelet confirmed.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use verbund_agent_core::{DesiredCopy, DesiredRole, Driver as _};
use verbund_model::resource::{FenceLevel, Mode};
use verbund_testbed::{Component, Site, until};

use crate::agent::{Agent, PARALLEL, copy};
use crate::samples;

const NAME: &str = "register";
const EXCLUSIVE: Mode = Mode::Exclusive { fence: FenceLevel::Agent };

async fn pods(site: &Site) -> Result<Vec<Value>> {
    let list = site.kubectl(&["get", "pods", "--namespace", NAME, "-o", "json"]).await?;
    let mut list: Value = serde_json::from_str(&list)?;
    serde_json::from_value(list["items"].take()).context("a list of pods")
}

fn stopping(copy: &DesiredCopy) -> DesiredCopy {
    DesiredCopy { role: DesiredRole::Stopping, ..copy.clone() }
}

pub async fn stops_and_knows_it(site: &Site, agent: &Agent) -> Result<()> {
    let wanted = copy(NAME, EXCLUSIVE, &samples::one("web"))?;
    agent.ready(&wanted).await?;
    no_receipt_without_the_kubelet(site, agent, &wanted).await?;
    nothing_comes_back(site).await?;
    let again = DesiredCopy { epoch: 2, ..wanted };
    agent.ready(&again).await?;
    ensure!(pods(site).await?.iter().all(|pod| pod["metadata"]["annotations"]["verbund.de/epoch"] == "2"));
    an_older_epoch_is_denied(site).await?;
    what_vanishes_by_force_is_not_believed(site, agent, &again).await?;
    // What vanished is remembered by this run of the agent only; a person has looked at the node meanwhile.
    Agent::start(site).await?.remove(&again).await
}

/// While the kubelet does not answer nobody knows whether the containers run, so there is no receipt, not even when a person
/// removes the pod by force. When it answers again there is one.
async fn no_receipt_without_the_kubelet(site: &Site, agent: &Agent, wanted: &DesiredCopy) -> Result<()> {
    site.pause(Component::Kubelet)?;
    let stop = stopping(wanted);
    let turn = agent.until(&stop, "pods told to end", |turn| {
        !turn.observed.pods.is_empty() && turn.observed.pods.iter().all(|pod| pod.terminating)
    });
    turn.await?;
    site.kubectl(&["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false", "--namespace", NAME])
        .await?;
    for _ in 0..10 {
        let turn = agent.turn(&stop, 60_000).await?;
        ensure!(!turn.receipt, "a receipt was given without the kubelet's word");
        ensure!(turn.observed.pods.iter().any(|pod| !pod.ended), "a pod that may run is not seen any more");
    }
    ensure!(!pods(site).await?.is_empty(), "the pod is held until its end was read");
    site.resume(Component::Kubelet)?;
    agent.until(&stop, "receipt after the kubelet's word", |turn| turn.receipt).await?;
    until("the pods let go", || async {
        ensure!(pods(site).await?.is_empty(), "they are still there");
        Ok(())
    })
    .await?;
    Ok(())
}

/// A person scales up, or makes a pod, in a fenced namespace: nothing starts.
async fn nothing_comes_back(site: &Site) -> Result<()> {
    site.kubectl(&["scale", "deployment", "web", "--replicas", "3", "--namespace", NAME]).await?;
    until("the controller is refused", || async {
        let events = site.kubectl(&["get", "events", "--namespace", NAME, "-o", "json"]).await?;
        let refused = events.contains("exceeded quota") || events.contains("Verbund has fenced this namespace");
        ensure!(refused, "nobody was refused yet");
        Ok(())
    })
    .await?;
    ensure!(pods(site).await?.is_empty(), "a pod started in a fenced namespace");
    Ok(())
}

async fn an_older_epoch_is_denied(site: &Site) -> Result<()> {
    let pod = |epoch: u8| {
        let main = samples::container("main", "true");
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{epoch}, namespace: {NAME}, annotations: {{verbund.de/epoch: '{epoch}'}}}}\nspec: {{restartPolicy: Never, containers: [{main}]}}"
        )
    };
    let told = site.apply(&pod(1)).await.err().context("a pod of an older epoch was taken")?;
    ensure!(format!("{told:#}").contains("epoch 1"), "{told:#}");
    // With the epoch that is active the same pod is taken.
    site.apply(&pod(2)).await?;
    site.kubectl(&["delete", "pod", "p2", "--namespace", NAME, "--grace-period=1"]).await.map(drop)
}

/// A pod without the agent's finalizer that somebody removes by force, while the kubelet does not answer.
async fn what_vanishes_by_force_is_not_believed(site: &Site, agent: &Agent, wanted: &DesiredCopy) -> Result<()> {
    site.pause(Component::Kubelet)?;
    site.kubectl(&[
        "delete",
        "pods",
        "-l",
        "app=web",
        "--force",
        "--grace-period=0",
        "--wait=false",
        "--namespace",
        NAME,
    ])
    .await?;
    let vanished = agent.until(wanted, "a pod that vanished is kept as unconfirmed", |turn| {
        turn.observed.pods.iter().any(|pod| !pod.confirmed && !pod.ended)
    });
    vanished.await?;
    let stop = stopping(wanted);
    for _ in 0..5 {
        ensure!(!agent.turn(&stop, 60_000).await?.receipt, "a receipt was given for a pod that vanished");
    }
    site.resume(Component::Kubelet)?;
    Ok(())
}

/// The API server dies and comes back: operations fail meanwhile, watches go on after.
pub async fn outlives_the_api_server(site: &Site, agent: &Agent) -> Result<()> {
    let wanted = copy("stadtplan", PARALLEL, &samples::one("web"))?;
    agent.ready(&wanted).await?;
    site.kill(Component::ApiServer)?;
    let dead = agent.driver.measure().await;
    ensure!(dead.is_err(), "an API server that is dead was measured");
    site.start(Component::ApiServer)?;
    until("measured again", || async { Ok(agent.driver.measure().await.map(drop)?) }).await?;
    let bigger = copy("stadtplan", PARALLEL, &samples::one("web").replace("replicas: 1", "replicas: 2"))?;
    let turn = agent.ready(&bigger).await?;
    ensure!(turn.observed.pods.len() == 2);
    agent.remove(&bigger).await
}
