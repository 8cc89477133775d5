//! What an HTTP/2 client asks for its connections.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tower::Service;
use verbund_identity::SpiffeId;
use verbund_model::NodeId;

use crate::dialer::DialError;
use crate::line::Line;
use crate::lines::Lines;

/// Why there is no connection to a node.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The node is not in the routes.
    #[error("no route to the node {node}: it is not, or no longer, a member that this node knows")]
    Unknown {
        /// The node.
        node: NodeId,
    },
    /// The node accepts nothing, and has not dialled us.
    #[error("the node {node} ({id}) advertises no address, and opened no reverse connection within {} ms; it is down, or cannot reach this node", .wait.as_millis())]
    NotCalledBack {
        /// The node.
        node: NodeId,
        /// Its name.
        id: SpiffeId,
        /// How long was waited.
        wait: Duration,
    },
    /// It could not be dialled.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// Makes connections to one node. The URI that it is called with is ignored.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(crate) lines: Lines,
    pub(crate) node: NodeId,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<TokioIo<Line>, ConnectError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let (lines, node) = (self.lines.clone(), self.node);
        async move { lines.connect(node).await.map(TokioIo::new) }.boxed()
    }
}
