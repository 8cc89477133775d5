//! Logs and events: what is asked reaches the agents with its proof, and what they say, or why they say nothing, comes back.

use serde_json::{Value, json};
use verbund_agent_core::{ClusterEvent, Found, LogLine, LogQuery, Question};
use verbund_api::port::{CopyAnswer, NoAnswer};
use verbund_api::wire::{question_bytes, write_asked};
use verbund_identity::{PureVerifier, SignatureVerifier as _};
use verbund_model::Refusal;
use verbund_model::resource::CopyRole;
use verbund_model::view::Kind;

use crate::client::{Answer, Client};

fn client() -> Client {
    let client = Client::new();
    client.memory.put(Kind::Workload, "kfz", json!({}), json!({}));
    client
}

fn copy(cluster: &str, role: CopyRole, answer: Result<Found, NoAnswer>) -> CopyAnswer {
    let site = cluster.split('-').next().unwrap();
    CopyAnswer { cluster: cluster.parse().unwrap(), site: site.parse().unwrap(), role, answer }
}

fn line(text: &str, time: Option<u64>) -> LogLine {
    LogLine { pod: "web-1".into(), container: "main".into(), time, text: text.into() }
}

fn refused() -> NoAnswer {
    let needed = "a user with the role plattformbetreiber for site nord".to_owned();
    NoAnswer::Refused(Refusal::NotAuthorised { author: "user o.u".to_owned(), needed })
}

async fn ask(client: &Client, path: &str, language: &str) -> Answer {
    let proof = write_asked(&client.user.asked(&Question::Events("kfz".parse().unwrap())));
    client.get_with(path, &[("verbund-asked", &proof), ("accept-language", language)]).await
}

#[tokio::test]
async fn a_question_reaches_the_agents_with_its_proof() {
    let client = client();
    let lines = vec![line("GET /", Some(1_790_000_000_001)), line("GET /a", None)];
    *client.memory.said.lock().unwrap() = vec![
        copy("nord-a", CopyRole::Active, Ok(Found::Logs(lines))),
        copy("sued-a", CopyRole::Standby, Err(NoAnswer::NotConnected)),
    ];
    let query = LogQuery {
        workload: "kfz".parse().unwrap(),
        pod: Some("web-1".into()),
        container: Some("main".into()),
        tail: 7,
        since: Some(1_790_000_000_000),
        previous: true,
    };
    let question = Question::Logs(query);
    let proof = client.user.asked(&question);
    let path = "/v1/workloads/kfz/logs?pod=web-1&container=main&tail=7&since=1790000000000&previous=true";
    let headers = [("verbund-asked", &*write_asked(&proof)), ("accept-language", "de")];
    let answer = client.get_with(path, &headers).await;
    assert_eq!(answer.status, 200);
    let said = answer.json();
    assert_eq!(
        said["copies"][0]["found"][0],
        json!({"pod": "web-1", "container": "main", "time": 1_790_000_000_001_u64, "text": "GET /"})
    );
    assert_eq!((&said["copies"][0]["failed"], &said["copies"][1]["found"]), (&Value::Null, &Value::Null));
    assert_eq!(said["copies"][1]["failed"]["reason"], "notConnected");
    assert!(said["copies"][1]["failed"]["detail"].as_str().unwrap().contains("mit keinem erreichbaren Knoten"));
    // Just what was asked and signed.
    let asked = client.memory.asked.lock().unwrap().pop().unwrap();
    assert_eq!((&asked.question, &asked.by, asked.cluster), (&question, &proof, None));
    let message = asked.by.signed_message(&question_bytes(&asked.question));
    assert!(PureVerifier.verify(&client.user.public(), &message, &asked.by.signature));
}

