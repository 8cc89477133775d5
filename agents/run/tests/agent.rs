//! Agents on simulated clusters, against a scripted daemon and scripted voters, in virtual time.
#![allow(clippy::unwrap_used)]

mod desk;

use std::sync::Arc;
use std::time::Duration;

use desk::{Fixture, L, copy, deployment, guarded, name};
use verbund_agent::AgentError;
use verbund_agent_core::{DesiredRole, Driver as _, ObjectKey};
use verbund_lease::{Denied, Epoch, Incarnation, Nonce, Question};
use verbund_model::Command;
use verbund_model::resource::{CopyPhase, FenceLevel, Mode};

const PARALLEL: Mode = Mode::Parallel { copies: 1 };
const AGENT: Mode = Mode::Exclusive { fence: FenceLevel::Agent };
const GUARD: Mode = Mode::Exclusive { fence: FenceLevel::Guard };

#[tokio::test(start_paused = true)]
async fn a_parallel_copy_runs_and_is_reported() {
    let fixture = Fixture::new();
    fixture.want([copy("a", PARALLEL, DesiredRole::Active, 1, &[deployment("")])]);
    let _agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    fixture.until(|f| f.phase("a") == Some((1, CopyPhase::Ready))).await;
    assert!(
        fixture
            .commands()
            .iter()
            .any(|command| matches!(command, Command::Observe { observation, .. } if observation.ready))
    );
}

#[tokio::test(start_paused = true)]
async fn only_changes_are_told() {
    let fixture = Fixture::new();
    fixture.want([copy("a", PARALLEL, DesiredRole::Active, 1, &[deployment("")])]);
    let _agent = fixture.start();
    fixture.until(|f| f.phase("a") == Some((1, CopyPhase::Ready))).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let before = fixture.commands().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fixture.commands().len(), before, "nothing has changed");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let told = &fixture.commands()[before..];
    assert!(!told.is_empty() && told.iter().all(|command| matches!(command, Command::Observe { .. })), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_copy_runs_while_the_lease_is_held() {
    let fixture = Fixture::new();
    fixture.voters_answer(false);
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    let _agent = fixture.start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(fixture.serving("a"), None, "no voter has answered");
    fixture.voters_answer(true);
    fixture.until(|f| f.serving("a") == Some(1)).await;
    fixture.voters_answer(false);
    let lost = tokio::time::Instant::now();
    fixture.until(|f| f.pods("a") == 0).await;
    assert!(lost.elapsed() < Duration::from_millis(L + 2_000), "{:?}", lost.elapsed());
    fixture.until(|f| matches!(f.phase("a"), Some((1, CopyPhase::Failed { .. })))).await;
    fixture.voters_answer(true);
    fixture.until(|f| f.serving("a") == Some(1)).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_it_fences_what_is_exclusive_and_keeps_the_rest() {
    let fixture = Fixture::new();
    fixture.want([
        copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")]),
        copy("b", PARALLEL, DesiredRole::Active, 1, &[deployment("")]),
    ]);
    let _agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1) && f.serving("b") == Some(1)).await;
    fixture.cut(true);
    fixture.until(|f| f.pods("a") == 0).await;
    assert_eq!(fixture.serving("b"), Some(1));
    // The federation went on without it: back again, it brings nothing back.
    fixture.close_lease();
    fixture.want([
        copy("a", AGENT, DesiredRole::Gone { deleted: false }, 2, &[]),
        copy("b", PARALLEL, DesiredRole::Active, 1, &[deployment("")]),
    ]);
    fixture.cut(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fixture.serving("b"), Some(1));
    assert_eq!(fixture.pods("a"), 0);
    // Deleted, nothing is left of it.
    fixture.want([copy("a", AGENT, DesiredRole::Gone { deleted: true }, 2, &[])]);
    fixture.until(|f| !f.cluster.has(&name("a"))).await;
    assert!(fixture.cluster.has(&name("b")), "what is not spoken of stays");
    assert_eq!(fixture.serving("b"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_restarts_leaves_what_runs_alone() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    let agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    let before = fixture.cluster.pods(&name("a"));
    agent.abort();
    let _next = fixture.start();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fixture.cluster.pods(&name("a")), before);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_restarts_alone_fences_after_its_grace() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    let agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    agent.abort();
    fixture.cut(true);
    let _next = fixture.start();
    fixture.until(|f| f.pods("a") == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_receipt_comes_when_nothing_runs_and_then_nothing_starts() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 4, &[deployment("stop=1500")])]);
    let _agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(4)).await;
    fixture.want([copy("a", AGENT, DesiredRole::Stopping, 4, &[deployment("stop=1500")])]);
    fixture.on_receipt(|cluster, workload| {
        assert!(cluster.pods(workload).is_empty(), "a receipt while pods are there");
    });
    fixture.until(|f| f.receipts() == [(name("a"), 4)]).await;
    // A state of before, sent late, does not bring it back.
    fixture.want([copy("a", AGENT, DesiredRole::Active, 4, &[deployment("")])]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fixture.pods("a"), 0);
    assert_eq!(fixture.receipts().len(), 1, "told once");
    fixture.want([copy("a", AGENT, DesiredRole::Active, 5, &[deployment("")])]);
    fixture.until(|f| f.serving("a") == Some(5)).await;
}

