//! `/v1/plan`, `/v1/why/{workload}`, `/v1/capacity`: what the planner says when it is asked, and nothing is carried out.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use verbund_identity::envelope::MAX_PAYLOAD;
use verbund_model::resource::{Cause, Workload};
use verbund_model::{ClusterName, WorkloadName};

use crate::body::{json, malformed, query};
use crate::caller::Caller;
use crate::port::{Consistency, Federation, Question};
use crate::problem::Problem;
use crate::service::Service;

/// How fresh the state must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreshQuery {
    /// How fresh.
    #[serde(default)]
    pub consistency: Consistency,
}

/// Which move is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveQuery {
    workload: WorkloadName,
    cause: Move,
    to: Option<ClusterName>,
    #[serde(default)]
    consistency: Consistency,
}

/// The causes that people have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Move {
    /// Away from where it is lost.
    Failover,
    /// Elsewhere, as planned.
    Relocate,
    /// Back to where it was.
    Failback,
    /// To the standby, for practice.
    Drill,
}

impl From<Move> for Cause {
    fn from(cause: Move) -> Self {
        match cause {
            Move::Failover => Self::Failover,
            Move::Relocate => Self::Relocate,
            Move::Failback => Self::Failback,
            Move::Drill => Self::Drill,
        }
    }
}

/// Where a workload would be placed if it were applied as the body says.
pub async fn apply<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    parsed: Result<Query<FreshQuery>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    crate::service::reader_name(&caller)?;
    let fresh = query(parsed)?.consistency;
    let workload: Workload = json(&headers, body, MAX_PAYLOAD, service.settings.body_timeout).await?;
    answer(&service, &caller, fresh, Question::Apply(Box::new(workload))).await
}

/// What would become of a workload that somebody moves.
pub async fn moved<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    parsed: Result<Query<MoveQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    crate::service::reader_name(&caller)?;
    let MoveQuery { workload, cause, to, consistency } = query(parsed)?;
    answer(&service, &caller, consistency, Question::Move { workload, cause: cause.into(), to }).await
}

/// For each cluster each rule, and whether the workload's place keeps it there.
pub async fn why<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    parsed: Result<Query<FreshQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    crate::service::reader_name(&caller)?;
    let name = path.ok().map(|Path(name)| name).unwrap_or_default();
    let workload: WorkloadName =
        name.parse().map_err(|error: verbund_model::id::NameError| malformed(&error.to_string()))?;
    answer(&service, &caller, query(parsed)?.consistency, Question::Why(workload)).await
}

/// For each site, whether it can be lost now.
pub async fn capacity<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    parsed: Result<Query<FreshQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    crate::service::reader_name(&caller)?;
    answer(&service, &caller, query(parsed)?.consistency, Question::Capacity).await
}

/// What a state answers to a question, for a caller who may read it.
pub async fn answer<F: Federation>(
    service: &Arc<Service<F>>,
    caller: &Caller,
    fresh: Consistency,
    question: Question,
) -> Result<Response, Problem> {
    let reading = service.read_for(caller, fresh).await?;
    let marks = reading.headers();
    let (state, now) = (Arc::clone(&reading.view.state), service.federation.now());
    // Planning for every site may take a while; other calls go on meanwhile.
    let answered = tokio::task::spawn_blocking(move || state.ask(&question, now)).await;
    let answered = answered.map_err(|_| Problem::timeout())?;
    match answered {
        Ok(value) => Ok((marks, Json(value)).into_response()),
        Err(refusal) => Err(Problem::from(refusal).headers(&marks)),
    }
}
