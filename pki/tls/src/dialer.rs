//! Dialling out: several addresses, perhaps through a proxy, to somebody whose name is known beforehand.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::{ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client};

use crate::address::Address;
use crate::alpn::Alpn;
use crate::config::{self, Why};
use crate::identity::LiveIdentity;
use crate::line::{Agreed, Line};
use crate::peer::Direction;
use crate::pin::Pinned;
use crate::proxy::{Proxy, ProxyError};
use crate::socket;
use crate::trust::Trust;
use crate::trust_error::TrustError;
use crate::verifier::Expected;

/// The most addresses of one target that are tried.
const MAX_ADDRESSES: usize = 16;

/// What this side of a mutual connection needs: whom it believes, and who it is.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Whom it believes.
    pub trust: Arc<Trust>,
    /// Who it is.
    pub identity: Arc<LiveIdentity>,
}

/// Why one address did not do.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The name is unknown.
    #[error("the name cannot be resolved: {0}")]
    Resolve(io::Error),
    /// No TCP connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// No tunnel.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Whoever answered is not believed. Nothing was sent, our certificate included.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// The handshake failed for another reason.
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    /// The other side agreed on no protocol.
    #[error("the other side does not speak {0}; is it a Verbund listener of the right kind?")]
    Alpn(Alpn),
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
#[error("{target} cannot be reached over {alpn}: {}", list(.attempts))]
pub struct DialError {
    /// Who was wanted.
    pub target: String,
    /// For what.
    pub alpn: Alpn,
    /// What came of each address.
    pub attempts: Vec<(Address, AttemptError)>,
}

fn list(attempts: &[(Address, AttemptError)]) -> String {
    if attempts.is_empty() {
        return "no address of it is known".to_owned();
    }
    attempts.iter().map(|(address, error)| format!("{address}: {error}")).collect::<Vec<_>>().join("; ")
}

/// How to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialer {
    /// The proxy, if the site has one.
    pub proxy: Option<Proxy>,
    /// For one address, from TCP to the end of the handshake.
    pub timeout: Duration,
    /// How long one address is waited for before the next is tried beside it (RFC 8305, 5).
    pub stagger: Duration,
}

impl Default for Dialer {
    fn default() -> Self {
        Self { proxy: None, timeout: Duration::from_secs(5), stagger: Duration::from_millis(300) }
    }
}

impl Dialer {
    /// Dials `addresses`, in their order, until one answers as `expected`, mutually authenticated by the trust in
    /// force. Errors: [`DialError`] with every address's reason.
    pub async fn dial(
        &self,
        ends: &Ends,
        addresses: &[Address],
        expected: &Expected,
        alpn: Alpn,
    ) -> Result<Line, DialError> {
        self.race(addresses, expected.to_string(), alpn, |address| async move {
            let (config, why) = config::towards(&ends.trust, &ends.identity, expected.clone(), alpn)
                .map_err(|e| AttemptError::Tls(io::Error::other(e)))?;
            let (tls, agreed) = self.handshake(address, config, &why, alpn).await?;
            Ok(Line::of_member(tls.into(), &agreed, &ends.trust)?)
        })
        .await
    }

    /// Dials a server that is known only by the pin of its anchor, with our certificate if `identity` is given.
    /// Errors: [`DialError`].
    pub async fn dial_pinned(
        &self,
        addresses: &[Address],
        pinned: &Pinned,
        alpn: Alpn,
        identity: Option<&Arc<LiveIdentity>>,
    ) -> Result<Line, DialError> {
        let target = format!("the server with the trust anchor {}", pinned.pin);
        self.race(addresses, target, alpn, |address| async move {
            let (config, why) = config::towards_pinned(pinned.clone(), identity, alpn)
                .map_err(|e| AttemptError::Tls(io::Error::other(e)))?;
            let (tls, agreed) = self.handshake(address, config, &why, alpn).await?;
            let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
            let judged = pinned.judge(chain, UnixTime::now())?;
            Ok(Line::pinned(tls.into(), &agreed, judged))
        })
        .await
    }

    /// Begins with the first address; goes on to the next when one fails, or does not answer for a while.
    async fn race<'a, F>(
        &self,
        addresses: &'a [Address],
        target: String,
        alpn: Alpn,
        attempt: impl Fn(&'a Address) -> F,
    ) -> Result<Line, DialError>
    where
        F: Future<Output = Result<Line, AttemptError>>,
    {
        let mut rest = addresses.iter().take(MAX_ADDRESSES);
        let mut running = FuturesUnordered::new();
        let mut attempts = Vec::new();
        loop {
            let more = rest.len() > 0;
            if let Some(address) = rest.next() {
                let limited = tokio::time::timeout(self.timeout, attempt(address));
                running.push(async move { (address, limited.await) });
            }
            let outcome = if more {
                tokio::time::timeout(self.stagger, running.next()).await.unwrap_or(None)
            } else {
                running.next().await
            };
            match outcome {
                Some((_, Ok(Ok(line)))) => return Ok(line),
                Some((address, Ok(Err(error)))) => attempts.push((address.clone(), error)),
                Some((address, Err(_))) => attempts.push((address.clone(), AttemptError::Timeout(self.timeout))),
                None if more => {}
                None => return Err(DialError { target, alpn, attempts }),
            }
        }
    }

    async fn handshake(
        &self,
        address: &Address,
        config: Arc<ClientConfig>,
        why: &Why,
        alpn: Alpn,
    ) -> Result<(client::TlsStream<TcpStream>, Agreed), AttemptError> {
        let stream = self.connect(address).await?;
        let remote = stream.peer_addr().map_err(AttemptError::Connect)?;
        // rustls wants some name; it is neither sent nor compared.
        let name = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let refused = |error| why.get().map_or(AttemptError::Tls(error), |why| AttemptError::Untrusted(why.clone()));
        let tls = TlsConnector::from(config).connect(name, stream).await.map_err(refused)?;
        if tls.get_ref().1.alpn_protocol().and_then(Alpn::from_wire) != Some(alpn) {
            return Err(AttemptError::Alpn(alpn));
        }
        Ok((tls, Agreed { remote, alpn, direction: Direction::Dialled }))
    }

    async fn connect(&self, address: &Address) -> Result<TcpStream, AttemptError> {
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.serves(address.host()));
        let Some(proxy) = proxy else {
            let stream = connect(address).await?;
            socket::prepare(&stream).map_err(AttemptError::Connect)?;
            return Ok(stream);
        };
        let mut stream = connect(&proxy.address).await.map_err(|error| match error {
            AttemptError::Resolve(source) | AttemptError::Connect(source) => {
                AttemptError::Proxy(ProxyError::Io { proxy: proxy.address.clone(), source })
            }
            other => other,
        })?;
        socket::prepare(&stream).map_err(AttemptError::Connect)?;
        proxy.tunnel(&mut stream, address).await?;
        Ok(stream)
    }
}

async fn connect(address: &Address) -> Result<TcpStream, AttemptError> {
    let resolved = tokio::net::lookup_host((address.host(), address.port())).await.map_err(AttemptError::Resolve)?;
    let mut last = AttemptError::Resolve(io::ErrorKind::NotFound.into());
    for resolved in resolved {
        match TcpStream::connect(resolved).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = AttemptError::Connect(error),
        }
    }
    Err(last)
}
