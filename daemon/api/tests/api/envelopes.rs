//! Single envelopes: outcomes, refusals, headers that restate, sizes, what may be sent again.

use std::sync::atomic::Ordering;

use serde_json::json;
use verbund_api::port::{SubmitError, Submitted};
use verbund_api::status::Notice;
use verbund_api::wire::ENVELOPE_TYPE;
use verbund_api::{Localised, ProblemDocument};
use verbund_identity::envelope::{MAX_ENVELOPE, MAX_PAYLOAD};
use verbund_identity::{Authentication, Envelope, Precondition};
use verbund_model::{Accepted, Command, Document, Hash, Outcome, Refusal};

use crate::client::{Answer, Client};
use crate::memory::START;
use crate::people::{Person, apply};

async fn json(client: &Client, envelope: &Envelope, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", "application/json; charset=utf-8")], headers].concat();
    client.post("/v1/envelopes", &headers, serde_json::to_vec(envelope).unwrap()).await
}

async fn binary(client: &Client, envelope: &Envelope, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", ENVELOPE_TYPE)], headers].concat();
    client.post("/v1/envelopes", &headers, envelope.to_bytes()).await
}

fn submitted(answer: &Answer) -> Submitted {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {:?}", answer.body))
}

#[tokio::test]
async fn both_forms_are_taken_without_a_certificate() {
    let client = Client::new();
    let answer = json(&client, &client.user.entry(1, "dns", None), &[]).await;
    let changed = |version| Outcome::Accepted(Accepted::Changed { version });
    assert_eq!(submitted(&answer), Submitted { index: 2, outcome: changed(2) });
    assert_eq!(
        (answer.status.as_u16(), answer.header("etag"), answer.header("verbund-index")),
        (200, Some("\"2\""), Some("2"))
    );
    let answer = binary(&client, &client.user.entry(2, "dns", None), &[]).await;
    assert_eq!(submitted(&answer), Submitted { index: 3, outcome: changed(3) });
    let shown = client.get("/v1/catalogue/dns").await;
    assert_eq!(shown.header("etag"), Some("\"3\""));
    assert_eq!(shown.json()["spec"]["document"], json!({"title": "dns"}));
}

#[tokio::test]
async fn other_acceptances() {
    let client = Client::new();
    let session = client.user.envelope(&client.user.statement(0, None, Command::OpenSession {}));
    let opened = binary(&client, &session, &[]).await;
    let until = START + 86_400_000;
    assert_eq!(submitted(&opened).outcome, Outcome::Accepted(Accepted::SessionOpened { until }));
    assert_eq!((opened.status.as_u16(), opened.header("etag")), (200, None));
    let approve = client.user.statement(1, None, Command::Approve { subject: Hash([1; 32]) });
    let waiting = binary(&client, &client.user.envelope(&approve), &[]).await;
    assert_eq!(waiting.status, 202);
    assert!(matches!(submitted(&waiting).outcome, Outcome::Accepted(Accepted::Waiting { have: 1, need: 2, .. })));
}

#[tokio::test]
async fn the_same_envelope_again_has_the_first_outcome() {
    let client = Client::new();
    let envelope = client.user.entry(1, "dns", Some(Precondition::Absent));
    let first = json(&client, &envelope, &[]).await;
    let again = binary(&client, &envelope, &[]).await;
    assert_eq!(submitted(&first), submitted(&again));
    assert_eq!(client.memory.state().index, 2);
    let other = client.user.entry(1, "ntp", None);
    json(&client, &other, &[]).await.problem("sequence-reused");
}

fn refusal(answer: &Answer, name: &str) -> (ProblemDocument, Refusal) {
    let problem = answer.problem(name);
    let refusal = problem.refusal.clone().unwrap();
    assert_eq!(refusal.name(), name);
    (problem, refusal)
}

