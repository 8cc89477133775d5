//! Changes: signed here, sent until their outcome is known.

use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use futures::StreamExt as _;
use verbund_api::port::Submitted;
use verbund_api::wire::{ENVELOPE_TYPE, SessionDocument};
use verbund_identity::statement::SCHEMA;
use verbund_identity::{Envelope, Precondition, Statement};
use verbund_model::resource::Millis;
use verbund_model::{Accepted, Command, Outcome, Refusal};

use super::session::{Reserved, Session, SessionFile};
use super::{ApiError, Author, Client, Http, Pending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

/// How long a statement is valid: the log allows fifteen minutes from its own clock, which may differ from ours.
const VALIDITY: Millis = 10 * 60 * 1000;
/// Statements under one signature. Fewer than a session's window, so that none is too old when it arrives.
const BATCH: usize = 512;
/// Envelopes of a batch that wait for their outcome at once.
const AT_ONCE: usize = 64;

/// A change to ask for.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it is about, for people.
    pub about: String,
    /// The change.
    pub command: Command,
    /// On which condition.
    pub precondition: Option<Precondition>,
}

/// What became of an envelope.
enum Fate {
    Done(Submitted),
    /// Refused: by the log (`true`) or before it.
    Refused(Box<Refusal>, String),
    /// Never arrived, or was turned away without a trace.
    Failed(ApiError),
    /// May have been carried out.
    Unknown(ApiError),
}

impl Client {
    /// Asks for one change and waits for its outcome. Errors: refused, not sent, or outcome unknown (exit code 7).
    pub async fn write(&self, about: impl Into<String>, command: Command) -> Result<Accepted, Failure> {
        let change = Change { about: about.into(), command, precondition: None };
        self.write_if(change).await
    }

    /// The same on a condition.
    pub async fn write_if(&self, change: Change) -> Result<Accepted, Failure> {
        let mut results = self.write_all(vec![change]).await?;
        // One change has one result.
        results.pop().unwrap_or_else(|| Err(Failure::internal("")))
    }

    /// Asks for many changes, in batches under one signature each; in no order. Gives each one's result, in the order
    /// given. Errors: the key cannot sign, or there is no session.
    pub async fn write_all(&self, changes: Vec<Change>) -> Result<Vec<Result<Accepted, Failure>>, Failure> {
        let mut results = Vec::with_capacity(changes.len());
        for batch in changes.chunks(BATCH) {
            results.extend(self.write_batch(batch).await?);
        }
        Ok(results)
    }

