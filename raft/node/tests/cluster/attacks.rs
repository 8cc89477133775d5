//! What a hostile member can and cannot do. Each defence has its positive control: the same attack with the defence
//! switched off succeeds.

use std::collections::BTreeSet;
use std::time::Duration;

use verbund_identity::Subject;
use verbund_model::{FederationId, Hash, NodeId, Outcome, Refusal, UserId};
use verbund_node::SubmitError;
use verbund_node::tamper::{Code, Defence, call_raft};
use verbund_tls::{Ends, Lines, LinesSettings, LiveIdentity, Route};

use crate::kit::{Cluster, Running, Site, until};
use crate::life::entry_exists;

/// An envelope whose signature is of nobody.
fn forged(cluster: &Cluster, name: &str) -> Vec<u8> {
    let mut envelope = cluster.entry(name).to_vec();
    let end = envelope.len() - 1;
    envelope[end] ^= 1;
    envelope
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_envelope_is_the_same_refusal_everywhere() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let submitted = cluster.node(leader).forge(forged(&cluster, "forged")).await.unwrap();
    assert!(matches!(submitted.outcome, Outcome::Refused(Refusal::BadSignature { .. })), "{:?}", submitted.outcome);
    until("all have the alarm", || cluster.all().all(|running| running.has_alarm("unauthorised-entry"))).await;
    cluster.until_equal().await;
    for running in cluster.all() {
        let state = running.node.read().await.unwrap();
        assert!(!entry_exists(&state, "forged"));
        assert!(!running.has_alarm("fork"), "equal state hash on all");
        assert_eq!(running.node.counts().refused_by_apply, 1);
    }
    // Positive control: the same way in, with a true signature.
    let submitted = cluster.node(leader).forge(cluster.entry("true").to_vec()).await.unwrap();
    assert!(matches!(submitted.outcome, Outcome::Accepted(_)));
    assert!(entry_exists(&cluster.node(leader).read().await.unwrap(), "true"));
}

