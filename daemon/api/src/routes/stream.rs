//! `POST /v1/envelopes/stream`: many changes over one request, for programs (formats 7).
//!
//! In: frames with envelopes in binary form. Out, in the order of completion: frames with a [`StreamResult`] each. Over
//! HTTP/2 both directions run at once. If the daemon stops reading before the body ends, the last result says why, under
//! the ordinal of the first envelope that was not taken.

use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use verbund_identity::envelope::MAX_ENVELOPE;

use crate::body::expect_type;
use crate::caller::Caller;
use crate::frames::{self, FrameReader};
use crate::language::Language;
use crate::port::{Federation, SubmitError, Submitted};
use crate::problem::Problem;
use crate::service::Service;
use crate::wire::{ENVELOPES_TYPE, RESULTS_JSON_TYPE, RESULTS_TYPE, StreamAnswer, StreamResult};

/// Results are gathered into chunks of about this many bytes while more are ready.
const CHUNK: usize = 32 * 1024;
/// Chunks that wait for a reader; behind them, the stream takes no further envelopes.
const CHUNKS: usize = 4;

/// Takes envelopes as they come and answers each with its outcome.
pub async fn submit_stream<F: Federation>(
    State(service): State<Arc<Service<F>>>,
    Extension(language): Extension<Language>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    expect_type(&headers, &[ENVELOPES_TYPE])?;
    let place = service.gate.stream(&caller)?;
    let form = Form::accepted(&headers);
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let settings = &service.settings;
    let reader = FrameReader::new(body, MAX_ENVELOPE, settings.body_timeout, settings.idle_timeout);
    let pump = Pump { service, language, form, reader, sender, pending: FuturesUnordered::new(), next: 0, open: true };
    tokio::spawn(async move {
        pump.run().await;
        drop(place);
    });
    let results = ReceiverStream::new(receiver).map(Ok::<_, std::convert::Infallible>);
    Ok(([(CONTENT_TYPE, form.media_type())], Body::from_stream(results)).into_response())
}

/// How results are written.
#[derive(Clone, Copy)]
enum Form {
    Postcard,
    Json,
}

impl Form {
    fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if accept.contains(RESULTS_JSON_TYPE) || accept.contains("application/json") {
            Self::Json
        } else {
            Self::Postcard
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Postcard => RESULTS_TYPE,
            Self::Json => RESULTS_JSON_TYPE,
        }
    }

    fn write(self, out: &mut BytesMut, result: &StreamResult) {
        // A structure of strings and numbers has no failing serialiser.
        let bytes = match self {
            Self::Postcard => postcard::to_stdvec(result).unwrap_or_default(),
            Self::Json => serde_json::to_vec(result).unwrap_or_default(),
        };
        frames::append(out, &bytes);
    }
}

/// Carries envelopes to the federation and results back, both bounded.
struct Pump<F> {
    service: Arc<Service<F>>,
    language: Language,
    form: Form,
    reader: FrameReader,
    sender: mpsc::Sender<Bytes>,
    pending: FuturesUnordered<BoxFuture<'static, StreamResult>>,
    next: u64,
    open: bool,
}

impl<F: Federation> Pump<F> {
    async fn run(mut self) {
        let shutdown = self.service.settings.shutdown.clone();
        let max_in_flight = self.service.settings.max_in_flight.max(1);
        while self.open || !self.pending.is_empty() {
            let takes_more = self.open && self.pending.len() < max_in_flight;
            let sent = tokio::select! {
                // Nobody reads the results any more.
                () = self.sender.closed() => return,
                () = shutdown.cancelled(), if self.open => {
                    self.open = false;
                    self.send(failed(self.next, &Problem::stopping(), self.language)).await
                }
                Some(result) = self.pending.next() => self.send(result).await,
                frame = self.reader.next(), if takes_more => self.take(frame).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, frame: Result<Option<Bytes>, Problem>) -> Result<(), mpsc::error::SendError<Bytes>> {
        match frame {
            Ok(None) => self.open = false,
            Ok(Some(envelope)) => {
                let (service, language, ordinal) = (Arc::clone(&self.service), self.language, self.next);
                self.next += 1;
                let mut submission = async move { submit(&service, envelope, ordinal, language).await }.boxed();
                // Begun here and not when its turn comes, so that envelopes go on in the order in which they arrived.
                match futures::poll!(&mut submission) {
                    Poll::Ready(result) => return self.send(result).await,
                    Poll::Pending => self.pending.push(submission),
                }
            }
            Err(problem) => {
                self.open = false;
                return self.send(failed(self.next, &problem, self.language)).await;
            }
        }
        Ok(())
    }

    /// Sends a result together with those that are ready too.
    async fn send(&mut self, result: StreamResult) -> Result<(), mpsc::error::SendError<Bytes>> {
        let mut chunk = BytesMut::new();
        self.form.write(&mut chunk, &result);
        while chunk.len() < CHUNK
            && let Some(Some(more)) = self.pending.next().now_or_never()
        {
            self.form.write(&mut chunk, &more);
        }
        self.sender.send(chunk.freeze()).await
    }
}

async fn submit<F: Federation>(
    service: &Service<F>,
    envelope: Bytes,
    ordinal: u64,
    language: Language,
) -> StreamResult {
    if let Err(problem) = super::envelopes::parse(&envelope) {
        return failed(ordinal, &problem, language);
    }
    let answer = service.in_time(service.federation.submit(envelope)).await;
    match answer.unwrap_or(Err(SubmitError::OutcomeUnknown)) {
        Ok(Submitted { index, outcome }) => StreamResult { ordinal, answer: StreamAnswer::Outcome { index, outcome } },
        Err(error) => failed(ordinal, &Problem::from(error), language),
    }
}

fn failed(ordinal: u64, problem: &Problem, language: Language) -> StreamResult {
    let kind = problem.kind();
    let document = problem.document(language, "");
    let answer = StreamAnswer::Failed {
        problem: kind.name().to_owned(),
        status: document.status,
        detail: document.detail,
        refusal: document.refusal,
    };
    StreamResult { ordinal, answer }
}
