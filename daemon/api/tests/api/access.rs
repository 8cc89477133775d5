//! Who may ask for what.

use verbund_api::Caller;
use verbund_model::resource::KeyOwner;

use crate::client::Client;
use crate::people::Person;

const GUARDED: &[&str] = &["/v1/sites", "/v1/sites/nord", "/v1/watch", "/v1/audit/export"];

fn node() -> Caller {
    Caller::from_certificate(Some("spiffe://nord.dvc/node/0.1".parse().unwrap()))
}

#[tokio::test]
async fn resources_are_for_users() {
    let client = Client::new();
    client.memory.site("nord");
    let session = format!("/v1/sessions/{}", client.user.key_id());
    for path in GUARDED.iter().copied().chain([session.as_str()]) {
        let refused = client.get_as(Caller::Anonymous, path, &[]).await;
        let problem = refused.problem("unauthenticated");
        assert!(problem.detail.contains("/v1/certificates"), "{path}");
        assert!(refused.header("www-authenticate").is_some());
        client.get_as(node(), path, &[]).await.problem("not-authorised");
        if path != "/v1/watch" {
            assert_eq!(client.get(path).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn a_request_of_which_the_listener_says_nothing_is_anonymous() {
    let client = Client::new();
    let bare = http::Request::get("/v1/sites").body(axum::body::Body::empty()).unwrap();
    client.ask(bare).await.problem("unauthenticated");
}

#[tokio::test]
async fn the_open_routes_are_open() {
    let client = Client::new();
    for path in ["/livez", "/readyz", "/v1/openapi.json", "/v1/genesis", "/v1/status"] {
        for caller in [Caller::Anonymous, node(), client.user.caller()] {
            assert_eq!(client.get_as(caller, path, &[]).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn status_is_minimal_for_all_but_users() {
    let client = Client::new();
    for caller in [Caller::Anonymous, node()] {
        let status = client.get_as(caller, "/v1/status", &[]).await.json();
        let fields: Vec<_> = status.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["federation", "now", "site"]);
    }
    let full = client.get("/v1/status").await;
    assert_eq!(serde_json::from_slice::<verbund_api::Status>(&full.body).unwrap(), crate::memory::status());
}

#[tokio::test]
async fn a_certificate_is_worth_what_its_key_is() {
    let client = Client::new();
    let stranger = Person::new(9);
    client.get_as(stranger.caller(), "/v1/sites", &[]).await.problem("unauthenticated");
    client.get_as(stranger.caller(), "/v1/status", &[]).await.problem("unauthenticated");

    let coordinator = Person::new(10);
    client.memory.register(&coordinator, KeyOwner::Coordinator);
    assert_eq!(client.get_as(coordinator.caller(), "/v1/sites", &[]).await.status, 200);

    let invitation = Person::new(11);
    client.memory.register(&invitation, KeyOwner::Invitation);
    client.get_as(invitation.caller(), "/v1/sites", &[]).await.problem("unauthenticated");

    assert_eq!(client.get("/v1/sites").await.status, 200);
    client.memory.revoke(&client.user);
    for path in ["/v1/sites", "/v1/sites/nord", "/v1/watch", "/v1/audit/export", "/v1/status"] {
        client.get(path).await.problem("unauthenticated");
    }
}

#[tokio::test]
async fn names_that_are_no_prefix_of_a_key_read_nothing() {
    let client = Client::new();
    let digits = client.user.key_id().to_string();
    let names = [&digits[..39], "u", "z", &"0".repeat(40), &"f".repeat(40), &format!("{}-", &digits[..38])[..38]];
    for name in names {
        let caller = Caller::from_certificate(format!("spiffe://nord.dvc/user/{name}").parse().ok());
        client.get_as(caller, "/v1/sites", &[]).await.problem("unauthenticated");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let client = Client::new();
    for site in ["cross-site", "same-site"] {
        client.get_with("/v1/sites", &[("sec-fetch-site", site)]).await.problem("cross-origin");
    }
    for site in ["same-origin", "none"] {
        assert_eq!(client.get_with("/v1/sites", &[("sec-fetch-site", site)]).await.status, 200);
    }
}
