//! `/v1/genesis`: the genesis document, byte for byte, so that anybody can compute the federation's id.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::conditional::{etag, tagged};
use crate::port::{Consistency, Federation};
use crate::problem::Problem;
use crate::service::Service;

/// The document. It never changes, so any state will do.
pub async fn genesis<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reading = service.read(Consistency::Stale).await?;
    let state = &reading.view.state;
    let body = ([(CONTENT_TYPE, "application/json")], state.genesis());
    Ok(tagged(&headers, etag(state.federation()), HeaderMap::new(), body))
}
