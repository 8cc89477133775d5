//! Writing: an envelope from anywhere becomes an entry of the log, once, and its author learns the outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use openraft::errors::ClientWriteError;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tonic::Code;
use verbund_machine::Entry;
use verbund_model::{NodeId, Outcome, Refusal};

use crate::edge::Edge;
use crate::peers::Peers;
use crate::proto;
use crate::raft::{Command, Raft};
use crate::read::Reads;
use crate::shared::Shared;

/// Envelopes that wait in line; more make their callers wait.
const LINE: usize = 4096;
/// The most envelopes, and about the most bytes, of one batch.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches on their way at once.
const IN_FLIGHT: usize = 64;
/// How long a caller waits for a leader.
const NO_LEADER_WAIT: Duration = Duration::from_secs(4);
/// How long a caller waits for an outcome once its envelope may be in the log.
const OUTCOME_WAIT: Duration = Duration::from_secs(10);
/// The pause before a leader is looked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// What became of an envelope, and where it stands in the log. It is applied here when this is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The answer of every replica.
    pub outcome: Outcome,
    /// The entry's index.
    pub index: u64,
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SubmitError {
    /// It never reached the log: what it says or who signed it is refused at the door, and only counted here.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Nobody leads. Nothing was written.
    #[error("no leader is known, so nothing was written: the federation has no quorum, or is electing; try again")]
    NoLeader,
    /// It may or may not be in the log.
    #[error("the outcome is unknown ({why}): send the very same envelope again, it is carried out only once")]
    OutcomeUnknown {
        /// What happened.
        why: String,
    },
    /// A disk is nearly full. Nothing was written.
    #[error("the disk of node {node} is nearly full: nothing was written")]
    LowDisk {
        /// Whose disk.
        node: NodeId,
    },
    /// A fork was seen. Nothing was written.
    #[error(
        "node {node} has seen a fork of the federation: nothing is written until an operator has cleared the alarm"
    )]
    WritesStopped {
        /// Who saw it.
        node: NodeId,
    },
    /// The node is stopping.
    #[error("this node is stopping: nothing was written")]
    Stopped,
}

struct Waiting {
    envelope: Bytes,
    answer: oneshot::Sender<Result<Submitted, SubmitError>>,
    since: Instant,
}

/// The door for writes.
#[derive(Clone)]
pub(crate) struct Submitter {
    shared: Arc<Shared>,
    edge: Edge,
    line: mpsc::Sender<Waiting>,
}

impl Submitter {
    /// Starts the line.
    pub(crate) fn start(shared: Arc<Shared>, raft: Raft, peers: Arc<Peers>, reads: Reads) -> Self {
        let (line, waiting) = mpsc::channel(LINE);
        let batcher = Batcher {
            shared: shared.clone(),
            raft,
            peers,
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
            last_stamp: 0,
        };
        tokio::spawn(batcher.run(waiting));
        Self { edge: Edge::new(shared.clone(), reads), shared, line }
    }

    /// Looks at an envelope and puts it in line. Gives the outcome when it is applied **here**.
    pub(crate) async fn submit(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        self.check_writable()?;
        self.edge.check(&envelope).await?;
        self.append(envelope).await
    }

    /// Whether this node takes writes at all.
    pub(crate) fn check_writable(&self) -> Result<(), SubmitError> {
        let node = self.shared.id;
        if self.shared.alarms.writes_stopped() || self.shared.alarms.halted() {
            return Err(SubmitError::WritesStopped { node });
        }
        if self.shared.disk.is_low() {
            return Err(SubmitError::LowDisk { node });
        }
        Ok(())
    }

    /// Puts an envelope in line without looking at it.
    pub(crate) async fn append(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        let (answer, outcome) = oneshot::channel();
        let waiting = Waiting { envelope, answer, since: Instant::now() };
        self.line.send(waiting).await.map_err(|_| SubmitError::Stopped)?;
        let submitted = outcome.await.map_err(|_| unknown("this node stopped meanwhile"))??;
        if !self.shared.published.wait_for(submitted.index, OUTCOME_WAIT).await {
            return Err(unknown("it is in the log, but this node lags behind"));
        }
        Ok(submitted)
    }
}

