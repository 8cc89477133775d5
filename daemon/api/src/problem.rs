//! Answers that say no: problem details (RFC 9457) with stable types, in German or English.
//!
//! A handler returns a [`Problem`] without knowing the caller's language; the outermost layer renders it.

mod directive;
mod kind;
mod map;
mod refusal;

pub use directive::german as directive_in_german;
pub use kind::ProblemKind;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, VARY};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verbund_model::Refusal;

use crate::language::{Language, Localised};

/// The media type of problem details.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Problem details as they are sent. `type` is `urn:verbund:problem:<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// The stable type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of thing went wrong, in the caller's language.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly went wrong and what to do, in the caller's language.
    pub detail: String,
    /// Names this occurrence: the same as in the header `Verbund-Request` and in the daemon's log.
    pub instance: String,
    /// The refusal in machine form, for refused changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Log index of the refused entry; absent if the log has not seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Further fields of this type.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Something that went wrong, in no language yet.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemKind,
    // Boxed, so that results which hold a problem stay small.
    content: Box<Content>,
}

#[derive(Clone, Debug)]
struct Content {
    detail: Localised,
    refusal: Option<Refusal>,
    index: Option<u64>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with its detail.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: Localised) -> Self {
        let content = Content { detail, refusal: None, index: None, more: Map::new(), headers: Vec::new() };
        Self { kind, content: Box::new(content) }
    }

    /// A problem with its detail in German and English.
    #[must_use]
    pub fn of(kind: ProblemKind, de: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(kind, Localised::new(de, en))
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What exactly went wrong.
    #[must_use]
    pub fn detail(&self) -> &Localised {
        &self.content.detail
    }

    /// With a further machine field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.content.more.insert(field.to_owned(), value.into());
        self
    }

    /// With a response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.content.headers.push((name, value.into()));
        self
    }

    /// With several response headers.
    #[must_use]
    pub fn headers(mut self, headers: &http::HeaderMap) -> Self {
        self.content.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// With the index of the log entry that was refused.
    #[must_use]
    pub fn at(mut self, index: u64) -> Self {
        self.content.index = Some(index);
        self
    }

    /// The document in one language.
    #[must_use]
    pub fn document(&self, language: Language, instance: &str) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:verbund:problem:{}", self.kind.name()),
            title: self.kind.title(language).to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.content.detail.get(language).to_owned(),
            instance: instance.to_owned(),
            refusal: self.content.refusal.clone(),
            index: self.content.index,
            more: self.content.more.clone(),
        }
    }

    /// The whole response in one language.
    #[must_use]
    pub fn render(&self, language: Language, instance: &str) -> Response {
        // A structure of strings and numbers has no failing serialiser.
        let body = serde_json::to_vec(&self.document(language, instance)).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(VARY, HeaderValue::from_static("accept-language"));
        for (name, value) in &self.content.headers {
            headers.insert(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    /// An empty response that carries the problem to the layer that renders it.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}
