//! One connection: an encrypted byte stream with a known caller and a kill switch.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use rustls::CommonState;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tonic::transport::server::Connected;

use crate::alpn::Alpn;
use crate::judge::{Judged, Role};
use crate::limits::Place;
use crate::peer::{Caller, Direction, Peer};
use crate::switch::Switch;
use crate::trust::{Registration, Trust};
use crate::trust_error::TrustError;

/// The most that a waiting reverse connection may have said before it is used: a served HTTP/2 connection opens with
/// its SETTINGS (RFC 9113, 3.4), which is a few dozen bytes.
const MAX_EARLY: usize = 4096;

/// A TLS connection. Reads and writes fail from the moment its peer is no longer trusted.
#[derive(Debug)]
pub struct Line {
    tls: TlsStream<TcpStream>,
    /// What the peer said while nobody used the connection yet, and how much of it was handed out since.
    early: Vec<u8>,
    handed: usize,
    switch: Arc<Switch>,
    caller: Caller,
    _registration: Option<Registration>,
    place: Option<Place>,
}

/// What the handshake agreed on.
pub(crate) struct Agreed {
    pub(crate) remote: SocketAddr,
    pub(crate) alpn: Alpn,
    pub(crate) direction: Direction,
}

impl Line {
    /// A connection to a member of the federation; `trust` may end it.
    pub(crate) fn of_member(
        tls: TlsStream<TcpStream>,
        agreed: &Agreed,
        trust: &Arc<Trust>,
    ) -> Result<Self, TrustError> {
        let role = match agreed.direction {
            Direction::Accepted => Role::Client,
            Direction::Dialled => Role::Server,
        };
        let state = tls.get_ref().1;
        let chain = state.peer_certificates().ok_or(TrustError::Local("the peer showed no certificate"))?;
        let chain: Vec<_> = chain.iter().map(|der| der.clone().into_owned()).collect();
        let peer = Arc::new(describe(trust.judge(&chain, role)?, agreed, state));
        let switch = Arc::new(Switch::default());
        let registration = trust.adopt(chain, role, peer.clone(), switch.clone())?;
        Ok(Self::new(tls, agreed, Some(peer), switch, Some(registration)))
    }

    /// A connection to a server that is known by a pin: there is no bundle yet that could change.
    pub(crate) fn pinned(tls: TlsStream<TcpStream>, agreed: &Agreed, judged: Judged) -> Self {
        let peer = Arc::new(describe(judged, agreed, tls.get_ref().1));
        Self::new(tls, agreed, Some(peer), Arc::default(), None)
    }

    /// A connection from somebody who gave no certificate.
    pub(crate) fn anonymous(tls: TlsStream<TcpStream>, agreed: &Agreed) -> Self {
        Self::new(tls, agreed, None, Arc::default(), None)
    }

    fn new(
        tls: TlsStream<TcpStream>,
        agreed: &Agreed,
        peer: Option<Arc<Peer>>,
        switch: Arc<Switch>,
        registration: Option<Registration>,
    ) -> Self {
        let caller = Caller { peer, alpn: agreed.alpn, remote: agreed.remote };
        Self { tls, early: Vec::new(), handed: 0, switch, caller, _registration: registration, place: None }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The peer, if it has a name.
    #[must_use]
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.caller.peer.as_ref()
    }

    pub(crate) fn hold(&mut self, place: Place) {
        self.place = Some(place);
    }

    pub(crate) fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// Waits, while nobody uses the connection, until it ends; what the peer says meanwhile is kept for the first
    /// reader. Ready with the reason once it is dead. It must be polled again whenever it was woken.
    pub(crate) fn poll_dead(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            if let Err(error) = self.switch.check() {
                return Poll::Ready(error);
            }
            let mut space = [0; 512];
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.tls).poll_read(cx, &mut buffer) {
                Poll::Pending => match self.switch.wait_reading(cx) {
                    Ok(()) => return Poll::Pending,
                    Err(error) => return Poll::Ready(error),
                },
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    return Poll::Ready(io::ErrorKind::UnexpectedEof.into());
                }
                Poll::Ready(Ok(())) if self.early.len() + buffer.filled().len() > MAX_EARLY => {
                    return Poll::Ready(io::Error::other("the peer talks on a connection that nobody uses yet"));
                }
                Poll::Ready(Ok(())) => self.early.extend_from_slice(buffer.filled()),
            }
        }
    }

    fn writing<T>(&self, cx: &Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_pending() {
            self.switch.wait_writing(cx)?;
        }
        poll
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.switch.kill("the connection was closed on this side");
    }
}

fn describe(judged: Judged, agreed: &Agreed, state: &CommonState) -> Peer {
    Peer {
        id: judged.id,
        direction: agreed.direction,
        remote: agreed.remote,
        alpn: agreed.alpn,
        fingerprint: judged.leaf.fingerprint,
        key: judged.leaf.key,
        not_after: judged.leaf.not_after,
        suite: state.negotiated_cipher_suite().map_or(rustls::CipherSuite::Unknown(0), |suite| suite.suite()),
        group: state.negotiated_key_exchange_group().map_or(rustls::NamedGroup::Unknown(0), |group| group.name()),
        since: SystemTime::now(),
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.switch.check()?;
        if line.handed < line.early.len() {
            line.switch.mark_used()?;
            let rest = &line.early[line.handed..];
            let count = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..count]);
            line.handed += count;
            if line.handed == line.early.len() {
                line.early = Vec::new();
                line.handed = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let poll = Pin::new(&mut line.tls).poll_read(cx, buf);
        if poll.is_pending() {
            line.switch.wait_reading(cx)?;
            return Poll::Pending;
        }
        ready!(poll)?;
        if buf.filled().len() > before {
            // What arrived while the switch was thrown is not handed out.
            if let Err(error) = line.switch.mark_used() {
                buf.set_filled(before);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        line.switch.check()?;
        let poll = Pin::new(&mut line.tls).poll_write(cx, buf);
        line.writing(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        line.switch.check()?;
        let poll = Pin::new(&mut line.tls).poll_write_vectored(cx, bufs);
        line.writing(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.switch.check()?;
        let poll = Pin::new(&mut line.tls).poll_flush(cx);
        line.writing(cx, poll)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        // Nothing more is said to a peer that was cut off, not even goodbye.
        line.switch.check()?;
        let poll = Pin::new(&mut line.tls).poll_shutdown(cx);
        line.writing(cx, poll)
    }
}

impl Connected for Line {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}
