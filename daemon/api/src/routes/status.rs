//! `/v1/status`: to users everything, to everybody else which federation and site this is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::caller::Caller;
use crate::port::{Consistency, Federation};
use crate::problem::{Problem, ProblemKind};
use crate::service::Service;

/// The status.
pub async fn status<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let in_full = match &caller {
        Caller::Anonymous | Caller::Other(_) => false,
        Caller::User(_) => match service.read_for(&caller, Consistency::Stale).await {
            Ok(_) => true,
            // Without a state there is nobody to look up: the certificate alone must do, so that a node that waits for
            // its admission can be asked why.
            Err(problem) if problem.kind() == ProblemKind::Starting => true,
            Err(problem) => return Err(problem),
        },
    };
    let status = service.in_time(service.federation.status()).await.ok_or_else(Problem::timeout)?;
    Ok(if in_full { Json(status).into_response() } else { Json(status.public()).into_response() })
}
