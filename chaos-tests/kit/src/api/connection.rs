//! One connection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use verbund_tls::{Address, Alpn, Dialer, Line, LiveIdentity, Pin, Pinned};

/// The most that is read of one answer.
const MAX_ANSWER: usize = 512 * 1024 * 1024;
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(40);

/// Any request's body.
pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// Where a site's API is, and by which anchor it is recognised.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where.
    pub address: Address,
    /// The anchor.
    pub pin: Pin,
}

/// An HTTP/2 connection to a site's API. Cheap to clone; all clones share the connection.
#[derive(Clone)]
pub struct Connection {
    sender: SendRequest<Body>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Door {
    /// Connects, with a user's certificate if `identity` is given.
    pub async fn connect(&self, identity: Option<&Arc<LiveIdentity>>) -> Result<Connection> {
        let pinned = Pinned { pin: self.pin, domain: None };
        let dialer = Dialer { timeout: Duration::from_secs(5), ..Dialer::default() };
        let line = dialer.dial_pinned(std::slice::from_ref(&self.address), &pinned, Alpn::H2, identity).await?;
        Connection::over(line).await
    }
}

impl Connection {
    /// Speaks HTTP/2 over a connection that exists.
    pub async fn over(line: Line) -> Result<Self> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).initial_stream_window_size(1 << 20).initial_connection_window_size(1 << 22);
        let (sender, connection) = builder.handshake(TokioIo::new(line)).await?;
        // Ends with the connection; whoever uses it gets the error there.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Whether it can no longer be used.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// `GET`, whatever the answer.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, "", Bytes::new()).await
    }

    /// `GET`, and the answer's JSON. Errors: any status but success, with the problem.
    pub async fn get_json<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        self.get(path).await?.json().with_context(|| format!("GET {path}"))
    }

    /// `POST`, whatever the answer.
    pub async fn post(&mut self, path: &str, content_type: &'static str, body: Bytes) -> Result<Answer> {
        self.call(Method::POST, path, content_type, body).await
    }

    /// `POST` with headers of the caller's own, whatever the answer.
    pub async fn post_with(&mut self, path: &str, headers: &[(&'static str, &str)], body: Bytes) -> Result<Answer> {
        let request = headers.iter().fold(request(Method::POST, path), |all, (name, value)| all.header(*name, *value));
        self.answer(path, request, body).await
    }

    /// `GET` with headers of the caller's own, whatever the answer.
    pub async fn get_with(&mut self, path: &str, headers: &[(&'static str, &str)]) -> Result<Answer> {
        let request = headers.iter().fold(request(Method::GET, path), |all, (name, value)| all.header(*name, *value));
        self.answer(path, request, Bytes::new()).await
    }

    async fn call(&mut self, method: Method, path: &str, content_type: &'static str, body: Bytes) -> Result<Answer> {
        let mut request = request(method, path);
        if !content_type.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        self.answer(path, request, body).await
    }

    async fn answer(&mut self, path: &str, request: http::request::Builder, body: Bytes) -> Result<Answer> {
        let request = request.body(Full::new(body).boxed_unsync())?;
        let whole = async {
            let (head, body) = self.send(request).await?.into_parts();
            let body =
                Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
            anyhow::Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(DEADLINE, whole).await.with_context(|| format!("{path}: no answer within {DEADLINE:?}"))?
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Result<http::Response<Incoming>> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

pub(super) fn request(method: Method, path: &str) -> http::request::Builder {
    // HTTP/2 wants an authority; the certificate was recognised by its pin already.
    let request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    request.header(http::header::ACCEPT_LANGUAGE, "en")
}

impl Answer {
    /// The body as JSON, if the status is one of success. Errors: another status, with the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.status.is_success() {
            bail!("{}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The stable name of the problem, if it is one: the last part of its type.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let name = document.get("type")?.as_str()?.rsplit(':').next()?;
        Some(name.to_owned())
    }

    /// A header that is a number.
    #[must_use]
    pub fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.parse().ok()
    }
}
