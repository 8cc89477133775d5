//! The line of envelopes, in batches: appended here if this node leads, or carried to who does.

use std::sync::Arc;

use futures::StreamExt as _;
use openraft::errors::ClientWriteError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use verbund_machine::Entry;

use super::forward::Forward;
use super::{SubmitError, Submitted, Waiting, unknown};
use crate::peers::Peers;
use crate::raft::{Command, Raft, WriteResults};
use crate::shared::Shared;

/// The most envelopes, and about the most bytes, of one batch.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches on their way at once.
const IN_FLIGHT: usize = 64;

pub(super) struct Batcher {
    shared: Arc<Shared>,
    raft: Raft,
    peers: Arc<Peers>,
    permits: Arc<Semaphore>,
    last_stamp: u64,
}

impl Batcher {
    pub(super) fn new(shared: Arc<Shared>, raft: Raft, peers: Arc<Peers>) -> Self {
        Self { shared, raft, peers, permits: Arc::new(Semaphore::new(IN_FLIGHT)), last_stamp: 0 }
    }

    /// Runs until nobody can submit any more.
    pub(super) async fn run(mut self, mut line: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::new();
        let mut held: Option<Waiting> = None;
        loop {
            // The permit comes first: while all are out, more gather for the next batch.
            let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
            let first = match held.take() {
                Some(waiting) => waiting,
                None => match line.recv().await {
                    Some(waiting) => waiting,
                    None => return,
                },
            };
            let mut bytes = first.envelope.len();
            batch.push(first);
            while batch.len() < BATCH {
                let Ok(next) = line.try_recv() else { break };
                bytes += next.envelope.len();
                if bytes > BATCH_BYTES {
                    held = Some(next);
                    break;
                }
                batch.push(next);
            }
            self.dispatch(std::mem::take(&mut batch), permit).await;
        }
    }

    async fn dispatch(&mut self, batch: Vec<Waiting>, permit: OwnedSemaphorePermit) {
        let leader = self.raft.current_leader().await;
        if leader == Some(self.shared.id.0) {
            self.lead(batch, permit).await;
            return;
        }
        let forward = Forward { shared: self.shared.clone(), raft: self.raft.clone(), peers: self.peers.clone() };
        tokio::spawn(async move {
            forward.carry(batch).await;
            drop(permit);
        });
    }

    /// Appends a batch as leader. The stamps rise with the order in the log.
    async fn lead(&mut self, batch: Vec<Waiting>, permit: OwnedSemaphorePermit) {
        if let Err(error) = writable(&self.shared) {
            batch.into_iter().for_each(|waiting| tell(waiting, Err(error.clone())));
            return;
        }
        // Never backwards. That applied times rise by a millisecond each is apply's doing: were it done here, a burst of
        // more than a thousand a second would make the stamps run ahead of every clock.
        self.last_stamp = self.last_stamp.max(self.now());
        let stamp = self.last_stamp;
        let command = |waiting: &Waiting| Entry { stamp, envelope: waiting.envelope.to_vec() };
        let commands: Vec<Command> = batch.iter().map(|waiting| Command(command(waiting).to_bytes().into())).collect();
        self.shared.counters.submit_batches.add(1);
        self.shared.counters.submitted.add(commands.len() as u64);
        let results = self.raft.client_write_many(commands).await;
        let shared = self.shared.clone();
        tokio::spawn(async move {
            match results {
                Ok(results) => {
                    collect(&shared, batch, results).await;
                }
                Err(_) => batch.into_iter().for_each(|waiting| tell(waiting, Err(SubmitError::Stopped))),
            }
            drop(permit);
        });
    }

    #[cfg(not(feature = "tamper"))]
    fn now(&self) -> u64 {
        self.shared.clock.now()
    }

    #[cfg(feature = "tamper")]
    fn now(&self) -> u64 {
        self.shared.tamper.stamp().unwrap_or_else(|| self.shared.clock.now())
    }
}

fn writable(shared: &Shared) -> Result<(), SubmitError> {
    if shared.alarms.writes_stopped() || shared.alarms.halted() {
        return Err(SubmitError::WritesStopped { node: shared.id });
    }
    Ok(())
}

pub(super) fn tell(waiting: Waiting, result: Result<Submitted, SubmitError>) {
    // A caller that went away needs no answer.
    let _ = waiting.answer.send(result);
}

async fn collect(shared: &Shared, batch: Vec<Waiting>, mut results: WriteResults) {
    for waiting in batch {
        let result = match results.next().await {
            Some(Ok(Ok(written))) => match written.response.outcome {
                Some(outcome) => Ok(Submitted { outcome, index: written.log_id.index }),
                None => Err(unknown("the entry left no outcome")),
            },
            Some(Ok(Err(ClientWriteError::ForwardToLeader(_)))) => Err(SubmitError::NoLeader),
            Some(Ok(Err(error))) => Err(unknown(&error.to_string())),
            Some(Err(_)) | None => Err(unknown("this node stopped meanwhile")),
        };
        if result.is_ok() {
            shared.published.touch();
        }
        tell(waiting, result);
    }
}
