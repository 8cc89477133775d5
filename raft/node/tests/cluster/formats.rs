//! A node of an older build, when the federation switches on what it does not know.

use verbund_machine::FORMAT;
use verbund_model::resource::Action;
use verbund_model::{Accepted, Command};
use verbund_node::Role;

use crate::kit::{Cluster, until};
use crate::life::entry_exists;

/// A federation of three in which the next format is switched on. All but a follower are as later builds, which know it;
/// the follower too, if `updated`. Gives the cluster, the follower, and the entry that switched it on.
async fn switched_on(updated: bool) -> (Cluster, usize, u64) {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let old = cluster.follower().await;
    cluster.must(leader, cluster.entry("before")).await;
    cluster.until_equal().await;
    for (number, running) in cluster.nodes.iter().flatten().enumerate() {
        if updated || number != old {
            running.node.tamper().know_format(FORMAT + 1);
        }
    }
    let switch = Command::Propose { action: Action::SwitchOn { format: FORMAT + 1 } };
    let Accepted::Changed { version } = cluster.must(leader, cluster.coordinator.envelope(switch)).await else {
        panic!("one coordinator decides here")
    };
    cluster.must(leader, cluster.entry("after")).await;
    (cluster, old, version)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_build_halts_at_what_it_does_not_know_and_skips_nothing() {
    let (mut cluster, old, entry) = switched_on(false).await;
    until("the old node has halted", || cluster.node(old).status().role == Role::Stopped).await;
    let said = cluster.node(old).stopped().await;
    let named = |text: &str| {
        text.contains(&format!("entry {entry} "))
            && text.contains(&format!("format {}", FORMAT + 1))
            && text.contains("update it")
    };
    assert!(named(&said), "{said}");
    let alarms = cluster.node(old).alarms();
    let alarm = alarms.iter().find(|raised| raised.alarm.name() == "unknown-format").expect("it has the alarm");
    assert!(named(&alarm.alarm.to_string()), "{}", alarm.alarm);
    let state = cluster.node(old).read_stale().0;
    assert!(state.applied().index < entry, "nothing of the entry was kept");
    assert!(entry_exists(&state, "before") && !entry_exists(&state, "after"), "nothing behind it was applied");

    // The others go on, and none of them has the alarm.
    let others: Vec<usize> = (0..3).filter(|number| *number != old).collect();
    for number in &others {
        cluster.must(*number, cluster.entry(&format!("later-{number}"))).await;
        assert!(!cluster.running(*number).has_alarm("unknown-format"));
    }

    // Started again as the same build it does not come up, because of the same entry; updated, it goes on from there.
    let gone = cluster.kill(old).await;
    let said = cluster.does_not_revive(gone).await;
    assert!(named(&said), "{said}");
    cluster.knows_format = FORMAT + 1;
    cluster.revive(old, gone).await;
    cluster.until_equal().await;
    let state = cluster.node(old).read_stale().0;
    assert!(others.iter().all(|number| entry_exists(&state, &format!("later-{number}"))), "nothing is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_build_that_knows_it_goes_on() {
    let (cluster, new, entry) = switched_on(true).await;
    cluster.until_equal().await;
    let running = cluster.running(new);
    assert!(running.node.read_stale().0.applied().index > entry && running.alarms().is_empty());
    assert!(entry_exists(&running.node.read_stale().0, "after"));
}
