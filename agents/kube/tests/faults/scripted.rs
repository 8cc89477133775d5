//! An API server that says what it is told to say.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use verbund_agent_kube::{KubeDriver, Options};
use verbund_model::WorkloadName;

#[derive(Clone)]
pub enum Answer {
    Json(Value),
    Refused(u16, Value),
    /// The connection breaks.
    Broken,
    /// Nothing ever comes.
    Silent,
    /// A watch that brings these and ends.
    Lines(Vec<Value>),
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub acts_as: Option<String>,
    pub body: Value,
}

#[derive(Default)]
struct Script {
    once: HashMap<(String, String), VecDeque<Answer>>,
    always: HashMap<(String, String), Answer>,
    asked: Vec<Asked>,
}

/// Clones are the same server. What it was not told to say it knows nothing of (404); watches that it was not told of stay silent.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Script>>);

pub fn name(text: &str) -> WorkloadName {
    WorkloadName::new(text).unwrap()
}

pub fn list(items: &[Value]) -> Answer {
    Answer::Json(json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "9" }, "items": items }))
}

pub fn refusal(code: u16, message: &str) -> Answer {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Scripted", "message": message });
    Answer::Refused(code, status)
}

/// A driver that is quick to give up.
pub fn driver(server: &Scripted) -> KubeDriver {
    let options = Options {
        resync: Duration::from_secs(3_600),
        timeout: Duration::from_millis(300),
        pause: Duration::from_millis(1),
    };
    KubeDriver::start(server.client(), options)
}

impl Scripted {
    /// The next answer to such a request.
    pub fn says(&self, method: &str, path: &str, answer: Answer) {
        self.lock().once.entry((method.to_owned(), path.to_owned())).or_default().push_back(answer);
    }

    /// Every answer, when there is no next one.
    pub fn says_always(&self, method: &str, path: &str, answer: Answer) {
        self.lock().always.insert((method.to_owned(), path.to_owned()), answer);
    }

    pub fn asked(&self, method: &str, path: &str) -> Vec<Asked> {
        let all = self.lock().asked.clone();
        all.into_iter().filter(|asked| asked.method == method && asked.path == path).collect()
    }

    pub fn all(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.answer(request).await }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let method = if query.contains("watch=true") { "WATCH" } else { parts.method.as_str() }.to_owned();
        let path = parts.uri.path().to_owned();
        let acts_as = parts.headers.get("impersonate-user").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let answer = self.lock().next(Asked { method, path, query, acts_as, body });
        let (code, text) = match answer {
            Answer::Json(value) => (200, value.to_string()),
            Answer::Refused(code, value) => (code, value.to_string()),
            Answer::Lines(lines) => (200, lines.iter().map(|line| format!("{line}\n")).collect()),
            Answer::Broken => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
            Answer::Silent => std::future::pending().await,
        };
        let response = Response::builder().status(code).header("content-type", "application/json");
        response.body(Body::from(text.into_bytes())).map_err(std::io::Error::other)
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    fn next(&mut self, asked: Asked) -> Answer {
        let key = (asked.method.clone(), asked.path.clone());
        self.asked.push(asked);
        let next = self.once.get_mut(&key).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&key).cloned()).unwrap_or_else(|| match (key.0.as_str(), key.1.as_str()) {
            ("WATCH", _) => Answer::Silent,
            ("GET", "/api") => core(),
            ("GET", "/apis") => groups(&[]),
            _ => refusal(404, "the script says nothing of this"),
        })
    }
}

fn core() -> Answer {
    let kind = |resource: &str, kind: &str, scope: &str| {
        json!({
            "resource": resource, "singularResource": "", "scope": scope, "verbs": ["get", "list", "delete", "patch"],
            "responseKind": { "group": "", "version": "v1", "kind": kind },
        })
    };
    let resources = [
        kind("configmaps", "ConfigMap", "Namespaced"),
        kind("pods", "Pod", "Namespaced"),
        kind("namespaces", "Namespace", "Cluster"),
    ];
    groups(&[
        json!({ "metadata": {}, "versions": [{ "version": "v1", "freshness": "Current", "resources": resources }] }),
    ])
}

fn groups(items: &[Value]) -> Answer {
    let (kind, version) = ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2");
    Answer::Json(json!({ "kind": kind, "apiVersion": version, "metadata": {}, "items": items }))
}
