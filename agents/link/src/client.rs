//! The agent's side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use verbund_agent_core::{Desired, DesiredCopy};
use verbund_identity::LoginRequest;
use verbund_lease::Renewal;
use verbund_model::{ClusterName, Outcome, WorkloadName};

use crate::MAX_MESSAGE;
use crate::desk::Heard;
use crate::dial::Dialled;
use crate::message::{Certified, Sessions};
use crate::proto::agent_client::AgentClient;
use crate::proto::{
    self, AskReply, CertifyRequest, RenewRequest, SessionRequest, SubmitRequest, WatchRequest, ask_reply, renew_reply,
    watch_message,
};
use crate::{Found, Question};

/// How long a call may take that is no stream.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No daemon of the site was reached, or it went away.
    #[error("the site's daemon cannot be reached: {0}")]
    Unreachable(String),
    /// It answered that it cannot now.
    #[error("the site's daemon cannot do it now: {0}")]
    Unavailable(String),
    /// It refused.
    #[error("the site's daemon refused: {0}")]
    Refused(String),
    /// What it said makes no sense.
    #[error("the site's daemon said what is not understood: {0}")]
    Nonsense(String),
}

impl From<Status> for LinkError {
    fn from(status: Status) -> Self {
        // tonic hides the reason of a failed dial in the sources.
        let mut reason = status.message().to_owned();
        let mut source = std::error::Error::source(&status);
        while let Some(error) = source {
            reason = format!("{reason}: {error}");
            source = error.source();
        }
        match status.code() {
            Code::PermissionDenied | Code::FailedPrecondition | Code::InvalidArgument | Code::Unauthenticated => {
                Self::Refused(reason)
            }
            Code::Unavailable if status.metadata().contains_key(crate::server::NOT_NOW) => Self::Unavailable(reason),
            _ => Self::Unreachable(reason),
        }
    }
}

fn nonsense(error: impl std::fmt::Display) -> LinkError {
    LinkError::Nonsense(error.to_string())
}

/// A connection to the site's daemon. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Link {
    client: AgentClient<Channel>,
}

impl Link {
    /// Uses a connection.
    #[must_use]
    pub fn new(dialled: Dialled) -> Self {
        let client = AgentClient::new(dialled.0).max_decoding_message_size(MAX_MESSAGE);
        Self { client: client.max_encoding_message_size(4 * MAX_MESSAGE) }
    }

    /// Follows what is wanted of the cluster; `have` names the workloads of which something is there. Errors: [`LinkError`].
    pub async fn watch(&self, cluster: ClusterName, have: &BTreeSet<WorkloadName>) -> Result<Watch, LinkError> {
        let request = WatchRequest { have: have.iter().map(WorkloadName::to_string).collect() };
        let stream = self.client.clone().watch(request).await?.into_inner();
        Ok(Watch { stream, desired: Desired::nothing(cluster), changed: BTreeSet::new(), began: false })
    }

    /// Passes a renewal on. The answers come one by one. Errors: [`LinkError`].
    pub async fn renew(
        &self,
        renewal: &Renewal,
    ) -> Result<impl Stream<Item = Result<Heard, LinkError>> + Send + use<>, LinkError> {
        let mut request = Request::new(RenewRequest { renewal: serde_json::to_vec(renewal).map_err(nonsense)? });
        // What comes later than the lease lasts is worth nothing.
        request.set_timeout(Duration::from_millis(renewal.length));
        let stream = self.client.clone().renew(request).await?.into_inner();
        Ok(stream.map(|reply| heard(reply?)))
    }

    /// Brings an envelope (binary form) and waits for its outcome. Errors: [`LinkError`]; then it may have been applied.
    pub async fn submit(&self, envelope: Vec<u8>) -> Result<Outcome, LinkError> {
        let reply = self.client.clone().submit(patient(SubmitRequest { envelope })).await?.into_inner();
        serde_json::from_slice(&reply.outcome).map_err(nonsense)
    }

    /// Asks what is needed to sign. Errors: [`LinkError`].
    pub async fn sessions(&self) -> Result<Sessions, LinkError> {
        let reply = self.client.clone().session(patient(SessionRequest {})).await?.into_inner();
        serde_json::from_slice(&reply.sessions).map_err(nonsense)
    }

    /// Asks for a certificate with a request that the agent's registered key signed. Errors: [`LinkError`].
    pub async fn certify(&self, request: &LoginRequest) -> Result<Certified, LinkError> {
        let request = serde_json::to_vec(request).map_err(nonsense)?;
        let reply = self.client.clone().certify(patient(CertifyRequest { request })).await?.into_inner();
        Ok(Certified { chain: reply.chain, anchor: reply.anchor })
    }

    /// Opens the call on which the daemon asks. Errors: [`LinkError`].
    pub async fn asked(&self) -> Result<Asked, LinkError> {
        let (answers, replies) = mpsc::channel(16);
        // The call begins with something, so that no proxy waits for it.
        let hello = AskReply { number: 0, reply: None };
        answers.send(hello).await.map_err(nonsense)?;
        let questions = self.client.clone().ask(ReceiverStream::new(replies)).await?.into_inner();
        Ok(Asked { questions, answers })
    }
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

fn heard(reply: proto::RenewReply) -> Result<Heard, LinkError> {
    match reply.reply {
        Some(renew_reply::Reply::Membership(json)) => serde_json::from_slice(&json).map(Heard::Membership),
        Some(renew_reply::Reply::Answer(json)) => serde_json::from_slice(&json).map(Heard::Answer),
        Some(renew_reply::Reply::Refused(json)) => serde_json::from_slice(&json).map(Heard::Refused),
        None => return Err(nonsense("an empty reply to a renewal")),
    }
    .map_err(nonsense)
}

/// A new desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// All that is wanted now.
    pub desired: Desired,
    /// The workloads of which something else is wanted than before.
    pub changed: BTreeSet<WorkloadName>,
    /// Whether it is the first: read linearizably after the watch was asked for.
    pub first: bool,
}

