//! Writing: an envelope from anywhere becomes an entry of the log, once, and its author learns the outcome.

mod batcher;
mod forward;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use verbund_model::{NodeId, Outcome, Refusal};

use crate::edge::Edge;
use crate::peers::Peers;
use crate::raft::Raft;
use crate::read::Reads;
use crate::shared::Shared;
use batcher::Batcher;
pub(crate) use forward::write_result;

/// Envelopes that wait in line; more make their callers wait.
const LINE: usize = 4096;
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
        tokio::spawn(Batcher::new(shared.clone(), raft, peers).run(waiting));
        Self { edge: Edge::new(shared.clone(), reads), shared, line }
    }

    /// Looks at an envelope and puts it in line. Gives the outcome when it is applied **here**. While nobody leads, it is
    /// tried again for a while.
    pub(crate) async fn submit(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        let since = Instant::now();
        loop {
            match self.submit_once(envelope.clone()).await {
                // Nothing was written, so there is no harm in another try.
                Err(SubmitError::NoLeader) if since.elapsed() < NO_LEADER_WAIT => tokio::time::sleep(AGAIN).await,
                result => return result,
            }
        }
    }

    /// The same, but only once: for who sends on what another node will send again.
    pub(crate) async fn submit_once(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        self.check_writable()?;
        self.edge.check(&envelope).await?;
        self.append(envelope).await
    }

    /// Several at once, each in a task of its own, so that signatures are checked side by side.
    pub(crate) async fn submit_all(&self, envelopes: Vec<Bytes>) -> Vec<Result<Submitted, SubmitError>> {
        let submit = |envelope| {
            let submitter = self.clone();
            tokio::spawn(async move { submitter.submit(envelope).await })
        };
        let results = join_all(envelopes.into_iter().map(submit)).await;
        results.into_iter().map(|joined| joined.unwrap_or_else(|_| Err(unknown("this node gave up on it")))).collect()
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
