//! Directives and receipts that peers bring or ask for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::{Request, Response, Status};
use verbund_model::NodeId;
use verbund_tls::Service;

use super::gate::admit;
use crate::directives::{Marshal, answering};
use crate::proto;
use crate::proto::directives_server::Directives as Calls;
use crate::shared::Shared;

/// How many calls one peer may make within [`SPAN`]: it tells of each directive and each receipt once.
const MOST_CALLS: u32 = 2_000;
/// The time in which they are counted.
const SPAN: Duration = Duration::from_secs(10);

/// Takes them, and answers with what the caller lacks.
#[derive(Clone)]
pub(crate) struct DirectivesService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) marshal: Arc<Marshal>,
    /// Since when the calls of each peer are counted, and how many there were.
    pub(crate) calls: Arc<Mutex<HashMap<NodeId, (Instant, u32)>>>,
}

impl DirectivesService {
    fn count(&self, peer: NodeId) -> bool {
        let now = Instant::now();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = calls.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) > SPAN {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MOST_CALLS
    }
}

#[tonic::async_trait]
impl Calls for DirectivesService {
    async fn exchange(
        &self,
        request: Request<proto::DirectivesMessage>,
    ) -> Result<Response<proto::DirectivesMessage>, Status> {
        let peer = admit(&self.shared, &request, Service::Directives).map_err(|status| *status)?;
        if !self.count(peer) {
            return Err(Status::resource_exhausted("too many calls about directives"));
        }
        let message = request.into_inner();
        let taken = self.marshal.take_all(peer, &message).await;
        taken.map_err(|rubbish| Status::invalid_argument(rubbish.to_string()))?;
        let reply = if message.asks { answering(&self.shared.depot, &message) } else { Default::default() };
        Ok(Response::new(reply))
    }
}
