//! The exchange of signed heads.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use verbund_tls::Service;

use super::gate::admit;
use crate::heads::Book;
use crate::proto;
use crate::proto::heads_server::Heads as Calls;
use crate::shared::Shared;
use crate::told::members_of;

/// Answers with this node's heads, and looks at what the caller brought.
#[derive(Clone)]
pub(crate) struct HeadsService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) book: Arc<Book>,
}

#[tonic::async_trait]
impl Calls for HeadsService {
    async fn exchange(&self, request: Request<proto::HeadsMessage>) -> Result<Response<proto::HeadsMessage>, Status> {
        let peer = admit(&self.shared, &request, Service::Heads).map_err(|status| *status)?;
        let message = request.into_inner();
        self.book.take(peer, &message);
        Ok(Response::new(self.book.message()))
    }

    async fn members(&self, request: Request<proto::MembersRequest>) -> Result<Response<proto::MembersReply>, Status> {
        admit(&self.shared, &request, Service::Heads).map_err(|status| *status)?;
        let state = self.shared.published.state();
        let members = proto::json(&members_of(&state));
        Ok(Response::new(proto::MembersReply { index: state.applied().index, members }))
    }
}
