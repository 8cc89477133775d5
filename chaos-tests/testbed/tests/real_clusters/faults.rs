//! Components and whole sites fail and come back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use verbund_testbed::{Component, Site, Testbed, until};

use crate::containers::{deployment, is_available};
use crate::sockets::{LONG, Recorder};

/// A Deployment that tells the recorder four times a second that it lives.
fn reporter(testbed: &Testbed, recorder: &Recorder) -> Result<String> {
    let target = format!("{} {}", testbed.host(), recorder.port()?);
    let script = format!("while :; do nc -w 1 {target} </dev/null & sleep 0.25; done");
    Ok(deployment("reporter", 1, &script))
}

/// Containers go on without the API server, without the kubelet and while the site is cut off; each component comes back.
pub async fn strike_one_component(testbed: &Testbed, site: &Site) -> Result<()> {
    let recorder = Recorder::new(testbed.host())?;
    site.apply(&reporter(testbed, &recorder)?).await?;
    is_available(site, "reporter").await?;
    recorder.hears(site.address(), LONG)?;

    testbed.cut_off(site.name())?;
    site.kill(Component::ApiServer)?;
    ensure!(!site.is_alive(Component::ApiServer), "it was killed");
    ensure!(site.kubectl(&["get", "--raw", "/readyz", "--request-timeout=5s"]).await.is_err(), "nobody must answer");
    recorder.hears(site.address(), LONG)?;
    testbed.heal()?;
    site.start(Component::ApiServer)?;
    let answers = || async { site.kubectl(&["get", "--raw", "/readyz", "--request-timeout=5s"]).await };
    let (_, took) = until("the API server after its return", answers).await?;
    println!("API server back after {:.1} s", took.as_secs_f64());

    site.pause(Component::Kubelet)?;
    let kubelet = site.process(Component::Kubelet)?;
    let stopped =
        || -> Result<bool> { Ok(std::fs::read_to_string(format!("/proc/{}/stat", kubelet.pid))?.contains(") T ")) };
    until("the stop of the kubelet", || async { stopped()?.then_some(()).context("it goes on") }).await?;
    recorder.hears(site.address(), LONG)?;
    site.resume(Component::Kubelet)?;
    until("the kubelet going on", || async { (!stopped()?).then_some(()).context("it is stopped") }).await?;

    // The runtime too: the container's process is the same before and after.
    let before = site.processes()?;
    site.kill(Component::Containerd)?;
    recorder.hears(site.address(), LONG)?;
    site.start(Component::Containerd)?;
    let after = site.processes()?;
    ensure!(before.iter().filter(|process| after.contains(process)).count() > 5, "containers ended with their runtime");
    site.kubectl(&["delete", "deployment", "reporter", "--wait=false"]).await.map(drop)
}

/// Without power nothing of a site lives, the other goes on; with power again, the site's containers return.
pub async fn strike_a_whole_site(testbed: &Testbed, mitte: &Site, nord: &Site) -> Result<()> {
    let recorder = Recorder::new(testbed.host())?;
    for site in [mitte, nord] {
        site.apply(&reporter(testbed, &recorder)?).await?;
    }
    for site in [mitte, nord] {
        is_available(site, "reporter").await?;
        recorder.hears(site.address(), LONG)?;
    }
    let before = nord.processes()?;
    nord.power_off().await?;
    ensure!(nord.processes()?.is_empty(), "something survived: {:?}", nord.processes()?);
    ensure!(before.iter().all(|process| !process.is_alive()), "a process left its group and survived");
    ensure!(recorder.hears(nord.address(), Duration::from_secs(2)).is_err(), "a site without power was heard");
    recorder.hears(mitte.address(), LONG)?;

    let start = Instant::now();
    nord.power_on().await?;
    println!("power on: node ready after {:.1} s", start.elapsed().as_secs_f64());
    recorder.hears(nord.address(), LONG)?;
    println!("power on: containers back after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
