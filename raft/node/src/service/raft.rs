//! Raft's own calls.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt as _};
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};
use verbund_model::NodeId;
use verbund_store::SnapshotStore;
use verbund_tls::Service;

use super::gate::{admit, speaks_for};
use super::intake::{Intake, Verdict};
use crate::proto;
use crate::proto::raft_server::Raft as Calls;
use crate::raft::snapshot::SnapshotData;
use crate::raft::{AppendEntries, Raft, Snapshot, SnapshotMeta, Vote, codec, node_of, wire};
use crate::refusal::PeerRefusal;
use crate::shared::Shared;

/// The largest snapshot that is received, in bytes.
const MAX_SNAPSHOT: u64 = 64 * 1024 * 1024 * 1024;

/// Answers Raft's calls.
#[derive(Clone)]
pub(crate) struct RaftService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) raft: Raft,
    pub(crate) snapshots: SnapshotStore,
    /// One snapshot comes in at a time: each may be as large as the disk.
    pub(crate) receiving: Arc<Semaphore>,
}

fn malformed(error: &impl ToString) -> Status {
    PeerRefusal::Malformed(error.to_string()).status()
}

fn stopped(error: &impl ToString) -> Status {
    Status::unavailable(format!("this node has stopped: {}", error.to_string()))
}

impl RaftService {
    /// Lets the call pass if it is a node's and `vote` is that node's own.
    fn admit_vote<T>(&self, request: &Request<T>, vote: Option<&proto::Vote>) -> Result<NodeId, Status> {
        let peer = admit(&self.shared, request, Service::Raft).map_err(|status| *status)?;
        self.check_speaker(peer, &wire::read_vote(vote).map_err(|e| malformed(&e))?)?;
        Ok(peer)
    }

    fn check_speaker(&self, peer: NodeId, vote: &Vote) -> Result<(), Status> {
        self.may_take_part()?;
        speaks_for(&self.shared, peer, NodeId(node_of(vote)))
            .map_err(|refusal| self.shared.refuse(&refusal, Service::Raft))
    }

    /// A snapshot that ends within what is applied here must end with the very entry that is. Raft takes that for granted.
    async fn check_snapshot(&self, meta: &SnapshotMeta) -> Result<(), Status> {
        let Some(last) = meta.last_log_id else { return Err(malformed(&"the snapshot contains nothing")) };
        if last.index > self.shared.published.index() {
            return Ok(());
        }
        let known =
            self.raft.with_raft_state(move |raft| raft.log_ids.get(last.index)).await.map_err(|e| stopped(&e))?;
        if known.is_some_and(|known| known != last) {
            let why = format!("the snapshot ends with {last}, where this node has a committed entry of another leader");
            return Err(PeerRefusal::NotAllowed(why).status());
        }
        Ok(())
    }

    fn may_take_part(&self) -> Result<(), Status> {
        if self.shared.alarms.halted() {
            return Err(Status::unavailable("this node has halted: its history differs from the voters'"));
        }
        Ok(())
    }
}

type Replies = Pin<Box<dyn Stream<Item = Result<proto::AppendReply, Status>> + Send>>;

/// Requests as Raft sees them: judged one after the other; the first that is refused ends the stream and leaves why.
struct Feeding {
    incoming: Streaming<proto::AppendRequest>,
    ready: std::vec::IntoIter<AppendEntries>,
    intake: Intake,
    refused: Arc<Mutex<Option<Status>>>,
}

impl Feeding {
    async fn next(mut self) -> Option<(AppendEntries, Self)> {
        match self.step().await {
            Ok(part) => part.map(|part| (part, self)),
            Err(status) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
                None
            }
        }
    }

    async fn step(&mut self) -> Result<Option<AppendEntries>, Status> {
        loop {
            if let Some(part) = self.ready.next() {
                let verdict = self.intake.judge(&part).await.map_err(|refusal| {
                    self.intake.shared.counters.appends_refused.add(1);
                    tracing::warn!(peer = %self.intake.peer, %refusal, "refused an append");
                    refusal.status()
                })?;
                self.intake.shared.published.touch();
                return Ok(Some(match verdict {
                    Verdict::Append => part,
                    Verdict::Probe => AppendEntries { entries: Vec::new(), ..part },
                }));
            }
            let Some(request) = self.incoming.next().await else { return Ok(None) };
            // A broken connection is the end, not a refusal.
            let Ok(request) = request else { return Ok(None) };
            let request = wire::read_append(&request).map_err(|e| malformed(&e))?;
            self.ready = Intake::parts(request).into_iter();
        }
    }
}

#[tonic::async_trait]
impl Calls for RaftService {
    async fn vote(&self, request: Request<proto::VoteRequest>) -> Result<Response<proto::VoteReply>, Status> {
        self.admit_vote(&request, request.get_ref().vote.as_ref())?;
        let rpc = wire::read_vote_request(request.get_ref()).map_err(|e| malformed(&e))?;
        let reply = self.raft.vote(rpc).await.map_err(|e| stopped(&e))?;
        Ok(Response::new(wire::vote_reply(&reply)))
    }

