//! Reading bodies and queries: bounded in size and time, refused with problems.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::problem::{Problem, ProblemKind};

/// The media type of a body without its parameters, in lower case.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Which of `wanted` the body has. Errors: another one, or a content coding, which we do not undo.
pub fn expect_type(headers: &HeaderMap, wanted: &[&'static str]) -> Result<&'static str, Problem> {
    let got = media_type(headers);
    let coded = headers.get(CONTENT_ENCODING).is_some_and(|v| v != "identity");
    wanted.iter().find(|w| **w == got && !coded).copied().ok_or_else(|| {
        let list = wanted.join(", ");
        Problem::of(
            ProblemKind::UnsupportedMediaType,
            format!("Content-Type muss {list} sein, ohne Content-Encoding."),
            format!("Content-Type must be {list}, without Content-Encoding."),
        )
        .with("accepted", wanted.to_vec())
    })
}

/// The whole body, of at most `limit` bytes, if it arrives within `timeout`.
pub async fn collect(body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Problem> {
    let read = async {
        let mut chunks = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| broken())?;
            if whole.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(timeout, read).await.unwrap_or_else(|_| Err(body_timeout()))
}

/// The document that a JSON body of at most `limit` bytes is, if it arrives within `timeout`. Errors: another media type, too
/// large, too late, or no such document.
pub async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<T, Problem> {
    expect_type(headers, &["application/json"])?;
    let bytes = collect(body, limit, timeout).await?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(&error.to_string()))
}

/// A body that is larger than allowed.
pub fn too_large(limit: usize) -> Problem {
    Problem::of(
        ProblemKind::TooLarge,
        format!("Der Inhalt ist größer als die erlaubten {limit} Byte."),
        format!("The body is larger than the {limit} bytes allowed."),
    )
    .with("limit", limit)
}

/// A body that ended before its end.
pub fn broken() -> Problem {
    malformed("the body ended before its end")
}

/// A body that did not arrive in time.
pub fn body_timeout() -> Problem {
    Problem::of(
        ProblemKind::BodyTimeout,
        "Der Inhalt der Anfrage kam nicht rechtzeitig an. Nichts wurde geändert.",
        "The request's body did not arrive in time. Nothing was changed.",
    )
}

/// A body that could not be read.
pub fn malformed(reason: &str) -> Problem {
    let reason: String = reason.chars().take(300).collect();
    Problem::of(
        ProblemKind::Malformed,
        format!("Der Inhalt ist nicht lesbar: {reason}"),
        format!("The body could not be read: {reason}"),
    )
}

/// A query parameter that is wrong.
pub fn bad_query(parameter: &str, de: &str, en: &str) -> Problem {
    Problem::of(ProblemKind::BadQuery, format!("{parameter}: {de}"), format!("{parameter}: {en}"))
        .with("parameter", parameter)
}

/// The parsed query. Unknown and repeated parameters are refused.
pub fn query<T>(parsed: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match parsed {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            let reason: String = rejection.body_text().chars().take(300).collect();
            Err(Problem::of(ProblemKind::BadQuery, format!("Die Anfrageparameter sind falsch: {reason}"), reason))
        }
    }
}
