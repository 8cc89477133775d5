//! Shows: what m coordinators order takes effect at every site that is connected, without the log: lines and streams of the
//! excluded end, its handshakes and certificates are refused, at a site that was away too, before it lets anybody in; when the
//! excluded leads; and when it costs the quorum, which then completes the log by itself.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use verbund_kit::api::{Watch, Watched};
use verbund_kit::peer::{Says, Vote, ask_for_vote, node_identity};
use verbund_kit::wait::until_async;
use verbund_kit::{Federation, Settings};
use verbund_model::NodeId;
use verbund_tls::LiveIdentity;

/// How long something may take that must come by itself.
const PATIENCE: Duration = Duration::from_secs(60);

async fn federation(sites: usize) -> Federation {
    Federation::of(sites, Settings { coordinators: 3, threshold: 2, ..Settings::default() }).await.unwrap()
}

/// Asks `site` for a vote as the node of another site. Errors: it was refused, in the handshake or after it.
async fn votes(federation: &Federation, site: usize, as_node: usize, node: NodeId) -> Result<()> {
    let identity = node_identity(&federation.sites[as_node], node)?;
    let to = federation.node_of(site, site)?;
    let old = Vote { term: 0, node: node.0, committed: false };
    let says = Says { federation: federation.id, from: node, to };
    let asked = ask_for_vote(&federation.sites[site], &identity, says, old);
    let reply = tokio::time::timeout(Duration::from_secs(5), asked).await.context("no answer")??;
    reply.map(drop).map_err(|status| anyhow::anyhow!("{status}"))
}

/// A watch at `site` that has begun.
async fn watch(federation: &Federation, site: usize, identity: &Arc<LiveIdentity>) -> Watch {
    let mut connection = federation.sites[site].door().unwrap().connect(Some(identity)).await.unwrap();
    let mut watch = Watch::open(&mut connection, &["sites"]).await.unwrap();
    assert!(matches!(watch.next().await.unwrap(), Watched::Is(_)));
    watch
}

