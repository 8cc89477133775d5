//! The outermost layer: bounds requests, renders problems in the caller's language, adds the headers of every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::language::Language;
use crate::port::Federation;
use crate::problem::{Problem, ProblemKind};
use crate::service::Service;

/// Names the request, in answers and in the daemon's log.
pub const VERBUND_REQUEST: HeaderName = HeaderName::from_static("verbund-request");

/// The name of a request, for handlers that write problems into streams.
#[derive(Clone, Debug)]
pub struct Instance(pub String);

/// Handles one request.
pub async fn handle<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let language = Language::from_headers(request.headers());
    let instance = service.next_instance();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(language);
    request.extensions_mut().insert(Instance(instance.clone()));
    let response = match admit(&service, request.headers()) {
        Ok(_place) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let response = render(response, &method, &path, language, &instance);
    finish(response, &instance)
}

fn admit<F: Federation>(service: &Service<F>, headers: &HeaderMap) -> Result<impl Drop + use<F>, Problem> {
    // A page of another origin could make a browser use its certificate here: browsers say so, and nobody else does.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if matches!(site, Some(b"cross-site" | b"same-site")) {
        return Err(Problem::of(
            ProblemKind::CrossOrigin,
            "Seiten anderer Herkunft dürfen diese Schnittstelle nicht rufen.",
            "Pages of another origin may not call this interface.",
        ));
    }
    service.gate.request()
}

fn render(response: Response, method: &Method, path: &str, language: Language, instance: &str) -> Response {
    let status = response.status();
    let Some(problem) = response.extensions().get::<Arc<Problem>>().cloned() else {
        tracing::debug!(%method, path, status = status.as_u16(), instance, "request");
        return response;
    };
    if status.is_server_error() {
        tracing::warn!(%method, path, status = status.as_u16(), problem = problem.kind().name(), instance, "request failed");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), problem = problem.kind().name(), instance, "request");
    }
    let mut rendered = problem.render(language, instance);
    // Headers that were set behind the problem's back, such as `Allow` of a 405.
    for (name, value) in response.headers() {
        if !rendered.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

fn finish(mut response: Response, instance: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if let Ok(instance) = HeaderValue::from_str(instance) {
        headers.insert(VERBUND_REQUEST, instance);
    }
    response
}
