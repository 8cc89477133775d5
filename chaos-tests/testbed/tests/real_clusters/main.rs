//! Real sites on this machine. One pair serves every question that two sites can answer, because starting takes longest.
//! Needs root, and says so.

mod containers;
mod faults;
mod left;
mod links;
mod sockets;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use tokio::sync::{Mutex, MutexGuard};
use verbund_testbed::{Testbed, may_run};

/// One test at a time: they share the machine's memory and processors.
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits for its turn. `None`: root is missing, and that is all right.
async fn turn(what: &str) -> Result<Option<MutexGuard<'static, ()>>> {
    if may_run(what)? { Ok(Some(TURN.lock().await)) } else { Ok(None) }
}

/// A short directory that goes with the value.
fn directory() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("vtb").tempdir_in("/tmp")?)
}

/// The command `verbund-testbed`.
fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_verbund-testbed")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_run_containers_suffer_faults_and_leave_nothing() -> Result<()> {
    let Some(_turn) = turn("two sites side by side").await? else { return Ok(()) };
    let directory = directory()?;
    let start = Instant::now();
    let testbed = Testbed::new(directory.path()).await?;
    let sites = testbed.sites(&["mitte", "nord"]).await?;
    println!("two sites ready after {:.1} s", start.elapsed().as_secs_f64());
    let [mitte, nord] = sites.as_slice() else { anyhow::bail!("two sites were asked for") };

    containers::are_two_clusters(mitte, nord).await?;
    containers::run_and_answer(mitte).await?;
    containers::run_our_own_files(nord).await?;
    links::are_cut_and_mended(&testbed, mitte, nord).await?;
    links::lose_in_one_direction(&testbed, mitte, nord).await?;
    links::are_delayed(&testbed, mitte, nord).await?;
    faults::strike_one_component(&testbed, mitte).await?;
    faults::strike_a_whole_site(&testbed, mitte, nord).await?;

    let remains = testbed.remains()?;
    anyhow::ensure!(
        remains.left()?.len() > 20,
        "a running testbed leaves traces, or the test looks in the wrong places"
    );
    drop(sites);
    let start = Instant::now();
    testbed.stop().await?;
    println!("stopped after {:.1} s", start.elapsed().as_secs_f64());
    anyhow::ensure!(remains.left()?.is_empty(), "left: {:#?}", remains.left()?);
    Ok(())
}
