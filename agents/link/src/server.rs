//! The daemon's side.

mod asking;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Code, Request, Response, Status, Streaming};
use verbund_identity::{LoginRequest, Subject, TrustDomain};
use verbund_lease::Renewal;
use verbund_model::{ClusterName, WorkloadName};
use verbund_tls::{Caller, Service};

use crate::client::Sent;
use crate::desk::{Desk, DeskError, Heard};
use crate::proto::agent_server::{Agent, AgentServer};
use crate::proto::{
    AskQuestion, AskReply, CertifyReply, CertifyRequest, RenewReply, RenewRequest, SessionReply, SessionRequest,
    SubmitReply, SubmitRequest, WatchMessage, WatchRequest, renew_reply,
};
use crate::{MAX_HAVE, MAX_MESSAGE};

pub use asking::{Asking, Questions};

/// Metadata of an answer that says "not now", so that it is told apart from a connection that broke.
pub(crate) const NOT_NOW: &str = "verbund-not-now";

/// Serves the agents of the site `own` on the connections of `incoming`, until `stop`. The connections come from a
/// [`verbund_tls::Acceptor`] of the kind `Admin`; who gives no agent's certificate of that trust domain is refused with each
/// call, but for asking for one. Errors: the transport's.
pub async fn serve<D, S, IO, E>(
    desk: Arc<D>,
    own: TrustDomain,
    questions: Questions,
    incoming: S,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), tonic::transport::Error>
where
    D: Desk,
    S: Stream<Item = Result<IO, E>> + Send,
    IO: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller> + Unpin + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let agents = AgentServer::new(Agents { desk, own, questions })
        .max_decoding_message_size(4 * MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    Server::builder().add_service(agents).serve_with_incoming_shutdown(incoming, stop).await
}

struct Agents<D> {
    desk: Arc<D>,
    own: TrustDomain,
    questions: Questions,
}

impl<D: Desk> Agents<D> {
    /// Whose agent calls.
    fn cluster<T>(&self, request: &Request<T>) -> Result<ClusterName, Box<Status>> {
        let refused = |why: String| Box::new(Status::permission_denied(why));
        let caller = request.extensions().get::<Caller>();
        let peer = caller.filter(|caller| caller.may_call(Service::AgentApi)).and_then(|caller| caller.peer.as_ref());
        let peer = peer.ok_or_else(|| refused("only an agent with a certificate may call".to_owned()))?;
        match &peer.id.subject {
            Subject::Agent(name) if peer.id.trust_domain == self.own => {
                ClusterName::new(name.as_str()).map_err(|error| refused(error.to_string()))
            }
            _ => Err(refused(format!("{} is no agent of this site", peer.id))),
        }
    }
}

fn status(error: DeskError) -> Status {
    match error {
        DeskError::Unknown(_) => Status::failed_precondition(error.to_string()),
        DeskError::Refused(_) => Status::invalid_argument(error.to_string()),
        DeskError::Unavailable(_) => {
            let mut metadata = MetadataMap::new();
            metadata.insert(NOT_NOW, MetadataValue::from_static("1"));
            Status::with_metadata(Code::Unavailable, error.to_string(), metadata)
        }
    }
}

fn internal(error: serde_json::Error) -> Status {
    Status::internal(error.to_string())
}

