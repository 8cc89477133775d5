//! `/v1/sessions/{key}`: what an author must know to sign its next statement.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use verbund_model::KeyId;

use crate::body::query;
use crate::caller::Caller;
use crate::port::{Consistency, Federation};
use crate::problem::{Problem, ProblemKind};
use crate::service::Service;
use crate::wire::SessionDocument;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    #[serde(default)]
    consistency: Consistency,
}

/// The last session of a registered key.
pub async fn session<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    parsed: Result<Query<SessionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    crate::service::reader_name(&caller)?;
    let key = path.ok().and_then(|Path(text)| text.parse::<KeyId>().ok()).ok_or_else(|| {
        Problem::of(
            ProblemKind::Malformed,
            "Eine Schlüsselkennung besteht aus 64 kleinen Hexadezimalziffern.",
            "A key id is written as 64 lower-case hexadecimal digits.",
        )
    })?;
    let reading = service.read_for(&caller, query(parsed)?.consistency).await?;
    let (state, marks) = (&reading.view.state, reading.headers());
    if state.key(&key).is_none() {
        return Err(Problem::of(
            ProblemKind::NotFound,
            format!("Der Schlüssel {key} ist nicht registriert."),
            format!("The key {key} is not registered."),
        )
        .headers(&marks));
    }
    let document = SessionDocument {
        federation: state.federation(),
        generation: state.generation(),
        time: state.time(),
        key,
        session: state.session(&key),
    };
    Ok((marks, Json(document)).into_response())
}
