//! What a command or a crash leaves, and who removes it.

use std::process::Command;

use anyhow::{Result, ensure};
use verbund_testbed::{Signal, Testbed, until};

use crate::{directory, program, turn};

#[tokio::test(flavor = "multi_thread")]
async fn the_command_starts_sites_that_stay_and_stops_them() -> Result<()> {
    let Some(_turn) = turn("sites that stay").await? else { return Ok(()) };
    let directory = directory()?;
    let testbed = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(program());
        let output = command.arg("--directory").arg(directory.path()).args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let said = testbed(&["up", "--sites", "1"])?;
    ensure!(said.contains("KUBECONFIG=") && said.contains("down"), "{said}");

    let attached = Testbed::attach(directory.path())?;
    let site = attached.find("mitte")?;
    site.kubectl(&["get", "--raw", "/readyz"]).await?;
    let remains = attached.remains()?;
    ensure!(!remains.left()?.is_empty(), "a running testbed leaves traces");
    drop((attached, site));
    let said = testbed(&["status"])?;
    ensure!(said.contains("components that do not run: none"), "it goes on without whoever attached: {said}");
    testbed(&["down"])?;
    ensure!(remains.left()?.is_empty(), "left: {:#?}", remains.left()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_the_next_run_removes() -> Result<()> {
    let Some(_turn) = turn("a crash").await? else { return Ok(()) };
    let (first, second) = (directory()?, directory()?);
    let mut command = Command::new(program());
    let mut crashing = command.arg("--directory").arg(first.path()).args(["up", "--sites", "1"]).spawn()?;
    let (remains, _) = until("the first processes of the site", || async {
        let testbed = Testbed::attach(first.path())?;
        let site = testbed.find("mitte")?;
        ensure!(site.processes()?.len() >= 2, "nothing runs yet");
        testbed.remains()
    })
    .await?;
    crashing.kill()?;
    crashing.wait()?;
    ensure!(!remains.left()?.is_empty(), "a crash was to leave something");

    let next = Testbed::new(second.path()).await?;
    let left = remains.left()?;
    // The next run may have taken the slot of the first, with its bridge and its files; nothing else may be there.
    let own = next.remains()?.left()?;
    let foreign: Vec<_> = left.iter().filter(|line| !own.contains(line)).collect();
    ensure!(foreign.is_empty(), "left: {foreign:#?}");
    next.stop().await?;
    ensure!(remains.left()?.is_empty(), "left: {:#?}", remains.left()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spawned_process_is_inside_and_ends_with_its_space() -> Result<()> {
    let Some(_turn) = turn("a space").await? else { return Ok(()) };
    let directory = directory()?;
    let testbed = Testbed::new(directory.path()).await?;
    let (a, b) = (testbed.space("a").await?, testbed.space("b").await?);
    ensure!(testbed.space("a").await.is_err(), "a name was given twice");
    let mut command = Command::new("sh");
    command.args(["-c", "echo $GREETING; busybox ip addr show eth0; sleep 600 & wait"]).env("GREETING", "good day");
    let process = a.spawn("sleeper", &command)?;
    let address = format!("inet {}/24", a.address());
    until("its output", || async {
        let log = std::fs::read_to_string(process.log())?;
        ensure!(log.contains("good day") && log.contains(&address), "{log}");
        Ok(())
    })
    .await?;
    ensure!(a.processes()?.contains(&process.id()) && a.processes()?.len() == 2, "{:?}", a.processes()?);
    ensure!(b.processes()?.is_empty(), "it runs in the wrong space");
    process.signal(Signal::STOP)?;
    let id = process.id();
    let remains = testbed.remains()?;
    testbed.stop().await?;
    ensure!(!id.is_alive() && remains.left()?.is_empty(), "left: {:#?}", remains.left()?);
    Ok(())
}
