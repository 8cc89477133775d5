//! `POST /v1/certificates`: a certificate to read with, for a request that a registered key signed (formats 4).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use verbund_identity::LoginRequest;
use verbund_identity::login::{LOGIN_WINDOW, MAX_CSR, common_name, login_name};
use verbund_model::Refusal;

use crate::body::json;
use crate::port::{CertificateOrder, Consistency, Federation, ReadState};
use crate::problem::{Problem, ProblemKind};
use crate::service::Service;

/// The most bytes of a request's body: PEM within JSON, where each line end takes two.
const MAX_BODY: usize = 2 * MAX_CSR + 2048;

/// Issues a certificate.
pub async fn issue<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request: LoginRequest = json(&headers, body, MAX_BODY, service.settings.body_timeout).await?;
    let _place = service.gate.login()?;
    // From whatever state there is: a site that is cut off must not lock its own people out.
    let reading = service.read(Consistency::Stale).await?;
    let order = check(&*service.federation, &*reading.view.state, request)?;
    let issued = service.in_time(service.federation.issue_certificate(order)).await.ok_or_else(Problem::timeout)??;
    Ok((StatusCode::CREATED, Json(issued)).into_response())
}

/// Whether the request is one that may have a certificate, and what goes into that.
fn check<F: Federation>(
    federation: &F,
    state: &dyn ReadState,
    request: LoginRequest,
) -> Result<CertificateOrder, Problem> {
    if request.csr.len() > MAX_CSR {
        let (found, limit) = (request.csr.len() as u64, MAX_CSR as u64);
        return Err(Refusal::TooLarge { what: "csr".to_owned(), found, limit }.into());
    }
    if request.federation != state.federation() {
        return Err(Refusal::WrongFederation { found: request.federation }.into());
    }
    let now = federation.now();
    if !request.is_fresh(now) {
        return Err(clocks_differ(request.time, now));
    }
    let key = state.key(&request.key).ok_or(Refusal::UnknownKey { key: request.key })?;
    if !federation.verifier().verify(&key.key, &request.signed_message(), &request.signature) {
        return Err(Refusal::BadSignature { key: request.key }.into());
    }
    if key.revoked {
        return Err(Refusal::KeyRevoked { key: request.key }.into());
    }
    let (Some(common_name), Some(name)) = (common_name(&key.owner), login_name(&request.key)) else {
        let (author, needed) = (format!("the key {}", request.key), "a user or coordinator".to_owned());
        return Err(Refusal::NotAuthorised { author, needed }.into());
    };
    Ok(CertificateOrder { csr: request.csr, name, common_name, owner: key.owner, key: request.key })
}

fn clocks_differ(time: u64, now: u64) -> Problem {
    let minutes = LOGIN_WINDOW / 60_000;
    Problem::of(
        ProblemKind::Clock,
        format!("Die Uhr des Antragstellers weicht um mehr als {minutes} Minuten von der des Standorts ab, oder der Antrag ist alt. Bitte die Uhr stellen und einen neuen Antrag senden."),
        format!("The asker's clock differs from the site's by more than {minutes} minutes, or the request is old. Set the clock and send a new request."),
    )
    .with("time", time)
    .with("now", now)
}
