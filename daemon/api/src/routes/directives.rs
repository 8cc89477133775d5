//! `/v1/directives/impact` and `/v1/directives/live`: what m coordinators would order, and what is in force at this site whether or
//! not the log has recorded it. Handing a directive in needs neither a login nor a quorum: it proves itself (design 3.6).
//! Looking at them is for readers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::HeaderMap;
use verbund_identity::directive::{MAX_DIRECTIVE, MAX_SIGNATURES};
use verbund_model::{Hash, UserId};

use crate::body::{collect, expect_type, json, query};
use crate::caller::Caller;
use crate::gate::StreamPlace;
use crate::language::Language;
use crate::layer::Instance;
use crate::port::{Consistency, DirectiveView, Federation, Question, Wanted};
use crate::problem::{Problem, ProblemKind};
use crate::routes::planning::{FreshQuery, answer};
use crate::service::{Service, check_reader, reader_name};

/// The most bytes of a signed directive: base64 takes four for three, and each signature has its names.
const MAX_FILE: usize = 2 * MAX_DIRECTIVE + MAX_SIGNATURES * 512;

/// The most bytes of what is asked for: a name and a reason.
const MAX_WANTED: usize = 16 * 1024;

/// Hands a directive in. When it is answered, the directive is in effect at this node. The same one again changes nothing and
/// tells who has answered by then.
pub async fn submit<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    expect_type(&headers, &["application/json"])?;
    let bytes = collect(body, MAX_FILE, service.settings.body_timeout).await?;
    // Whoever asks, signatures are checked: only some at the same time.
    let _place = service.gate.login()?;
    let taken = service.in_time(service.federation.take_directive(bytes)).await.ok_or_else(Problem::timeout)??;
    Ok(Json(taken).into_response())
}

/// What the directive would do that excludes a site or an organisation, and its payload, ready to be signed.
pub async fn impact<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    headers: HeaderMap,
    parsed: Result<Query<FreshQuery>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    reader_name(&caller)?;
    let fresh = query(parsed)?.consistency;
    let wanted: Wanted = json(&headers, body, MAX_WANTED, service.settings.body_timeout).await?;
    let after = service.federation.directives().pop().map(|last| (last.number, last.hash));
    answer(&service, &caller, fresh, Question::Exclude(Box::new(wanted), after)).await
}

/// All directives that this site holds, by number.
pub async fn list<F: Federation>(State(service): State<Arc<Service<F>>>, caller: Caller) -> Result<Response, Problem> {
    let marks = service.read_for(&caller, Consistency::Stale).await?.headers();
    Ok((marks, Json(service.federation.directives())).into_response())
}

/// One, by its number or hash.
pub async fn get<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let marks = service.read_for(&caller, Consistency::Stale).await?.headers();
    let wanted = path.ok().map(|Path(name)| name).unwrap_or_default();
    let (number, hash) = (wanted.parse::<u64>().ok(), wanted.parse::<Hash>().ok());
    let is_wanted = |view: &DirectiveView| Some(view.number) == number || Some(view.hash) == hash;
    match service.federation.directives().into_iter().find(is_wanted) {
        Some(view) => Ok((marks, Json(view)).into_response()),
        None => Err(Problem::of(
            ProblemKind::NotFound,
            format!("Dieser Knoten hält keine Anordnung {wanted}."),
            format!("This node holds no directive {wanted}."),
        )
        .headers(&marks)),
    }
}

/// Each directive as it is now, and again whenever something about it changes.
pub async fn watch<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    Extension(language): Extension<Language>,
    Extension(instance): Extension<Instance>,
    caller: Caller,
) -> Result<Response, Problem> {
    let reader = reader_name(&caller)?.clone();
    let marks = service.read_for(&caller, Consistency::Stale).await?.headers();
    let place = service.gate.stream(&caller)?;
    let changes = service.federation.watch_directives();
    let keep_alive = KeepAlive::new().interval(service.settings.keep_alive);
    let live = Live { service, reader, changes, told: BTreeMap::new(), _place: place };
    let messages = stream::unfold(Some(live), move |live| {
        let instance = instance.clone();
        async move {
            let mut live = live?;
            match live.next().await {
                Ok(changed) => Some((changed.iter().map(|view| message("directive", view)).collect(), Some(live))),
                Err(problem) => {
                    let document = problem.document(language, &instance.0);
                    Some((vec![message("problem", &document)], None))
                }
            }
        }
    });
    let messages = messages.flat_map(|messages: Vec<Message>| stream::iter(messages)).map(Ok::<_, Infallible>);
    Ok((marks, Sse::new(messages).keep_alive(keep_alive)).into_response())
}

fn message(name: &str, data: &impl serde::Serialize) -> Message {
    // Our structures have string keys and no failing serialiser; JSON text has no line ends.
    Message::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}

/// A watch that runs.
struct Live<F> {
    service: Arc<Service<F>>,
    reader: UserId,
    changes: BoxStream<'static, ()>,
    told: BTreeMap<Hash, DirectiveView>,
    _place: StreamPlace,
}

impl<F: Federation> Live<F> {
    /// What has changed since the last call, or why there is no more.
    async fn next(&mut self) -> Result<Vec<DirectiveView>, Problem> {
        tokio::select! {
            () = self.service.settings.shutdown.cancelled() => return Err(Problem::stopping()),
            changed = self.changes.next() => changed.ok_or_else(Problem::stopping)?,
            // What stands in the log changes without any change of the directives; and a reader's key may be revoked.
            () = tokio::time::sleep(self.service.settings.recheck_every) => {}
        }
        if let Ok(reading) = self.service.read(Consistency::Stale).await {
            check_reader(&self.reader, &*reading.view.state)?;
        }
        let now = self.service.federation.directives();
        let changed: Vec<DirectiveView> =
            now.into_iter().filter(|view| self.told.get(&view.hash) != Some(view)).collect();
        self.told.extend(changed.iter().map(|view| (view.hash, view.clone())));
        Ok(changed)
    }
}
