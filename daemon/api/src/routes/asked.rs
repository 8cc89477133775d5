//! `/v1/workloads/{name}/logs` and `/events`: what the agents of the clusters where the workload has a copy answer. It is data of
//! the customer: it passes through, and is kept nowhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use verbund_agent_core::{Found, LogQuery, Question};
use verbund_identity::AskedBy;
use verbund_model::view::Kind;
use verbund_model::{ClusterName, Refusal, WorkloadName};

use crate::body::{bad_query, malformed, query};
use crate::caller::Caller;
use crate::language::{Language, Localised};
use crate::port::{Asked, Consistency, CopyAnswer, Federation, NoAnswer};
use crate::problem::{Problem, ProblemKind};
use crate::service::{Service, reader_name};
use crate::wire::{Answers, CopyFailed, CopyFound, VERBUND_ASKED, read_asked};

/// The most lines of a container that may be asked for.
pub const MAX_TAIL: u32 = 10_000;
/// Lines of a container if nobody says how many.
const TAIL: u32 = 100;
/// The most characters of a pod's or container's name (RFC 1123, as Kubernetes has it).
const MAX_NAME: usize = 253;

/// Which lines are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsQuery {
    cluster: Option<ClusterName>,
    pod: Option<String>,
    container: Option<String>,
    tail: Option<u32>,
    since: Option<u64>,
    #[serde(default)]
    previous: bool,
}

/// Whose events are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    cluster: Option<ClusterName>,
}

/// The last lines of a workload's containers.
pub async fn logs<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    parsed: Result<Query<LogsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    reader_name(&caller)?;
    let (workload, wanted) = (name(path)?, query(parsed)?);
    let tail = wanted.tail.unwrap_or(TAIL);
    if tail > MAX_TAIL {
        return Err(bad_query("tail", &format!("höchstens {MAX_TAIL}"), &format!("at most {MAX_TAIL}")));
    }
    for (parameter, value) in [("pod", &wanted.pod), ("container", &wanted.container)] {
        if value.as_ref().is_some_and(|value| value.is_empty() || value.len() > MAX_NAME) {
            return Err(bad_query(parameter, "ist kein Name", "is no name"));
        }
    }
    let LogsQuery { cluster, pod, container, since, previous, .. } = wanted;
    let question = Question::Logs(LogQuery { workload, pod, container, tail, since, previous });
    let found = |found| match found {
        Found::Logs(lines) => Some(lines),
        Found::Events(_) => None,
    };
    answer(&service, &caller, &headers, (question, cluster), found).await
}

/// What the clusters noted about a workload's objects.
pub async fn events<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    parsed: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    reader_name(&caller)?;
    let (workload, cluster) = (name(path)?, query(parsed)?.cluster);
    let found = |found| match found {
        Found::Events(events) => Some(events),
        Found::Logs(_) => None,
    };
    answer(&service, &caller, &headers, (Question::Events(workload), cluster), found).await
}

fn name(path: Result<Path<String>, PathRejection>) -> Result<WorkloadName, Problem> {
    let name = path.ok().map(|Path(name)| name).unwrap_or_default();
    name.parse().map_err(|error: verbund_model::id::NameError| malformed(&error.to_string()))
}

fn proof(headers: &HeaderMap) -> Result<AskedBy, Problem> {
    let wrong = |de: &str, en: &str| {
        Problem::of(ProblemKind::BadHeader, format!("Verbund-Asked: {de}"), format!("Verbund-Asked: {en}"))
            .with("header", "Verbund-Asked")
    };
    let value = headers.get(VERBUND_ASKED).ok_or_else(|| {
        wrong(
            "fehlt. Wer fragt, signiert die Frage selbst; das Zertifikat allein genügt dafür nicht.",
            "is missing. Who asks signs the question; the certificate alone is not enough for it.",
        )
    })?;
    read_asked(value.as_bytes()).ok_or_else(|| wrong("ist nicht lesbar.", "could not be read."))
}

