//! `POST /v1/envelopes`: one change.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, StatusCode};
use verbund_identity::envelope::MAX_ENVELOPE;
use verbund_identity::{Envelope, EnvelopeError, Statement};
use verbund_model::{Accepted, Outcome};

use crate::body::{collect, expect_type, malformed, too_large};
use crate::conditional::{check_restated, etag, restates};
use crate::port::{Federation, SubmitError, Submitted};
use crate::problem::Problem;
use crate::service::{Service, VERBUND_INDEX};
use crate::wire::ENVELOPE_TYPE;

/// The most bytes of an envelope in JSON: base64 takes four for three, and the field names some more.
const MAX_JSON: usize = MAX_ENVELOPE / 3 * 4 + 4096;

/// Submits an envelope and answers with its outcome.
pub async fn submit<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (envelope, bytes) = receive(&service, &headers, body).await?;
    if restates(&headers) {
        let statement = Statement::from_payload(&envelope.payload).map_err(|e| malformed(&e.to_string()))?;
        check_restated(&headers, &statement)?;
    }
    let submitted = service.in_time(service.federation.submit(bytes)).await;
    answer(submitted.unwrap_or(Err(SubmitError::OutcomeUnknown))?)
}

/// The envelope and its binary form.
async fn receive<F: Federation>(
    service: &Service<F>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Envelope, Bytes), Problem> {
    let timeout = service.settings.body_timeout;
    if expect_type(headers, &["application/json", ENVELOPE_TYPE])? == ENVELOPE_TYPE {
        let bytes = collect(body, MAX_ENVELOPE, timeout).await?;
        return Ok((parse(&bytes)?, bytes));
    }
    let json = collect(body, MAX_JSON, timeout).await?;
    let envelope: Envelope = serde_json::from_slice(&json).map_err(|e| malformed(&e.to_string()))?;
    let bytes = envelope.to_bytes();
    if bytes.len() > MAX_ENVELOPE {
        return Err(too_large(MAX_ENVELOPE));
    }
    Ok((envelope, bytes.into()))
}

/// The envelope from its binary form.
pub fn parse(bytes: &[u8]) -> Result<Envelope, Problem> {
    Envelope::from_bytes(bytes).map_err(|error| match error {
        EnvelopeError::TooLarge { .. } => too_large(MAX_ENVELOPE),
        EnvelopeError::Form { .. } => malformed(&error.to_string()),
    })
}

fn answer(submitted: Submitted) -> Result<Response, Problem> {
    let index = HeaderValue::from(submitted.index);
    let accepted = match &submitted.outcome {
        Outcome::Accepted(accepted) => accepted,
        Outcome::Refused(refusal) => {
            return Err(Problem::from(refusal.clone()).at(submitted.index).header(VERBUND_INDEX, index));
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(VERBUND_INDEX, index);
    let status = match accepted {
        Accepted::Changed { version } | Accepted::Unchanged { version } => {
            headers.insert(ETAG, etag(version));
            StatusCode::OK
        }
        // Nothing is done yet: it waits for further people.
        Accepted::Waiting { .. } => StatusCode::ACCEPTED,
        Accepted::SessionOpened { .. } | Accepted::Admitted { .. } => StatusCode::OK,
    };
    Ok((status, headers, Json(submitted)).into_response())
}
