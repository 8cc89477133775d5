//! Directives: handed in by anybody who has one, looked at by readers.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use http::Method;
use serde_json::{Value, json};
use verbund_api::Caller;
use verbund_api::port::{Awaited, DirectiveView, TakeError, Wanted};
use verbund_identity::directive::{SCHEMA, to_file};
use verbund_identity::{Directive, DirectiveError, Receipt, SignedReceipt};
use verbund_model::resource::{Der, DirectiveSignature, Order, SignedDirective};
use verbund_model::{Hash, KeyId, NodeId};

use crate::client::{Client, request};
use crate::memory::{START, federation_id};

const JSON: (&str, &str) = ("content-type", "application/json");

fn directive(number: u64, predecessor: Hash) -> Directive {
    Directive {
        v: SCHEMA,
        federation: federation_id(),
        generation: 0,
        number,
        predecessor,
        coordinator_set_version: 1,
        issued: START,
        order: Order::ExcludeSite {
            site: "ost".parse().unwrap(),
            nodes: [NodeId(3)].into(),
            keys: [KeyId(Hash([3; 32]))].into(),
            reason: "compromised".to_owned(),
        },
        accept_quorum_loss: false,
    }
}

fn signed(number: u64) -> SignedDirective {
    let predecessor = if number == 1 { federation_id().0 } else { Hash([9; 32]) };
    let signature = DirectiveSignature { key: KeyId(Hash([1; 32])), signature: Der(vec![1; 96]) };
    SignedDirective { payload: Der(directive(number, predecessor).to_payload()), signatures: vec![signature] }
}

/// A directive's file.
pub fn bytes(number: u64) -> Vec<u8> {
    to_file(&signed(number))
}

/// What a site shows of it: one node has answered, and one has not.
pub fn view(signed: SignedDirective) -> Result<DirectiveView, DirectiveError> {
    let directive = Directive::from_payload(&signed.payload.0)?;
    let hash = Directive::hash_of(&signed);
    let receipt = Receipt {
        federation: federation_id(),
        directive: hash,
        site: "nord".parse().unwrap(),
        node: NodeId(1),
        heard: START,
        done: START + 3,
        lines: 2,
    };
    Ok(DirectiveView {
        hash,
        number: directive.number,
        coordinator_set_version: directive.coordinator_set_version,
        issued: directive.issued,
        order: directive.order,
        accept_quorum_loss: directive.accept_quorum_loss,
        heard: START,
        recorded: false,
        receipts: vec![SignedReceipt { receipt, signature: vec![2; 64] }],
        awaited: vec![Awaited { site: "sued".parse().unwrap(), node: NodeId(2) }],
        signed,
    })
}

pub fn held(number: u64) -> DirectiveView {
    view(signed(number)).unwrap()
}

/// What is wanted of `nord`.
pub fn wanted() -> Vec<u8> {
    let wanted = Wanted::ExcludeSite {
        site: "nord".parse().unwrap(),
        reason: "compromised".to_owned(),
        accept_quorum_loss: false,
    };
    serde_json::to_vec(&wanted).unwrap()
}

/// What the state answers to it.
pub fn drawn(after: Option<(u64, Hash)>) -> Value {
    let (number, predecessor) = after.unwrap_or((0, federation_id().0));
    let moved = json!({
        "workload": "kfz", "organisation": "o", "from": ["ost-a"], "active": true, "to": ["nord-a"], "waiting": null,
        "fits": true, "protection": "data",
    });
    let quorum = json!({"now": [1, 2, 3], "left": [1, 2], "needed": 2, "survives": true, "after": [1]});
    json!({
        "directive": directive(number + 1, predecessor),
        "impact": {
            "index": 7, "possible": true, "organisations": [], "sites": ["ost"], "nodes": [3], "keys": ["03".repeat(32)],
            "unnamed": [], "users": ["o.u"], "strays": [], "quorum": quorum, "workloads": [moved], "orphaned": [],
            "offerings": ["dns"],
            "secrets": ["kfz.db"],
        },
    })
}

#[tokio::test]
async fn whoever_has_one_hands_it_in() {
    let client = Client::new();
    let answer = client.post("/v1/directives/live", &[JSON], bytes(1)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["receipts"][0]["receipt"]["site"], "nord");
    // Again: nothing new, and who has answered by now.
    assert_eq!(client.post("/v1/directives/live", &[JSON], bytes(1)).await.json(), answer.json());
    assert_eq!(client.memory.directives.borrow().len(), 1);
    client.post("/v1/directives/live", &[JSON], "{}").await.problem("malformed");
    client.post("/v1/directives/live", &[JSON], vec![b' '; 1 << 20]).await.problem("too-large");
    client
        .post("/v1/directives/live", &[("content-type", "text/plain")], bytes(1))
        .await
        .problem("unsupported-media-type");
}

