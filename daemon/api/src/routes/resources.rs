//! `/v1/{kind}` and `/v1/{kind}/{name}`: the resources.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use verbund_model::view::{API_VERSION, Kind, Resource};

use crate::body::{bad_query, query};
use crate::caller::Caller;
use crate::conditional::{etag, tagged};
use crate::fields::Fields;
use crate::page::{Continue, DEFAULT_LIMIT, MAX_LIMIT};
use crate::port::{Consistency, Federation, ReadState};
use crate::problem::{Problem, ProblemKind};
use crate::service::{Service, reader_name};
use crate::wire::{ListMetadata, ResourceList};

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<usize>,
    #[serde(rename = "continue")]
    next: Option<String>,
    fields: Option<String>,
    #[serde(default)]
    consistency: Consistency,
}

/// The query of one resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetQuery {
    fields: Option<String>,
    #[serde(default)]
    consistency: Consistency,
}

/// A page of a kind's resources.
pub async fn list<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    parsed: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let kind = kind(&path.map_err(bad_path)?.0)?;
    reader_name(&caller)?;
    let asked = query(parsed)?;
    let limit = limit(asked.limit)?;
    let fields = fields(asked.fields.as_deref())?;
    let after = asked.next.as_deref().map(|token| after(token, kind)).transpose()?;
    let reading = service.read_for(&caller, asked.consistency).await?;
    let state = &reading.view.state;
    // The state at one index gives one answer to one URL, so the index is a strong tag.
    let tag = etag(state.index());
    if crate::conditional::is_known(&headers, &tag) {
        return Ok(tagged(&headers, tag, reading.headers(), ()));
    }
    let page = page(&**state, kind, after.as_deref(), limit, fields.as_ref());
    Ok(tagged(&headers, tag, reading.headers(), Json(page)))
}

fn page(state: &dyn ReadState, kind: Kind, after: Option<&str>, limit: usize, fields: Option<&Fields>) -> ResourceList {
    // One more than asked for tells whether there is a next page.
    let mut found = state.list(kind, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| Continue::new(kind, &*last.metadata.name).to_token());
    ResourceList {
        api_version: API_VERSION.to_owned(),
        kind: format!("{kind}List"),
        metadata: ListMetadata { index: state.index(), time: state.time(), next },
        items: found.iter().map(|resource| selected(resource, fields)).collect(),
    }
}

/// One resource.
pub async fn get<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    parsed: Result<Query<GetQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path((kind_name, name)) = path.map_err(bad_path)?;
    let kind = kind(&kind_name)?;
    reader_name(&caller)?;
    let asked = query(parsed)?;
    let fields = fields(asked.fields.as_deref())?;
    let reading = service.read_for(&caller, asked.consistency).await?;
    let marks = reading.headers();
    let Some(resource) = reading.view.state.get(kind, &name) else {
        return Err(not_found(kind, &name).headers(&marks));
    };
    let tag = etag(resource.metadata.resource_version);
    Ok(tagged(&headers, tag, marks, Json(selected(&resource, fields.as_ref())).into_response()))
}

fn not_found(kind: Kind, name: &str) -> Problem {
    let name: String = name.chars().take(200).collect();
    Problem::of(ProblemKind::NotFound, format!("{kind} {name} gibt es nicht."), format!("There is no {kind} {name}."))
}

fn selected(resource: &Resource, fields: Option<&Fields>) -> Value {
    // A resource has string keys and no failing serialiser.
    let whole = serde_json::to_value(resource).unwrap_or_default();
    fields.map_or_else(|| whole.clone(), |f| f.select(&whole))
}

fn kind(plural: &str) -> Result<Kind, Problem> {
    let all: Vec<&str> = Kind::ALL.iter().map(|k| k.plural()).collect();
    Kind::ALL.iter().find(|k| k.plural() == plural).copied().ok_or_else(|| {
        Problem::of(
            ProblemKind::NoSuchPath,
            format!("Eine solche Art gibt es nicht. Es gibt {}.", all.join(", ")),
            format!("There is no such kind. There are {}.", all.join(", ")),
        )
        .with("kinds", all.clone())
    })
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    let (de, en) = (format!("erlaubt sind 1 bis {MAX_LIMIT}"), format!("1 to {MAX_LIMIT} are allowed"));
    Err(bad_query("limit", &de, &en))
}

fn fields(asked: Option<&str>) -> Result<Option<Fields>, Problem> {
    asked.map(Fields::parse).transpose().map_err(|path| {
        let de = format!("{path:?} ist kein Pfad unter metadata, spec oder status");
        bad_query("fields", &de, &format!("{path:?} is no path below metadata, spec or status"))
    })
}

fn after(token: &str, kind: Kind) -> Result<String, Problem> {
    Continue::after(token, kind).ok_or_else(|| {
        bad_query(
            "continue",
            "wurde nicht mit der vorigen Seite dieser Art geliefert. Bitte von vorn beginnen.",
            "did not come with the previous page of this kind. Begin anew.",
        )
    })
}

fn bad_path(_: PathRejection) -> Problem {
    Problem::of(ProblemKind::NoSuchPath, "Der Pfad ist kein gültiges UTF-8.", "The path is not valid UTF-8.")
}
