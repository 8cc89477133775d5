//! Reads: one resource, all of a kind, the status.

use std::time::Duration;

use ::http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use verbund_api::port::Consistency;
use verbund_api::wire::ResourceList;
use verbund_api::{MAX_LIMIT, ProblemKind, Status, VERBUND_AGE_MS, VERBUND_DIRECTORY, VERBUND_INDEX};
use verbund_model::view::{Kind, Resource};

use super::{ApiError, Client, SILENCE};
use crate::failure::Failure;
use crate::t;

/// Something that was read, and of when it is.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// The state's index.
    pub index: u64,
    /// How old it may be in milliseconds, for stale reads.
    pub age: Option<u64>,
}

impl Client {
    /// One resource, or `None` if there is none.
    pub async fn get(&self, kind: Kind, name: &str) -> Result<Option<Read<Resource>>, Failure> {
        let path = format!("/v1/{}/{}?consistency={}", kind.plural(), escape(name), self.consistency.as_str());
        match self.read(&path).await? {
            Ok(read) => Ok(Some(self.told(read))),
            Err(error) if error.kind() == Some(ProblemKind::NotFound) => Ok(None),
            Err(error) => Err(error.failure(t!("client-reading", what = format!("{}/{name}", kind.plural())))),
        }
    }

    /// All resources of a kind.
    pub async fn list(&self, kind: Kind) -> Result<Read<Vec<Resource>>, Failure> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let consistency = self.consistency.as_str();
            let path = format!("/v1/{}?consistency={consistency}&limit={MAX_LIMIT}{next}", kind.plural());
            let page = self.read::<ResourceList>(&path).await?;
            let page = page.map_err(|error| error.failure(t!("client-reading", what = kind.plural())))?;
            for item in page.value.items {
                items.push(serde_json::from_value(item)?);
            }
            match page.value.metadata.next {
                Some(token) => next = format!("&continue={}", escape(&token)),
                None => return Ok(self.told(Read { value: items, index: page.index, age: page.age })),
            }
        }
    }

    /// All resources of a kind as the node has them, which may be old: for what is only mentioned beside something else.
    pub async fn list_stale(&self, kind: Kind) -> Result<Vec<Resource>, Failure> {
        let path = format!("/v1/{}?consistency=stale&limit={MAX_LIMIT}", kind.plural());
        let page = self.read::<ResourceList>(&path).await?;
        let page = page.map_err(|error| error.failure(t!("client-reading", what = kind.plural())))?;
        page.value.items.into_iter().map(|item| Ok(serde_json::from_value(item)?)).collect()
    }

    /// How the federation and the node that answers are.
    pub async fn status(&self) -> Result<Status, Failure> {
        let read = self.read::<Status>("/v1/status").await?;
        let status = read.map(|read| read.value).map_err(|error| error.failure(t!("client-reading-status")))?;
        if status.quorum.held {
            self.reader().await?.note_proof().await;
        }
        Ok(status)
    }

    /// The body of an audit export up to an index (none: the newest checkpoint). A body that breaks off is no export.
    pub async fn audit_export(&self, to: Option<u64>) -> Result<hyper::body::Incoming, Failure> {
        let query = to.map(|to| format!("?to={to}")).unwrap_or_default();
        let path = format!("/v1/audit/export{query}");
        // Also renews a certificate that is no longer taken.
        self.status().await?;
        let http = self.reader().await?;
        let response = http.send(Method::GET, &path, &[], hyper::body::Bytes::new()).await;
        response.map(::http::Response::into_body).map_err(|error| error.failure(t!("client-exporting")))
    }

    /// A read with the user's certificate; logs in again if the site no longer takes the one at hand.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Result<Read<T>, ApiError>, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// The same for a question that has a body. It changes nothing, so it may be asked again.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<hyper::body::Bytes>,
    ) -> Result<Result<Read<T>, ApiError>, Failure> {
        let mut logged_in_anew = false;
        loop {
            let http = self.reader().await?;
            let result = self
                .until_deadline(async || {
                    let content = body.clone().map(|body| ("application/json", body));
                    let result = http.json::<T>(method.clone(), path, content).await;
                    // A site that refuses our certificate gives us another.
                    if result.as_ref().is_err_and(|e| e.is_passing() && !is_refused_handshake(e)) {
                        http.turn_elsewhere().await;
                    }
                    result
                })
                .await;
            match result {
                Err(error) if !logged_in_anew && is_about_us(&error) => {
                    logged_in_anew = true;
                    self.log_out().await?;
                }
                Err(error) => return Ok(Err(error)),
                Ok((headers, value)) => {
                    if path.contains("consistency=linearizable") {
                        http.note_proof().await;
                    }
                    let number = |name| number(&headers, &name);
                    if let Some(version) = number(VERBUND_DIRECTORY) {
                        http.note_directory(version).await;
                    }
                    // An age that no clock ever measured says that the site does not know.
                    let known = |age: &u64| *age < (1 << 53) - 1;
                    let (index, age) = (number(VERBUND_INDEX).unwrap_or(0), number(VERBUND_AGE_MS).filter(known));
                    return Ok(Ok(Read { value, index, age }));
                }
            }
        }
    }

    /// Tries until it works, fails for good, or the deadline is over.
    pub(super) async fn until_deadline<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let began = tokio::time::Instant::now();
        let end = began + self.deadline;
        let mut pause = Duration::from_millis(100);
        let (mut told, mut last) = (false, None);
        loop {
            let error = match tokio::time::timeout_at(end, attempt()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                // What the last answer said tells more than that this one did not come.
                Err(_) => {
                    let late = || ApiError::Broken(t!("client-deadline", seconds = self.deadline.as_secs()));
                    return Err(last.unwrap_or_else(late));
                }
            };
            let over = tokio::time::Instant::now() + pause >= end;
            let hopeless = error.is_nobody_there() && began.elapsed() >= self.patience;
            if !error.is_passing() || over || hopeless || is_refused_handshake(&error) {
                return Err(error);
            }
            self.tell_patience(&error, began, &mut told);
            last = Some(error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Tells, once, why it takes so long.
    pub(super) fn tell_patience(&self, error: &ApiError, began: tokio::time::Instant, told: &mut bool) {
        if !*told && began.elapsed() >= SILENCE {
            *told = true;
            let most = if error.is_nobody_there() { self.patience } else { self.deadline };
            crate::output::say(&t!("client-patience", reason = error.to_string(), seconds = most.as_secs()));
        }
    }

    /// Says how old a stale answer is; nobody is to take it for the newest.
    pub(super) fn told<T>(&self, read: Read<T>) -> Read<T> {
        if self.consistency == Consistency::Stale {
            let age = read.age.map_or_else(|| "?".to_owned(), crate::output::age);
            crate::output::say(&t!("client-stale", age = age, index = read.index));
        }
        read
    }
}

/// Whether the site refuses our certificate: it says so, or ends the connection after the handshake (TLS 1.3 shows a
/// refused client only then).
pub(super) fn is_about_us(error: &ApiError) -> bool {
    error.kind() == Some(ProblemKind::Unauthenticated) || is_refused_handshake(error)
}

pub(super) fn is_refused_handshake(error: &ApiError) -> bool {
    let (ApiError::Broken(text) | ApiError::Unreachable(text)) = error else { return false };
    text.contains("fatal alert")
}

fn number(headers: &HeaderMap, name: &::http::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Percent-encoding (RFC 3986, 2.1) of everything but unreserved characters.
pub(super) fn escape(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
