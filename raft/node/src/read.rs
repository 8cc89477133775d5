//! Linearizable reads at any node: the leader (or a quorum, if it is this node) is asked once for all who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openraft::ReadPolicy;
use tokio::sync::{mpsc, oneshot};
use verbund_machine::State;
use verbund_model::NodeId;

use crate::peers::Peers;
use crate::proto;
use crate::raft::Raft;
use crate::shared::Shared;

/// Readers that wait in line; more make their callers wait.
const LINE: usize = 16 * 1024;
/// How long somebody is looked for who leads with a quorum: longer than an election takes, and short enough that whoever
/// asked hears that there is none before giving up.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long one question to a leader may take.
const ROUND: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(50);

/// Why there is no linearizable read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nobody leads with a quorum.
    #[error("no leader with a quorum answered ({why}): read the stale state, marked as such, or try again")]
    NoLeader {
        /// What happened last.
        why: String,
    },
    /// This node is too far behind.
    #[error("index {wanted} is needed, and this node has applied {applied}: read at another node, or try again")]
    Behind {
        /// The index.
        wanted: u64,
        /// What is applied.
        applied: u64,
    },
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopped,
}

type Answer = oneshot::Sender<Result<u64, ReadError>>;

/// The door for reads.
#[derive(Clone)]
pub(crate) struct Reads {
    shared: Arc<Shared>,
    line: mpsc::Sender<Answer>,
}

impl Reads {
    pub(crate) fn start(shared: Arc<Shared>, raft: Raft, peers: Arc<Peers>) -> Self {
        let (line, waiting) = mpsc::channel(LINE);
        tokio::spawn(Asker { shared: shared.clone(), raft, peers }.run(waiting));
        Self { shared, line }
    }

    /// The index that a reader who comes now must see.
    pub(crate) async fn index(&self) -> Result<u64, ReadError> {
        let (answer, index) = oneshot::channel();
        self.line.send(answer).await.map_err(|_| ReadError::Stopped)?;
        index.await.map_err(|_| ReadError::Stopped)?
    }

    /// Waits until this node has applied all that was committed when this was called.
    pub(crate) async fn linearize(&self) -> Result<Arc<State>, ReadError> {
        self.shared.counters.reads.add(1);
        let wanted = self.index().await?;
        if !self.shared.published.wait_for(wanted, PATIENCE).await {
            return Err(ReadError::Behind { wanted, applied: self.shared.published.index() });
        }
        Ok(self.shared.published.state())
    }
}

struct Asker {
    shared: Arc<Shared>,
    raft: Raft,
    peers: Arc<Peers>,
}

impl Asker {
    /// One question at a time. It serves all who came before it was asked; who comes meanwhile waits for the next, because
    /// the answer may be from before they came.
    async fn run(self, mut line: mpsc::Receiver<Answer>) {
        let mut waiting: Vec<Answer> = Vec::new();
        while line.recv_many(&mut waiting, LINE).await > 0 {
            self.shared.counters.read_rounds.add(1);
            let result = self.ask().await;
            for answer in waiting.drain(..) {
                // A reader that went away needs no answer.
                let _ = answer.send(result.clone());
            }
        }
    }

    async fn ask(&self) -> Result<u64, ReadError> {
        let since = Instant::now();
        let mut why = "nobody is known to lead".to_owned();
        loop {
            let round = PATIENCE.saturating_sub(since.elapsed()).min(ROUND);
            let asked = match self.raft.current_leader().await {
                Some(leader) if leader == self.shared.id.0 => self.ask_quorum(round).await,
                Some(leader) => self.ask_leader(NodeId(leader), round).await,
                None => Err(why.clone()),
            };
            match asked {
                Ok(index) => {
                    self.shared.published.touch();
                    return Ok(index);
                }
                Err(error) => why = error,
            }
            if since.elapsed() >= PATIENCE {
                return Err(ReadError::NoLeader { why });
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn ask_quorum(&self, round: Duration) -> Result<u64, String> {
        let asked = tokio::time::timeout(round, self.raft.get_read_log_id(ReadPolicy::ReadIndex)).await;
        match asked {
            Ok(Ok((read, _))) => Ok(read.index()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("a quorum did not answer in time".to_owned()),
        }
    }

    async fn ask_leader(&self, leader: NodeId, round: Duration) -> Result<u64, String> {
        let request = self.peers.request(leader, proto::ReadIndexRequest {}, Some(round));
        let reply = self.peers.forward(leader).read_index(request).await;
        reply.map(|reply| reply.into_inner().index).map_err(|status| status.message().to_owned())
    }
}

/// The index that this node vouches for as leader, for a peer that asks. Errors: it does not lead, or has no quorum.
pub(crate) async fn as_leader(raft: &Raft, reads: &Reads, id: NodeId) -> Result<u64, ReadError> {
    if raft.current_leader().await != Some(id.0) {
        // Never asked on: two nodes that take each other for the leader would ask in circles.
        return Err(ReadError::NoLeader { why: format!("node {id} does not lead") });
    }
    reads.index().await
}