    async fn pre_vote(&self, request: Request<proto::VoteRequest>) -> Result<Response<proto::VoteReply>, Status> {
        self.admit_vote(&request, request.get_ref().vote.as_ref())?;
        let rpc = wire::read_vote_request(request.get_ref()).map_err(|e| malformed(&e))?;
        let reply = self.raft.pre_vote(rpc).await.map_err(|e| stopped(&e))?;
        Ok(Response::new(wire::vote_reply(&reply)))
    }

    type AppendStream = Replies;

    async fn append(
        &self,
        request: Request<Streaming<proto::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let peer = admit(&self.shared, &request, Service::Raft).map_err(|status| *status)?;
        self.may_take_part()?;
        let refused = Arc::new(Mutex::new(None));
        let feeding = Feeding {
            incoming: request.into_inner(),
            ready: Vec::new().into_iter(),
            intake: Intake { shared: self.shared.clone(), raft: self.raft.clone(), peer },
            refused: refused.clone(),
        };
        let input = futures::stream::unfold(feeding, Feeding::next);
        let output = self.raft.stream_append(input).map(|result| match result {
            Ok(result) => Ok(wire::append_reply(&result)),
            Err(fatal) => Err(stopped(&fatal)),
        });
        // When Raft has answered everything that it saw: why it saw no more.
        let last = futures::stream::once(async move { refused.lock().unwrap_or_else(PoisonError::into_inner).take() });
        let output = output.chain(last.filter_map(|status| async move { status.map(Err) }));
        Ok(Response::new(Box::pin(output)))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<proto::SnapshotPart>>,
    ) -> Result<Response<proto::SnapshotReply>, Status> {
        use proto::snapshot_part::Part;
        let peer = admit(&self.shared, &request, Service::Raft).map_err(|status| *status)?;
        let mut parts = request.into_inner();
        let Some(Part::Head(head)) = parts.message().await?.and_then(|part| part.part) else {
            return Err(malformed(&"a snapshot begins with its head"));
        };
        let vote = wire::read_vote(head.vote.as_ref()).map_err(|e| malformed(&e))?;
        self.check_speaker(peer, &vote)?;
        let known = self.raft.metrics().borrow_watched().vote;
        if known > vote {
            // Of a leader that is none any more: it hears so before it sends the rest.
            return Ok(Response::new(proto::SnapshotReply { vote: Some(wire::vote(&known)) }));
        }
        let busy = |_| Status::unavailable("this node receives another snapshot already");
        let _turn = self.receiving.try_acquire().map_err(busy)?;
        let meta = codec::decode_meta(&head.meta).map_err(|e| malformed(&e))?;
        self.check_snapshot(&meta).await?;
        let broken = |e: verbund_store::SnapshotError| Status::aborted(e.to_string());
        let mut file = self.snapshots.receive(MAX_SNAPSHOT).map_err(broken)?;
        while let Some(part) = parts.message().await? {
            let Some(Part::Data(data)) = part.part else { return Err(malformed(&"a part of a snapshot is no data")) };
            let written = tokio::task::spawn_blocking(move || file.append(file.received(), &data).map(|()| file)).await;
            file = written.map_err(|e| stopped(&e))?.map_err(broken)?;
            self.shared.published.touch();
        }
        let reader = tokio::task::spawn_blocking(move || file.finish()).await;
        let reader = reader.map_err(|e| stopped(&e))?.map_err(broken)?;
        // What the file says of itself counts, not what was said before it.
        let own = codec::decode_meta(&reader.info().membership).map_err(|e| malformed(&e))?;
        if own != meta {
            return Err(malformed(&"the snapshot is another than its head says"));
        }
        let snapshot = Snapshot { meta, snapshot: SnapshotData(reader) };
        let reply = self.raft.install_full_snapshot(vote, snapshot).await.map_err(|e| stopped(&e))?;
        self.shared.counters.snapshots_installed.add(1);
        Ok(Response::new(proto::SnapshotReply { vote: Some(wire::vote(&reply.vote)) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<proto::TransferRequest>,
    ) -> Result<Response<proto::TransferReply>, Status> {
        use proto::transfer_reply::Result as Reply;
        self.admit_vote(&request, request.get_ref().from.as_ref())?;
        let rpc = wire::read_transfer(request.get_ref()).map_err(|e| malformed(&e))?;
        let result = match self.raft.handle_transfer_leader(rpc).await.map_err(|e| stopped(&e))? {
            Ok(()) => Reply::Done(proto::Done {}),
            Err(refused) => Reply::Refused(refused.to_string()),
        };
        Ok(Response::new(proto::TransferReply { result: Some(result) }))
    }
}
