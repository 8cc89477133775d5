//! Watching: changes in order, across broken connections, from where they broke off.

use std::time::Duration;

use ::http::{HeaderName, Method};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use verbund_api::wire::Bookmark;
use verbund_api::{ProblemDocument, ProblemKind};
use verbund_model::view::{Event, Kind, Resource};

use super::read::escape;
use super::sse::{SseEvent, SseParser};
use super::{ApiError, Client};
use crate::failure::Failure;
use crate::t;

/// What a watch reports.
#[derive(Clone, Debug)]
pub enum Watched {
    /// A resource as it stood when the watch began.
    Resource(Box<Resource>),
    /// All resources were reported; changes follow.
    Live,
    /// A change.
    Change(Box<Event>),
}

impl Client {
    /// Watches resources of `kinds` (none: all), from the state now or from a position on, and passes each item to
    /// `each`, until that says `false`. Goes on by itself when the connection breaks. Errors: it cannot go on.
    pub async fn watch(
        &self,
        kinds: &[Kind],
        from: Option<String>,
        mut each: impl FnMut(Watched) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut from = from;
        let mut pause = Duration::from_millis(200);
        loop {
            let before = from.clone();
            let error = match self.watch_once(kinds, &mut from, &mut each).await? {
                None => return Ok(()),
                Some(error) => error,
            };
            if before != from {
                pause = Duration::from_millis(200);
            }
            let goes_on = error.is_passing() || error.kind() == Some(ProblemKind::Lagged);
            if error.kind() == Some(ProblemKind::Unauthenticated) {
                self.log_out().await?;
            } else if !goes_on {
                return Err(error.failure(t!("client-watching")));
            }
            crate::output::say(&t!("client-watch-again", reason = error.to_string()));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    async fn watch_once(
        &self,
        kinds: &[Kind],
        from: &mut Option<String>,
        each: &mut impl FnMut(Watched) -> Result<bool, Failure>,
    ) -> Result<Option<ApiError>, Failure> {
        let http = self.reader().await?;
        let mut query = Vec::new();
        if !kinds.is_empty() {
            query.push(format!("kinds={}", kinds.iter().map(|k| k.plural()).collect::<Vec<_>>().join(",")));
        }
        if let Some(from) = from.as_ref() {
            query.push(format!("from={}", escape(from)));
        }
        query.push(format!("consistency={}", self.consistency.as_str()));
        let path = format!("/v1/watch?{}", query.join("&"));
        let accept = [(HeaderName::from_static("cache-control"), "no-store")];
        let response = match http.send(Method::GET, &path, &accept, Bytes::new()).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_passing() {
                    http.turn_elsewhere().await;
                }
                return Ok(Some(error));
            }
        };
        let mut body = response.into_body();
        let mut parser = SseParser::default();
        // Before the state is whole there is no position to go on from.
        let mut whole = from.is_some();
        while let Some(frame) = body.frame().await {
            let bytes = match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(_)) => continue,
                Err(error) => return Ok(Some(ApiError::Broken(crate::failure::chain(&error)))),
            };
            for event in parser.push(&bytes)? {
                let item = match item(&event) {
                    Ok(item) => item,
                    Err(error) => return Ok(Some(error)),
                };
                whole |= event.name == "bookmark";
                if let Some(id) = event.id.filter(|_| whole) {
                    *from = Some(id);
                }
                if let Some(item) = item
                    && !each(item)?
                {
                    return Ok(None);
                }
            }
        }
        Ok(Some(ApiError::Broken(t!("client-stream-ended"))))
    }
}

fn item(event: &SseEvent) -> Result<Option<Watched>, ApiError> {
    fn parse<T: serde::de::DeserializeOwned>(data: &str) -> Result<T, ApiError> {
        serde_json::from_str(data).map_err(|e| ApiError::Odd(e.to_string()))
    }
    match event.name.as_str() {
        "resource" => Ok(Some(Watched::Resource(parse(&event.data)?))),
        "change" => Ok(Some(Watched::Change(parse(&event.data)?))),
        "bookmark" => {
            let bookmark: Bookmark = parse(&event.data)?;
            Ok(bookmark.snapshot.then_some(Watched::Live))
        }
        "problem" => Err(ApiError::Problem(parse::<Box<ProblemDocument>>(&event.data)?)),
        // A later daemon may say more; what is not known is no change.
        _ => Ok(None),
    }
}
