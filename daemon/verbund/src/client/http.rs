//! One HTTP/2 connection to whichever of the sites answers, made anew when it breaks.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex;
use verbund_api::{PROBLEM_TYPE, ProblemDocument};
use verbund_tls::{Alpn, Dialer, LiveIdentity};

use super::error::ApiError;
use super::routes::Routes;
use crate::i18n::{self, Lang};
use crate::t;

/// The most bytes of an answer that is read into memory.
const MAX_ANSWER: usize = 64 << 20;

/// HTTP/2 wants some authority; servers are known by their pin, not by a name (RFC 6761, 6.4).
const HOST: &str = "verbund.invalid";

/// How long a site may think about a read before another one is asked, where there is another. A node tells that it finds
/// no quorum before that.
const THINKING: Duration = Duration::from_secs(6);

/// A client of the sites of a context.
pub struct Http {
    routes: Arc<Routes>,
    dialer: Dialer,
    identity: Option<Arc<LiveIdentity>>,
    connection: Mutex<Option<(usize, SendRequest<Full<Bytes>>)>>,
}

impl Http {
    /// For the sites of a context; with a certificate, or without.
    #[must_use]
    pub fn new(routes: Arc<Routes>, identity: Option<Arc<LiveIdentity>>) -> Self {
        Self { routes, dialer: Dialer::default(), identity, connection: Mutex::new(None) }
    }

    /// Notes which version of the directory of sites and nodes whoever is connected now has.
    pub async fn note_directory(&self, version: u64) {
        if let Some((at, _)) = self.connection.lock().await.as_ref() {
            self.routes.note_directory(*at, version);
        }
    }

    /// Notes that whoever is connected now answered a linearizable read, or said that it knows of a majority.
    pub async fn note_proof(&self) {
        if let Some((at, _)) = self.connection.lock().await.as_ref() {
            self.routes.note_proof(*at);
        }
    }

    /// Sends a request; gives the response if it is a success. Errors: [`ApiError`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, ApiError> {
        let patience = if self.routes.has_others() && method == Method::GET { THINKING } else { Duration::MAX };
        self.send_within(method, path, headers, body, patience).await
    }

    /// The same; another site is asked next time if this one thinks for longer than `patience`.
    pub async fn send_within(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
        patience: Duration,
    ) -> Result<Response<Incoming>, ApiError> {
        let mut sender = self.sender().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{HOST}{path}"))
            .header(ACCEPT, "application/json, */*;q=0.1");
        let language = if i18n::lang() == Lang::De { "de, en;q=0.5" } else { "en, de;q=0.5" };
        request = request.header(ACCEPT_LANGUAGE, language);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|e| ApiError::Odd(e.to_string()))?;
        let response = match tokio::time::timeout(patience, sender.send_request(request)).await {
            Ok(Ok(response)) => response,
            Err(_) => {
                self.forget().await;
                return Err(ApiError::Broken(t!("client-deadline", seconds = patience.as_secs())));
            }
            Ok(Err(error)) => {
                self.forget().await;
                // Only what hyper never passed on is certain not to have been sent.
                let text = crate::failure::chain(&error);
                return Err(if error.is_canceled() { ApiError::Unreachable(text) } else { ApiError::Broken(text) });
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.problem(response).await)
    }

    /// A request whose answer is JSON. Gives its headers and the value. Errors: [`ApiError`].
    pub async fn json<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, Bytes)>,
    ) -> Result<(HeaderMap, T), ApiError> {
        let (kind, body) = content.unzip();
        let headers: Vec<(HeaderName, &str)> = kind.map(|kind| (CONTENT_TYPE, kind)).into_iter().collect();
        let response = self.send(method, path, &headers, body.unwrap_or_default()).await?;
        let headers = response.headers().clone();
        let bytes = self.body(response).await?;
        let value = serde_json::from_slice(&bytes).map_err(|e| ApiError::Odd(e.to_string()))?;
        Ok((headers, value))
    }

    /// The whole body of a response.
    pub async fn body(&self, response: Response<Incoming>) -> Result<Bytes, ApiError> {
        match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => {
                self.forget().await;
                Err(ApiError::Broken(error.to_string()))
            }
        }
    }

    /// Lets go of the connection and begins elsewhere next time: this node cannot serve at the moment.
    pub async fn turn_elsewhere(&self) {
        self.routes.turn();
        self.forget().await;
    }

    async fn forget(&self) {
        *self.connection.lock().await = None;
    }

    async fn problem(&self, response: Response<Incoming>) -> ApiError {
        let status = response.status();
        let is_problem = response.headers().get(CONTENT_TYPE) == Some(&HeaderValue::from_static(PROBLEM_TYPE));
        let bytes = match self.body(response).await {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        match serde_json::from_slice::<ProblemDocument>(&bytes) {
            Ok(problem) if is_problem => ApiError::Problem(Box::new(problem)),
            _ => ApiError::Odd(format!("HTTP {status}")),
        }
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, ApiError> {
        let mut connection = self.connection.lock().await;
        if let Some((_, sender)) = connection.as_ref().filter(|(_, sender)| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let dial = |addresses: Vec<_>, pinned| async move {
            self.dialer.dial_pinned(&addresses, &pinned, Alpn::H2, self.identity.as_ref()).await
        };
        let (at, line) = self.routes.race(dial).await?;
        let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .handshake(TokioIo::new(line));
        let (sender, driver) = handshake.await.map_err(|e| ApiError::Unreachable(crate::failure::chain(&e)))?;
        // The task ends with the connection; what went wrong shows in the requests on it.
        tokio::spawn(driver);
        *connection = Some((at, sender.clone()));
        Ok(sender)
    }
}
