//! openraft's client side over the peer transport.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption, RaftNetworkFactory,
};
use openraft::raft::{
    SnapshotResponse, StreamAppendResult, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use tonic::Status;
use verbund_model::NodeId;

use super::snapshot::SnapshotData;
use super::wire::{self, WireError};
use super::{AppendEntries, Snapshot, Types, Vote};
use crate::peers::Peers;
use crate::proto;
use crate::refusal::PeerRefusal;

/// The most bytes of a snapshot in one message.
const PART: usize = 1024 * 1024;

/// Makes clients for openraft.
#[derive(Clone)]
pub(crate) struct Network {
    peers: Arc<Peers>,
}

impl Network {
    pub(crate) fn new(peers: Arc<Peers>) -> Self {
        Self { peers }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, _node: &()) -> Client {
        Client { peers: self.peers.clone(), target: NodeId(target) }
    }
}

/// Calls one node.
pub(crate) struct Client {
    peers: Arc<Peers>,
    target: NodeId,
}

/// What a failed call means. tonic reports a dead connection as `Unknown` or `Cancelled`; whatever the reason is, the
/// caller waits before it tries again, so that a peer that refuses does not make a leader spin.
fn unreachable(status: &Status) -> Unreachable<Types> {
    Unreachable::from_string(format!("{:?}: {}", status.code(), status.message()))
}

fn garbled(error: &WireError) -> Unreachable<Types> {
    Unreachable::from_string(format!("the peer's answer cannot be read: {error}"))
}

impl Client {
    fn note(&self, status: &Status) {
        if let Some(refusal) = PeerRefusal::of(status) {
            self.peers.note_refusal(self.target, &refusal);
        }
    }

    fn failed(&self, status: &Status) -> RPCError<Types> {
        self.note(status);
        RPCError::Unreachable(unreachable(status))
    }

    async fn ask(
        &self,
        rpc: &VoteRequest<Types>,
        option: &RPCOption,
        pre: bool,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let mut client = self.peers.raft(self.target);
        let request = self.peers.request(self.target, wire::vote_request(rpc), Some(option.hard_ttl()));
        let reply = if pre { client.pre_vote(request).await } else { client.vote(request).await };
        let reply = reply.map_err(|status| self.failed(&status))?;
        wire::read_vote_reply(reply.get_ref()).map_err(|error| RPCError::Unreachable(garbled(&error)))
    }
}

impl NetBackoff<Types> for Client {
    fn backoff(&self) -> Option<Backoff> {
        None
    }
}

impl NetVote<Types> for Client {
    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask(&rpc, &option, false).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask(&rpc, &option, true).await
    }
}

impl NetTransferLeader<Types> for Client {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let mut client = self.peers.raft(self.target);
        let message = self.peers.request(self.target, wire::transfer(&request), Some(option.hard_ttl()));
        let reply = client.transfer_leader(message).await.map_err(|status| self.failed(&status))?;
        Ok(match reply.into_inner().result {
            Some(proto::transfer_reply::Result::Done(_)) => Ok(()),
            // The peer's own words are for people; openraft only logs them.
            Some(proto::transfer_reply::Result::Refused(_)) | None => Err(TransferLeaderError::VoteChanged {
                expected: *request.from_leader(),
                actual: *request.from_leader(),
            }),
        })
    }
}

impl NetStreamAppend<Types> for Client {
    /// The first request is awaited **before** anything is dialled: openraft waits out its backoff in that stream only,
    /// and a leader whose peer refuses connections would spin otherwise.
    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        _option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntries> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let Some(first) = input.next().await else {
                let none: BoxStream<'s, _> = Box::pin(futures::stream::empty());
                return Ok(none);
            };
            let (peers, target) = (self.peers.clone(), self.target);
            let requests = futures::stream::once(async move { first }).chain(input);
            let requests = requests.map(move |request: AppendEntries| peers.outgoing(target, wire::append(&request)));
            let mut client = self.peers.raft(self.target);
            let request = self.peers.request(self.target, requests, None);
            let replies = client.append(request).await.map_err(|status| self.failed(&status))?.into_inner();
            let this = &*self;
            let replies: BoxStream<'s, _> = Box::pin(replies.map(move |reply| match reply {
                Ok(reply) => wire::read_append_reply(&reply).map_err(|e| RPCError::Unreachable(garbled(&e))),
                Err(status) => Err(this.failed(&status)),
            }));
            Ok(replies)
        })
    }
}

impl NetSnapshot<Types> for Client {
    type SnapshotData = SnapshotData;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let head = proto::snapshot_part::Part::Head(proto::SnapshotHead {
            vote: Some(wire::vote(&vote)),
            meta: super::codec::encode_meta(&snapshot.meta).into(),
        });
        let parts = parts(head, snapshot.snapshot);
        let mut client = self.peers.raft(self.target);
        let request = self.peers.request(self.target, parts, Some(option.hard_ttl().max(Duration::from_secs(600))));
        tokio::select! {
            closed = cancel => Err(closed.into()),
            reply = client.snapshot(request) => {
                let reply = reply.map_err(|status| {
                    self.note(&status);
                    unreachable(&status)
                })?;
                let vote = wire::read_vote(reply.get_ref().vote.as_ref()).map_err(|e| NetworkError::new(&e))?;
                Ok(SnapshotResponse::new(vote))
            }
        }
    }
}

/// The file's bytes, read piece by piece on a blocking thread as the peer takes them.
fn parts(
    head: proto::snapshot_part::Part,
    data: SnapshotData,
) -> impl Stream<Item = proto::SnapshotPart> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        for chunk in data.0.file_chunks(0) {
            // A file that cannot be read ends the stream early; the receiver notices by the checksum.
            let Ok(chunk) = chunk else { return };
            for at in (0..chunk.len()).step_by(PART) {
                let piece = chunk.slice(at..chunk.len().min(at + PART));
                if sender.blocking_send(proto::snapshot_part::Part::Data(piece)).is_err() {
                    return;
                }
            }
        }
    });
    let data = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let head = futures::stream::once(async move { head });
    head.chain(data).map(|part| proto::SnapshotPart { part: Some(part) })
}
