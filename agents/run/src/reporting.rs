//! Telling the federation: changes only, signed with the agent's key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use verbund_agent_core::{DesiredCopy, DesiredRole, Driver};
use verbund_model::resource::{CopyPhase, CopyReport, Observation};
use verbund_model::{Command, Outcome, WorkloadName};

use crate::author::{Author, AuthorError};
use crate::state::Shared;
use crate::uplink::Uplink;

/// How many copies one envelope tells of: with the longest reasons it stays below the limit of its size.
const REPORTS: usize = 64;
/// How long to gather before telling, so that what changes together is told together.
const GATHER: Duration = Duration::from_millis(50);
/// How long to wait after the daemon could not be reached.
const AGAIN: Duration = Duration::from_millis(500);

/// What is to be told, and what was.
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    phases: BTreeMap<WorkloadName, (u64, CopyPhase)>,
    told: BTreeMap<WorkloadName, (u64, CopyPhase)>,
    receipts: BTreeMap<WorkloadName, u64>,
    signed: BTreeMap<WorkloadName, u64>,
    observation: Option<Observation>,
}

impl Outbox {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Only maps are changed while the lock is held: they stay whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a copy has come.
    pub(crate) fn phase(&self, workload: &WorkloadName, epoch: u64, phase: CopyPhase) {
        let mut inner = self.inner();
        let now = (epoch, phase);
        if inner.told.get(workload) == Some(&now) {
            inner.phases.remove(workload);
        } else {
            inner.phases.insert(workload.clone(), now);
            self.shared.news.notify_one();
        }
    }

    /// Something could not be done for a copy that should serve.
    pub(crate) fn trouble(&self, workload: &WorkloadName, copy: Option<&DesiredCopy>, reason: &str) {
        if let Some(copy) = copy.filter(|copy| copy.role == DesiredRole::Active) {
            let reason = reason.chars().take(500).collect();
            self.phase(workload, copy.epoch, CopyPhase::Starting { reason });
        }
    }

    /// A receipt that may be signed; once.
    pub(crate) fn receipt(&self, workload: &WorkloadName, epoch: u64) {
        let mut inner = self.inner();
        if inner.signed.get(workload).is_none_or(|signed| *signed < epoch) {
            inner.receipts.insert(workload.clone(), epoch);
            self.shared.news.notify_one();
        }
    }

    pub(crate) fn has_receipt(&self, workload: &WorkloadName, epoch: u64) -> bool {
        let inner = self.inner();
        let covers = |known: Option<&u64>| known.is_some_and(|known| *known >= epoch);
        covers(inner.signed.get(workload)) || covers(inner.receipts.get(workload))
    }

    fn observe(&self, observation: Observation) {
        self.inner().observation = Some(observation);
        self.shared.news.notify_one();
    }

    /// What is told next: receipts before all else, because somebody waits for them.
    fn next(&self) -> Option<Telling> {
        let inner = self.inner();
        if let Some((workload, epoch)) = inner.receipts.iter().next() {
            return Some(Telling::Receipt(workload.clone(), *epoch));
        }
        if !inner.phases.is_empty() {
            let phases = inner.phases.iter().take(REPORTS);
            return Some(Telling::Phases(phases.map(|(name, told)| (name.clone(), told.clone())).collect()));
        }
        inner.observation.clone().map(Telling::Observation)
    }

    /// It was told, and the state has answered: whatever it said, saying it again would change nothing.
    fn told(&self, telling: Telling) {
        let mut inner = self.inner();
        match telling {
            Telling::Receipt(workload, epoch) => {
                if inner.receipts.get(&workload) == Some(&epoch) {
                    inner.receipts.remove(&workload);
                }
                inner.signed.insert(workload, epoch);
            }
            Telling::Phases(phases) => {
                for (workload, phase) in phases {
                    if inner.phases.get(&workload) == Some(&phase) {
                        inner.phases.remove(&workload);
                    }
                    inner.told.insert(workload, phase);
                }
            }
            Telling::Observation(observation) => {
                if inner.observation.as_ref() == Some(&observation) {
                    inner.observation = None;
                }
            }
        }
    }

