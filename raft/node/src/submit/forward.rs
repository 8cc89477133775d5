//! Carrying a batch to the leader, and its results back.

use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use tonic::{Code, Status};
use verbund_model::NodeId;
use verbund_tls::ConnectError;

use super::batcher::tell;
use super::{AGAIN, NO_LEADER_WAIT, OUTCOME_WAIT, SubmitError, Submitted, Waiting, unknown};
use crate::peers::Peers;
use crate::proto;
use crate::raft::Raft;
use crate::shared::Shared;

/// A batch on its way to the leader.
pub(super) struct Forward {
    pub(super) shared: Arc<Shared>,
    pub(super) raft: Raft,
    pub(super) peers: Arc<Peers>,
}

impl Forward {
    pub(super) async fn carry(self, batch: Vec<Waiting>) {
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
                let error = if was_never_looked_at(&status) {
                    SubmitError::NoLeader
                } else {
                    let (code, why) = (status.code(), status.message());
                    unknown(&format!("the leader's answer was lost: {code:?}, {why}"))
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

/// Whether the leader certainly wrote nothing: it refused the call itself, or there was no connection to send it over.
/// All else may have been written.
fn was_never_looked_at(status: &Status) -> bool {
    if matches!(status.code(), Code::PermissionDenied | Code::FailedPrecondition | Code::InvalidArgument) {
        return true;
    }
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
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
