//! `/v1/openapi.json`: the description of this API.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

/// The document (OpenAPI 3.1). Tests hold it against the router.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The document.
pub async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}
