//! `/v1/audit/export`: a part of the audit archive for `verbund audit verify`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;

use crate::body::{bad_query, query};
use crate::caller::Caller;
use crate::port::{Consistency, Federation};
use crate::problem::Problem;
use crate::service::{Service, reader_name};
use crate::wire::AUDIT_TYPE;

/// The query: log indexes, both included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    from: Option<u64>,
    to: Option<u64>,
}

/// The export, streamed. A failure on the way breaks the body off, so that nobody takes a part for the whole.
pub async fn export<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    parsed: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    reader_name(&caller)?;
    let asked = query(parsed)?;
    if let (Some(from), Some(to)) = (asked.from, asked.to)
        && from > to
    {
        return Err(bad_query("from", "liegt hinter to", "lies behind to"));
    }
    // A site that is cut off still exports its archive.
    service.read_for(&caller, Consistency::Stale).await?;
    let place = service.gate.stream(&caller)?;
    let export = service.federation.audit_export(asked.from, asked.to);
    let chunks = service.in_time(export).await.ok_or_else(Problem::timeout)??;
    let guarded = futures::StreamExt::map(chunks, move |chunk| {
        let _held = &place;
        chunk
    });
    let headers = [(CONTENT_TYPE, AUDIT_TYPE), (CONTENT_DISPOSITION, "attachment; filename=\"verbund-audit.export\"")];
    Ok((headers, Body::from_stream(guarded)).into_response())
}