#[tonic::async_trait]
impl<D: Desk> Agent for Agents<D> {
    type WatchStream = ReceiverStream<Result<WatchMessage, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let cluster = self.cluster(&request).map_err(|status| *status)?;
        let have = request.into_inner().have;
        if have.len() > MAX_HAVE {
            return Err(Status::invalid_argument(format!("more than {MAX_HAVE} workloads")));
        }
        let have: Result<BTreeSet<_>, _> = have.into_iter().map(WorkloadName::new).collect();
        let have = have.map_err(|error| Status::invalid_argument(error.to_string()))?;
        // What nobody takes is not made: a slow agent sees fewer states, each of them whole.
        let (sender, receiver) = mpsc::channel(64);
        let desk = self.desk.clone();
        tokio::spawn(async move {
            if let Err(error) = push(&*desk, &cluster, have, &sender).await {
                let _gone = sender.send(Err(error)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type RenewStream = BoxStream<'static, Result<RenewReply, Status>>;

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Self::RenewStream>, Status> {
        let cluster = self.cluster(&request).map_err(|status| *status)?;
        let renewal: Renewal = serde_json::from_slice(&request.into_inner().renewal)
            .map_err(|error| Status::invalid_argument(format!("no renewal: {error}")))?;
        if renewal.cluster != cluster {
            return Err(Status::permission_denied(format!("{cluster} cannot renew the lease of {}", renewal.cluster)));
        }
        let heard = self.desk.renew(&cluster, renewal).await.map_err(status)?;
        Ok(Response::new(heard.map(|heard| reply(&heard).map_err(internal)).boxed()))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        let cluster = self.cluster(&request).map_err(|status| *status)?;
        let envelope = request.into_inner().envelope;
        if envelope.len() > verbund_identity::envelope::MAX_ENVELOPE {
            return Err(Status::invalid_argument("the envelope is too large"));
        }
        let outcome = self.desk.submit(&cluster, envelope).await.map_err(status)?;
        Ok(Response::new(SubmitReply { outcome: serde_json::to_vec(&outcome).map_err(internal)? }))
    }

    async fn session(&self, request: Request<SessionRequest>) -> Result<Response<SessionReply>, Status> {
        let cluster = self.cluster(&request).map_err(|status| *status)?;
        let sessions = self.desk.sessions(&cluster).await.map_err(status)?;
        Ok(Response::new(SessionReply { sessions: serde_json::to_vec(&sessions).map_err(internal)? }))
    }

    async fn certify(&self, request: Request<CertifyRequest>) -> Result<Response<CertifyReply>, Status> {
        let caller = request.extensions().get::<Caller>();
        let may = |caller: &&Caller| caller.may_call(Service::Enrol) || caller.may_call(Service::AgentApi);
        if caller.filter(may).is_none() {
            return Err(Status::permission_denied("only an agent may ask for its certificate"));
        }
        let request: LoginRequest = serde_json::from_slice(&request.into_inner().request)
            .map_err(|error| Status::invalid_argument(format!("no request for a certificate: {error}")))?;
        if request.csr.len() > verbund_identity::login::MAX_CSR {
            return Err(Status::invalid_argument("the certificate signing request is too large"));
        }
        let certified = self.desk.certify(request).await.map_err(status)?;
        Ok(Response::new(CertifyReply { chain: certified.chain, anchor: certified.anchor }))
    }

    type AskStream = ReceiverStream<Result<AskQuestion, Status>>;

    async fn ask(&self, request: Request<Streaming<AskReply>>) -> Result<Response<Self::AskStream>, Status> {
        let cluster = self.cluster(&request).map_err(|status| *status)?;
        Ok(Response::new(self.questions.attach(cluster, request.into_inner())))
    }
}

fn reply(heard: &Heard) -> Result<RenewReply, serde_json::Error> {
    let reply = match heard {
        Heard::Membership(membership) => renew_reply::Reply::Membership(serde_json::to_vec(membership)?),
        Heard::Answer(answer) => renew_reply::Reply::Answer(serde_json::to_vec(answer)?),
        Heard::Refused(refusal) => renew_reply::Reply::Refused(serde_json::to_vec(refusal)?),
    };
    Ok(RenewReply { reply: Some(reply) })
}

/// Sends the whole state, and then what changes, until the agent has gone.
async fn push<D: Desk>(
    desk: &D,
    cluster: &ClusterName,
    have: BTreeSet<WorkloadName>,
    sender: &mpsc::Sender<Result<WatchMessage, Status>>,
) -> Result<(), Status> {
    let mut sent = Sent::default();
    let mut known = have;
    let mut desired = desk.read(cluster, &known).await.map_err(status)?;
    loop {
        for message in sent.difference(&desired).map_err(internal)? {
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
        known.extend(sent.known().cloned());
        desired = tokio::select! {
            next = desk.next(cluster, &known, desired.index) => next.map_err(status)?,
            () = sender.closed() => return Ok(()),
        };
    }
}
