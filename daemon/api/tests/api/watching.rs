//! Watches: snapshot and stream, resuming without gaps or repeats, bounds, ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use http::Method;
use serde_json::Value;
use verbund_api::port::{WatchError, WatchInterrupted};
use verbund_api::wire::Bookmark;
use verbund_api::{ProblemDocument, Settings};
use verbund_model::view::{Event, Resource};

use crate::client::{Client, request};

#[derive(Debug, PartialEq)]
enum Message {
    Resource(String),
    Change { id: String, name: String },
    Bookmark { id: String, snapshot: bool },
    Problem(String),
}

/// Reads server-sent events.
struct Watch {
    body: BodyDataStream,
    text: String,
}

impl Watch {
    async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let answer = client.send(request(Method::GET, path, client.user.caller(), headers, Body::empty())).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                match parse(&block) {
                    Some(message) => return Some(message),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await.expect("an event")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    async fn take(&mut self, n: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for _ in 0..n {
            messages.push(self.next().await.expect("a further event"));
        }
        messages
    }
}

fn parse(block: &str) -> Option<Message> {
    let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
    let data = field("data")?;
    let id = field("id");
    Some(match field("event").unwrap().as_str() {
        "resource" => {
            assert_eq!(id, None);
            Message::Resource(serde_json::from_str::<Resource>(&data).unwrap().metadata.name)
        }
        "change" => {
            let event: Event = serde_json::from_str(&data).unwrap();
            let id = id.unwrap();
            assert_eq!(id, format!("{}.{}", event.index, event.part));
            Message::Change { id, name: event.resource.metadata.name }
        }
        "bookmark" => {
            let bookmark: Bookmark = serde_json::from_str(&data).unwrap();
            let id = id.unwrap();
            assert_eq!(id, bookmark.index.to_string());
            Message::Bookmark { id, snapshot: bookmark.snapshot }
        }
        "problem" => Message::Problem(serde_json::from_str::<ProblemDocument>(&data).unwrap().kind),
        other => panic!("{other}"),
    })
}

fn resource(name: &str) -> Message {
    Message::Resource(name.into())
}
fn change(id: &str, name: &str) -> Message {
    Message::Change { id: id.into(), name: name.into() }
}
fn bookmark(id: &str, snapshot: bool) -> Message {
    Message::Bookmark { id: id.into(), snapshot }
}
fn problem(name: &str) -> Message {
    Message::Problem(format!("urn:verbund:problem:{name}"))
}

#[tokio::test]
async fn the_state_comes_first_and_then_its_changes() {
    let client = Client::new();
    client.memory.site("b");
    client.memory.site("a");
    let mut watch = Watch::open(&client, "/v1/watch?kinds=sites", &[]).await;
    client.memory.site("c");
    assert_eq!(watch.take(3).await, [resource("a"), resource("b"), bookmark("3", true)]);
    assert_eq!(watch.next().await, Some(change("4.0", "c")));
    client.memory.site("a");
    let next = watch.next().await.unwrap();
    // A bookmark may stand between entries.
    let next = if next == bookmark("4", false) { watch.next().await.unwrap() } else { next };
    assert_eq!(next, change("5.0", "a"));
}

#[tokio::test]
async fn an_empty_state_is_a_bookmark() {
    let client = Client::new();
    let mut watch = Watch::open(&client, "/v1/watch?kinds=policies,sites", &[]).await;
    assert_eq!(watch.next().await, Some(bookmark("1", true)));
}

#[tokio::test]
async fn large_snapshots_are_whole() {
    let client = Client::new();
    for count in [255, 256, 257, 512] {
        while client.memory.state().objects.len() <= count {
            let n = client.memory.state().objects.len();
            client.memory.site(&format!("s{n:04}"));
        }
        let mut watch = Watch::open(&client, "/v1/watch?kinds=sites", &[]).await;
        let wanted: Vec<_> = (1..=count).map(|n| resource(&format!("s{n:04}"))).collect();
        assert_eq!(watch.take(count).await, wanted);
        assert!(matches!(watch.next().await, Some(Message::Bookmark { snapshot: true, .. })));
    }
}

#[tokio::test]
async fn kinds_that_are_not_wanted_do_not_come() {
    let client = Client::new();
    let mut watch = Watch::open(&client, "/v1/watch?kinds=catalogue&from=now", &[]).await;
    assert_eq!(watch.next().await, Some(bookmark("1", false)));
    client.memory.site("a");
    client
        .post(
            "/v1/envelopes",
            &[("content-type", verbund_api::wire::ENVELOPE_TYPE)],
            client.user.entry(1, "dns", None).to_bytes(),
        )
        .await;
    let next = watch.next().await.unwrap();
    let next = if next == bookmark("2", false) { watch.next().await.unwrap() } else { next };
    assert_eq!(next, change("3.0", "dns"));
}

/// Everything that happened, read in pieces that are resumed at each possible place, is everything once and in order.
#[tokio::test]
async fn resuming_leaves_no_gap_and_repeats_nothing() {
    let client = Client::new();
    client.memory.site("a");
    client.memory.put_together(&["b", "c", "d"]);
    client.memory.site("e");
    client.memory.put_together(&["f", "g"]);
    let wanted = ["2.0 a", "3.0 b", "3.1 c", "3.2 d", "4.0 e", "5.0 f", "5.1 g"];
    let ids: Vec<&str> = wanted.iter().map(|w| &w[..3]).collect();
    for (stop, id) in ids.iter().enumerate() {
        let mut watch = Watch::open(&client, "/v1/watch?from=0&kinds=sites", &[("last-event-id", id)]).await;
        for want in &wanted[stop + 1..] {
            let (id, name) = want.split_once(' ').unwrap();
            assert_eq!(watch.next().await, Some(change(id, name)), "resumed behind {}", ids[stop]);
        }
        client.memory.site("next");
        let newest = client.memory.state().index;
        // Behind the last one come bookmarks and changes that were made since, never an old one.
        loop {
            match watch.next().await.unwrap() {
                Message::Change { id, .. } if id == format!("{newest}.0") => break,
                Message::Change { id, .. } => {
                    assert!(id.split('.').next().unwrap().parse::<u64>().unwrap() > 5, "{id}")
                }
                Message::Bookmark { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let mut whole = Watch::open(&client, "/v1/watch?from=3&kinds=sites", &[]).await;
    assert_eq!(whole.next().await, Some(change("4.0", "e")), "an index alone stands behind the whole entry");
    let mut part = Watch::open(&client, "/v1/watch?from=3.1&kinds=sites", &[]).await;
    assert_eq!(part.next().await, Some(change("3.2", "d")));
}

#[tokio::test]
async fn what_is_no_longer_held_is_gone() {
    let client = Client::new();
    (0..9).for_each(|_| {
        client.memory.site("a");
    });
    client.memory.oldest.store(6, Ordering::Relaxed);
    let answer = client.get("/v1/watch?from=4").await;
    assert_eq!(answer.status, 410);
    assert_eq!(answer.problem("gone").more["oldest"], 6);
    client.get_with("/v1/watch", &[("last-event-id", "5.0")]).await.problem("gone");
    let mut edge = Watch::open(&client, "/v1/watch?from=5", &[]).await;
    assert_eq!(edge.next().await, Some(change("6.0", "a")));
    client.memory.faults.lock().unwrap().watch = Some(WatchError::Stopping);
    client.get("/v1/watch").await.problem("stopping");
}

#[tokio::test]
async fn places_that_cannot_be() {
    let client = Client::new();
    for from in ["x", "-1", "1.", ".1", "1.x", "now.1", ""] {
        client.get(&format!("/v1/watch?from={from}")).await.problem("bad-query");
    }
    let problem = client.get("/v1/watch?from=2").await.problem("bad-query");
    assert_eq!(problem.more["newest"], 1, "ahead of the log");
    client.get("/v1/watch?from=18446744073709551615").await.problem("bad-query");
    client.get("/v1/watch?consistency=stale&from=18446744073709551615").await.problem("bad-query");
    client.get_with("/v1/watch?from=1", &[("last-event-id", "x")]).await.problem("bad-header");
    for kinds in ["", "Site", "sites,", "sites,servers"] {
        client.get(&format!("/v1/watch?kinds={kinds}")).await.problem("bad-query");
    }
    client.get("/v1/watch?kind=sites").await.problem("bad-query");
}

#[tokio::test]
async fn a_stale_watch_may_wait_for_what_this_node_lacks() {
    let client = Client::new();
    let mut watch = Watch::open(&client, "/v1/watch?consistency=stale&from=2&kinds=sites", &[]).await;
    client.memory.site("a");
    client.memory.site("b");
    assert_eq!(watch.next().await, Some(change("3.0", "b")), "2 was seen elsewhere");
}

#[tokio::test]
async fn interruptions_say_why_and_end_the_stream() {
    for (reason, name) in [(WatchInterrupted::Lagged, "lagged"), (WatchInterrupted::Stopping, "stopping")] {
        let client = Client::new();
        let mut watch = Watch::open(&client, "/v1/watch?from=1", &[]).await;
        *client.memory.interrupt.lock().unwrap() = Some(reason);
        client.memory.site("a");
        assert_eq!(watch.next().await, Some(problem(name)));
        assert_eq!(watch.next().await, None);
    }
}

#[tokio::test]
async fn the_daemons_end_ends_watches() {
    let settings = Settings::default();
    let shutdown = settings.shutdown.clone();
    let client = Client::with(settings);
    let mut watch = Watch::open(&client, "/v1/watch?from=1", &[]).await;
    shutdown.cancel();
    assert_eq!(watch.next().await, Some(problem("stopping")));
    assert_eq!(watch.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_ends_its_watches() {
    let client = Client::new();
    let mut watch = Watch::open(&client, "/v1/watch?from=1", &[]).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    client.memory.site("a");
    assert_eq!(watch.next().await, Some(change("2.0", "a")), "a good key goes on");
    client.memory.revoke(&client.user);
    let begun = tokio::time::Instant::now();
    let next = watch.next().await.unwrap();
    let next = if next == bookmark("2", false) { watch.next().await.unwrap() } else { next };
    assert_eq!(next, problem("unauthenticated"));
    assert!(begun.elapsed() <= Duration::from_secs(5));
    assert_eq!(watch.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_kept_alive() {
    let client = Client::new();
    let answer = client.send(request(Method::GET, "/v1/watch?from=1", client.user.caller(), &[], Body::empty())).await;
    let mut body = answer.into_body().into_data_stream();
    let begun = tokio::time::Instant::now();
    assert_eq!(body.next().await.unwrap().unwrap(), ":\n\n");
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_but_seldom() {
    let client = Client::new();
    let mut watch = Watch::open(&client, "/v1/watch?kinds=policies&from=1", &[]).await;
    client.memory.site("a");
    assert_eq!(watch.next().await, Some(bookmark("2", false)));
    // These two lie within five seconds and leave no trace; the third does.
    for _ in 0..2 {
        client.memory.site("a");
        let quiet = tokio::time::timeout(Duration::from_secs(2), watch.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.memory.site("a");
    assert_eq!(watch.next().await, Some(bookmark("5", false)));
}

#[tokio::test]
async fn watches_are_bounded_for_each_user() {
    let client = Client::with(Settings { max_streams: 2, ..Settings::default() });
    let first = Watch::open(&client, "/v1/watch", &[]).await;
    let _second = Watch::open(&client, "/v1/watch", &[]).await;
    let answer = client.get("/v1/watch").await;
    assert_eq!((answer.status.as_u16(), &answer.problem("too-many-streams").more["limit"]), (429, &Value::from(2)));
    drop(first);
    let _third = Watch::open(&client, "/v1/watch", &[]).await;
}