    async fn write_batch(&self, changes: &[Change]) -> Result<Vec<Result<Accepted, Failure>>, Failure> {
        let author = self.author().await?;
        let http = Http::new(Arc::clone(&self.routes), None);
        let mut results: Vec<Option<Result<Accepted, Failure>>> = changes.iter().map(|_| None).collect();
        // A second round for what met a session that the server no longer had.
        for last in [false, true] {
            let open: Vec<usize> = (0..changes.len()).filter(|i| results[*i].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let reserved = self.reserve(author, open.len() as u64).await?;
            let statements: Vec<Statement> = open
                .iter()
                .zip(reserved.first..)
                .map(|(i, n)| self.statement(author, &reserved, n, &changes[*i]))
                .collect();
            let envelopes = author.sign_batch(&statements)?;
            let fates = futures::stream::iter(open.iter().zip(envelopes).map(|(i, envelope)| {
                let http = &http;
                async move { (*i, self.send_until_known(http, &envelope).await, envelope) }
            }));
            let fates: Vec<_> = fates.buffer_unordered(AT_ONCE).collect().await;
            for (i, fate, envelope) in fates {
                if let Fate::Refused(refusal, _) = &fate
                    && !last
                    && is_about_session(refusal)
                {
                    self.session_file(author).hold()?.discard(reserved.session.number)?;
                    continue;
                }
                results[i] = Some(self.settle(&changes[i].about, fate, envelope));
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Sends an envelope again whose outcome was not known.
    pub async fn resume(&self, pending: Pending) -> Result<Accepted, Failure> {
        let http = Http::new(Arc::clone(&self.routes), None);
        let fate = match self.send_until_known(&http, &pending.envelope).await {
            // It was sent before: what the log no longer remembers may have happened all the same.
            Fate::Refused(refusal, text) if is_forgotten(&refusal) => Fate::Unknown(ApiError::Odd(text)),
            Fate::Failed(error) => Fate::Unknown(error),
            fate => fate,
        };
        self.settle(&pending.about, fate, pending.envelope)
    }

    fn statement(&self, author: &Author, reserved: &Reserved, sequence: u64, change: &Change) -> Statement {
        Statement {
            v: SCHEMA,
            federation: self.context.federation,
            generation: reserved.session.generation,
            key: author.id(),
            session: reserved.session.number,
            sequence,
            not_after: now() + VALIDITY,
            precondition: change.precondition,
            command: change.command.clone(),
            sealed: Vec::new(),
        }
    }

    fn settle(&self, about: &str, fate: Fate, envelope: Envelope) -> Result<Accepted, Failure> {
        match fate {
            Fate::Done(Submitted { outcome: Outcome::Accepted(accepted), .. }) => Ok(accepted),
            Fate::Done(Submitted { outcome: Outcome::Refused(refusal), .. }) => {
                let text = crate::words::refusal(&refusal);
                Err(refused(about, &refusal, text))
            }
            Fate::Refused(refusal, _) => {
                let text = crate::words::refusal(&refusal);
                Err(refused(about, &refusal, text))
            }
            Fate::Failed(error) => Err(error.failure(about.to_owned())),
            Fate::Unknown(error) => {
                let (context, federation) = (self.name.clone(), self.context.federation);
                let pending = Pending { context, federation, about: about.to_owned(), envelope };
                let path = pending.keep(&self.paths.pending())?.display().to_string();
                Err(Failure::new(t!("client-unknown", about = about, reason = error.to_string()))
                    .remedy(t!("client-unknown-remedy", path = path))
                    .exit_with(Exit::Unknown))
            }
        }
    }

    /// Sends one envelope until its outcome is known, it is refused, or the deadline is over; Ctrl-C ends the wait.
    async fn send_until_known(&self, http: &Http, envelope: &Envelope) -> Fate {
        let bytes = hyper::body::Bytes::from(envelope.to_bytes());
        let began = tokio::time::Instant::now();
        let end = began + self.deadline;
        let mut pause = Duration::from_millis(100);
        let (mut doubt, mut told) = (false, false);
        let mut last: Option<ApiError> = None;
        loop {
            let attempt = http.json::<Submitted>(Method::POST, "/v1/envelopes", Some((ENVELOPE_TYPE, bytes.clone())));
            let error = tokio::select! {
                answer = attempt => match answer {
                    Ok((_, submitted)) => return Fate::Done(submitted),
                    Err(error) => error,
                },
                () = tokio::time::sleep_until(end) => {
                    let late = || ApiError::Broken(t!("client-deadline", seconds = self.deadline.as_secs()));
                    return Fate::Unknown(last.unwrap_or_else(late));
                }
                _ = tokio::signal::ctrl_c() => return Fate::Unknown(ApiError::Broken(t!("client-interrupted"))),
            };
            doubt |= error.leaves_doubt();
            if let ApiError::Problem(problem) = &error
                && let Some(refusal) = &problem.refusal
            {
                let text = problem.detail.clone();
                let forgotten = doubt && is_forgotten(refusal);
                return if forgotten { Fate::Unknown(error) } else { Fate::Refused(Box::new(refusal.clone()), text) };
            }
            let over = tokio::time::Instant::now() + pause >= end;
            let hopeless = !doubt && error.is_nobody_there() && began.elapsed() >= self.patience;
            if over || hopeless || !error.is_passing() {
                return if doubt { Fate::Unknown(error) } else { Fate::Failed(error) };
            }
            self.tell_patience(&error, began, &mut told);
            last = Some(error);
            http.turn_elsewhere().await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    fn session_file(&self, author: &Author) -> SessionFile {
        SessionFile::new(&self.paths.sessions(), &self.context.federation, &author.id())
    }

    /// Takes sequence numbers of the open session, or opens one; other processes of this user wait meanwhile.
    async fn reserve(&self, author: &Author, count: u64) -> Result<Reserved, Failure> {
        let file = self.session_file(author);
        let mut held = tokio::task::spawn_blocking(move || file.hold()).await??;
        if held.usable(now()).is_none() {
            let session = self.open_session(author, held.last_number()).await?;
            held.put(session)?;
        }
        held.reserve(count)?.ok_or_else(|| Failure::internal(""))
    }

    async fn open_session(&self, author: &Author, last: u64) -> Result<Session, Failure> {
        let path = format!("/v1/sessions/{}", author.id());
        let document = self.read::<SessionDocument>(&path).await?;
        let document = document.map_err(|error| error.failure(t!("client-session")))?.value;
        let mut number = last.max(document.session.map_or(0, |session| session.number));
        let http = Http::new(Arc::clone(&self.routes), None);
        // Another machine with the same key may open one at the same time: a few numbers further one is free.
        for _ in 0..5 {
            number += 1;
            let session = Session { generation: document.generation, number, until: 0, next: 1 };
            let change = Change { about: String::new(), command: Command::OpenSession {}, precondition: None };
            let envelope = author.sign(&self.statement(author, &Reserved { session, first: 0 }, 0, &change))?;
            match self.send_until_known(&http, &envelope).await {
                Fate::Done(Submitted { outcome: Outcome::Accepted(Accepted::SessionOpened { until }), .. }) => {
                    return Ok(Session { until, ..session });
                }
                Fate::Refused(refusal, _) if matches!(*refusal, Refusal::SessionNotNew { .. }) => {
                    let Refusal::SessionNotNew { last, .. } = *refusal else { continue };
                    number = number.max(last);
                }
                // Nothing depends on a session that may or may not be open: the next try takes another number.
                Fate::Unknown(error) | Fate::Failed(error) => return Err(error.failure(t!("client-session"))),
                Fate::Refused(_, text) => return Err(Failure::new(format!("{}: {text}", t!("client-session")))),
                Fate::Done(submitted) => {
                    let odd = ApiError::Odd(format!("{:?}", submitted.outcome));
                    return Err(odd.failure(t!("client-session")));
                }
            }
        }
        Err(Failure::new(t!("client-session-contended")))
    }
}

/// A refusal as people see it, with what to do.
fn refused(about: &str, refusal: &Refusal, text: String) -> Failure {
    let failure = Failure::new(format!("{about}: {text}"));
    match super::error::remedy(verbund_api::ProblemKind::from(refusal)) {
        Some(remedy) => failure.remedy(remedy),
        None => failure,
    }
}

/// The session is gone: with a new one the same change can be asked for, because the log never took this statement.
fn is_about_session(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NoSession { .. } | Refusal::SequenceReused { .. } | Refusal::WrongGeneration { .. })
}

/// The log says that it cannot know a statement any more, not that it never had it.
fn is_forgotten(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Expired { .. } | Refusal::SequenceTooOld { .. } | Refusal::NoSession { .. })
}

/// The local clock.
#[must_use]
pub fn now() -> Millis {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
