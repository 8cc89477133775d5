//! The audit export.

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt as _;
use verbund_api::Settings;
use verbund_api::port::{AuditError, ReadError};

use crate::client::{Client, request};

#[tokio::test]
async fn an_export_is_streamed_whole() {
    let client = Client::new();
    let answer = client.get("/v1/audit/export?from=3&to=9").await;
    assert_eq!(answer.body, "Some(3)..=Some(9)\nend\n");
    assert_eq!(answer.header("content-type"), Some("application/vnd.verbund.audit"));
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(client.get("/v1/audit/export").await.body, "None..=None\nend\n");
    assert_eq!(client.get("/v1/audit/export?from=3&to=3").await.status, 200);
    client.memory.faults.lock().unwrap().read = Some(ReadError::NoQuorum);
    assert_eq!(client.get("/v1/audit/export").await.status, 200, "a site that is cut off exports too");
}

#[tokio::test]
async fn ranges_that_cannot_be() {
    let client = Client::new();
    for query in ["from=4&to=3", "from=x", "to=-1", "until=3"] {
        client.get(&format!("/v1/audit/export?{query}")).await.problem("bad-query");
    }
    client.memory.faults.lock().unwrap().audit = Some(AuditError::NotHeld { oldest: 100, newest: 200 });
    let problem = client.get("/v1/audit/export?from=3").await.problem("range-not-held");
    assert_eq!((&problem.more["oldest"], &problem.more["newest"]), (&100.into(), &200.into()));
    client.memory.faults.lock().unwrap().audit = Some(AuditError::NotVouched { wanted: 5, first: Some(42) });
    let problem = client.get("/v1/audit/export?to=5").await.problem("range-not-held");
    assert!(problem.detail.contains('5') && problem.detail.contains("42"), "{}", problem.detail);
    assert_eq!(problem.more["oldest"], serde_json::json!(42));
    client.memory.faults.lock().unwrap().audit = Some(AuditError::NotVouched { wanted: 5, first: None });
    assert!(client.get("/v1/audit/export").await.problem("range-not-held").detail.contains("try again"));
    client.memory.faults.lock().unwrap().audit = Some(AuditError::Failed { reason: "no segment 7".into() });
    assert!(client.get("/v1/audit/export").await.problem("internal").detail.contains("no segment 7"));
}

#[tokio::test]
async fn an_export_that_fails_on_the_way_breaks_off() {
    let client = Client::new();
    let answer =
        client.send(request(Method::GET, "/v1/audit/export?from=13", client.user.caller(), &[], Body::empty())).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn exports_count_as_streams() {
    let client = Client::with(Settings { max_streams: 1, ..Settings::default() });
    let open = client.send(request(Method::GET, "/v1/audit/export", client.user.caller(), &[], Body::empty())).await;
    client.get("/v1/audit/export").await.problem("too-many-streams");
    drop(open);
    assert_eq!(client.get("/v1/audit/export").await.status, 200);
}