fn unknown(why: &str) -> SubmitError {
    SubmitError::OutcomeUnknown { why: why.to_owned() }
}

struct Batcher {
    shared: Arc<Shared>,
    raft: Raft,
    peers: Arc<Peers>,
    permits: Arc<Semaphore>,
    last_stamp: u64,
}

impl Batcher {
    async fn run(mut self, mut line: mpsc::Receiver<Waiting>) {
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

    async fn dispatch(&mut self, batch: Vec<Waiting>, permit: tokio::sync::OwnedSemaphorePermit) {
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
    async fn lead(&mut self, batch: Vec<Waiting>, permit: tokio::sync::OwnedSemaphorePermit) {
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

fn tell(waiting: Waiting, result: Result<Submitted, SubmitError>) {
    // A caller that went away needs no answer.
    let _ = waiting.answer.send(result);
}

async fn collect(shared: &Shared, batch: Vec<Waiting>, mut results: crate::raft::WriteResults) {
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

/// A batch on its way to the leader.
struct Forward {
    shared: Arc<Shared>,
    raft: Raft,
    peers: Arc<Peers>,
}

impl Forward {
    async fn carry(self, batch: Vec<Waiting>) {
        let Some(leader) = self.leader(&batch).await else {
            batch.into_iter().for_each(|waiting| tell(waiting, Err(SubmitError::NoLeader)));
            return;
        };
        self.shared.counters.forwarded.add(batch.len() as u64);
        let message = proto::SubmitRequest { envelopes: batch.iter().map(|w| w.envelope.clone()).collect() };
        let request = self.peers.request(leader, message, Some(OUTCOME_WAIT));
        match self.peers.forward(leader).submit(request).await {
            Ok(reply) => {
                let mut results = reply.into_inner().results.into_iter();
                for waiting in batch {
                    let result = results.next().map_or_else(|| Err(unknown("the leader did not answer")), read_result);
                    tell(waiting, result);
                }
            }
            Err(status) => {
                // Refused before it was looked at, or never connected: nothing was written. All else may have been.
                let error = match status.code() {
                    Code::PermissionDenied | Code::FailedPrecondition | Code::InvalidArgument => SubmitError::NoLeader,
                    code => unknown(&format!("the leader's answer was lost: {code:?}, {}", status.message())),
                };
                batch.into_iter().for_each(|waiting| tell(waiting, Err(error.clone())));
            }
        }
    }

    /// Whoever leads, as soon as somebody does.
    async fn leader(&self, batch: &[Waiting]) -> Option<NodeId> {
        let since = batch.iter().map(|waiting| waiting.since).min()?;
        loop {
            if let Some(leader) = self.raft.current_leader().await {
                return Some(NodeId(leader));
            }
            if since.elapsed() > NO_LEADER_WAIT {
                return None;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// A result for the wire.
pub(crate) fn write_result(result: Result<Submitted, SubmitError>) -> proto::SubmitResult {
    use proto::submit_result::Result as Reply;
    // Writing plain structures to a growing vector cannot fail.
    let bytes = |value: Result<Vec<u8>, postcard::Error>| Bytes::from(value.unwrap_or_default());
    let result = match result {
        Ok(Submitted { outcome, index }) => {
            Reply::Applied(proto::Applied { index, outcome: bytes(postcard::to_stdvec(&outcome)) })
        }
        Err(error) => Reply::Error(bytes(postcard::to_stdvec(&error))),
    };
    proto::SubmitResult { result: Some(result) }
}

fn read_result(result: proto::SubmitResult) -> Result<Submitted, SubmitError> {
    use proto::submit_result::Result as Reply;
    let garbled = || unknown("the leader's answer cannot be read");
    match result.result.ok_or_else(garbled)? {
        Reply::Applied(applied) => {
            let outcome = postcard::from_bytes(&applied.outcome).map_err(|_| garbled())?;
            Ok(Submitted { outcome, index: applied.index })
        }
        Reply::Error(error) => Err(postcard::from_bytes(&error).unwrap_or_else(|_| garbled())),
    }
}
