//! Shows: five sites under a steady load of at least 200 writes/s; `kill -9` of any two, one after the other; nothing that
//! was acknowledged is missing on any member afterwards, what was of unknown outcome was applied exactly once when sent
//! again, and the killed sites catch up, one by log and one by snapshot.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use verbund_kit::checker::{check_members, equal_heads};
use verbund_kit::traffic::{Load, Traffic};
use verbund_kit::{Federation, Settings, metrics, seeded, until_async};

const FILE: &str = "losing_sites_loses_no_acknowledged_write";
/// Entries between snapshots, and entries kept before one: who lacks less than `KEPT` catches up by log, who lacks more
/// than both by snapshot.
const SNAPSHOT: usize = 1500;
const KEPT: usize = 3000;
/// Acknowledged writes between two faults.
const BETWEEN: usize = 1000;
/// A load below this proves nothing: the run is void.
const LEAST_RATE: f64 = 200.0;
/// How long so many acknowledgements may take.
const BOUND: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn two_of_five_killed_under_load() {
    let mut rng = seeded(FILE, "two_of_five_killed_under_load");
    let extra = format!("raft: {{snapshotEntries: {SNAPSHOT}, keptEntries: {KEPT}}}\ncheckpoint: {{quietSeconds: 2}}");
    let mut federation = Federation::of(5, Settings { extra, ..Settings::default() }).await.unwrap();
    let author = federation.new_provider("load").unwrap();
    let traffic = Traffic::start(&federation, &author, Load::default()).await.unwrap();
    acknowledged(&traffic, BETWEEN).await.unwrap();

    // The leader is among the two, first or second by chance.
    let mut sites: Vec<usize> = (0..5).collect();
    sites.shuffle(&mut rng);
    let leader = federation.leader(sites[0]).unwrap();
    let other = sites.into_iter().find(|site| *site != leader).unwrap();
    let (first, second) = if rng.random_bool(0.5) { (leader, other) } else { (other, leader) };
    println!("killed: {} then {}; the leader was {}", first + 1, second + 1, leader + 1);
    traffic.kill_in_a_write(&mut federation.sites[first], first).await.unwrap();
    acknowledged(&traffic, BETWEEN).await.unwrap();
    traffic.kill_in_a_write(&mut federation.sites[second], second).await.unwrap();
    acknowledged(&traffic, BETWEEN).await.unwrap();

    federation.start(second).await.unwrap();
    let installed = caught_up(&federation, second, &traffic).await.unwrap();
    assert_eq!(installed, 0, "the second site lacked less than is kept, so that it caught up by log");
    acknowledged(&traffic, SNAPSHOT + KEPT + BETWEEN).await.unwrap();
    federation.start(first).await.unwrap();
    let installed = caught_up(&federation, first, &traffic).await.unwrap();
    assert!(installed > 0, "the first site lacked more than is kept, so that it caught up by snapshot");

    let history = traffic.stop().await.unwrap();
    let ((gap, began), rate) = (history.longest_gap(), history.rate());
    let (writes, unknown) = (history.writes.len(), history.once_unknown());
    println!("{writes} writes at {rate:.0}/s, {unknown} of them once of unknown outcome");
    println!("longest gap in writes: {gap:?}, {began:?} after the beginning");
    assert!(rate >= LEAST_RATE, "VOID: {rate:.0} writes/s, less than {LEAST_RATE}");
    assert!(unknown > 0, "VOID: no write was ever of unknown outcome");
    check_members(&federation, &author, &history).await.unwrap();
    equal_heads(&federation, &author, history.last_version()).await.unwrap();
}

/// Waits for so many more acknowledgements.
async fn acknowledged(traffic: &Traffic, more: usize) -> Result<()> {
    let wanted = traffic.acknowledged() + more;
    let look = || async {
        let have = traffic.acknowledged();
        ensure!(have >= wanted, "{have} of {wanted}");
        Ok(())
    };
    until_async("acknowledged writes", BOUND, look).await.map(drop)
}

/// Waits until a returned site has what is acknowledged now, and says how many snapshots it took over for that.
async fn caught_up(federation: &Federation, site: usize, traffic: &Traffic) -> Result<u64> {
    let site = &federation.sites[site];
    let wanted = traffic.last_version();
    let look = || async {
        let metrics = metrics::read(site.metrics_port).await?;
        let applied = metrics::value(&metrics, "verbund_applied_index").context("no applied index")?;
        ensure!(applied >= wanted as f64, "applied {applied}, not {wanted}");
        metrics::value(&metrics, "verbund_snapshots_installed_total").context("no count of snapshots")
    };
    Ok(until_async(&format!("{} catching up", site.name), BOUND, look).await?.0 as u64)
}
