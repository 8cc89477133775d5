//! The loop that carries tasks out while this node leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;
use verbund_machine::State;
use verbund_model::Command;
use verbund_model::resource::Finding;

use crate::port::{Port, Said};
use crate::search::Search;
use crate::tasks::{Heard, Task, tasks};

/// Between two looks: an exclusive workload that waits for its lease to end waits for the next one, too.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks for workloads of which something is due: each costs a plan.
const LOOK_FOR_DUE: Duration = Duration::from_secs(2);
/// Between two looks for verdicts of which workloads wait: it costs next to nothing.
const LOOK_FOR_PENDING: Duration = Duration::from_millis(20);
/// Before a finding that did not become a verdict is asked for again, or a refused cause brought again: at first, as the voters
/// may have heard an agent a moment later than this node, and at most, twice as long each time.
const FIRST_AGAIN: Duration = Duration::from_millis(50);
const AGAIN: Duration = Duration::from_millis(500);

/// Before a directive that apply refused is brought again.
const REFUSED: Duration = Duration::from_secs(300);

/// A task that came to nothing.
#[derive(Clone, Copy)]
struct Later {
    /// When to try it again.
    at: Instant,
    /// How long that was put off.
    wait: Duration,
}

impl Later {
    fn after(before: Option<&Self>) -> Self {
        Self::of(before.map_or(FIRST_AGAIN, |before| (before.wait * 2).min(AGAIN)))
    }

    fn of(wait: Duration) -> Self {
        Self { at: Instant::now() + wait, wait }
    }
}

/// The loop.
pub struct Controller<P> {
    port: Arc<P>,
    /// Tasks that came to nothing. They are remembered a while longer than they wait.
    later: BTreeMap<Task, Later>,
    /// When to look for due workloads again.
    due_at: Instant,
    /// How far that has come.
    search: Search,
}

impl<P: Port> Controller<P> {
    /// A controller over a node.
    #[must_use]
    pub fn new(port: Arc<P>) -> Self {
        Self { port, later: BTreeMap::new(), due_at: Instant::now(), search: Search::default() }
    }

    /// Runs until it is dropped. Only while this node leads is anything done.
    pub async fn run(mut self) {
        // Apart from the rest: voters that do not answer are waited for there, and workloads must not wait for them.
        let planning = plan_pending(Arc::clone(&self.port));
        let watching = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if self.port.leads() {
                    self.round().await;
                } else {
                    self.later.clear();
                    self.search = Search::default();
                }
            }
        };
        tokio::join!(planning, watching);
    }

    /// One look, and all that follows from it.
    pub async fn round(&mut self) {
        let heard = self.port.heard().await;
        let state = self.port.state();
        let now = Instant::now();
        self.later.retain(|_, later| later.at + AGAIN > now);
        let due = self.due(&state, now).await;
        let all = tasks(&state, &heard).into_iter().chain(due);
        let tasks: Vec<Task> = all.filter(|task| self.later.get(task).is_none_or(|later| later.at <= now)).collect();
        drop(state);
        let done = join_all(tasks.iter().map(|task| self.carry_out(task, &heard))).await;
        for (task, result) in tasks.into_iter().zip(done) {
            if let Err(why) = result {
                tracing::debug!(?task, %why, "came to nothing; it is tried again");
                // What apply refused stands in the log: it must not be filled with the same again and again.
                let refused = matches!((&task, &why), (Task::Record(_), Said::Refused(_)));
                let before = self.later.get(&task);
                let later = if refused { Later::of(REFUSED) } else { Later::after(before) };
                self.later.insert(task, later);
            }
        }
    }

    /// Workloads to be planned anew. Looking for them takes plans, so it is done apart and not in every round.
    async fn due(&mut self, state: &Arc<State>, now: Instant) -> Vec<Task> {
        if now < self.due_at {
            return Vec::new();
        }
        let (state, clock) = (Arc::clone(state), self.port.now());
        let mut search = std::mem::take(&mut self.search);
        let look = move || (search.look(&state, clock.max(state.time())), search);
        // Should a look ever panic, the search begins anew.
        let (due, search) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        self.search = search;
        self.due_at = Instant::now() + LOOK_FOR_DUE;
        due.into_iter().map(Task::Replan).collect()
    }

    async fn carry_out(&self, task: &Task, heard: &Heard) -> Result<(), Said> {
        match task {
            Task::Ask(finding) => self.ask(finding, heard).await,
            Task::Open { cluster, generation } => {
                tracing::info!(%cluster, generation, "opening a lease");
                let (cluster, generation) = (cluster.clone(), *generation);
                self.port.say(Command::OpenLease { cluster, generation, refusal: None }).await
            }
            Task::Record(hash) => match heard.directives.get(hash) {
                Some(directive) => self.port.say(Command::RecordDirective { directive: directive.clone() }).await,
                None => Ok(()),
            },
            Task::Replan(workload) => self.port.say(Command::Replan { workload: workload.clone() }).await,
        }
    }

    async fn ask(&self, finding: &Finding, heard: &Heard) -> Result<(), Said> {
        let statements = self.port.find(finding).await;
        // Whoever stated it under another membership is left out: with one of those, the others would not count either.
        if let Some(statements) = self.port.state().counted(finding, &statements) {
            tracing::warn!(?finding, statements = statements.len(), "the voters agree: bringing the verdict");
            return self.port.say(Command::SubmitVerdict { finding: finding.clone(), statements }).await;
        }
        // A voter that refuses this generation for ever is lost for it, and its holder lives: the next one takes its
        // place, so that single glitches do not use the voters up (lease.md 14).
        if let (Finding::LeaseEnded { cluster, generation }, Some(refusal)) = (finding, statements.into_iter().next())
            && heard.lives(cluster)
        {
            let (cluster, generation) = (cluster.clone(), generation + 1);
            return self.port.say(Command::OpenLease { cluster, generation, refusal: Some(refusal) }).await;
        }
        Err(Said::Failed("too few voters state it".to_owned()))
    }
}

/// Has what remains of verdicts planned, one batch at once after the other, for ever.
async fn plan_pending<P: Port>(port: Arc<P>) {
    loop {
        // By the state that follows an entry, what that entry planned no longer waits.
        let pending = if port.leads() { port.state().pending_verdicts().next() } else { None };
        let wait = match pending {
            None => LOOK_FOR_PENDING,
            Some(verdict) => match port.say(Command::PlanNext { verdict }).await {
                Ok(()) => continue,
                Err(why) => {
                    tracing::debug!(verdict, %why, "the next batch was not planned; it is tried again");
                    AGAIN
                }
            },
        };
        tokio::time::sleep(wait).await;
    }
}
