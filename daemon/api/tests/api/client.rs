//! The router with a federation in memory, one user, and shorthand for asking.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use verbund_api::{Caller, ProblemDocument, Settings};

use crate::memory::{Memory, Port};
use crate::people::Person;
use crate::schemas;

pub struct Client {
    pub memory: Arc<Memory>,
    pub router: Router,
    pub user: Person,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    /// The problem of that name, fully formed.
    #[track_caller]
    pub fn problem(&self, name: &str) -> ProblemDocument {
        let problem: ProblemDocument =
            serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {:?}", self.status, self.body));
        assert_eq!(problem.kind, format!("urn:verbund:problem:{name}"), "{problem:?}");
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(Some(problem.instance.as_str()), self.header("verbund-request"));
        assert!(!problem.title.is_empty() && !problem.detail.is_empty());
        problem
    }
}

impl Client {
    /// A federation with one registered user (index 1).
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let (memory, user) = (Memory::new(), Person::new(7));
        memory.register(&user, user.owner());
        let router = verbund_api::router(Arc::new(Port(Arc::clone(&memory))), settings);
        Self { memory, router, user }
    }

    pub async fn send(&self, request: Request<Body>) -> http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request whose answer ends, and holds that against the description.
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (parts, body) = self.send(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        schemas::check_answer(&method, &path, &answer);
        answer
    }

    pub async fn get_as(&self, caller: Caller, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(request(Method::GET, path, caller, headers, Body::empty())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_as(self.user.caller(), path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.get_as(self.user.caller(), path, headers).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.ask(request(Method::POST, path, Caller::Anonymous, headers, body.into())).await
    }
}

pub fn request(method: Method, path: &str, caller: Caller, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.extension(caller).body(body).unwrap()
}
