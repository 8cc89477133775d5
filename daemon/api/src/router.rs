//! The routes, and who serves them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::layer;
use crate::port::Federation;
use crate::problem::{Problem, ProblemKind};
use crate::routes::{
    asked, audit, certificates, directives, envelopes, genesis, health, openapi, planning, resources, sessions, status,
    stream, watch,
};
use crate::service::Service;
use crate::settings::Settings;

/// The API over a federation. The listener puts a [`crate::Caller`] into each request's extensions.
pub fn router<F: Federation>(federation: Arc<F>, settings: Settings) -> Router {
    let service = Arc::new(Service::new(federation, settings));
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready::<F>))
        .route("/v1/openapi.json", get(openapi::document))
        .route("/v1/status", get(status::status::<F>))
        .route("/v1/genesis", get(genesis::genesis::<F>))
        .route("/v1/envelopes", post(envelopes::submit::<F>))
        .route("/v1/envelopes/stream", post(stream::submit_stream::<F>))
        .route("/v1/certificates", post(certificates::issue::<F>))
        .route("/v1/sessions/{key}", get(sessions::session::<F>))
        .route("/v1/plan", get(planning::moved::<F>).post(planning::apply::<F>))
        .route("/v1/why/{workload}", get(planning::why::<F>))
        .route("/v1/capacity", get(planning::capacity::<F>))
        .route("/v1/directives/impact", post(directives::impact::<F>))
        .route("/v1/directives/live", get(directives::list::<F>).post(directives::submit::<F>))
        .route("/v1/directives/live/watch", get(directives::watch::<F>))
        .route("/v1/directives/live/{directive}", get(directives::get::<F>))
        .route("/v1/workloads/{name}/logs", get(asked::logs::<F>))
        .route("/v1/workloads/{name}/events", get(asked::events::<F>))
        .route("/v1/audit/export", get(audit::export::<F>))
        .route("/v1/watch", get(watch::watch::<F>))
        .route("/v1/{kind}", get(resources::list::<F>))
        .route("/v1/{kind}/{name}", get(resources::get::<F>))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&service), layer::handle::<F>))
        .with_state(service)
}

async fn no_such_path() -> Problem {
    Problem::of(
        ProblemKind::NoSuchPath,
        "Diesen Pfad gibt es nicht. Alle Pfade beschreibt /v1/openapi.json.",
        "There is no such path. /v1/openapi.json describes all there are.",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::of(
        ProblemKind::MethodNotAllowed,
        "Der Pfad kennt diese Methode nicht. Was er kennt, steht in Allow.",
        "The path does not know this method. Allow names what it knows.",
    )
}
