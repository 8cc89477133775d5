//! `/v1/watch`: changes as they happen, over server-sent events (WHATWG HTML, 9.2), ordered, resumable.
//!
//! Without a position the state comes first: a `resource` for each resource, then a `bookmark`. Then each `change`, whose
//! id is its position, and from time to time a `bookmark`. A `problem` ends the stream.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use serde::Deserialize;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use verbund_model::UserId;
use verbund_model::view::Kind;

use crate::body::{bad_query, query};
use crate::caller::Caller;
use crate::gate::StreamPlace;
use crate::language::Language;
use crate::layer::Instance;
use crate::port::{Consistency, Federation, ReadState, WatchItem, WatchResult};
use crate::position::Position;
use crate::problem::{Problem, ProblemKind};
use crate::service::{Service, check_reader, reader_name};
use crate::wire::Bookmark;

/// Resources of a snapshot that are fetched at once.
const PAGE: usize = 256;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchQuery {
    kinds: Option<String>,
    from: Option<String>,
    #[serde(default)]
    consistency: Consistency,
}

/// Where a watch begins.
enum Begin {
    Snapshot,
    Now,
    After(Position),
}

/// A watch.
pub async fn watch<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    Extension(language): Extension<Language>,
    Extension(instance): Extension<Instance>,
    caller: Caller,
    headers: HeaderMap,
    parsed: Result<Query<WatchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let reader = reader_name(&caller)?.clone();
    let asked = query(parsed)?;
    let kinds = kinds(asked.kinds.as_deref())?;
    let begin = begin(asked.from.as_deref(), &headers)?;
    let reading = service.read_for(&caller, asked.consistency).await?;
    let index = reading.view.state.index();
    let position = match begin {
        Begin::Snapshot | Begin::Now => Position::behind_entry(index),
        Begin::After(position) => position,
    };
    // After a linearizable read, what lies ahead is of no log of ours. A stale one may only be behind.
    let ahead = position.index > index && asked.consistency == Consistency::Linearizable;
    let from = position.first_wanted().filter(|_| !ahead).ok_or_else(|| ahead_of_log(index))?;
    let place = service.gate.stream(&caller)?;
    let changes = service.in_time(service.federation.watch(from, &kinds)).await.ok_or_else(Problem::timeout)??;
    let head = match begin {
        Begin::Snapshot => snapshot(Arc::clone(&reading.view.state), kinds).chain(bookmark_once(index, true)).boxed(),
        Begin::Now => bookmark_once(index, false).boxed(),
        Begin::After(_) => stream::empty().boxed(),
    };
    let keep_alive = KeepAlive::new().interval(service.settings.keep_alive);
    let live = Live::new(service, reader, language, instance, changes, position, place).into_stream();
    let messages = head.chain(live).map(Ok::<_, Infallible>);
    Ok((reading.headers(), Sse::new(messages).keep_alive(keep_alive)).into_response())
}