#[tokio::test]
async fn refusals_are_problems_with_their_machine_form() {
    let client = Client::new();
    json(&client, &client.user.entry(1, "dns", None), &[]).await;

    let stale = client.user.entry(2, "dns", Some(Precondition::Version(9)));
    let answer = json(&client, &stale, &[("accept-language", "de")]).await;
    let (problem, got) = refusal(&answer, "version-mismatch");
    assert_eq!(answer.status, 412);
    assert!(matches!(got, Refusal::VersionMismatch { expected: 9, found: 2, .. }));
    assert_eq!((problem.index, answer.header("verbund-index")), (Some(3), Some("3")), "the log has seen it");
    assert_eq!(problem.title, "Inzwischen geändert");
    assert!(problem.detail.contains("bitte neu lesen"));

    let twice = json(&client, &client.user.entry(3, "dns", Some(Precondition::Absent)), &[]).await;
    refusal(&twice, "already-exists");
    assert_eq!(twice.status, 409);

    let unknown = json(&client, &Person::new(9).entry(1, "dns", None), &[]).await;
    let (problem, _) = refusal(&unknown, "unknown-key");
    assert_eq!((unknown.status.as_u16(), problem.index), (403, None), "the log has not seen it");

    let mut forged = client.user.entry(4, "dns", None);
    forged.payload = client.user.statement(4, None, apply("ntp")).to_payload();
    refusal(&json(&client, &forged, &[]).await, "bad-signature");

    let gone = Command::DeleteCatalogueEntry { name: "ntp".parse().unwrap() };
    let gone = client.user.envelope(&client.user.statement(5, None, gone));
    assert_eq!(json(&client, &gone, &[]).await.status, 404);
}

#[tokio::test]
async fn headers_must_say_what_the_envelope_says() {
    let client = Client::new();
    let envelope = client.user.entry(1, "dns", Some(Precondition::Absent));
    for (header, value, name) in [
        ("idempotency-key", "\"1.2\"", "idempotency-key-mismatch"),
        ("idempotency-key", "whatever", "idempotency-key-mismatch"),
        ("if-match", "\"1\"", "precondition-mismatch"),
        ("if-match", "*", "precondition-mismatch"),
        ("if-none-match", "\"1\"", "precondition-mismatch"),
    ] {
        for answer in
            [json(&client, &envelope, &[(header, value)]).await, binary(&client, &envelope, &[(header, value)]).await]
        {
            assert_eq!(answer.status, 400, "{header}: {value}");
            answer.problem(name);
        }
    }
    assert_eq!(client.memory.submitted.load(Ordering::Relaxed), 0, "none of them went on");
    let agreeing = [("idempotency-key", "\"1.1\""), ("if-none-match", "*")];
    assert_eq!(json(&client, &envelope, &agreeing).await.status, 200);
    let update = client.user.entry(2, "dns", Some(Precondition::Version(2)));
    assert_eq!(binary(&client, &update, &[("if-match", "\"2\""), ("idempotency-key", "1.2")]).await.status, 200);
}

#[tokio::test]
async fn a_statement_that_cannot_be_read_restates_nothing() {
    let client = Client::new();
    let envelope = Envelope { payload: b"{}".to_vec(), ..client.user.entry(1, "dns", None) };
    json(&client, &envelope, &[("idempotency-key", "1.1")]).await.problem("malformed");
    let (problem, _) = refusal(&json(&client, &envelope, &[]).await, "malformed");
    assert_eq!(problem.status, 400);
}

#[tokio::test]
async fn what_is_no_envelope() {
    let client = Client::new();
    let (json, binary) = (("content-type", "application/json"), ("content-type", ENVELOPE_TYPE));
    let good = serde_json::to_string(&client.user.entry(1, "dns", None)).unwrap();
    let more = good.replacen('{', "{\"more\":1,", 1);
    let twice = good.replacen('{', "{\"payload\":\"\",", 1);
    for body in ["", "{}", "[", "null", &more, &twice, &good[..good.len() - 1], &format!("{good}x")] {
        client.post("/v1/envelopes", &[json], body.to_owned()).await.problem("malformed");
    }
    let bytes = client.user.entry(1, "dns", None).to_bytes();
    for body in [vec![], vec![255; 20], bytes[..bytes.len() - 1].to_vec(), [&bytes[..], &[0]].concat()] {
        client.post("/v1/envelopes", &[binary], body).await.problem("malformed");
    }
    for headers in [&[][..], &[("content-type", "text/plain")], &[json, ("content-encoding", "gzip")]] {
        client.post("/v1/envelopes", headers, good.clone()).await.problem("unsupported-media-type");
    }
    assert_eq!(client.memory.submitted.load(Ordering::Relaxed), 0);
}

/// An envelope whose binary form has just that many bytes.
fn sized(client: &Client, bytes: usize) -> Envelope {
    let mut envelope = client.user.entry(1, "dns", None);
    envelope.authentication = Authentication::Passkey { assertion: vec![] };
    // Two lengths grow from one byte to three, and the rest is payload.
    envelope.payload = vec![b' '; MAX_PAYLOAD];
    let rest = bytes - envelope.to_bytes().len() - 1;
    envelope.authentication = Authentication::Passkey { assertion: vec![0; rest] };
    assert_eq!(envelope.to_bytes().len(), bytes);
    envelope
}

