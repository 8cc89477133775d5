//! Byte streams named by node, whichever side dialled (design 3.7).

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::sync::{mpsc, watch};
use verbund_identity::{SpiffeId, Subject};
use verbund_model::NodeId;

use crate::acceptor::{Accepted, Acceptor};
use crate::address::Address;
use crate::alpn::Alpn;
use crate::connector::{ConnectError, Connector};
use crate::dialer::{DialError, Dialer, Ends};
use crate::keeper::{KeepSettings, Keeper};
use crate::line::Line;
use crate::verifier::Expected;
use crate::waiting::Waiting;

/// How a node is reached, as the replicated state has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The name that it must prove.
    pub id: SpiffeId,
    /// Where it listens for peers. Empty: it accepts nothing inbound, and dials us instead.
    pub addresses: Vec<Address>,
}

/// How lines are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesSettings {
    /// How to dial.
    pub dialer: Dialer,
    /// How long a caller waits for a reverse connection from a node that accepts nothing.
    pub reverse_wait: Duration,
    /// How many unused reverse connections of one peer are held.
    pub waiting_per_peer: usize,
    /// How reverse connections are kept open from here.
    pub keep: KeepSettings,
}

impl Default for LinesSettings {
    fn default() -> Self {
        Self {
            dialer: Dialer::default(),
            reverse_wait: Duration::from_secs(5),
            waiting_per_peer: 8,
            keep: KeepSettings::default(),
        }
    }
}

/// Connections on which we serve HTTP/2. A stream that never fails; for tonic's `serve_with_incoming`.
#[derive(Debug)]
pub struct Incoming(mpsc::Receiver<Line>);

impl Stream for Incoming {
    type Item = io::Result<Line>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Line>>> {
        self.get_mut().0.poll_recv(cx).map(|line| line.map(Ok))
    }
}

/// What there is to serve.
#[derive(Debug)]
pub struct Inbound {
    /// Members: those that dialled us, and those that we dialled so that they can call.
    pub peers: Incoming,
    /// Joiners, who have no name yet. To be served with nothing but what [`crate::may_call`] opens for nobody.
    pub joins: Incoming,
}

pub(crate) struct Inner {
    pub(crate) ends: Ends,
    pub(crate) settings: LinesSettings,
    pub(crate) routes: watch::Sender<Arc<BTreeMap<NodeId, Route>>>,
    pub(crate) peers: mpsc::Sender<Line>,
    waiting: Arc<Waiting>,
    joins: mpsc::Sender<Line>,
}

/// The connections to and from other nodes. A handle: clones share everything.
#[derive(Clone)]
pub struct Lines(pub(crate) Arc<Inner>);

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("ends", &self.0.ends).finish_non_exhaustive()
    }
}

impl Lines {
    /// Begins without routes. Gives the handle, and what is to be served.
    #[must_use]
    pub fn new(ends: Ends, settings: LinesSettings) -> (Self, Inbound) {
        let (peers, peer_lines) = mpsc::channel(16);
        let (joins, join_lines) = mpsc::channel(16);
        let waiting = Waiting::new(settings.waiting_per_peer);
        let routes = watch::Sender::new(Arc::default());
        let inner = Inner { ends, settings, routes, peers, waiting, joins };
        (Self(Arc::new(inner)), Inbound { peers: Incoming(peer_lines), joins: Incoming(join_lines) })
    }

    /// Sets how every node is reached. Connections that are open go on: ending them is for
    /// [`crate::Trust::set_bundle`].
    pub fn set_routes(&self, routes: BTreeMap<NodeId, Route>) {
        self.0.routes.send_if_modified(|current| {
            let modified = **current != routes;
            if modified {
                *current = Arc::new(routes);
            }
            modified
        });
    }

    /// Who dials and answers here.
    #[must_use]
    pub fn own(&self) -> SpiffeId {
        self.0.ends.identity.id()
    }

    /// How `node` is reached, if that is known.
    #[must_use]
    pub fn route(&self, node: NodeId) -> Option<Route> {
        self.0.routes.borrow().get(&node).cloned()
    }

    /// Hands the acceptor's connections to where they belong, until the acceptor ends. To be spawned by the caller; a
    /// node may serve several listeners, or none.
    pub async fn serve(&self, mut acceptor: Acceptor) {
        while let Some(accepted) = acceptor.next().await {
            self.accept(accepted).await;
        }
    }

    /// Hands one connection to where it belongs.
    pub async fn accept(&self, accepted: Accepted) {
        let inner = &self.0;
        match (accepted.alpn, accepted.peer) {
            (Alpn::Peer, Some(_)) => {
                // Nobody serves any more: the line is closed by being dropped.
                let _ = inner.peers.send(accepted.stream).await;
            }
            (Alpn::Reverse, Some(peer)) if matches!(peer.id.subject, Subject::Node(_)) => {
                inner.waiting.park(peer.id.clone(), accepted.stream);
            }
            (Alpn::Reverse, Some(peer)) => {
                tracing::warn!(peer = %peer.id, "refused a reverse connection: only nodes are called back");
            }
            (Alpn::Join, None) => {
                // Strangers wait for nobody: more than are served at once are turned away.
                let _ = inner.joins.try_send(accepted.stream);
            }
            _ => {}
        }
    }

    /// A source of connections towards `node` for an HTTP/2 client, such as tonic's
    /// `Endpoint::connect_with_connector_lazy`. The endpoint's address is not used.
    #[must_use]
    pub fn connector(&self, node: NodeId) -> Connector {
        Connector { lines: self.clone(), node }
    }

    /// One connection towards `node`: a reverse one that waits, or else dialled. Errors: [`ConnectError`].
    pub async fn connect(&self, node: NodeId) -> Result<Line, ConnectError> {
        let inner = &self.0;
        let route = self.route(node).ok_or(ConnectError::Unknown { node })?;
        if let Some(line) = inner.waiting.take(&route.id).await {
            return Ok(line);
        }
        if route.addresses.is_empty() {
            let wait = inner.settings.reverse_wait;
            let waited = tokio::time::timeout(wait, inner.waiting.wait(&route.id)).await;
            return waited.map_err(|_| ConnectError::NotCalledBack { node, id: route.id, wait });
        }
        tokio::select! {
            line = inner.waiting.wait(&route.id) => Ok(line),
            line = self.dial(&route, Alpn::Peer) => Ok(line?),
        }
    }

    /// Keeps reverse connections open to `node`, so that it can call us although we accept nothing, until the keeper
    /// is dropped. Must be called within a tokio runtime.
    #[must_use]
    pub fn keep_reverse(&self, node: NodeId) -> Keeper {
        Keeper::start(self.clone(), node)
    }

    /// How many reverse connections of `id` wait here for use.
    #[must_use]
    pub fn waiting(&self, id: &SpiffeId) -> usize {
        self.0.waiting.count(id)
    }

    pub(crate) async fn dial(&self, route: &Route, alpn: Alpn) -> Result<Line, DialError> {
        let inner = &self.0;
        let expected = Expected::Id(route.id.clone());
        inner.settings.dialer.dial(&inner.ends, &route.addresses, &expected, alpn).await
    }
}