async fn answer<F: Federation, T: Serialize>(
    service: &Arc<Service<F>>,
    caller: &Caller,
    headers: &HeaderMap,
    (question, cluster): (Question, Option<ClusterName>),
    take: impl Fn(Found) -> Option<Vec<T>>,
) -> Result<Response, Problem> {
    let (by, language) = (proof(headers)?, Language::from_headers(headers));
    let workload = question.workload().clone();
    // Whoever can still be reached is asked, also where the quorum is not.
    let reading = service.read_for(caller, Consistency::Stale).await?;
    let marks = reading.headers();
    if reading.view.state.get(Kind::Workload, workload.as_str()).is_none() {
        return Err(Problem::from(Refusal::NotFound { what: format!("workload {workload}") }).headers(&marks));
    }
    drop(reading);
    let asked = Asked { question, by, cluster };
    let copies = service.in_time(service.federation.ask_agents(asked)).await.ok_or_else(Problem::timeout)?;
    let copies = copies.map_err(|refusal| Problem::from(refusal).headers(&marks))?;
    if let Some(refusal) = refused_everywhere(&copies) {
        return Err(Problem::from(refusal).headers(&marks));
    }
    let copies = copies.into_iter().map(|copy| shown(copy, language, &take)).collect();
    Ok((marks, Json(Answers { workload, copies })).into_response())
}

/// Why, if no site would tell this asker anything.
fn refused_everywhere(copies: &[CopyAnswer]) -> Option<Refusal> {
    let refusal = |copy: &CopyAnswer| match &copy.answer {
        Err(NoAnswer::Refused(refusal)) => Some(refusal.clone()),
        _ => None,
    };
    let refusals: Option<Vec<Refusal>> = copies.iter().map(refusal).collect();
    refusals?.into_iter().next()
}

fn shown<T>(copy: CopyAnswer, language: Language, take: &impl Fn(Found) -> Option<Vec<T>>) -> CopyFound<T> {
    let CopyAnswer { cluster, site, role, answer } = copy;
    let odd = || NoAnswer::Failed { reason: "another question was answered".to_owned() };
    let (found, failed) = match answer.and_then(|found| take(found).ok_or_else(odd)) {
        Ok(found) => (Some(found), None),
        Err(why) => {
            let (reason, detail) = explained(why, cluster.as_str(), site.as_str());
            (None, Some(CopyFailed { reason: reason.to_owned(), detail: detail.get(language).to_owned() }))
        }
    };
    CopyFound { cluster, site, role, found, failed }
}

fn explained(why: NoAnswer, cluster: &str, site: &str) -> (&'static str, Localised) {
    match why {
        NoAnswer::Refused(refusal) => ("refused", Problem::from(refusal).detail().clone()),
        NoAnswer::NotConnected => (
            "notConnected",
            Localised::new(
                format!(
                    "Der Agent des Clusters {cluster} ist mit keinem erreichbaren Knoten des Standorts {site} verbunden."
                ),
                format!(
                    "The agent of the cluster {cluster} is connected to no node of the site {site} that can be reached."
                ),
            ),
        ),
        NoAnswer::Silent => (
            "silent",
            Localised::new(
                format!("Der Agent des Clusters {cluster} hat nicht rechtzeitig geantwortet."),
                format!("The agent of the cluster {cluster} did not answer in time."),
            ),
        ),
        NoAnswer::Failed { reason } => (
            "failed",
            Localised::new(
                format!("Der Agent des Clusters {cluster} konnte es nicht feststellen: {reason}"),
                format!("The agent of the cluster {cluster} could not find out: {reason}"),
            ),
        ),
        NoAnswer::Unreachable { reason } => (
            "unreachable",
            Localised::new(
                format!("Kein Knoten des Standorts {site} hat geantwortet: {reason}"),
                format!("No node of the site {site} answered: {reason}"),
            ),
        ),
    }
}