/// A watch on the desired state.
#[derive(Debug)]
pub struct Watch {
    stream: Streaming<proto::WatchMessage>,
    desired: Desired,
    changed: BTreeSet<WorkloadName>,
    began: bool,
}

impl Watch {
    /// Waits for the next state. Errors: [`LinkError`]: the watch is over, and a new one begins from the start. A future that
    /// is dropped loses nothing.
    pub async fn next(&mut self) -> Result<Update, LinkError> {
        loop {
            let message = self.stream.message().await?;
            let message = message.ok_or_else(|| LinkError::Unreachable("the watch has ended".to_owned()))?;
            if let Some(update) = self.take(message)? {
                return Ok(update);
            }
        }
    }

    fn take(&mut self, message: proto::WatchMessage) -> Result<Option<Update>, LinkError> {
        match message.message {
            Some(watch_message::Message::Copy(json)) => {
                let copy: DesiredCopy = serde_json::from_slice(&json).map_err(nonsense)?;
                self.changed.insert(copy.workload.clone());
                self.desired.workloads.insert(copy.workload.clone(), Arc::new(copy));
                Ok(None)
            }
            Some(watch_message::Message::Removed(name)) => {
                let name = WorkloadName::new(name).map_err(nonsense)?;
                self.desired.workloads.remove(&name);
                self.changed.insert(name);
                Ok(None)
            }
            Some(watch_message::Message::Commit(commit)) => {
                if commit.index < self.desired.index || commit.whole == self.began {
                    return Err(nonsense("a state that is older than the one before, or out of turn"));
                }
                self.desired.index = commit.index;
                self.desired.lease = serde_json::from_slice(&commit.lease).map_err(nonsense)?;
                self.desired.cluster_kinds = serde_json::from_slice(&commit.cluster_kinds).map_err(nonsense)?;
                let (changed, first) = (std::mem::take(&mut self.changed), !self.began);
                self.began = true;
                Ok(Some(Update { desired: self.desired.clone(), changed, first }))
            }
            None => Err(nonsense("an empty message on the watch")),
        }
    }
}

/// What a daemon asks.
#[derive(Debug)]
pub struct Asked {
    questions: Streaming<proto::AskQuestion>,
    answers: mpsc::Sender<AskReply>,
}

impl Asked {
    /// Waits for the next question; gives it with its number. Errors: [`LinkError`]: the call is over.
    pub async fn next(&mut self) -> Result<(u64, Question), LinkError> {
        let message = self.questions.message().await?;
        let message = message.ok_or_else(|| LinkError::Unreachable("the call has ended".to_owned()))?;
        Ok((message.number, serde_json::from_slice(&message.question).map_err(nonsense)?))
    }

    /// A handle on which questions are answered, apart from waiting for the next.
    #[must_use]
    pub fn answers(&self) -> Answers {
        Answers(self.answers.clone())
    }
}

/// Answers questions.
#[derive(Clone, Debug)]
pub struct Answers(mpsc::Sender<AskReply>);

impl Answers {
    /// Answers the question of that number. An answer to a call that is over is dropped.
    pub async fn answer(&self, number: u64, found: Result<Found, String>) {
        let reply = match found {
            Ok(found) => match serde_json::to_vec(&found.bounded(crate::MAX_MESSAGE / 2)) {
                Ok(json) => ask_reply::Reply::Found(json),
                Err(error) => ask_reply::Reply::Failed(error.to_string()),
            },
            Err(reason) => ask_reply::Reply::Failed(reason),
        };
        let _over = self.0.send(AskReply { number, reply: Some(reply) }).await;
    }
}

/// What was sent of a desired state, so that only the difference follows: the server's half of [`Watch`].
#[derive(Default)]
pub(crate) struct Sent {
    copies: BTreeMap<WorkloadName, Arc<DesiredCopy>>,
    began: bool,
}

impl Sent {
    /// The messages that bring an agent to `desired`.
    pub(crate) fn difference(&mut self, desired: &Desired) -> Result<Vec<proto::WatchMessage>, serde_json::Error> {
        let message = |message| proto::WatchMessage { message: Some(message) };
        let mut messages = Vec::new();
        for (name, copy) in &desired.workloads {
            let before = self.copies.get(name);
            if before.is_none_or(|before| !Arc::ptr_eq(before, copy) && before != copy) {
                messages.push(message(watch_message::Message::Copy(serde_json::to_vec(&**copy)?)));
            }
        }
        for name in self.copies.keys().filter(|name| !desired.workloads.contains_key(*name)) {
            messages.push(message(watch_message::Message::Removed(name.to_string())));
        }
        messages.push(message(watch_message::Message::Commit(proto::Commit {
            index: desired.index,
            lease: serde_json::to_vec(&desired.lease)?,
            cluster_kinds: serde_json::to_vec(&desired.cluster_kinds)?,
            whole: !self.began,
        })));
        self.began = true;
        self.copies = desired.workloads.clone();
        Ok(messages)
    }

    /// The workloads that an agent knows of.
    pub(crate) fn known(&self) -> impl Iterator<Item = &WorkloadName> {
        self.copies.keys()
    }
}