/// The founder leads a federation of three and tries to be the only voter.
async fn only_me(defended: bool) -> (Cluster, usize, bool) {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let me = BTreeSet::from([cluster.running(leader).id]);
    cluster.must(leader, cluster.entry("before")).await;
    cluster.until_equal().await;
    if !defended {
        cluster.all().for_each(|running| running.node.tamper().switch_off(Defence::Membership));
    }
    let basis = cluster.node(leader).status().head.index;
    let done = cluster.node(leader).force_members(me, basis, Duration::from_secs(4)).await;
    (cluster, leader, done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_membership_is_not_appended_and_nothing_is_lost() {
    let (mut cluster, leader, done) = only_me(true).await;
    assert!(!done, "no follower took it");
    let followers: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
    for follower in &followers {
        until("the follower has the alarm", || cluster.running(*follower).has_alarm("forged-membership")).await;
        let alarms = cluster.node(*follower).alarms();
        let named = format!("node {}", cluster.running(leader).id);
        assert!(alarms.iter().any(|raised| raised.alarm.to_string().contains(&named)), "it names the leader");
    }
    // Without the liar the federation goes on, with all that was acknowledged.
    cluster.kill(leader).await;
    let next = cluster.leader().await;
    cluster.must(next, cluster.entry("after")).await;
    for follower in followers {
        let state = cluster.node(follower).read().await.unwrap();
        assert!(entry_exists(&state, "before") && entry_exists(&state, "after"));
        assert_eq!(cluster.node(follower).status().voters[0].len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_vetting_the_membership_is_installed() {
    let (cluster, leader, done) = only_me(false).await;
    assert!(done, "the attack succeeds");
    until("it votes alone", || {
        let voters = cluster.node(leader).status().voters;
        voters.len() == 1 && voters[0].len() == 1
    })
    .await;
}

const YEAR_2099: u64 = 4_070_908_800_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_year_2099_is_not_appended() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    cluster.must(leader, cluster.entry("before")).await;
    cluster.node(leader).tamper().stamp_with(Some(YEAR_2099));
    let submitted =
        tokio::time::timeout(Duration::from_secs(3), cluster.node(leader).submit(cluster.entry("late"))).await;
    assert!(!matches!(submitted, Ok(Ok(_))), "nobody acknowledges it");
    for follower in (0..3).filter(|i| *i != leader) {
        until("the follower has the alarm", || cluster.running(follower).has_alarm("clock-ahead")).await;
        assert!(cluster.node(follower).read_stale().0.time() < YEAR_2099);
    }
    until("the leader is told", || cluster.running(leader).has_alarm("clock-ahead")).await;
    cluster.kill(leader).await;
    let next = cluster.leader().await;
    cluster.must(next, cluster.entry("after")).await;
    let state = cluster.node(next).read().await.unwrap();
    assert!(entry_exists(&state, "before") && entry_exists(&state, "after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_the_check_the_log_is_in_2099() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    cluster.all().for_each(|running| running.node.tamper().switch_off(Defence::Stamp));
    cluster.node(leader).tamper().stamp_with(Some(YEAR_2099));
    // Its validity ends before the log's new time: the log's time is poisoned for everybody.
    let outcome = cluster.submit(leader, cluster.entry("late")).await;
    assert!(matches!(outcome, Outcome::Refused(Refusal::Expired { .. })), "{outcome:?}");
    assert!(cluster.node(leader).read().await.unwrap().time() >= YEAR_2099);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_clock_is_ahead_resigns() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    cluster.running(leader).clock.shift(3_600_000);
    until("another leads", || {
        let leaders: Vec<_> = cluster.all().map(|running| running.node.status().leader).collect();
        leaders.iter().all(|l| l.is_some() && *l == leaders[0]) && leaders[0] != Some(cluster.running(leader).id)
    })
    .await;
    assert!(cluster.running(leader).has_alarm("clock-ahead"));
    let next = cluster.leader().await;
    cluster.must(next, cluster.entry("after")).await;
    cluster.until_equal().await;
}

/// A leader that tells one follower another story. Gives the cluster, the leader and that follower.
async fn two_stories(defended: bool) -> (Cluster, usize, usize) {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let fooled = cluster.follower().await;
    if !defended {
        cluster.all().for_each(|running| running.node.tamper().switch_off(Defence::Fork));
    }
    cluster.must(leader, cluster.entry("before")).await;
    cluster.until_equal().await;
    cluster.node(leader).tamper().lie_to(cluster.running(fooled).id);
    cluster.must(leader, cluster.entry("two-stories")).await;
    until("the lie is told", || cluster.node(leader).tamper().lies() == 1).await;
    (cluster, leader, fooled)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_stops_writes_everywhere_and_across_a_restart() {
    let (mut cluster, leader, fooled) = two_stories(true).await;
    until("all see the fork", || cluster.all().all(|running| running.has_alarm("fork"))).await;
    let named = cluster.running(fooled).id.to_string();
    for (index, running) in cluster.nodes.iter().flatten().enumerate() {
        let alarms = running.node.alarms();
        let fork = alarms.iter().find(|raised| raised.alarm.name() == "fork").unwrap();
        assert!(fork.alarm.to_string().contains(&named), "it names the nodes: {}", fork.alarm);
        let error = running.node.submit(cluster.entry(&format!("late-{index}"))).await.unwrap_err();
        assert!(matches!(error, SubmitError::WritesStopped { .. }), "{error}");
    }
    let other = (0..3).find(|i| *i != leader && *i != fooled).unwrap();
    let gone = cluster.kill(other).await;
    cluster.revive(other, gone).await;
    let error = cluster.node(other).submit(cluster.entry("later")).await.unwrap_err();
    assert!(matches!(error, SubmitError::WritesStopped { .. }), "it holds across a restart: {error}");
    assert!(entry_exists(&cluster.node(other).read_stale().0, "before"), "nothing is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_the_comparison_the_fork_goes_on() {
    let (cluster, leader, fooled) = two_stories(false).await;
    cluster.must(leader, cluster.entry("after")).await;
    until("the fooled one has it", || entry_exists(&cluster.node(fooled).read_stale().0, "after")).await;
    until("both stand at one index", || {
        cluster.node(fooled).status().head.index == cluster.node(leader).status().head.index
    })
    .await;
    assert_ne!(
        cluster.node(fooled).status().head,
        cluster.node(leader).status().head,
        "two histories live side by side"
    );
    assert!(cluster.all().all(|running| !running.has_alarm("fork")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_heads_for_one_index_prove_their_signer_guilty() {
    let cluster = Cluster::of(3).await;
    let liar = cluster.follower().await;
    cluster.node(liar).tamper().sign_two_heads(true);
    until("somebody has proof", || cluster.all().any(|running| running.has_alarm("equivocation"))).await;
    let raised = cluster.all().flat_map(|running| running.node.alarms()).find(|r| r.alarm.name() == "equivocation");
    assert!(raised.unwrap().alarm.to_string().contains(&cluster.running(liar).id.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_that_differs_halts_alone() {
    let mut cluster = Cluster::of(3).await;
    let learner = cluster.admit().await;
    let id = cluster.running(learner).id;
    until("it learns", || cluster.node(learner).status().learners.contains(&id)).await;
    cluster.until_equal().await;
    let leader = cluster.leader().await;
    cluster.node(leader).tamper().lie_to(id);
    cluster.must(leader, cluster.entry("another")).await;
    until("the learner halts", || cluster.running(learner).has_alarm("diverged")).await;
    let why = cluster.node(learner).stopped().await;
    assert!(!why.is_empty());
    let next = (0..3).find(|i| *i != learner).unwrap();
    cluster.must(next, cluster.entry("they-go-on")).await;
    assert!(cluster.all().filter(|r| r.id != id).all(|running| !running.has_alarm("fork")), "alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_speaks_for_no_other() {
    let cluster = Cluster::of(3).await;
    let (speaker, target, other) = (1, 2, NodeId::mint(0, 1));
    let to = cluster.running(target).id;
    let refused = cluster.node(target).counts().calls_refused;
    let (code, message) = cluster.node(speaker).call_as(to, other).await;
    assert_eq!(code, Code::PermissionDenied, "{message}");
    assert!(message.contains(&other.to_string()), "{message}");
    // Also where the call itself says that it comes from the other.
    cluster.node(speaker).tamper().speak_as(Some(other));
    let (code, _) = cluster.node(speaker).call_as(to, other).await;
    assert_eq!(code, Code::PermissionDenied);
    assert!(cluster.node(target).counts().calls_refused >= refused + 2);
    // Positive control: without the comparison Raft answers; and in its own name it is heard.
    cluster.node(target).tamper().switch_off(Defence::Speaker);
    let (code, message) = cluster.node(speaker).call_as(to, other).await;
    assert_eq!(code, Code::Ok, "{message}");
    cluster.node(speaker).tamper().speak_as(None);
    let (code, message) = cluster.node(speaker).call_as(to, cluster.running(speaker).id).await;
    assert_eq!(code, Code::Ok, "{message}");
}

/// Connections of one's own to a running node, with whatever certificate.
fn lines_with(identity: std::sync::Arc<LiveIdentity>, target: &Running, site: &Site) -> Lines {
    let (lines, _inbound) = Lines::new(Ends { trust: target.trust.clone(), identity }, LinesSettings::default());
    let route =
        Route { id: site.identity(Subject::Node(target.id)).id(), addresses: vec![target.address.unwrap().into()] };
    lines.set_routes([(target.id, route)].into());
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_certificate_calls_no_raft() {
    let cluster = Cluster::of(1).await;
    let target = cluster.running(0);
    // A true certificate of the site's own CA, for a person.
    let identity = cluster.sites[0].identity(Subject::User(UserId::new("operator").unwrap()));
    let lines = lines_with(identity, target, &cluster.sites[0]);
    let (code, message) = call_raft(&lines, cluster.federation, target.id, NodeId::mint(0, 1)).await;
    assert_eq!(code, Code::PermissionDenied, "{message}");
    assert!(message.contains("operator"), "{message}");
    // Positive control: with the table switched off the call gets through to Raft.
    target.node.tamper().switch_off(Defence::MayCall);
    target.node.tamper().switch_off(Defence::Speaker);
    let (code, message) = call_raft(&lines, cluster.federation, target.id, NodeId::mint(0, 1)).await;
    assert_eq!(code, Code::Ok, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_a_node_that_is_none_calls_nothing() {
    let cluster = Cluster::of(3).await;
    let target = cluster.running(0);
    // The second site's own CA, which everybody trusts for that site, names nodes as it likes.
    let site = &cluster.sites[1];
    let second = cluster.running(1).id;
    for (node, wanted) in [
        (NodeId::mint(0, 1), "belongs to site site-1"),
        (cluster.running(2).id, "belongs to site site-3"),
        (NodeId::mint(0, 0), "was never admitted"),
    ] {
        let lines = lines_with(site.identity(Subject::Node(node)), target, &cluster.sites[0]);
        let (code, message) = call_raft(&lines, cluster.federation, target.id, node).await;
        assert_eq!(code, Code::PermissionDenied, "{message}");
        assert!(message.contains(wanted), "{message}");
    }
    let lines = lines_with(site.identity(Subject::Node(second)), target, &cluster.sites[0]);
    let elsewhere = FederationId(Hash([7; 32]));
    let (code, message) = call_raft(&lines, elsewhere, target.id, second).await;
    assert_eq!(code, Code::FailedPrecondition, "{message}");
    // Positive control: its own node, of this federation.
    let (code, message) = call_raft(&lines, cluster.federation, target.id, second).await;
    assert_eq!(code, Code::Ok, "{message}");
}
