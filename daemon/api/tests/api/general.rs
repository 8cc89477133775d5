//! What holds for every route: headers, languages, unknown paths, bounds, health.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use verbund_api::port::ReadError;
use verbund_api::{Caller, Settings};

use crate::client::{Client, request};

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let client = Client::new();
    let mut names = std::collections::BTreeSet::new();
    for path in ["/livez", "/v1/sites", "/v1/nothing", "/v1/genesis"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!answer.headers.keys().any(|k| k.as_str().starts_with("access-control-")));
        names.insert(answer.header("verbund-request").unwrap().to_owned());
    }
    assert_eq!(names.len(), 4);
}

#[tokio::test]
async fn problems_speak_the_callers_language() {
    let client = Client::new();
    let english = client.get("/v1/sites/there-is-none").await;
    assert_eq!(english.header("content-language"), Some("en"));
    assert_eq!(english.header("vary"), Some("accept-language"));
    assert_eq!(english.problem("not-found").title, "Does not exist");
    assert_eq!(english.problem("not-found").detail, "There is no Site there-is-none.");
    let german = client.get_with("/v1/sites/there-is-none", &[("accept-language", "de-DE,de;q=0.9,en;q=0.8")]).await;
    assert_eq!(german.header("content-language"), Some("de"));
    assert_eq!(german.problem("not-found").title, "Nicht vorhanden");
    assert_eq!(german.problem("not-found").detail, "Site there-is-none gibt es nicht.");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let client = Client::new();
    for path in ["/", "/v1", "/v2/sites", "/v1/sites/a/b", "/v1/Site", "/v1/Sites", "/v1/sites%20", "/v1/%ff"] {
        client.get(path).await.problem("no-such-path");
    }
    for (method, path) in [
        (Method::POST, "/v1/sites"),
        (Method::DELETE, "/v1/sites/nord"),
        (Method::GET, "/v1/envelopes/stream"),
        (Method::PUT, "/livez"),
        (Method::OPTIONS, "/v1/envelopes"),
    ] {
        let answer = client.ask(request(method.clone(), path, client.user.caller(), &[], Body::empty())).await;
        answer.problem("method-not-allowed");
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
    let problem = client.get("/v1/servers").await.problem("no-such-path");
    assert!(problem.more["kinds"].as_array().unwrap().iter().any(|k| k == "sites"));
}

#[tokio::test]
async fn health() {
    let client = Client::new();
    assert_eq!(client.get_as(Caller::Anonymous, "/livez", &[]).await.body, "ok\n");
    assert_eq!(client.get_as(Caller::Anonymous, "/readyz", &[]).await.body, "ok\n");
    client.memory.faults.lock().unwrap().read = Some(ReadError::NoQuorum);
    assert_eq!(client.get("/readyz").await.status, 200, "a site that is cut off answers stale reads");
    client.memory.faults.lock().unwrap().read = Some(ReadError::Starting);
    client.get("/readyz").await.problem("starting");
    assert_eq!(client.get("/livez").await.status, 200);
    assert_eq!(client.get("/v1/status").await.json()["term"], 3, "a node without state can be asked why");
}

#[tokio::test(start_paused = true)]
async fn a_federation_that_does_not_answer_is_not_waited_for() {
    let client = Client::new();
    client.memory.faults.lock().unwrap().hang = true;
    let begun = tokio::time::Instant::now();
    let answer = client.get("/v1/sites").await;
    answer.problem("timeout");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn requests_are_bounded() {
    let client = Client::with(Settings { max_requests: 2, ..Settings::default() });
    client.memory.faults.lock().unwrap().hang = true;
    let hanging: Vec<_> = (0..2)
        .map(|_| {
            let (router, caller) = (client.router.clone(), client.user.caller());
            tokio::spawn(tower::ServiceExt::oneshot(
                router,
                request(Method::GET, "/v1/sites", caller, &[], Body::empty()),
            ))
        })
        .collect();
    // Both tasks run until they wait.
    tokio::task::yield_now().await;
    client.get("/livez").await.problem("busy");
    for task in hanging {
        assert_eq!(task.await.unwrap().unwrap().status(), 504);
    }
    assert_eq!(client.get("/livez").await.status, 200);
}

#[tokio::test]
async fn genesis_is_given_byte_for_byte() {
    let client = Client::new();
    let answer = client.get_as(Caller::Anonymous, "/v1/genesis", &[]).await;
    assert_eq!(answer.body, crate::memory::GENESIS);
    let tag = format!("\"{}\"", crate::memory::federation_id());
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    let again = client.get_as(Caller::Anonymous, "/v1/genesis", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    client.memory.faults.lock().unwrap().read = Some(ReadError::Stopping);
    client.get("/v1/genesis").await.problem("stopping");
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let client = Client::new();
    client.memory.site("nord");
    let head = client.ask(request(Method::HEAD, "/v1/sites/nord", client.user.caller(), &[], Body::empty())).await;
    assert_eq!((head.status.as_u16(), head.header("etag"), head.body.len()), (200, Some("\"2\""), 0));
}
