//! The guard as process 1 of real containers, under Pod Security `restricted`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::net::UdpSocket;
use verbund_agent_core::{Driver as _, LogQuery, PullPolicy, Settings};
use verbund_guard::wire;
use verbund_lease::{Denied, Grant};
use verbund_model::resource::{FenceLevel, Mode};
use verbund_testbed::{Component, Image, ImageFile, Site, Testbed, until};

use crate::agent::{Agent, copy};
use crate::samples;

const NAME: &str = "waffen";
const IMAGE: &str = "verbund.de/testbed/guard:1";

/// A desk on the machine itself, which no cut concerns.
#[derive(Default)]
struct Desk {
    grants: AtomicBool,
    asked: AtomicU64,
}

async fn serve(desk: Arc<Desk>, socket: UdpSocket) {
    let mut bytes = [0; 512];
    while let Ok((length, guard)) = socket.recv_from(&mut bytes).await {
        let Ok(question) = wire::decode_question(&bytes[..length]) else { continue };
        desk.asked.fetch_add(1, Ordering::SeqCst);
        let decision = if desk.grants.load(Ordering::SeqCst) {
            Ok(Grant { question: question.clone(), remaining: 6_000 })
        } else {
            Err(Denied::NoLease)
        };
        let _lost = socket.send_to(&wire::encode_answer(&question, &decision, |_| None), guard).await;
    }
}

/// Builds the guard as it is shipped: without shared libraries.
fn guard() -> Result<PathBuf> {
    let built = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../guard/static")).output()?;
    ensure!(built.status.success(), "building the guard: {}", String::from_utf8_lossy(&built.stderr));
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim()))
}

async fn pod(site: &Site) -> Result<Value> {
    let list = site.kubectl(&["get", "pods", "--namespace", NAME, "-o", "json"]).await?;
    let list: Value = serde_json::from_str(&list)?;
    Ok(list["items"][0].clone())
}

pub async fn ends_real_containers(testbed: &Testbed, site: &Site) -> Result<()> {
    let file = tokio::task::spawn_blocking(guard).await??;
    site.load(&Image::with_files(IMAGE, [ImageFile::copy(&file, "/usr/bin/verbund-guard", 0o755)])?).await?;
    let socket = UdpSocket::bind((testbed.host(), 0)).await?;
    let address = socket.local_addr()?;
    let desk = Arc::new(Desk::default());
    let serving = tokio::spawn(serve(Arc::clone(&desk), socket));
    let settings = Settings {
        guard_image: IMAGE.to_owned(),
        guard_pull: PullPolicy::Never,
        guard_desk: address.to_string(),
        ..Settings::default()
    };
    let agent = Agent::with(site, settings).await?;
    let wanted = copy(NAME, Mode::Exclusive { fence: FenceLevel::Guard }, &samples::one("web"))?;
    let query = LogQuery {
        workload: wanted.workload.clone(),
        pod: None,
        container: Some("main".to_owned()),
        tail: 100,
        since: None,
        previous: false,
    };
    let ran = async || Ok::<_, anyhow::Error>(agent.driver.logs(&query).await?.iter().any(|line| line.text == "runs"));

    agent.until(&wanted, "the guard asks", |_| desk.asked.load(Ordering::SeqCst) >= 8).await?;
    ensure!(!ran().await?, "the program was started without a lease");
    desk.grants.store(true, Ordering::SeqCst);
    agent.ready(&wanted).await?;
    until("the program under a grant", || async {
        ensure!(ran().await?, "it has not written");
        Ok(())
    })
    .await?;

    // Kubelet and API server dead: the guard ends the container all the same.
    let container = pod(site).await?["status"]["containerStatuses"][0]["containerID"].clone();
    let container = container.as_str().and_then(|id| id.rsplit('/').next()).context("a container")?.to_owned();
    let pid = process_of(&container)?;
    site.pause(Component::Kubelet)?;
    site.pause(Component::ApiServer)?;
    desk.grants.store(false, Ordering::SeqCst);
    until("the container's end", || async {
        ensure!(process_of(&container).ok() != Some(pid), "process {pid} runs");
        Ok(())
    })
    .await?;
    site.resume(Component::ApiServer)?;
    site.resume(Component::Kubelet)?;
    until("the kubelet says how it ended", || async {
        let status = pod(site).await?["status"]["containerStatuses"][0].clone();
        let ended = [&status["state"]["terminated"]["exitCode"], &status["lastState"]["terminated"]["exitCode"]];
        ensure!(ended.into_iter().any(|code| *code == 75), "it says {status}");
        Ok(())
    })
    .await?;
    serving.abort();
    agent.remove(&wanted).await
}

/// The process 1 of a container, as this machine numbers it: the first whose control group names the container.
fn process_of(container: &str) -> Result<u32> {
    let mut all: Vec<u32> = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if groups.contains(container) {
            all.push(pid);
        }
    }
    all.into_iter().min().context("the container has no process")
}
