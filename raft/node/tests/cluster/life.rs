//! The ordinary life of a federation.

use verbund_machine::State;
use verbund_model::resource::{Action, NodeStanding};
use verbund_model::view::{Change, Kind};
use verbund_model::{Accepted, Command, NodeId, Outcome, Refusal};
use verbund_node::{Role, SubmitError, Timing};

use crate::kit::{Cluster, quick, until};

pub fn entry_exists(state: &State, name: &str) -> bool {
    state.get(Kind::CatalogueEntry, name).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_write_at_one_and_read_at_another() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let followers: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
    let [writer, reader] = followers[..] else { panic!("two follow") };
    for i in 0..20 {
        let name = format!("entry-{i}");
        let submitted = cluster.node(writer).submit(cluster.entry(&name)).await.unwrap();
        assert!(matches!(submitted.outcome, Outcome::Accepted(Accepted::Changed { .. })), "{:?}", submitted.outcome);
        // At the writer's own node without asking anybody, elsewhere by a linearizable read.
        assert!(entry_exists(&cluster.node(writer).read_stale().0, &name));
        assert!(entry_exists(&cluster.node(reader).read().await.unwrap(), &name));
        assert!(entry_exists(&cluster.node(leader).read().await.unwrap(), &name));
    }
    cluster.until_equal().await;
    assert_eq!(cluster.node(leader).status().role, Role::Leader);
    assert!(cluster.all().all(|running| running.alarms().is_empty()));
    // The same bytes again are carried out once, wherever they are sent.
    let envelope = cluster.entry("twice");
    let first = cluster.node(writer).submit(envelope.clone()).await.unwrap();
    let second = cluster.node(reader).submit(envelope).await.unwrap();
    assert_eq!(first.outcome, second.outcome);
    assert!(second.index > first.index);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_write_nothing_into_the_log() {
    let cluster = Cluster::of(1).await;
    let last = cluster.node(0).status().last;
    let stranger = crate::kit::Author::stranger(&cluster);
    let error = cluster.node(0).submit(stranger.envelope(Command::OpenSession {})).await.unwrap_err();
    assert!(matches!(error, SubmitError::Refused(Refusal::UnknownKey { .. })), "{error}");
    let mut forged = cluster.entry("forged").to_vec();
    let end = forged.len() - 1;
    forged[end] ^= 1;
    let error = cluster.node(0).submit(forged).await.unwrap_err();
    assert!(matches!(error, SubmitError::Refused(Refusal::BadSignature { .. })), "{error}");
    let error = cluster.node(0).submit(&b"hello"[..]).await.unwrap_err();
    assert!(matches!(error, SubmitError::Refused(Refusal::Malformed { .. })), "{error}");
    assert_eq!(cluster.node(0).status().last, last, "nothing was appended");
    assert_eq!(cluster.node(0).counts().refused_at_edge, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_comes_back_by_its_log() {
    let mut cluster = Cluster::of(3).await;
    let victim = cluster.follower().await;
    cluster.must(victim, cluster.entry("before")).await;
    let gone = cluster.kill(victim).await;
    let other = cluster.leader().await;
    for i in 0..50 {
        cluster.must(other, cluster.entry(&format!("while-{i}"))).await;
    }
    cluster.revive(victim, gone).await;
    until("the log has arrived", || entry_exists(&cluster.node(victim).read_stale().0, "while-49")).await;
    assert!(entry_exists(&cluster.node(victim).read().await.unwrap(), "before"));
    cluster.must(victim, cluster.entry("after")).await;
    cluster.until_equal().await;
    assert_eq!(cluster.node(victim).counts().snapshots_installed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_is_killed_and_writes_go_on() {
    let mut cluster = Cluster::of(3).await;
    let victim = cluster.leader().await;
    cluster.must(victim, cluster.entry("before")).await;
    let gone = cluster.kill(victim).await;
    let leader = cluster.leader().await;
    assert_ne!(leader, victim);
    cluster.must(leader, cluster.entry("after")).await;
    cluster.revive(victim, gone).await;
    until("it has caught up", || entry_exists(&cluster.node(victim).read_stale().0, "after")).await;
    assert!(entry_exists(&cluster.node(victim).read_stale().0, "before"));
    cluster.until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_killed_and_come_back_without_an_order() {
    let mut cluster = Cluster::of(3).await;
    cluster.must(0, cluster.entry("kept")).await;
    let head = cluster.node(0).status().head;
    let mut gone = Vec::new();
    for index in 0..3 {
        gone.push(cluster.kill(index).await);
    }
    for (index, gone) in gone.into_iter().enumerate() {
        cluster.revive(index, gone).await;
    }
    cluster.must(0, cluster.entry("more")).await;
    cluster.until_equal().await;
    for index in 0..3 {
        let state = cluster.node(index).read().await.unwrap();
        assert!(entry_exists(&state, "kept") && entry_exists(&state, "more"));
        assert!(state.head().index > head.index);
        assert_eq!(state.recompute_hash(), state.head().state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lags_behind_the_purge_gets_a_snapshot() {
    let timing = Timing { snapshot_entries: 200, kept_entries: 20, ..quick() };
    let mut cluster = Cluster::found_with(timing).await;
    cluster.admit().await;
    cluster.admit().await;
    cluster.until_voters(3).await;
    let victim = cluster.follower().await;
    let gone = cluster.kill(victim).await;
    let writer = cluster.leader().await;
    for i in 0..600 {
        cluster.must(writer, cluster.entry_of(&format!("entry-{i}"), 500)).await;
    }
    until("the log was purged", || cluster.node(writer).status().purged.is_some_and(|at| at > 300)).await;
    cluster.revive(victim, gone).await;
    until("it has caught up", || entry_exists(&cluster.node(victim).read_stale().0, "entry-599")).await;
    assert!(cluster.node(victim).counts().snapshots_installed > 0, "by a snapshot");
    cluster.must(victim, cluster.entry("after")).await;
    cluster.until_equal().await;
    // The records in the gap can be had from a peer.
    let missing = cluster.node(victim).archive().missing();
    let gap = missing.first().expect("the snapshot left a gap").clone();
    let from = cluster.running(writer).id;
    let records = cluster.node(victim).fetch_records(from, gap.start, gap.end - 1).await.unwrap();
    assert_eq!(records.len() as u64, gap.end - gap.start);
    // And it comes back from its own snapshot, too.
    let gone = cluster.kill(victim).await;
    cluster.revive(victim, gone).await;
    until("it is back", || entry_exists(&cluster.node(victim).read_stale().0, "after")).await;
    cluster.until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_learns_by_snapshot_and_votes_when_the_plan_wants_it() {
    let timing = Timing { snapshot_entries: 100, kept_entries: 10, ..quick() };
    let mut cluster = Cluster::found_with(timing).await;
    for i in 0..300 {
        cluster.must(0, cluster.entry(&format!("entry-{i}"))).await;
    }
    until("the log was purged", || cluster.node(0).status().purged.is_some_and(|at| at > 100)).await;
    let second = cluster.admit().await;
    // Two organisations have one voter: the second site learns.
    until("the second learns", || {
        let status = cluster.node(second).status();
        status.role == Role::Learner && status.learners.contains(&cluster.running(second).id)
    })
    .await;
    until("it has the state", || entry_exists(&cluster.node(second).read_stale().0, "entry-299")).await;
    assert!(cluster.node(second).counts().snapshots_installed > 0, "by a snapshot");
    let third = cluster.admit().await;
    cluster.until_voters(3).await;
    cluster.must(third, cluster.entry("by-the-third")).await;
    assert!(entry_exists(&cluster.node(second).read().await.unwrap(), "by-the-third"));
    cluster.until_equal().await;
    assert!(cluster.all().all(|running| running.alarms().is_empty()), "every follower vetted and agreed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_believes_a_leader_admitted_meanwhile() {
    let mut cluster = Cluster::of(3).await;
    let victim = cluster.follower().await;
    let gone = cluster.kill(victim).await;
    let new = [cluster.admit().await, cluster.admit().await];
    cluster.until_voters(5).await;
    // Until one of the new sites leads, of which the absent node has never heard.
    let mut leader = cluster.leader().await;
    while !new.contains(&leader) {
        let wanted = cluster.node(new[0]).status().node;
        cluster.node(leader).transfer_leader(wanted).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        leader = cluster.leader().await;
    }
    cluster.must(leader, cluster.entry("meanwhile")).await;
    cluster.revive(victim, gone).await;
    until("the log has arrived", || entry_exists(&cluster.node(victim).read_stale().0, "meanwhile")).await;
    assert_eq!(cluster.leader().await, leader, "the same node leads: no election has helped");
    cluster.until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_after_a_voter_was_replaced_learns_the_whole_log() {
    let mut cluster = Cluster::of(3).await;
    let victim = (0..3).rev().find(|i| cluster.running(*i).id != NodeId::mint(0, 1)).unwrap();
    let lost = cluster.running(victim).id;
    let _gone = cluster.kill(victim).await;
    let leader = cluster.leader().await;
    // The leader tries a new follower from the middle of its log, at a multiple of eight: the change of voters is put
    // there, right behind its basis, which the new follower cannot have applied.
    let last = |cluster: &Cluster| cluster.node(leader).status().last.unwrap();
    let mut written = 0;
    while last(&cluster) % 8 != 6 {
        written += 1;
        cluster.must(leader, cluster.entry(&format!("entry-{written}"))).await;
    }
    let change = last(&cluster) + 2;
    let replace = Command::Propose { action: Action::ReplaceVoter { lost } };
    cluster.must(0, cluster.coordinator.envelope(replace)).await;
    cluster.until_voters(1).await;
    while last(&cluster) < 2 * change {
        written += 1;
        cluster.must(leader, cluster.entry(&format!("entry-{written}"))).await;
    }
    let new = cluster.admit().await;
    let leader = cluster.leader().await;
    cluster.must(leader, cluster.entry("after")).await;
    until("the log has arrived", || entry_exists(&cluster.node(new).read_stale().0, "after")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_node_is_out_and_heard_no_more() {
    let mut cluster = Cluster::of(3).await;
    let victim = (0..3).rev().find(|i| cluster.running(*i).id != NodeId::mint(0, 1)).unwrap();
    let lost = cluster.running(victim).id;
    let gone = cluster.kill(victim).await;
    cluster.leader().await;
    let replace = Command::Propose { action: Action::ReplaceVoter { lost } };
    cluster.must(0, cluster.coordinator.envelope(replace)).await;
    until("it is no member", || {
        cluster.all().all(|running| {
            let status = running.node.status();
            !status.voters.iter().flatten().any(|node| *node == lost) && !status.learners.contains(&lost)
        })
    })
    .await;
    let state = cluster.node(0).read().await.unwrap();
    assert_eq!(state.node(&lost).unwrap().value.standing, NodeStanding::Removed);
    // It comes back with its disk and its certificate, and nobody lets it in.
    cluster.revive(victim, gone).await;
    let before = cluster.node(0).status();
    let (code, _) = cluster.node(victim).call_as(NodeId::mint(0, 1), lost).await;
    assert_ne!(code, verbund_node::tamper::Code::Ok);
    assert_eq!(cluster.node(0).status().term, before.term, "it disturbed nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_every_change_once_and_resumes() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(0);
    let start = node.status().head.index;
    let mut watch = node.watch(start).unwrap();
    for i in 0..5 {
        cluster.must(0, cluster.entry(&format!("entry-{i}"))).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(watch.next().await.unwrap().unwrap().iter().map(|event| event.render()));
    }
    let names: Vec<_> = seen.iter().map(|event| event.resource.metadata.name.clone()).collect();
    assert_eq!(names, ["entry-0", "entry-1", "entry-2", "entry-3", "entry-4"]);
    assert!(seen.iter().all(|event| event.change == Change::Created));
    // Resumed after the third: the fourth and the fifth, and nothing else.
    let mut resumed = node.watch(seen[2].index).unwrap();
    let again: Vec<_> = resumed.next().await.unwrap().unwrap().iter().map(|event| event.render()).collect();
    assert_eq!(again, seen[3..]);
    assert!(node.watch(0).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minority_reads_stale_and_says_so() {
    let mut cluster = Cluster::of(3).await;
    cluster.must(0, cluster.entry("known")).await;
    cluster.until_equal().await;
    let left = cluster.follower().await;
    for index in (0..3).filter(|i| *i != left) {
        cluster.kill(index).await;
    }
    let node = cluster.node(left);
    assert!(node.read().await.is_err());
    assert!(node.submit(cluster.entry("unknown")).await.is_err());
    let (state, age) = node.read_stale();
    assert!(entry_exists(&state, "known"));
    assert!(age.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_over() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let term = cluster.node(leader).status().term;
    let running = cluster.nodes[leader].take().unwrap();
    running.node.shutdown().await.unwrap();
    let next = cluster.leader().await;
    assert_ne!(next, leader);
    assert_eq!(cluster.node(next).status().term, term + 1, "one election, by transfer");
    cluster.must(next, cluster.entry("after")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_made_by_a_majority_of_sites() {
    let mut cluster = Cluster::of(3).await;
    cluster.must(0, cluster.entry("last")).await;
    cluster.until_equal().await;
    // Nothing is quiet for a minute in this test; the setting is what a restart brings.
    let mut gone = Vec::new();
    for index in 0..3 {
        gone.push(cluster.kill(index).await);
    }
    cluster.heads.quiet = std::time::Duration::from_millis(500);
    for (index, gone) in gone.into_iter().enumerate() {
        cluster.revive(index, gone).await;
    }
    until("each has a checkpoint", || {
        cluster.all().all(|running| !running.node.archive().checkpoints().unwrap().is_empty())
    })
    .await;
    let archive = cluster.node(0).archive();
    let index = archive.checkpoints().unwrap()[0];
    let heads: Vec<verbund_identity::SignedHead> =
        serde_json::from_slice(&archive.checkpoint(index).unwrap().unwrap()).unwrap();
    assert!(heads.len() >= 2, "a majority of three sites");
    assert!(heads.iter().all(|head| head.head == heads[0].head && head.head.index == index));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_of_writes_leaves_no_checkpoint_out() {
    let mut cluster = Cluster::of(3).await;
    let mut gone = Vec::new();
    for index in 0..3 {
        gone.push(cluster.kill(index).await);
    }
    cluster.heads.checkpoint_every = 4;
    for (index, gone) in gone.into_iter().enumerate() {
        cluster.revive(index, gone).await;
    }
    cluster.leader().await;
    cluster.must(0, cluster.entry("first")).await;
    let first = cluster.node(0).read_stale().0.head().index;
    // All of them between two exchanges of heads, on any machine that writes ten entries in a second.
    for number in 0..16 {
        cluster.must(0, cluster.entry(&format!("rush-{number}"))).await;
    }
    let last = cluster.node(0).read_stale().0.head().index;
    let wanted: Vec<u64> = (first + 1..=last).filter(|index| index.is_multiple_of(4)).collect();
    assert!(wanted.len() >= 4, "{first} to {last}");
    until("each has every checkpoint", || {
        cluster.all().all(|running| {
            let made = running.node.archive().checkpoints().unwrap();
            wanted.iter().all(|index| made.contains(index))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_accepts_nothing_votes_writes_and_leads() {
    let mut cluster = Cluster::of(1).await;
    cluster.admit().await;
    let silent = cluster.admit_silent().await;
    cluster.until_voters(3).await;
    assert_eq!(cluster.running(silent).address, None);
    cluster.must(silent, cluster.entry("from-within")).await;
    assert!(entry_exists(&cluster.node(0).read().await.unwrap(), "from-within"));
    // It leads, too: followers answer on connections that it dialled.
    let leader = cluster.leader().await;
    cluster.node(leader).transfer_leader(cluster.running(silent).id).await;
    until("it leads", || cluster.node(silent).status().role == Role::Leader).await;
    cluster.must(0, cluster.entry("through-it")).await;
    assert!(entry_exists(&cluster.node(1).read().await.unwrap(), "through-it"));
    // And others lead again without it being reachable: they call it on connections that it keeps for them.
    let other = cluster.running(0).id;
    cluster.node(silent).transfer_leader(other).await;
    until("the founder leads", || cluster.node(0).status().role == Role::Leader).await;
    cluster.must(silent, cluster.entry("and-back")).await;
    cluster.until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_recovers() {
    let cluster = Cluster::of(1).await;
    cluster.running(0).free.store(1000, std::sync::atomic::Ordering::SeqCst);
    until("the alarm", || cluster.running(0).has_alarm("low-disk")).await;
    let error = cluster.node(0).submit(cluster.entry("no")).await.unwrap_err();
    assert!(matches!(error, SubmitError::LowDisk { .. }), "{error}");
    assert!(cluster.node(0).read().await.is_ok(), "reads go on");
    cluster.running(0).free.store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    until("there is room", || !cluster.node(0).status().low_disk).await;
    cluster.must(0, cluster.entry("yes")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_and_readers_at_every_node_at_once() {
    let cluster = std::sync::Arc::new(Cluster::of(3).await);
    let tasks = (0..3).flat_map(|node| (0..20).map(move |writer| (node, writer)));
    let tasks: Vec<_> = tasks
        .map(|(node, writer)| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                for i in 0..10 {
                    let name = format!("entry-{node}-{writer}-{i}");
                    let submitted = cluster.node(node).submit(cluster.entry(&name)).await.unwrap();
                    assert!(matches!(submitted.outcome, Outcome::Accepted(_)), "{:?}", submitted.outcome);
                    assert!(entry_exists(&cluster.node((node + 1) % 3).read().await.unwrap(), &name));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    cluster.until_equal().await;
    assert_eq!(cluster.node(0).read_stale().0.catalogue().count(), 600);
    for running in cluster.all() {
        let counts = running.node.counts();
        // Each signature is computed once on each replica, however often it is asked for.
        assert!(counts.signatures_checked < counts.signatures_asked, "{counts:?}");
        assert!(counts.read_rounds < counts.reads || counts.reads == 0, "readers share questions: {counts:?}");
    }
}
