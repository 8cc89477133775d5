//! Renewals of leases, and what this voter found.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use verbund_lease::Renewal;
use verbund_model::resource::Finding;
use verbund_tls::Service;

use super::gate::admit;
use crate::lease::Desk;
use crate::proto;
use crate::proto::lease_server::Lease as Calls;
use crate::shared::Shared;

/// The most renewals in one call.
const MOST: usize = 4096;

/// Answers for this voter.
#[derive(Clone)]
pub(crate) struct LeaseService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) desk: Arc<Desk>,
}

#[tonic::async_trait]
impl Calls for LeaseService {
    async fn beat(&self, request: Request<proto::BeatRequest>) -> Result<Response<proto::BeatReply>, Status> {
        let peer = admit(&self.shared, &request, Service::Lease).map_err(|status| *status)?;
        let message = request.into_inner();
        if message.renewals.len() > MOST {
            return Err(Status::invalid_argument(format!(
                "{} renewals in one call, at most {MOST}",
                message.renewals.len()
            )));
        }
        let state = self.shared.published.state();
        let Some(site) = state.node(&peer).map(|node| node.value.site.clone()) else {
            return Err(Status::failed_precondition("the node is not known here yet: ask again"));
        };
        let mut renewals = Vec::with_capacity(message.renewals.len());
        for bytes in &message.renewals {
            let renewal: Renewal =
                serde_json::from_slice(bytes).map_err(|error| Status::invalid_argument(error.to_string()))?;
            // A site renews for its own clusters only.
            if state.cluster(&renewal.cluster).is_some_and(|cluster| cluster.value.site != site) {
                let why = format!("cluster {} is not of site {site}", renewal.cluster);
                return Err(Status::permission_denied(why));
            }
            renewals.push(renewal);
        }
        let results = self.desk.beat(&site, &renewals).await;
        if results.len() != renewals.len() {
            return Err(Status::unavailable("this node takes part no more"));
        }
        let result = |result| match result {
            Ok(answer) => proto::beat_result::Result::Answer(proto::json(&answer)),
            Err(why) => proto::beat_result::Result::Refused(proto::json(&why)),
        };
        let results = results.into_iter().map(|said| proto::BeatResult { result: Some(result(said)) }).collect();
        Ok(Response::new(proto::BeatReply { results }))
    }

    async fn find(&self, request: Request<proto::FindingRequest>) -> Result<Response<proto::FindingReply>, Status> {
        admit(&self.shared, &request, Service::Lease).map_err(|status| *status)?;
        let finding: Finding = serde_json::from_slice(&request.into_inner().finding)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let result = match self.desk.find(&finding).await {
            Ok(statement) => proto::finding_reply::Result::Statement(proto::json(&statement)),
            Err(why) => proto::finding_reply::Result::Refused(why.to_string()),
        };
        Ok(Response::new(proto::FindingReply { result: Some(result) }))
    }
}
