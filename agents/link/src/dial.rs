//! Dialling one of the site's daemons.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};
use tower::Service;
use verbund_identity::Subject;
use verbund_tls::{Address, Alpn, DialError, Dialer, Ends, Expected, Line, Pinned};

/// How often a silent connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(2);

/// As whom an agent dials.
#[derive(Clone, Debug)]
pub enum DialAs {
    /// With its certificate, believing its site's anchors.
    Agent(Ends),
    /// Without a certificate, to ask for one, believing the pin of its site's anchor.
    Nobody(Pinned),
}

/// Where the site's daemons are, and who dials.
#[derive(Clone, Debug)]
pub struct DialTarget {
    /// Who dials.
    pub who: DialAs,
    /// How to dial.
    pub dialer: Dialer,
    /// The daemons' addresses for agents.
    pub addresses: Vec<Address>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{0} answered, but only a node of the own site may be asked")]
    NoNode(String),
}

/// A connection to a daemon; made when it is first used, and anew, with the next address, when it breaks.
#[derive(Clone, Debug)]
pub struct Dialled(pub(crate) Channel);

impl DialTarget {
    /// Prepares a connection. Must be called within a tokio runtime.
    #[must_use]
    pub fn dial(self) -> Dialled {
        let connector = Connector { target: Arc::new(self), turn: Arc::new(AtomicUsize::new(0)) };
        // The address is not used: the connector knows where.
        let endpoint = Endpoint::from_static("http://daemon.invalid")
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        Dialled(endpoint.connect_with_connector_lazy(connector))
    }
}

#[derive(Clone)]
struct Connector {
    target: Arc<DialTarget>,
    /// Which address comes first: the one after the last that was used, so that a daemon which answers and cannot help is left.
    turn: Arc<AtomicUsize>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<TokioIo<Line>, ConnectError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let (target, turn) = (self.target.clone(), self.turn.fetch_add(1, Ordering::Relaxed));
        async move {
            let mut addresses = target.addresses.clone();
            if !addresses.is_empty() {
                let first = turn % addresses.len();
                addresses.rotate_left(first);
            }
            let line = match &target.who {
                DialAs::Agent(ends) => {
                    let expected = Expected::Domain(ends.identity.id().trust_domain);
                    target.dialer.dial(ends, &addresses, &expected, Alpn::H2).await?
                }
                DialAs::Nobody(pinned) => target.dialer.dial_pinned(&addresses, pinned, Alpn::H2, None).await?,
            };
            let is_node = line.peer().is_some_and(|peer| matches!(peer.id.subject, Subject::Node(_)));
            if !is_node {
                let who = line.peer().map_or_else(|| "a stranger".to_owned(), |peer| peer.id.to_string());
                return Err(ConnectError::NoNode(who));
            }
            Ok(TokioIo::new(line))
        }
        .boxed()
    }
}
