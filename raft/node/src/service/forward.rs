//! Writes and reads that another node sends on to the leader.

use std::sync::Arc;

use futures::future::join_all;
use tonic::{Request, Response, Status};
use verbund_tls::Service;

use super::gate::admit;
use crate::proto;
use crate::proto::forward_server::Forward as Calls;
use crate::raft::Raft;
use crate::read::{self, Reads};
use crate::shared::Shared;
use crate::submit::{SubmitError, Submitter, write_result};

/// The most envelopes in one call.
const MOST: usize = 1024;

/// Answers for the leader.
#[derive(Clone)]
pub(crate) struct ForwardService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) raft: Raft,
    pub(crate) submitter: Submitter,
    pub(crate) reads: Reads,
}

#[tonic::async_trait]
impl Calls for ForwardService {
    async fn submit(&self, request: Request<proto::SubmitRequest>) -> Result<Response<proto::SubmitReply>, Status> {
        admit(&self.shared, &request, Service::Forward).map_err(|status| *status)?;
        let envelopes = request.into_inner().envelopes;
        if envelopes.len() > MOST {
            return Err(Status::invalid_argument(format!("{} envelopes in one call, at most {MOST}", envelopes.len())));
        }
        let leads = self.raft.current_leader().await == Some(self.shared.id.0);
        // A task each, so that signatures are checked side by side.
        let submit = |envelope: &bytes::Bytes| {
            // Copied out of the call's buffer, which ends with the call.
            let (submitter, envelope) = (self.submitter.clone(), bytes::Bytes::copy_from_slice(envelope));
            tokio::spawn(async move {
                // Never sent on a second time: two nodes that take each other for the leader would send in circles.
                if leads { submitter.submit_once(envelope).await } else { Err(SubmitError::NoLeader) }
            })
        };
        let results = join_all(envelopes.iter().map(submit)).await;
        let lost = |_| Err(SubmitError::OutcomeUnknown { why: "the leader gave up on it".to_owned() });
        let results = results.into_iter().map(|joined| joined.unwrap_or_else(lost));
        Ok(Response::new(proto::SubmitReply { results: results.map(write_result).collect() }))
    }

    async fn read_index(
        &self,
        request: Request<proto::ReadIndexRequest>,
    ) -> Result<Response<proto::ReadIndexReply>, Status> {
        admit(&self.shared, &request, Service::Forward).map_err(|status| *status)?;
        match read::as_leader(&self.raft, &self.reads, self.shared.id).await {
            Ok(index) => Ok(Response::new(proto::ReadIndexReply { index })),
            Err(error) => Err(Status::unavailable(error.to_string())),
        }
    }
}