/// Reads a watch until it ends, in time.
async fn ends(mut watch: Watch) -> Result<()> {
    let end = async { while watch.next().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.context("the stream goes on")
}

#[tokio::test(flavor = "multi_thread")]
async fn its_lines_end_everywhere_and_nothing_of_it_gets_in() {
    let mut federation = federation(4).await;
    let out = 3;
    let node = federation.node_of(out, 0).unwrap();
    let theirs = federation.administrator_of(out).await.unwrap();
    // Control: all that is refused later succeeds now.
    let mut streams = Vec::new();
    for site in 0..out {
        federation.reads(site, &theirs).await.unwrap();
        votes(&federation, site, out, node).await.unwrap();
        streams.push(watch(&federation, site, &theirs).await);
    }
    let ours = federation.administrator_of(0).await.unwrap();
    // The reversible form, by one coordinator, leaves a member connected.
    let standing =
        || federation.desk.json(&["--context", "s1", "get", "sites", "s3"]).unwrap()["status"]["standing"].clone();
    federation.desk.run(&["--context", "coordinator-1", "site", "suspend", "s3", "--yes"]).unwrap();
    assert_eq!((standing(), federation.is_connected(0, 2).unwrap()), (serde_json::json!("suspended"), true));
    federation.desk.run(&["--context", "coordinator-1", "site", "resume", "s3"]).unwrap();
    assert_eq!(standing(), serde_json::json!("active"));
    let staying = watch(&federation, 1, &ours).await;

    // One signature of two does nothing.
    let (said, file) = federation.draw_up(out, &[]).unwrap();
    assert_eq!(said.code, 8, "it waits for the second: {said:?}");
    assert!(said.err.contains("voters are left") && said.err.contains("Still to do"), "the impact is shown: {said:?}");
    let said = federation.hand_in(1, &file, "1s").unwrap();
    assert_eq!(said.code, 1, "{said:?}");
    federation.reads(1, &theirs).await.unwrap();
    votes(&federation, 1, out, node).await.unwrap();

    // A site is away when it happens.
    federation.sites[2].kill().unwrap();
    federation.sign_directive(2, &file).unwrap();
    let said = federation.hand_in(1, &file, "3s").unwrap();
    assert_eq!(said.code, 4, "s3 has not answered: {said:?}");
    let seen: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let enforced: Vec<&str> =
        seen["enforced"].as_array().unwrap().iter().filter_map(|one| one["site"].as_str()).collect();
    assert!(enforced.contains(&"s1") && enforced.contains(&"s2") && !enforced.contains(&"s4"), "{seen}");
    assert!(said.err.contains("Still to do"), "{said:?}");
    for stream in streams {
        ends(stream).await.unwrap();
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), ends(staying)).await.is_err(), "nobody else's stream ended");
    for site in 0..2 {
        federation.reads(site, &theirs).await.unwrap_err();
        votes(&federation, site, out, node).await.unwrap_err();
        assert!(!federation.is_connected(site, out).unwrap());
        federation.reads(site, &ours).await.unwrap();
    }

    // The excluded goes on dialling; the one that was away lets it in at no moment.
    let door = federation.sites[2].door().unwrap().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let probing = tokio::spawn(async move {
        let mut tries = 0_u32;
        let mut let_in = 0_u32;
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let once = async { door.connect(Some(&theirs)).await?.get("/v1/sites?consistency=stale").await };
            tokio::select! {
                _ = &mut stopped => return (tries, let_in),
                answer = tokio::time::timeout(Duration::from_secs(2), once) => {
                    tries += 1;
                    let_in += u32::from(matches!(answer, Ok(Ok(answer)) if answer.status.is_success()));
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    federation.start(2).await.unwrap();
    let all = || async {
        let shown = federation.desk.json(&["--context", "s3", "directive", "list"])?;
        ensure!(shown[0]["receipts"].as_array().is_some_and(|all| all.len() == 3), "not all have answered: {shown}");
        ensure!(shown[0]["recorded"] == true && shown[0]["awaited"] == serde_json::json!([]), "{shown}");
        Ok(())
    };
    until_async("receipts of all three", PATIENCE, all).await.unwrap();
    votes(&federation, 2, out, node).await.unwrap_err();
    assert!(!federation.is_connected(2, out).unwrap());
    stop.send(()).unwrap();
    let (tries, let_in) = probing.await.unwrap();
    assert!(tries > 10, "VOID: it tried {tries} times only");
    assert_eq!(let_in, 0, "of {tries} tries");

    // It stays so after a restart, and the same command line shows it.
    federation.sites[0].terminate().unwrap();
    federation.start(0).await.unwrap();
    votes(&federation, 0, out, node).await.unwrap_err();
    // 4: the receipts of the others may not be here again yet.
    let shown = federation.desk.run_to(&["--context", "s1", "directive", "show", "1"], &[0, 4]).unwrap();
    assert!(shown.contains("exclude the site s4") && shown.contains("sold the keys"), "{shown}");
    let members = federation.desk.json(&["--context", "s1", "list", "sites"]).unwrap().to_string();
    assert!(members.contains("excluded"), "the log says so too: {members}");
    let said = federation.draw_up(out, &[]).unwrap().0;
    assert!(said.code == 1 && said.err.contains("s4"), "nobody is excluded twice: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_excluded_leads_the_others_elect_and_record_it() {
    let federation = federation(3).await;
    // Who was found lost before it started counts for nobody's quorum.
    for site in 0..3 {
        federation.returned(site).await.unwrap();
    }
    let out = federation.leader(0).unwrap();
    let at = (out + 1) % 3;
    // The coordinators' context is s1's: if s1 is the one, its own site draws up what ends it.
    let seen = federation.exclude(out, at, &[]).unwrap();
    assert!(!seen["recordedAfterMs"].is_null(), "{seen}");
    let node = federation.node_of(out, at).unwrap();
    let settled = || async {
        for site in (0..3).filter(|site| *site != out) {
            let status = federation.status(site)?;
            let voters = status["voters"].as_array().cloned().unwrap_or_default();
            ensure!(voters.len() == 1 && !voters.contains(&serde_json::json!(node)), "voters: {voters:?}");
            ensure!(!status["leader"].is_null() && status["leader"] != serde_json::json!(node), "{}", status["leader"]);
        }
        Ok(())
    };
    until_async("a leader and a voter among those who stay", PATIENCE, settled).await.unwrap();
    // Without it writes go on.
    let context = federation.sites[at].name.as_str();
    let organisation = federation.sites[at].organisation.as_str();
    let bind = ["--context", context, "role", "bind", "admin", "auditor", "--org", organisation];
    federation.desk.run(&bind).unwrap();
    assert!(!federation.is_connected(at, out).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cost_of_the_quorum_it_is_cut_off_and_the_log_follows() {
    let mut federation = federation(5).await;
    // Whoever draws it up asks s1.
    let out = 2;
    let node = federation.node_of(out, 0).unwrap();
    let theirs = federation.administrator_of(out).await.unwrap();
    federation.reads(1, &theirs).await.unwrap();
    for site in [3, 4] {
        federation.sites[site].kill().unwrap();
    }
    // The federation has to find the two lost before it can say what another one costs.
    let refused = || async {
        let said = federation.draw_up(out, &[])?.0;
        ensure!(said.code == 3, "not refused: {said:?}");
        ensure!(said.err.contains("--accept-quorum-loss"), "{said:?}");
        Ok(())
    };
    until_async("the loss of the quorum being announced", PATIENCE, refused).await.unwrap();
    let seen = federation.exclude(out, 1, &["--accept-quorum-loss"]).unwrap();
    assert!(seen["recordedAfterMs"].is_null(), "two of five are no quorum: {seen}");
    for site in 0..2 {
        federation.reads(site, &theirs).await.unwrap_err();
        votes(&federation, site, out, node).await.unwrap_err();
        assert!(!federation.is_connected(site, out).unwrap());
    }
    federation.start(3).await.unwrap();
    let recorded = || async {
        let shown = federation.desk.json(&["--context", "s4", "--stale", "directive", "list"])?;
        ensure!(shown[0]["recorded"] == true, "not recorded: {shown}");
        Ok(())
    };
    until_async("the log recording it by itself", PATIENCE, recorded).await.unwrap();
    federation.reads(3, &theirs).await.unwrap_err();
}