    /// It was refused: the state does not know what was told, so that it is told anew when it is seen again.
    fn refused(&self, telling: Telling) {
        let names: Vec<WorkloadName> = match &telling {
            Telling::Phases(phases) => phases.iter().map(|(name, _)| name.clone()).collect(),
            Telling::Receipt(..) | Telling::Observation(_) => Vec::new(),
        };
        let receipt = match &telling {
            Telling::Receipt(workload, _) => Some(workload.clone()),
            _ => None,
        };
        self.told(telling);
        let mut inner = self.inner();
        for name in names {
            inner.told.remove(&name);
        }
        // Its reason may pass, such as a state that this daemon has not applied yet.
        if let Some(workload) = receipt {
            inner.signed.remove(&workload);
        }
    }
}

#[derive(Clone, Debug)]
enum Telling {
    Receipt(WorkloadName, u64),
    Phases(Vec<(WorkloadName, (u64, CopyPhase))>),
    Observation(Observation),
}

impl Telling {
    fn command(&self, shared: &Shared) -> Command {
        let cluster = shared.config.cluster.clone();
        match self.clone() {
            Self::Receipt(workload, epoch) => Command::Receipt { cluster, workload, epoch },
            Self::Phases(phases) => {
                let report = |(workload, (epoch, phase))| CopyReport { workload, epoch, phase };
                Command::ReportCopies { cluster, copies: phases.into_iter().map(report).collect() }
            }
            Self::Observation(observation) => Command::Observe { cluster, observation },
        }
    }
}

/// Tells, for ever.
pub(crate) async fn report<U: Uplink>(shared: Arc<Shared>, outbox: Arc<Outbox>, mut author: Author<U>) {
    loop {
        let Some(telling) = outbox.next() else {
            shared.news.notified().await;
            tokio::time::sleep(GATHER).await;
            continue;
        };
        let outcome: Result<Outcome, AuthorError> = author.submit(&telling.command(&shared)).await;
        match outcome {
            Ok(Outcome::Accepted(_)) => outbox.told(telling),
            Ok(Outcome::Refused(refusal)) => {
                tracing::warn!(%refusal, ?telling, "the federation refused what this agent told");
                outbox.refused(telling);
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::info!(%error, "nothing was told; it is tried again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Measures the cluster, for ever, and tells when something has changed or the last word is old.
pub(crate) async fn measure<D: Driver>(shared: Arc<Shared>, driver: Arc<D>, outbox: Arc<Outbox>) {
    let mut told: Option<(Observation, Instant)> = None;
    loop {
        let measured = tokio::time::timeout(crate::reconciling::SLOW, driver.measure()).await;
        let observation = match measured {
            Ok(Ok(measured)) => {
                shared.set_scopes(measured.scopes);
                Some(measured.observation)
            }
            Ok(Err(error)) => impaired(told.as_ref(), &error.to_string()),
            Err(_) => impaired(told.as_ref(), "its API server does not answer in time"),
        };
        if let Some(observation) = observation {
            let plain = Observation { measured: 0, ..observation };
            let age = shared.config.measurement_age;
            if told.as_ref().is_none_or(|(last, when)| *last != plain || when.elapsed() >= age) {
                outbox.observe(Observation { measured: shared.clock.wall(), ..plain.clone() });
                told = Some((plain, Instant::now()));
            }
        }
        // What has never been measured is tried again soon: nothing can be applied before.
        let wait = if told.is_some() { shared.config.measure } else { shared.config.again };
        tokio::time::sleep(wait).await;
    }
}

/// The last measurement, with what is wrong now. Without one there is nothing to tell yet.
fn impaired(told: Option<&(Observation, Instant)>, reason: &str) -> Option<Observation> {
    tracing::warn!(reason, "the cluster cannot be measured");
    let impairment = reason.chars().take(500).collect();
    told.map(|(last, _)| Observation { ready: false, impairment, ..last.clone() })
}