#[tokio::test]
async fn sizes_end_at_the_limit() {
    let client = Client::new();
    for (bytes, fits) in [(MAX_ENVELOPE, true), (MAX_ENVELOPE + 1, false)] {
        let envelope = sized(&client, bytes);
        for answer in [json(&client, &envelope, &[]).await, binary(&client, &envelope, &[]).await] {
            answer.problem(if fits { "malformed" } else { "too-large" });
            assert_eq!(answer.status, if fits { 400 } else { 413 });
        }
    }
    assert_eq!(client.memory.submitted.load(Ordering::Relaxed), 2, "those that fit were judged by the federation");
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65536]));
    let answer = client
        .post("/v1/envelopes", &[("content-type", "application/json")], axum::body::Body::from_stream(endless))
        .await;
    answer.problem("too-large");
}

#[tokio::test]
async fn a_large_document_arrives_whole() {
    let client = Client::new();
    let document = json!({"text": "ü".repeat(100_000)});
    let command = Command::ApplyCatalogueEntry {
        name: "dns".parse().unwrap(),
        organisation: "o".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&document).unwrap(),
    };
    let envelope = client.user.envelope(&client.user.statement(1, None, command));
    assert_eq!(json(&client, &envelope, &[]).await.status, 200);
    assert_eq!(client.get("/v1/catalogue/dns").await.json()["spec"]["document"], document);
}

#[tokio::test]
async fn each_failure_has_its_status() {
    let client = Client::new();
    let envelope = client.user.entry(1, "dns", None);
    let alarm = Notice {
        name: "fork".into(),
        since: START,
        subject: Some("0.2".into()),
        message: Localised::new("Zwei Knoten widersprechen sich.", "Two voters differ."),
    };
    for (error, status, name, retry) in [
        (SubmitError::NoLeader, 503, "no-leader", true),
        (SubmitError::OutcomeUnknown, 504, "outcome-unknown", true),
        (SubmitError::LowDisk { free: 1, low_water: 2 }, 507, "low-disk", false),
        (SubmitError::WritesStopped { alarm: alarm.clone() }, 503, "writes-stopped", false),
        (SubmitError::Busy, 503, "busy", true),
        (SubmitError::Stopping, 503, "stopping", true),
        (SubmitError::Refused(Refusal::Suspended { what: "o".into() }), 403, "suspended", false),
        (SubmitError::Refused(Refusal::TooManySessions { limit: 16, first_end: 1 }), 429, "too-many-sessions", false),
        (SubmitError::Refused(Refusal::Invalid { field: "f".into(), reason: "r".into() }), 422, "invalid", false),
    ] {
        client.memory.faults.lock().unwrap().submit = Some(error.clone());
        let answer = json(&client, &envelope, &[]).await;
        let problem = answer.problem(name);
        assert_eq!(answer.status, status, "{error}");
        assert_eq!(answer.header("retry-after").is_some(), retry, "{error}");
        match error {
            SubmitError::OutcomeUnknown => {
                assert_eq!(problem.more["sendAgain"], true);
                assert!(problem.detail.contains("same envelope may be sent again"));
            }
            SubmitError::LowDisk { .. } => {
                assert_eq!((&problem.more["free"], &problem.more["lowWater"]), (&json!(1), &json!(2)))
            }
            SubmitError::WritesStopped { .. } => {
                assert_eq!(problem.detail, "Two voters differ.");
                assert_eq!(problem.more["alarm"], json!(alarm));
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_in_time_has_an_unknown_outcome() {
    let client = Client::new();
    client.memory.faults.lock().unwrap().hang = true;
    json(&client, &client.user.entry(1, "dns", None), &[]).await.problem("outcome-unknown");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let client = Client::new();
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let body = axum::body::Body::from_stream(never);
    let begun = tokio::time::Instant::now();
    client.post("/v1/envelopes", &[("content-type", "application/json")], body).await.problem("body-timeout");
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let client = Client::new();
    let broken = futures::stream::iter([Ok(vec![b'{']), Err(std::io::Error::other("reset"))]);
    let body = axum::body::Body::from_stream(broken);
    client.post("/v1/envelopes", &[("content-type", "application/json")], body).await.problem("malformed");
}
