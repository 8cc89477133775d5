//! A Fachverfahren on two real clusters loses its site: it runs at the other, and never at both. Without the guard it does run
//! at both, so the test would see it. Needs root, and says so.

use anyhow::{Context as _, Result, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;
use verbund_sites::failover::{Loss, measure};
use verbund_sites::fencing::{Fault, run};
use verbund_sites::{Federation, Guards, Mode, Plan, Sample};
use verbund_testbed::may_run;

const SEED: u64 = 20_261_128;

async fn up(directory: &TempDir, name: &str, guards: Guards) -> Result<Federation> {
    let directory = directory.path().join(name);
    let mut federation = Federation::up(&directory, &Plan::of(3, guards)).await?;
    let (organisation, sink) = (federation.organisation().to_owned(), federation.sink.address());
    let sample = |name: &str, mode| Sample {
        name: name.to_owned(),
        organisation: organisation.clone(),
        mode,
        stop_budget: 1_000,
        sink,
    };
    let (register, portal) = (sample("register", Mode::Exclusive("guard")), sample("portal", Mode::Parallel));
    federation.deploy(&register).await?;
    if guards == Guards::Real {
        federation.deploy(&portal).await?;
    }
    Ok(federation)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_site_is_replaced_and_an_exclusive_workload_never_runs_twice() -> Result<()> {
    if !may_run("a federation on two real clusters")? {
        return Ok(());
    }
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let directory = tempfile::Builder::new().prefix("vsi").tempdir_in("/tmp")?;
    let mut federation = up(&directory, "a", Guards::Real).await?;
    for fault in [Fault::LinkCut, Fault::AgentKilled] {
        let seen = run(&mut federation, "register", fault, &mut random).await?;
        println!("{fault}: elsewhere after {:?}, the old one ended after {:?}", seen.elsewhere, seen.ended);
        ensure!(seen.overlaps.is_empty(), "{fault}: two at the same time: {:#?}", seen.overlaps);
        ensure!(seen.elsewhere.is_some(), "{fault}: it did not move");
    }
    let took = measure(&mut federation, "portal", Loss::PowerOff, false).await?;
    println!("a parallel workload, {}: elsewhere after {took:?}", Loss::PowerOff);
    federation.testbed.stop().await?;

    let mut federation = up(&directory, "b", Guards::LeftOut).await?;
    let seen = run(&mut federation, "register", Fault::AgentKilled, &mut random).await?;
    federation.testbed.stop().await?;
    let longest = seen.overlaps.iter().map(|overlap| overlap.length).max();
    let longest = longest.context("with the guard left out no overlap was seen: this test proves nothing")?;
    println!("control: with the guard left out two wrote at the same time for {longest:?}");
    Ok(())
}
