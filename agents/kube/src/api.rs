//! One request to the API server, with what goes wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{HeaderName, HeaderValue};
use kube::Client;
use kube::api::{GetParams, ListParams};
use serde::de::DeserializeOwned;
use serde_json::Value;
use verbund_agent_core::names;
use verbund_model::WorkloadName;

use crate::binding::Identity;
use crate::error::KubeError;

/// Objects of a list that are asked for at a time.
const PAGE: u32 = 500;
/// Pages of one list that are read at most: a million objects.
const PAGES: usize = 2_000;
/// Pauses, in milliseconds, in which RBAC may learn of a new binding.
const BOUND: [u64; 6] = [0, 50, 100, 200, 400, 800];

/// Whose rights a request uses.
#[derive(Clone, Copy, Debug)]
pub enum As<'a> {
    /// The agent's own.
    Agent,
    /// Those of a workload's ServiceAccount.
    Workload(&'a WorkloadName),
}

/// The API server.
#[derive(Clone)]
pub struct Server {
    client: Client,
    timeout: Duration,
    pauses: [Duration; 3],
    identity: Arc<Identity>,
}

impl Server {
    pub fn new(client: Client, timeout: Duration, pause: Duration) -> Self {
        Self { client, timeout, pauses: [pause, pause * 3, pause * 9], identity: Arc::default() }
    }

    /// Lets the agent act for a workload.
    pub async fn bind(&self, workload: &WorkloadName) -> Result<(), KubeError> {
        self.identity.bind(self, workload).await
    }

    pub const fn client(&self) -> &Client {
        &self.client
    }

    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request, again after each failure that may pass, and reads the answer.
    pub async fn call<T: DeserializeOwned>(
        &self,
        who: As<'_>,
        what: &str,
        request: Request<Vec<u8>>,
    ) -> Result<T, KubeError> {
        read(what, &self.text(who, what, request).await?)
    }

    /// The same with the agent's own rights.
    pub async fn own<T: DeserializeOwned>(&self, what: &str, request: Request<Vec<u8>>) -> Result<T, KubeError> {
        read(what, &self.repeated(what, &request).await?)
    }

    /// The same, for an answer that is text.
    ///
    /// Where the right to act for a workload is missing it is given (anew), and the request is sent again until RBAC has
    /// learned of it.
    pub async fn text(&self, who: As<'_>, what: &str, request: Request<Vec<u8>>) -> Result<String, KubeError> {
        let As::Workload(workload) = who else { return self.repeated(what, &request).await };
        let mut request = request;
        let account = format!("system:serviceaccount:{workload}:{}", names::SERVICE_ACCOUNT);
        // A workload's name has only letters, digits and hyphens.
        let account = HeaderValue::from_str(&account);
        let account = account.map_err(|why| KubeError::Answer { what: what.to_owned(), why: why.to_string() })?;
        request.headers_mut().insert(HeaderName::from_static("impersonate-user"), account);
        let mut last = match self.repeated(what, &request).await {
            Err(error) if error.lacks_right() => error,
            done => return done,
        };
        self.bind(workload).await?;
        for pause in BOUND {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.repeated(what, &request).await {
                Err(error) if error.lacks_right() => last = error,
                done => return done,
            }
        }
        Err(last)
    }

    /// Sends a request, again after each failure that may pass.
    async fn repeated(&self, what: &str, request: &Request<Vec<u8>>) -> Result<String, KubeError> {
        for pause in self.pauses {
            match self.once(what, again(request)).await {
                Err(error) if error.is_transient() => tracing::debug!(%error, "trying again"),
                done => return done,
            }
            tokio::time::sleep(pause).await;
        }
        self.once(what, again(request)).await
    }

    async fn once(&self, what: &str, request: Request<Vec<u8>>) -> Result<String, KubeError> {
        let answer = tokio::time::timeout(self.timeout, self.client.request_text(request)).await;
        let silent = || KubeError::Silent { what: what.to_owned(), seconds: self.timeout.as_secs() };
        answer.map_err(|_| silent())?.map_err(|error| KubeError::of(what, error))
    }

    /// One object; `None` if it is not there.
    pub async fn get(&self, who: As<'_>, path: &str, name: &str) -> Result<Option<Value>, KubeError> {
        let what = format!("reading {path}/{name}");
        let request = kube::core::Request::new(path).get(name, &GetParams::default());
        match self.call(who, &what, built(&what, request)?).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a list, read from the store and not from a cache, whatever their number.
    pub async fn list(&self, who: As<'_>, path: &str, labels: Option<&str>) -> Result<Vec<Value>, KubeError> {
        let what = format!("listing {path}");
        let mut all = Vec::new();
        let mut from = String::new();
        for _ in 0..PAGES {
            let mut params = ListParams::default().limit(PAGE);
            params.label_selector = labels.map(str::to_owned);
            if !from.is_empty() {
                params = params.continue_token(&from);
            }
            let request = built(&what, kube::core::Request::new(path).list(&params))?;
            let mut page: Value = match self.call(who, &what, request).await {
                // The store forgot the version at which the list was begun: from the start.
                Err(KubeError::Refused { code: 410, .. }) if !from.is_empty() => {
                    (all, from) = (Vec::new(), String::new());
                    continue;
                }
                page => page?,
            };
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => token.clone_into(&mut from),
                _ => return Ok(all),
            }
        }
        Err(KubeError::Answer { what, why: "the list does not end".to_owned() })
    }
}

fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, KubeError> {
    serde_json::from_str(text).map_err(|why| KubeError::Answer { what: what.to_owned(), why: why.to_string() })
}

/// The same request once more.
fn again(request: &Request<Vec<u8>>) -> Request<Vec<u8>> {
    let mut copy = Request::new(request.body().clone());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// A request that kube-rs built, or why not.
pub fn built(
    what: &str,
    request: Result<Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<Request<Vec<u8>>, KubeError> {
    request.map_err(|why| KubeError::Answer { what: what.to_owned(), why: why.to_string() })
}
