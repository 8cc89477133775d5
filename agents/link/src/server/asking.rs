//! A daemon asks the agents that have called.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use verbund_agent_core::{Found, Question};
use verbund_model::ClusterName;

use crate::proto::{AskQuestion, AskReply, ask_reply};

/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Asking {
    /// No agent of the cluster is connected here.
    #[error("the agent of the cluster {0} is not connected to this daemon")]
    NotHere(ClusterName),
    /// It did not answer in time, or went away.
    #[error("the agent of the cluster {0} did not answer")]
    Silent(ClusterName),
    /// It could not find out.
    #[error("the agent of the cluster {cluster} could not find out: {reason}")]
    Failed {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        reason: String,
    },
}

type Waiting = oneshot::Sender<Result<Found, String>>;

#[derive(Default)]
struct Inner {
    /// The newest call of each cluster's agent.
    calls: BTreeMap<ClusterName, (u64, mpsc::Sender<Result<AskQuestion, Status>>)>,
    waiting: HashMap<u64, (ClusterName, Waiting)>,
    count: u64,
}

/// The agents that can be asked. A handle: clones share it.
#[derive(Clone, Default)]
pub struct Questions(Arc<Mutex<Inner>>);

impl Questions {
    /// Nobody can be asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the agent of a cluster, and waits for its answer, for 15 s at most. Errors: [`Asking`].
    pub async fn ask(&self, cluster: &ClusterName, question: &Question) -> Result<Found, Asking> {
        let failed = |reason: String| Asking::Failed { cluster: cluster.clone(), reason };
        let question = serde_json::to_vec(question).map_err(|error| failed(error.to_string()))?;
        let (sender, receiver) = oneshot::channel();
        let (number, call) = {
            let mut inner = self.inner();
            let call = inner.calls.get(cluster).map(|(_, call)| call.clone());
            let call = call.ok_or_else(|| Asking::NotHere(cluster.clone()))?;
            inner.count += 1;
            let number = inner.count;
            inner.waiting.insert(number, (cluster.clone(), sender));
            (number, call)
        };
        let silent = || Asking::Silent(cluster.clone());
        let whole = async {
            call.send(Ok(AskQuestion { number, question })).await.map_err(|_| silent())?;
            receiver.await.map_err(|_| silent())?.map_err(failed)
        };
        let answer = tokio::time::timeout(PATIENCE, whole).await;
        self.inner().waiting.remove(&number);
        answer.unwrap_or_else(|_| Err(silent()))
    }

    /// Takes an agent's call.
    pub(crate) fn attach(
        &self,
        cluster: ClusterName,
        mut replies: Streaming<AskReply>,
    ) -> ReceiverStream<Result<AskQuestion, Status>> {
        let (sender, receiver) = mpsc::channel(16);
        let own = {
            let mut inner = self.inner();
            inner.count += 1;
            let own = inner.count;
            inner.calls.insert(cluster.clone(), (own, sender));
            own
        };
        let questions = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(reply)) = replies.message().await {
                questions.answered(&cluster, reply);
            }
            let mut inner = questions.inner();
            if inner.calls.get(&cluster).is_some_and(|(call, _)| *call == own) {
                inner.calls.remove(&cluster);
            }
        });
        ReceiverStream::new(receiver)
    }

    fn answered(&self, cluster: &ClusterName, reply: AskReply) {
        let mut inner = self.inner();
        // An agent answers what it was asked itself, and nothing else.
        if inner.waiting.get(&reply.number).is_none_or(|(asked, _)| asked != cluster) {
            return;
        }
        let Some((_, waiting)) = inner.waiting.remove(&reply.number) else { return };
        let answer = match reply.reply {
            Some(ask_reply::Reply::Found(json)) => serde_json::from_slice(&json).map_err(|error| error.to_string()),
            Some(ask_reply::Reply::Failed(reason)) => Err(reason),
            None => Err("an empty answer".to_owned()),
        };
        let _nobody_waits = waiting.send(answer);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held; if it did, the tables would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
