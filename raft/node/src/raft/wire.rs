//! Between openraft's types and the messages of the peer protocol.

use openraft::raft::{StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest, VoteResponse};

use super::codec::{self, CodecError};
use super::{AppendEntries, Entry, LogId, Types, Vote};
use crate::proto;

/// Why a message is none of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// A field that every message of the kind has.
    #[error("the message lacks its field {0}")]
    Missing(&'static str),
    /// An entry's content.
    #[error(transparent)]
    Entry(#[from] CodecError),
    /// Entries that do not follow each other.
    #[error("entry {found} follows {previous}: entries come in order and without gaps")]
    Order {
        /// Index of the entry before.
        previous: u64,
        /// Index found.
        found: u64,
    },
}

pub(crate) fn log_id(id: &LogId) -> proto::LogId {
    proto::LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

pub(crate) fn read_log_id(id: &proto::LogId) -> LogId {
    codec::log_id(id.term, id.node, id.index)
}

pub(crate) fn vote(vote: &Vote) -> proto::Vote {
    proto::Vote { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}

pub(crate) fn read_vote(vote: Option<&proto::Vote>) -> Result<Vote, WireError> {
    let vote = vote.ok_or(WireError::Missing("vote"))?;
    let leader_id = openraft::impls::leader_id_adv::LeaderId { term: vote.term, node_id: vote.node };
    Ok(Vote { leader_id, committed: vote.committed })
}

pub(crate) fn vote_request(request: &VoteRequest<Types>) -> proto::VoteRequest {
    proto::VoteRequest {
        vote: Some(vote(&request.vote)),
        last: request.last_log_id.as_ref().map(log_id),
        transfer: request.leadership_transfer,
    }
}

pub(crate) fn read_vote_request(request: &proto::VoteRequest) -> Result<VoteRequest<Types>, WireError> {
    let mut read = VoteRequest::new(read_vote(request.vote.as_ref())?, request.last.as_ref().map(read_log_id));
    read.leadership_transfer = request.transfer;
    Ok(read)
}

pub(crate) fn vote_reply(reply: &VoteResponse<Types>) -> proto::VoteReply {
    proto::VoteReply {
        vote: Some(vote(&reply.vote)),
        granted: reply.vote_granted,
        last: reply.last_log_id.as_ref().map(log_id),
    }
}

pub(crate) fn read_vote_reply(reply: &proto::VoteReply) -> Result<VoteResponse<Types>, WireError> {
    let granted = read_vote(reply.vote.as_ref())?;
    Ok(VoteResponse::new(granted, reply.last.as_ref().map(read_log_id), reply.granted))
}

pub(crate) fn append(request: &AppendEntries) -> proto::AppendRequest {
    let entry = |entry: &Entry| proto::Entry { id: Some(log_id(&entry.log_id)), body: codec::encode(&entry.payload) };
    proto::AppendRequest {
        vote: Some(vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id),
        entries: request.entries.iter().map(entry).collect(),
        committed: request.leader_commit.as_ref().map(log_id),
    }
}

/// Reads an append. That entries follow each other is checked here, because openraft takes it for granted.
pub(crate) fn read_append(request: &proto::AppendRequest) -> Result<AppendEntries, WireError> {
    let mut previous = request.previous.as_ref().map(|id| id.index);
    let mut entries = Vec::with_capacity(request.entries.len());
    for entry in &request.entries {
        let id = entry.id.as_ref().ok_or(WireError::Missing("entry id"))?;
        let expected = previous.map_or(0, |index| index.saturating_add(1));
        if id.index != expected {
            return Err(WireError::Order { previous: previous.unwrap_or(0), found: id.index });
        }
        previous = Some(id.index);
        entries.push(Entry { log_id: read_log_id(id), payload: codec::decode(&entry.body)? });
    }
    Ok(AppendEntries {
        vote: read_vote(request.vote.as_ref())?,
        prev_log_id: request.previous.as_ref().map(read_log_id),
        entries,
        leader_commit: request.committed.as_ref().map(read_log_id),
    })
}

pub(crate) fn append_reply(result: &StreamAppendResult<Types>) -> proto::AppendReply {
    use proto::append_reply::Result as Reply;
    let result = match result {
        Ok(last) => Reply::Matched(proto::Matched { last: last.as_ref().map(log_id) }),
        Err(StreamAppendError::Conflict(id)) => Reply::Conflict(log_id(id)),
        Err(StreamAppendError::HigherVote(higher)) => Reply::Higher(vote(higher)),
    };
    proto::AppendReply { result: Some(result) }
}

pub(crate) fn read_append_reply(reply: &proto::AppendReply) -> Result<StreamAppendResult<Types>, WireError> {
    use proto::append_reply::Result as Reply;
    match reply.result.as_ref().ok_or(WireError::Missing("result"))? {
        Reply::Matched(matched) => Ok(Ok(matched.last.as_ref().map(read_log_id))),
        Reply::Conflict(id) => Ok(Err(StreamAppendError::Conflict(read_log_id(id)))),
        Reply::Higher(higher) => Ok(Err(StreamAppendError::HigherVote(read_vote(Some(higher))?))),
    }
}

pub(crate) fn transfer(request: &TransferLeaderRequest<Types>) -> proto::TransferRequest {
    proto::TransferRequest {
        from: Some(vote(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(log_id),
    }
}

pub(crate) fn read_transfer(request: &proto::TransferRequest) -> Result<TransferLeaderRequest<Types>, WireError> {
    let from = read_vote(request.from.as_ref())?;
    Ok(TransferLeaderRequest::new(from, request.to, request.last.as_ref().map(read_log_id)))
}
