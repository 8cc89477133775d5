//! The accept loop of one listener: bounded handshakes, each with a deadline, each judged by the trust in force.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::LazyConfigAcceptor;

use crate::alpn::Alpn;
use crate::config;
use crate::identity::LiveIdentity;
use crate::limits::{Counters, Gate, Limits, Place};
use crate::line::{Agreed, Line};
use crate::peer::{Direction, Peer};
use crate::socket;
use crate::trust::Trust;
use crate::trust_error::TrustError;

/// What a listener is for; visibility follows the listener (design 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listener {
    /// Nodes, with certificates, in both directions of RPC; and joiners without, if `joining`.
    Peers {
        /// Whether joiners are let in.
        joining: bool,
    },
    /// Administration, agents, portal: HTTP, with or without a certificate.
    Admin,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Accepted {
    /// The byte stream.
    pub stream: Line,
    /// The caller, if it gave a certificate.
    pub peer: Option<Arc<Peer>>,
    /// What the caller wants.
    pub alpn: Alpn,
}

/// Accepts until it is dropped. A [`Stream`] of connections that never fails.
#[derive(Debug)]
pub struct Acceptor {
    local: SocketAddr,
    gate: Arc<Gate>,
    accepted: mpsc::Receiver<Accepted>,
    task: AbortHandle,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the TLS handshake failed: {0}")]
    Tls(#[from] io::Error),
    #[error("the caller offered none of the protocols of this listener, or several")]
    Alpn,
    #[error("joining is not offered here, or too many want to")]
    Join,
    #[error("too many callers without a certificate")]
    Anonymous,
    #[error(transparent)]
    Trust(#[from] TrustError),
}

struct Server {
    listener: Listener,
    trust: Arc<Trust>,
    gate: Arc<Gate>,
    /// For [`Alpn::Peer`] and [`Alpn::Reverse`], or for administration.
    main: Arc<ServerConfig>,
    join: Arc<ServerConfig>,
}

impl Acceptor {
    /// Accepts on `listener`, which is bound already. Must be called within a tokio runtime. Errors: the system does
    /// not tell the listener's address, or TLS cannot be set up.
    pub fn start(
        listener: TcpListener,
        kind: Listener,
        trust: Arc<Trust>,
        identity: &Arc<LiveIdentity>,
        limits: Limits,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let main = match kind {
            Listener::Peers { .. } => config::for_peers(&trust, identity),
            Listener::Admin => config::for_admin(&trust, identity),
        };
        let main = main.map_err(io::Error::other)?;
        let join = config::for_joiners(&trust, identity).map_err(io::Error::other)?;
        let gate = Gate::new(limits);
        let server = Arc::new(Server { listener: kind, trust, gate: gate.clone(), main, join });
        let (sender, accepted) = mpsc::channel(16);
        let task = tokio::spawn(accept(listener, server, sender)).abort_handle();
        Ok(Self { local, gate, accepted, task })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What the listener has seen.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.gate.counters()
    }

    /// A function that gives [`Acceptor::counters`], for use after the acceptor was handed on.
    pub fn watch_counters(&self) -> impl Fn() -> Counters + Send + Sync + 'static {
        let gate = self.gate.clone();
        move || gate.counters()
    }

    /// The next connection.
    pub async fn next(&mut self) -> Option<Accepted> {
        self.accepted.recv().await
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream for Acceptor {
    type Item = Accepted;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.get_mut().accepted.poll_recv(cx)
    }
}

/// The loop. Handshakes are its children: they end with it.
async fn accept(listener: TcpListener, server: Arc<Server>, sender: mpsc::Sender<Accepted>) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            arrival = listener.accept() => match arrival {
                Ok((stream, remote)) => {
                    if let Some(place) = server.gate.enter(remote.ip()) {
                        handshakes.spawn(serve(server.clone(), stream, remote, place, sender.clone()));
                    }
                }
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come free instead of spinning.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = handshakes.join_next() => {}
            () = sender.closed() => return,
        }
    }
}

async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
    sender: mpsc::Sender<Accepted>,
) {
    let whole = async {
        match server.handshake(stream, remote, place).await {
            Ok(stream) => {
                server.gate.established();
                let (peer, alpn) = (stream.peer().cloned(), stream.caller().alpn);
                // The receiver is gone only when the acceptor is.
                let _ = sender.send(Accepted { stream, peer, alpn }).await;
            }
            Err(error) => {
                server.gate.failed();
                tracing::debug!(%remote, %error, "refused a connection");
            }
        }
    };
    if tokio::time::timeout(server.gate.limits.handshake, whole).await.is_err() {
        server.gate.failed();
        tracing::debug!(%remote, "a handshake took too long");
    }
}

impl Server {
    async fn handshake(&self, stream: TcpStream, remote: SocketAddr, mut place: Place) -> Result<Line, HandshakeError> {
        socket::prepare(&stream)?;
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let config = match self.wanted(&hello.client_hello())? {
            Some(Alpn::Join) if !self.gate.join() => return Err(HandshakeError::Join),
            Some(Alpn::Join) => self.join.clone(),
            // For an unknown protocol as well: its alert says what was wrong (RFC 7301, 3.2).
            _ => self.main.clone(),
        };
        let tls = hello.into_stream(config).await?;
        let state = tls.get_ref().1;
        let alpn = state.alpn_protocol().and_then(Alpn::from_wire).ok_or(HandshakeError::Alpn)?;
        let named = state.peer_certificates().is_some();
        let agreed = Agreed { remote, alpn, direction: Direction::Accepted };
        let mut line = if named {
            Line::of_member(tls.into(), &agreed, &self.trust)?
        } else if place.count_as_anonymous() {
            Line::anonymous(tls.into(), &agreed)
        } else {
            return Err(HandshakeError::Anonymous);
        };
        place.settle();
        line.hold(place);
        Ok(line)
    }

    /// What the caller wants. `None`: something that we do not know. Among peers there is exactly one wish, so that
    /// nobody can ask for a protocol with a certificate and fall back to the one without.
    fn wanted(&self, hello: &rustls::server::ClientHello<'_>) -> Result<Option<Alpn>, HandshakeError> {
        let offered: Vec<Option<Alpn>> = hello.alpn().ok_or(HandshakeError::Alpn)?.map(Alpn::from_wire).collect();
        match (self.listener, offered.as_slice()) {
            (Listener::Admin, _) => Ok(None),
            (Listener::Peers { joining: false }, [Some(Alpn::Join)]) => Err(HandshakeError::Join),
            (Listener::Peers { .. }, [one]) => Ok(*one),
            (Listener::Peers { .. }, _) => Err(HandshakeError::Alpn),
        }
    }
}