#[tokio::test(start_paused = true)]
async fn guards_are_granted_by_workload_and_epoch() {
    let fixture = Fixture::new();
    fixture.want([copy("a", GUARD, DesiredRole::Active, 3, &[guarded()])]);
    let (agent, guards) = fixture.start_with_guards();
    fixture.until(|f| f.serving("a") == Some(3)).await;
    let ask = |epoch| Question { workload: name("a"), epoch: Epoch(epoch), guard: 1, nonce: Nonce(1) };
    assert!(guards.answer(&ask(3)).unwrap().remaining <= L);
    assert!(matches!(guards.answer(&ask(2)), Err(Denied::NotHere { .. })));
    fixture.cut(true);
    tokio::time::sleep(Duration::from_millis(L + 1)).await;
    assert_eq!(guards.answer(&ask(3)), Err(Denied::NoLease));
    drop(agent);
}

#[tokio::test(start_paused = true)]
async fn guards_make_a_receipt_without_a_cluster_that_answers() {
    let fixture = Fixture::new();
    fixture.want([
        copy("a", GUARD, DesiredRole::Active, 3, &[guarded()]),
        copy("b", AGENT, DesiredRole::Active, 3, &[deployment("")]),
    ]);
    let (_agent, guards) = fixture.start_with_guards();
    fixture.until(|f| f.serving("a") == Some(3) && f.serving("b") == Some(3)).await;
    // An earlier start of the agent could have granted until then.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let question = Question { workload: name("a"), epoch: Epoch(3), guard: 1, nonce: Nonce(1) };
    let granted = guards.answer(&question).unwrap().remaining;
    fixture.cluster.set_reachable(false);
    let asked = tokio::time::Instant::now();
    fixture.want([
        copy("a", GUARD, DesiredRole::Stopping, 3, &[guarded()]),
        copy("b", AGENT, DesiredRole::Stopping, 3, &[deployment("")]),
    ]);
    fixture.until(|f| f.receipts() == [(name("a"), 3)]).await;
    assert!(asked.elapsed() >= Duration::from_millis(granted), "the grant has ended before");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fixture.receipts(), [(name("a"), 3)], "at level agent somebody must look");
}

#[tokio::test(start_paused = true)]
async fn a_newer_start_ends_an_older_one() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    let (older, guards) = fixture.start_with_guards();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    let first = fixture.registered();
    let newer = fixture.start();
    let ended = older.await.unwrap().unwrap_err();
    assert!(matches!(ended, AgentError::Superseded(Incarnation(own)) if own == first), "{ended}");
    assert!(fixture.registered() > first);
    let question = Question { workload: name("a"), epoch: Epoch(1), guard: 1, nonce: Nonce(1) };
    assert_eq!(guards.answer(&question), Err(Denied::NoLease), "what is superseded grants nothing");
    // The newer one goes on, with what runs left alone.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!newer.is_finished());
    assert_eq!(fixture.serving("a"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_start_is_registered_once_although_answers_are_lost() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    fixture.swallow_registrations(3);
    let _agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    assert_eq!(fixture.starts(), 1, "the same envelope was brought again, not another one");
    assert_eq!(fixture.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_exclusive_starts_before_the_start_is_registered() {
    let fixture = Fixture::new();
    fixture.want([copy("a", AGENT, DesiredRole::Active, 1, &[deployment("")])]);
    fixture.cut_submissions(true);
    let _agent = fixture.start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((fixture.serving("a"), fixture.pods("a")), (None, 0), "the voters would answer no start");
    fixture.cut_submissions(false);
    fixture.until(|f| f.serving("a") == Some(1)).await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_repaired() {
    let fixture = Fixture::new();
    fixture.want([copy("a", PARALLEL, DesiredRole::Active, 1, &[deployment("")])]);
    let _agent = fixture.start();
    fixture.until(|f| f.serving("a") == Some(1)).await;
    let key = ObjectKey::new("apps/v1", "Deployment", Some("a"), "web");
    assert!(fixture.cluster.tamper(&name("a"), &key, |body| body["spec"]["replicas"] = 3.into()));
    assert_eq!(fixture.pods("a"), 2, "its quota allows twice one");
    fixture.until(|f| f.pods("a") == 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_impaired_cluster_is_told() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    let told = |f: &Fixture, wanted: bool| {
        f.commands().iter().rev().find_map(|command| match command {
            Command::Observe { observation, .. } => Some(observation.ready),
            _ => None,
        }) == Some(wanted)
    };
    fixture.until(|f| told(f, true)).await;
    fixture.cluster.set_reachable(false);
    fixture.until(|f| told(f, false)).await;
    fixture.cluster.set_reachable(true);
    fixture.until(|f| told(f, true)).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_workloads_move_in_together() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    fixture.until(|f| !f.commands().is_empty()).await;
    let began = tokio::time::Instant::now();
    fixture
        .want((0..1_000).map(|number| copy(&format!("w{number}"), AGENT, DesiredRole::Active, 1, &[deployment("")])));
    fixture.until(|f| f.cluster.serving().len() == 1_000).await;
    fixture.until(|f| f.ready() == 1_000).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?} of virtual time", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_told_is_signed_and_in_a_session() {
    let fixture = Fixture::new();
    fixture.want([copy("a", PARALLEL, DesiredRole::Active, 1, &[deployment("")])]);
    let agent = fixture.start();
    fixture.until(|f| f.phase("a") == Some((1, CopyPhase::Ready))).await;
    let sessions = fixture.sessions_opened();
    agent.abort();
    let _next = fixture.start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(fixture.sessions_opened(), sessions, "the session outlives the process");
    assert_eq!(fixture.refused(), 0);
    assert!(Arc::strong_count(&fixture.state) > 1);
    assert_eq!(fixture.cluster.events(&name("a")).await.unwrap().iter().filter(|event| event.warning).count(), 0);
}