#[tokio::test]
async fn what_does_not_count_says_why() {
    let client = Client::new();
    let key = KeyId::default();
    let problems = [
        (TakeError::Invalid(DirectiveError::TooFew { have: 1, need: 2 }), "not-authorised"),
        (TakeError::Invalid(DirectiveError::BadSignature { key }), "bad-signature"),
        (TakeError::Invalid(DirectiveError::UnknownSigner { key }), "unknown-key"),
        (TakeError::Invalid(DirectiveError::WrongFederation { found: federation_id() }), "wrong-federation"),
        (TakeError::Invalid(DirectiveError::WrongGeneration { found: 1, current: 0 }), "wrong-generation"),
        (TakeError::Invalid(DirectiveError::WrongSet { found: 1, current: 2 }), "conflict"),
        (TakeError::Invalid(DirectiveError::NamesCoordinator { key }), "invalid"),
        (TakeError::Invalid(DirectiveError::NotEnabled), "not-enabled"),
        (TakeError::Ahead { found: 2, known: 1 }, "conflict"),
        (TakeError::Failed { reason: "no disk".to_owned() }, "internal"),
    ];
    for (error, name) in problems {
        client.memory.faults.lock().unwrap().take = Some(error);
        client.post("/v1/directives/live", &[JSON], bytes(1)).await.problem(name);
    }
}

#[tokio::test]
async fn readers_look_at_them() {
    let client = Client::new();
    assert_eq!(client.get("/v1/directives/live").await.json(), json!([]));
    client.memory.directives.send_replace(vec![held(1), held(12)]);
    assert_eq!(client.get("/v1/directives/live").await.json().as_array().unwrap().len(), 2);
    let one = client.get("/v1/directives/live/12").await.json();
    assert_eq!(one["number"], 12);
    let by_hash = client.get(&format!("/v1/directives/live/{}", one["hash"].as_str().unwrap())).await;
    assert_eq!(by_hash.json(), one);
    client.get("/v1/directives/live/3").await.problem("not-found");
    for path in ["/v1/directives/live", "/v1/directives/live/12", "/v1/directives/live/watch"] {
        client.get_as(Caller::Anonymous, path, &[]).await.problem("unauthenticated");
    }
}

#[tokio::test]
async fn an_exclusion_is_drawn_up_behind_the_last_directive() {
    let client = Client::new();
    let draw = |body: Vec<u8>| {
        let path = "/v1/directives/impact?consistency=stale";
        client.ask(request(Method::POST, path, client.user.caller(), &[JSON], Body::from(body)))
    };
    assert_eq!(draw(wanted()).await.json()["directive"]["number"], 1);
    client.memory.directives.send_replace(vec![held(1), held(4)]);
    let drawn = draw(wanted()).await.json();
    assert_eq!((&drawn["directive"]["number"], &drawn["directive"]["predecessor"]), (&json!(5), &json!(held(4).hash)));
    let other = String::from_utf8(wanted()).unwrap().replace("nord", "none");
    draw(other.into_bytes()).await.problem("not-found");
    draw(b"{}".to_vec()).await.problem("malformed");
}

async fn next(body: &mut BodyDataStream) -> Value {
    let chunk = tokio::time::timeout(Duration::from_secs(30), body.next()).await.unwrap().unwrap().unwrap();
    let text = std::str::from_utf8(&chunk).unwrap();
    assert!(text.starts_with("event: directive\n"), "{text}");
    serde_json::from_str(text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_watch_tells_all_and_then_what_changes() {
    let client = Client::new();
    client.memory.directives.send_replace(vec![held(1)]);
    let path = "/v1/directives/live/watch";
    let answer = client.send(request(Method::GET, path, client.user.caller(), &[], Body::empty())).await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body().into_data_stream();
    assert_eq!(next(&mut body).await["number"], 1);
    client.memory.directives.send_modify(|all| all.push(held(2)));
    assert_eq!(next(&mut body).await["number"], 2, "what has not changed is not told again");
    client.memory.directives.send_modify(|all| all[0].awaited.clear());
    let changed = next(&mut body).await;
    assert_eq!((&changed["number"], &changed["awaited"]), (&json!(1), &json!([])));
}
