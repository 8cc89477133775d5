//! Attack 9: an excluded site's people hold a hundred streams open at another site, and go on reading (design 3.7, 7; Teleport's
//! locked agent that stayed reachable).
//!
//! Expected: every one of them ends when the directive takes effect, and none can be opened again; nobody else's ends. The bound of
//! design 11 (I7) is 5 s; it is printed here and measured by `make bench-exclusion` at twenty sites. The excluded site leads
//! nothing here; the cases in which it leads, or costs the quorum, stand in the kit's tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use verbund_kit::api::{Connection, Watch, Watched, log_in};
use verbund_kit::{Author, Federation, Settings};
use verbund_tls::LiveIdentity;

/// The streams of each of two people: one may have 64.
const EACH: usize = 50;
/// How long the last of them may take; far more than the goal, for a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(20);

async fn watches(federation: &Federation, identity: &Arc<LiveIdentity>, count: usize) -> Result<Vec<Watch>> {
    let mut all = Vec::new();
    let mut connection: Option<Connection> = None;
    for number in 0..count {
        // Ten on each connection, so that both ends of a connection and ends of streams are seen.
        if number % 10 == 0 {
            connection = Some(federation.sites[0].door()?.connect(Some(identity)).await?);
        }
        let connection = connection.as_mut().context("a connection")?;
        let mut watch = Watch::open(connection, &["sites"]).await?;
        assert!(matches!(watch.next().await?, Watched::Is(_)), "it tells something");
        all.push(watch);
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_end_and_nobody_elses() {
    let federation = Federation::of(2, Settings::default()).await.unwrap();
    let administrator = federation.administrator_of(1).await.unwrap();
    let second = Author::new(federation.id).unwrap();
    let key = second.public_key().to_string();
    federation.desk.run(&["--context", "s2", "user", "create", "second", "--org", "o2", "--key", &key]).unwrap();
    let second = log_in(federation.sites[1].door().unwrap(), &second).await.unwrap();
    let mut open = watches(&federation, &administrator, EACH).await.unwrap();
    open.extend(watches(&federation, &second, EACH).await.unwrap());
    let ours = federation.administrator_of(0).await.unwrap();
    let mut staying = watches(&federation, &ours, 1).await.unwrap();
    for theirs in [&administrator, &second] {
        federation.reads(0, theirs).await.expect("control: they may read before");
    }

    let (said, file) = federation.draw_up(1, &[]).unwrap();
    assert_eq!(said.code, 0, "one coordinator is enough here: {said:?}");
    let since = Instant::now();
    let handing_in = federation.hand_in(0, &file, "20s").unwrap();
    assert!([0, 4].contains(&handing_in.code), "{handing_in:?}");
    let mut ended = 0;
    for mut watch in open {
        let end = async { while watch.next().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, end).await.unwrap_or_else(|_| panic!("after {ended} others one goes on"));
        ended += 1;
    }
    println!(
        "{ended} streams had ended {:?} after the directive was handed in, its receipts included",
        since.elapsed()
    );
    assert_eq!(ended, 2 * EACH);
    for theirs in [&administrator, &second] {
        assert!(federation.reads(0, theirs).await.is_err(), "nothing is read any more");
        assert!(watches(&federation, theirs, 1).await.is_err(), "and no stream is opened");
    }
    federation.reads(0, &ours).await.unwrap();
    // What was in flight may be told, but it does not end.
    let mut last = staying.swap_remove(0);
    let end = async { while last.next().await.is_ok() {} };
    assert!(tokio::time::timeout(Duration::from_secs(1), end).await.is_err(), "nobody else's stream ended");
}
