//! The stream of envelopes: many writes on one HTTP/2 stream, results in the order in which they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{mpsc, oneshot};
use verbund_api::wire::{ENVELOPES_TYPE, RESULTS_TYPE, StreamAnswer, StreamResult};
use verbund_identity::Envelope;

use super::connection::{Connection, request};

/// How many envelopes go into one frame of HTTP/2 when that many wait.
const COALESCE: usize = 64;
/// A result is never longer than this.
const MAX_RESULT: usize = 1 << 20;

/// The stream ended before the answer came: the write may or may not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream ended before the answer: {0}")]
pub struct Lost(pub String);

/// An open stream. It ends when this is dropped.
pub struct EnvelopeStream {
    shared: Arc<Shared>,
}

/// An envelope on its way.
pub struct Pending {
    shared: Arc<Shared>,
    answer: oneshot::Receiver<StreamAnswer>,
}

impl Pending {
    /// Waits for what becomes of it. Errors: [`Lost`].
    pub async fn answer(self) -> Result<StreamAnswer, Lost> {
        self.answer.await.map_err(|_| Lost(self.shared.lock().ended.clone().unwrap_or_default()))
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<StreamAnswer>>,
    out: Option<mpsc::UnboundedSender<Bytes>>,
    ended: Option<String>,
}

impl EnvelopeStream {
    /// Opens a stream. Errors: the site takes none.
    pub async fn open(connection: &mut Connection) -> Result<Self> {
        let (out, envelopes) = mpsc::unbounded_channel();
        let frames = stream::unfold(envelopes, |mut envelopes: mpsc::UnboundedReceiver<Bytes>| async move {
            let mut some = Vec::with_capacity(COALESCE);
            (envelopes.recv_many(&mut some, COALESCE).await > 0).then(|| (joined(&some), envelopes))
        });
        let body = StreamBody::new(frames.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync();
        let request = request(Method::POST, "/v1/envelopes/stream")
            .header(header::CONTENT_TYPE, ENVELOPES_TYPE)
            .header(header::ACCEPT, RESULTS_TYPE);
        let response = connection.send(request.body(body)?).await.context("opening an envelope stream")?;
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            let body = body.collect().await?.to_bytes();
            anyhow::bail!("opening an envelope stream: {}: {}", head.status, String::from_utf8_lossy(&body));
        }
        let shared = Arc::new(Shared::default());
        shared.lock().out = Some(out);
        tokio::spawn(read(body, shared.clone()));
        Ok(Self { shared })
    }

    /// Sends one envelope and waits for what becomes of it. Errors: [`Lost`].
    pub async fn submit(&self, envelope: &Envelope) -> Result<StreamAnswer, Lost> {
        self.send(envelope)?.answer().await
    }

    /// Sends one envelope; its answer can be awaited later. Errors: [`Lost`], and then it was not sent.
    pub fn send(&self, envelope: &Envelope) -> Result<Pending, Lost> {
        let bytes = framed(&envelope.to_bytes());
        let mut state = self.shared.lock();
        // Ordinals count what was sent, so both happen under one lock.
        let sent = state.out.as_ref().is_some_and(|out| out.send(bytes).is_ok());
        if !sent {
            return Err(Lost(state.ended.clone().unwrap_or_else(|| "it is closed".to_owned())));
        }
        let (sender, answer) = oneshot::channel();
        let ordinal = state.next;
        state.next += 1;
        state.waiting.insert(ordinal, sender);
        Ok(Pending { shared: self.shared.clone(), answer })
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().ended.is_some()
    }
}

impl Drop for EnvelopeStream {
    fn drop(&mut self) {
        self.shared.end("it was closed on this side");
    }
}

impl Shared {
    /// What is inside is whole after every statement, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: &str) {
        let mut state = self.lock();
        state.ended.get_or_insert_with(|| why.to_owned());
        state.out = None;
        state.waiting.clear();
    }
}

async fn read(mut body: Incoming, shared: Arc<Shared>) {
    let mut buffer = BytesMut::new();
    let why = loop {
        match body.frame().await {
            None => break "the site ended it".to_owned(),
            Some(Err(error)) => break format!("{:#}", anyhow::Error::new(error)),
            Some(Ok(frame)) => {
                buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if let Err(error) = results(&mut buffer, &shared) {
                    break format!("{error:#}");
                }
            }
        }
    };
    shared.end(&why);
}

/// Takes whole results from the front of the buffer and hands them to who waits.
fn results(buffer: &mut BytesMut, shared: &Shared) -> Result<()> {
    while let Some(prefix) = buffer.first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*prefix))?;
        ensure!(length <= MAX_RESULT, "a result of {length} bytes");
        if buffer.len() < 4 + length {
            return Ok(());
        }
        buffer.advance(4);
        let result: StreamResult = postcard::from_bytes(&buffer.split_to(length))?;
        if let Some(waiting) = shared.lock().waiting.remove(&result.ordinal) {
            // Whoever asked may have gone meanwhile.
            let _ = waiting.send(result.answer);
        }
    }
    Ok(())
}

fn framed(envelope: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(4 + envelope.len());
    bytes.put_u32(u32::try_from(envelope.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(envelope);
    bytes.freeze()
}

fn joined(parts: &[Bytes]) -> Bytes {
    match parts {
        [one] => one.clone(),
        several => several.concat().into(),
    }
}
