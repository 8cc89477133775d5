//! Lists, single resources, sessions.

use serde_json::json;
use verbund_api::port::{ReadError, SessionInfo};
use verbund_api::wire::{ResourceList, SessionDocument};
use verbund_model::view::{Kind, Resource};

use crate::client::Client;
use crate::memory::START;

fn list(answer: &crate::client::Answer) -> ResourceList {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    serde_json::from_slice(&answer.body).unwrap()
}

fn names(list: &ResourceList) -> Vec<&str> {
    list.items.iter().map(|i| i["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_resource_with_its_marks() {
    let client = Client::new();
    let version = client.memory.site("nord");
    client.memory.site("sued");
    let answer = client.get("/v1/sites/nord").await;
    let resource: Resource = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((resource.kind, resource.metadata.resource_version), (Kind::Site, version));
    assert_eq!(answer.header("etag"), Some("\"2\""));
    assert_eq!((answer.header("verbund-index"), answer.header("verbund-directory")), (Some("3"), Some("3")));
    assert_eq!(answer.header("verbund-consistency"), Some("linearizable"));
    assert_eq!(answer.header("verbund-age-ms"), None);
    let stale = client.get("/v1/sites/nord?consistency=stale").await;
    assert_eq!(stale.header("verbund-consistency"), Some("stale"));
    assert_eq!(stale.header("verbund-age-ms"), Some("1234"));
    assert_eq!(stale.body, answer.body);
    *client.memory.age.lock().unwrap() = std::time::Duration::MAX;
    let never = client.get("/v1/sites/nord?consistency=stale").await;
    assert_eq!(never.header("verbund-age-ms"), Some("9007199254740991"));
}

#[tokio::test]
async fn what_is_not_there() {
    let client = Client::new();
    let answer = client.get("/v1/sites/nord").await;
    answer.problem("not-found");
    assert_eq!(answer.header("verbund-index"), Some("1"), "not there at which index");
    client.get("/v1/nodes/not-a-node-id").await.problem("not-found");
    client.get(&format!("/v1/sites/{}", "x".repeat(4000))).await.problem("not-found");
}

#[tokio::test]
async fn without_quorum_only_stale_reads_are_served() {
    let client = Client::new();
    client.memory.site("nord");
    client.memory.faults.lock().unwrap().read = Some(ReadError::NoQuorum);
    for path in ["/v1/sites", "/v1/sites/nord", "/v1/watch"] {
        let answer = client.get(path).await;
        assert!(answer.problem("no-quorum").detail.contains("consistency=stale"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(client.get("/v1/sites?consistency=stale").await.status, 200);
    assert_eq!(client.get("/v1/sites/nord?consistency=stale").await.status, 200);
}

#[tokio::test]
async fn entity_tags_spare_what_is_known() {
    let client = Client::new();
    client.memory.site("nord");
    let known = client.get_with("/v1/sites/nord", &[("if-none-match", "\"2\"")]).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!((known.header("etag"), known.header("verbund-index")), (Some("\"2\""), Some("2")));
    client.memory.site("nord");
    let changed = client.get_with("/v1/sites/nord", &[("if-none-match", "\"2\"")]).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, Some("\"3\"")));

    let page = client.get("/v1/sites").await;
    let tag = page.header("etag").unwrap().to_owned();
    assert_eq!(client.get_with("/v1/sites", &[("if-none-match", &tag)]).await.status, 304);
    client.memory.site("sued");
    assert_eq!(client.get_with("/v1/sites", &[("if-none-match", &tag)]).await.status, 200);
}

#[tokio::test]
async fn an_empty_list() {
    let client = Client::new();
    let page = list(&client.get("/v1/policies").await);
    assert_eq!((page.kind.as_str(), page.items.len(), page.metadata.next), ("PolicyList", 0, None));
    assert_eq!((page.metadata.index, page.metadata.time), (1, START + 1));
}

#[tokio::test]
async fn pages_show_everything_once() {
    let client = Client::new();
    let wanted: Vec<String> = (0..25).map(|n| format!("site-{n:02}")).collect();
    wanted.iter().for_each(|name| {
        client.memory.site(name);
    });
    for limit in [1, 7, 24, 25, 26, 1000] {
        let (mut got, mut path) = (Vec::new(), format!("/v1/sites?limit={limit}"));
        loop {
            let page = list(&client.get(&path).await);
            assert!(page.items.len() <= limit);
            got.extend(names(&page).into_iter().map(str::to_owned));
            let Some(next) = page.metadata.next else { break };
            path = format!("/v1/sites?limit={limit}&continue={next}");
        }
        assert_eq!(got, wanted, "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_behind_one_that_was_deleted_goes_on() {
    let client = Client::new();
    ["a", "b", "c"].iter().for_each(|name| {
        client.memory.site(name);
    });
    let first = list(&client.get("/v1/sites?limit=2").await);
    client.memory.state().objects.remove(&(Kind::Site, "b".into()));
    let next = first.metadata.next.unwrap();
    let second = list(&client.get(&format!("/v1/sites?continue={next}")).await);
    assert_eq!(names(&second), ["c"]);
    client.get(&format!("/v1/nodes?continue={next}")).await.problem("bad-query");
}

#[tokio::test]
async fn nobody_says_a_hundred() {
    let client = Client::new();
    (0..101).for_each(|n| {
        client.memory.site(&format!("site-{n:03}"));
    });
    let page = list(&client.get("/v1/sites").await);
    assert_eq!(page.items.len(), 100);
    assert!(page.metadata.next.is_some());
}

#[tokio::test]
async fn selected_fields() {
    let client = Client::new();
    client.memory.site("nord");
    let wanted = json!({"apiVersion": "verbund.de/v1", "kind": "Site", "metadata": {"name": "nord", "resourceVersion": 2},
        "spec": {"land": "DE-NI"}});
    assert_eq!(client.get("/v1/sites/nord?fields=spec.land").await.json(), wanted);
    assert_eq!(client.get("/v1/sites?fields=spec.land,spec.none").await.json()["items"], json!([wanted]));
}

#[tokio::test]
async fn wrong_queries_are_named() {
    let client = Client::new();
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("fields=name", "fields"),
        ("fields=", "fields"),
        ("continue=x", "continue"),
        ("continue=", "continue"),
    ] {
        let problem = client.get(&format!("/v1/sites?{query}")).await.problem("bad-query");
        assert_eq!(problem.more["parameter"], parameter, "{query}");
    }
    for query in ["limit=-1", "limit=x", "limit=1&limit=2", "consistency=strong", "what=1", "consistency=", "limit="] {
        client.get(&format!("/v1/sites?{query}")).await.problem("bad-query");
    }
    for query in ["limit=1", "what=1", "continue=x", "fields=."] {
        client.get(&format!("/v1/sites/nord?{query}")).await.problem("bad-query");
    }
}

#[tokio::test]
async fn sessions_of_registered_keys() {
    let client = Client::new();
    let path = format!("/v1/sessions/{}", client.user.key_id());
    let none: SessionDocument = serde_json::from_slice(&client.get(&path).await.body).unwrap();
    assert_eq!((none.session, none.key, none.generation), (None, client.user.key_id(), 0));
    let info = SessionInfo { number: 4, until: START, highest: Some(17) };
    client.memory.state().sessions.insert(client.user.key_id(), info);
    let answer = client.get(&format!("{path}?consistency=stale")).await;
    let some: SessionDocument = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((some.session, some.time), (Some(info), START + 1));
    assert_eq!(answer.header("verbund-age-ms"), Some("1234"));
    client.get(&format!("/v1/sessions/{}", "0".repeat(64))).await.problem("not-found");
    client.get("/v1/sessions/xyz").await.problem("malformed");
    client.get("/v1/sessions/%ff").await.problem("malformed");
    client.get(&format!("{path}?x=1")).await.problem("bad-query");
}
