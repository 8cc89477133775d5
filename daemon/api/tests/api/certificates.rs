//! Certificates to read with.

use verbund_api::port::{CertificateOrder, IssueError, IssuedCertificate, ReadError};
use verbund_identity::LoginRequest;
use verbund_identity::login::login_name;
use verbund_model::resource::KeyOwner;
use verbund_model::{FederationId, NodeId};

use crate::client::{Answer, Client};
use crate::memory::START;
use crate::people::Person;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn send(client: &Client, request: &LoginRequest) -> Answer {
    client.post("/v1/certificates", JSON, serde_json::to_vec(request).unwrap()).await
}

#[tokio::test]
async fn a_registered_key_gets_a_certificate_that_reads() {
    let client = Client::new();
    let answer = send(&client, &client.user.login(START, "CSR")).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let issued: IssuedCertificate = serde_json::from_slice(&answer.body).unwrap();
    let order = CertificateOrder {
        csr: "CSR".into(),
        name: login_name(&client.user.key_id()).unwrap(),
        common_name: "o.u".into(),
        owner: client.user.owner(),
        key: client.user.key_id(),
    };
    assert_eq!(*client.memory.orders.lock().unwrap(), [order]);
    let caller = verbund_api::Caller::from_certificate(Some(issued.id.parse().unwrap()));
    assert_eq!(client.get_as(caller, "/v1/sites", &[]).await.status, 200);
}

#[tokio::test]
async fn coordinators_too_and_at_a_site_that_is_cut_off() {
    let client = Client::new();
    let coordinator = Person::new(8);
    client.memory.register(&coordinator, KeyOwner::Coordinator);
    client.memory.faults.lock().unwrap().read = Some(ReadError::NoQuorum);
    assert_eq!(send(&client, &coordinator.login(START, "CSR")).await.status, 201);
    assert_eq!(client.memory.orders.lock().unwrap()[0].common_name, "coordinator");
}

#[tokio::test]
async fn nodes_and_invitations_get_none() {
    let client = Client::new();
    for (seed, owner) in [(20, KeyOwner::Node { node: NodeId::mint(0, 1) }), (21, KeyOwner::Invitation)] {
        let person = Person::new(seed);
        client.memory.register(&person, owner);
        send(&client, &person.login(START, "CSR")).await.problem("not-authorised");
    }
}

#[tokio::test]
async fn every_lie_has_its_answer() {
    let client = Client::new();
    let good = client.user.login(START, "CSR");
    let stranger = Person::new(9);
    send(&client, &stranger.login(START, "CSR")).await.problem("unknown-key");
    let forged = LoginRequest { key: client.user.key_id(), ..stranger.login(START, "CSR") };
    send(&client, &forged).await.problem("bad-signature");
    send(&client, &LoginRequest { csr: "other".into(), ..good.clone() }).await.problem("bad-signature");
    send(&client, &LoginRequest { time: START + 1, ..good.clone() }).await.problem("bad-signature");
    send(&client, &LoginRequest { signature: vec![], ..good.clone() }).await.problem("bad-signature");
    let elsewhere = LoginRequest { federation: FederationId::default(), ..good.clone() };
    send(&client, &elsewhere).await.problem("wrong-federation");
    for (time, fresh) in
        [(START - 300_000, true), (START + 300_000, true), (START - 300_001, false), (START + 300_001, false)]
    {
        let answer = send(&client, &client.user.login(time, "CSR")).await;
        if fresh {
            assert_eq!(answer.status, 201);
        } else {
            assert_eq!(answer.problem("clock").more["now"], START);
        }
    }
    client.memory.revoke(&client.user);
    send(&client, &good).await.problem("key-revoked");
    assert_eq!(client.memory.orders.lock().unwrap().len(), 2, "only the two fresh ones");
}

#[tokio::test]
async fn what_is_no_request() {
    let client = Client::new();
    for body in ["", "{", "[]", "{\"federation\":1}"] {
        client.post("/v1/certificates", JSON, body).await.problem("malformed");
    }
    client.post("/v1/certificates", &[], "{}").await.problem("unsupported-media-type");
    client.post("/v1/certificates", JSON, vec![b' '; 100_000]).await.problem("too-large");
    send(&client, &client.user.login(START, &"x".repeat(8193))).await.problem("too-large");
    assert_eq!(send(&client, &client.user.login(START, &"x".repeat(8192))).await.status, 201);
}

#[tokio::test]
async fn what_the_ca_says_is_passed_on() {
    let client = Client::new();
    let request = client.user.login(START, "CSR");
    client.memory.faults.lock().unwrap().issue = Some(IssueError::Csr { reason: "not PEM".into() });
    assert!(send(&client, &request).await.problem("csr-refused").detail.contains("not PEM"));
    client.memory.faults.lock().unwrap().issue = Some(IssueError::Unavailable { reason: "locked".into() });
    assert!(send(&client, &request).await.problem("ca-unavailable").detail.contains("locked"));
    client.memory.faults.lock().unwrap().read = Some(ReadError::Starting);
    send(&client, &request).await.problem("starting");
}