#[tokio::test]
async fn events_of_one_cluster() {
    let client = client();
    let event = ClusterEvent {
        time: 1_790_000_000_000,
        warning: true,
        object: "Pod web-1".into(),
        reason: "BackOff".into(),
        message: "it crashed".into(),
        count: 3,
    };
    *client.memory.said.lock().unwrap() = vec![
        copy("nord-a", CopyRole::Active, Ok(Found::Events(vec![event]))),
        copy("sued-a", CopyRole::Standby, Ok(Found::Logs(Vec::new()))),
    ];
    let said = ask(&client, "/v1/workloads/kfz/events?cluster=nord-a", "en").await.json();
    assert_eq!(said["copies"].as_array().unwrap().len(), 1);
    assert_eq!(said["copies"][0]["found"][0]["reason"], "BackOff");
    // An agent that answers another question has not answered this one.
    let said = ask(&client, "/v1/workloads/kfz/events?cluster=sued-a", "en").await.json();
    assert_eq!(said["copies"][0]["failed"]["reason"], "failed");
    ask(&client, "/v1/workloads/kfz/events?cluster=west-a", "en").await.problem("not-found");
}

#[tokio::test]
async fn who_is_refused_everywhere_is_told_so() {
    let client = client();
    let all = |answers: [Result<Found, NoAnswer>; 2]| {
        let [nord, sued] = answers;
        *client.memory.said.lock().unwrap() =
            vec![copy("nord-a", CopyRole::Active, nord), copy("sued-a", CopyRole::Standby, sued)];
    };
    all([Err(refused()), Err(refused())]);
    let problem = ask(&client, "/v1/workloads/kfz/logs", "de").await.problem("not-authorised");
    assert!(problem.detail.contains("Berechtigt"), "{}", problem.detail);
    // Refused by one site only, the other's answer counts.
    all([Err(refused()), Ok(Found::Logs(vec![line("x", None)]))]);
    let said = ask(&client, "/v1/workloads/kfz/logs", "de").await.json();
    assert_eq!(said["copies"][0]["failed"]["reason"], "refused");
    assert!(said["copies"][0]["failed"]["detail"].as_str().unwrap().contains("Berechtigt"));
    assert_eq!(said["copies"][1]["found"][0]["text"], "x");
    for (why, reason) in [
        (NoAnswer::Silent, "silent"),
        (NoAnswer::Failed { reason: "forbidden".into() }, "failed"),
        (NoAnswer::Unreachable { reason: "no route".into() }, "unreachable"),
    ] {
        all([Err(why), Err(refused())]);
        let said = ask(&client, "/v1/workloads/kfz/logs", "en").await.json();
        assert_eq!(said["copies"][0]["failed"]["reason"], reason);
    }
    // Nowhere placed, nothing to say.
    client.memory.said.lock().unwrap().clear();
    assert_eq!(ask(&client, "/v1/workloads/kfz/logs", "en").await.json()["copies"], json!([]));
}

#[tokio::test]
async fn a_question_without_proof_or_sense_asks_nobody() {
    let client = client();
    client.get("/v1/workloads/kfz/logs").await.problem("bad-header");
    for garbled in ["", "e30", "!", "eyJsb2dpbiI6MX0"] {
        client.get_with("/v1/workloads/kfz/logs", &[("verbund-asked", garbled)]).await.problem("bad-header");
    }
    let huge = "A".repeat(30_000);
    client.get_with("/v1/workloads/kfz/logs", &[("verbund-asked", &huge)]).await.problem("bad-header");
    for bad in
        ["tail=10001", "tail=-1", "pod=", "since=now", "previous=1", "follow=true", "cluster=Nord!", "tail=1&tail=2"]
    {
        ask(&client, &format!("/v1/workloads/kfz/logs?{bad}"), "en").await.problem("bad-query");
    }
    ask(&client, &format!("/v1/workloads/kfz/logs?pod={}", "p".repeat(254)), "en").await.problem("bad-query");
    ask(&client, "/v1/workloads/kfz/events?tail=5", "en").await.problem("bad-query");
    ask(&client, "/v1/workloads/Kfz!/logs", "en").await.problem("malformed");
    ask(&client, "/v1/workloads/unknown/logs", "en").await.problem("not-found");
    assert!(client.memory.asked.lock().unwrap().is_empty());
    // The certificate of a key that is revoked is refused before anything is asked.
    client.memory.revoke(&client.user);
    ask(&client, "/v1/workloads/kfz/logs", "en").await.problem("unauthenticated");
    assert!(client.memory.asked.lock().unwrap().is_empty());
}