fn kinds(asked: Option<&str>) -> Result<Vec<Kind>, Problem> {
    let Some(asked) = asked else { return Ok(Kind::ALL.to_vec()) };
    let find = |text: &str| Kind::ALL.iter().find(|k| k.plural() == text).copied();
    let found: Option<Vec<Kind>> = asked.split(',').take(64).map(find).collect();
    let mut found = found.ok_or_else(|| {
        let all = Kind::ALL.iter().map(|k| k.plural()).collect::<Vec<_>>().join(", ");
        bad_query(
            "kinds",
            &format!("erlaubt sind {all}, durch Komma getrennt"),
            &format!("allowed are {all}, separated by commas"),
        )
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// `Last-Event-ID` counts before `from`: a browser that reconnects sends its first URL again.
fn begin(from: Option<&str>, headers: &HeaderMap) -> Result<Begin, Problem> {
    if let Some(id) = headers.get("last-event-id").filter(|v| !v.is_empty()) {
        let position = id.to_str().ok().and_then(Position::parse);
        return position.map(Begin::After).ok_or_else(|| {
            Problem::of(
                ProblemKind::BadHeader,
                "Last-Event-ID ist keine Ereignisnummer dieser Schnittstelle.",
                "Last-Event-ID is no event id of this interface.",
            )
        });
    }
    match from {
        None => Ok(Begin::Snapshot),
        Some("now") => Ok(Begin::Now),
        Some(text) => Position::parse(text).map(Begin::After).ok_or_else(|| {
            bad_query("from", "erlaubt sind now, ein Index oder Index.Teil", "allowed are now, an index, or index.part")
        }),
    }
}

fn ahead_of_log(index: u64) -> Problem {
    let de = format!("liegt vor dem Ende des Protokolls ({index}); stammt die Angabe aus einem anderen Verbund?");
    bad_query("from", &de, &format!("lies ahead of the log's end ({index}); is it of another federation?"))
        .with("newest", index)
}

/// All resources of some kinds, of one state.
fn snapshot(state: Arc<dyn ReadState>, kinds: Vec<Kind>) -> impl Stream<Item = Message> + Send {
    let pages = stream::iter(kinds).flat_map(move |kind| {
        let state = Arc::clone(&state);
        stream::unfold(Some(None::<String>), move |after| {
            let page = after.map(|after| state.list(kind, after.as_deref(), PAGE));
            let last = page.as_ref().filter(|p| p.len() == PAGE).and_then(|p| p.last());
            let next = last.map(|resource| Some(resource.metadata.name.clone()));
            futures::future::ready(page.map(|page| (stream::iter(page), next)))
        })
        .flatten()
    });
    pages.map(|resource| message("resource", &resource))
}

fn bookmark_once(index: u64, snapshot: bool) -> impl Stream<Item = Message> + Send {
    stream::once(futures::future::ready(bookmark(index, snapshot)))
}

fn bookmark(index: u64, snapshot: bool) -> Message {
    message("bookmark", &Bookmark { index, snapshot }).id(Position::behind_entry(index).to_string())
}

fn message(name: &str, data: &impl serde::Serialize) -> Message {
    // Our structures have string keys and no failing serialiser; JSON text has no line ends.
    Message::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}

/// A watch that runs.
struct Live<F> {
    service: Arc<Service<F>>,
    reader: UserId,
    language: Language,
    instance: Instance,
    changes: BoxStream<'static, WatchResult>,
    position: Position,
    last_bookmark: Option<Instant>,
    recheck: Interval,
    _place: StreamPlace,
}

impl<F: Federation> Live<F> {
    fn new(
        service: Arc<Service<F>>,
        reader: UserId,
        language: Language,
        instance: Instance,
        changes: BoxStream<'static, WatchResult>,
        position: Position,
        place: StreamPlace,
    ) -> Self {
        let every = service.settings.recheck_every.max(std::time::Duration::from_millis(1));
        let mut recheck = tokio::time::interval_at(Instant::now() + every, every);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { service, reader, language, instance, changes, position, last_bookmark: None, recheck, _place: place }
    }

    fn into_stream(self) -> impl Stream<Item = Message> + Send {
        stream::unfold(Some(self), |live| async {
            let mut live = live?;
            match live.next().await {
                Ok(message) => Some((message, Some(live))),
                Err(problem) => {
                    let document = problem.document(live.language, &live.instance.0);
                    Some((message("problem", &document), None))
                }
            }
        })
    }

    /// The next message, or why there is none.
    async fn next(&mut self) -> Result<Message, Problem> {
        loop {
            tokio::select! {
                () = self.service.settings.shutdown.cancelled() => return Err(Problem::stopping()),
                _ = self.recheck.tick() => self.check().await?,
                item = self.changes.next() => {
                    let item = item.ok_or_else(Problem::stopping)??;
                    if let Some(message) = self.show(item) {
                        return Ok(message);
                    }
                }
            }
        }
    }

    /// Ends the stream of a caller whose key was revoked since. A node that cannot read at the moment ends nothing.
    async fn check(&mut self) -> Result<(), Problem> {
        match self.service.read(Consistency::Stale).await {
            Ok(reading) => check_reader(&self.reader, &*reading.view.state),
            Err(_) => Ok(()),
        }
    }

    /// The message for an item; none for what the caller has, and for a bookmark too soon after the last.
    fn show(&mut self, item: WatchItem) -> Option<Message> {
        match item {
            WatchItem::Event(event) => {
                let position = Position::behind(event.index, event.part);
                if position <= self.position {
                    return None;
                }
                self.position = position;
                Some(message("change", &event).id(position.to_string()))
            }
            WatchItem::Progress(index) => {
                let position = Position::behind_entry(index);
                let soon = self.last_bookmark.is_some_and(|at| at.elapsed() < self.service.settings.bookmark_every);
                if soon || position <= self.position {
                    return None;
                }
                (self.position, self.last_bookmark) = (position, Some(Instant::now()));
                Some(bookmark(index, false))
            }
        }
    }
}
