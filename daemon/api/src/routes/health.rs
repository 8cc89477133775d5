//! `/livez` and `/readyz`: for the service manager and for load balancers.

use std::sync::Arc;

use axum::extract::State;

use crate::port::{Consistency, Federation};
use crate::problem::Problem;
use crate::service::Service;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// The node answers reads, if only stale ones: a site that is cut off stays ready.
pub async fn ready<F: Federation>(State(service): State<Arc<Service<F>>>) -> Result<&'static str, Problem> {
    service.read(Consistency::Stale).await?;
    Ok("ok\n")
}
