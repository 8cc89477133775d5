//! The agent as an author: sessions, sequence numbers, signatures (formats 7).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use verbund_agent_link::{LinkError, Sessions};
use verbund_identity::{Envelope, Statement, key_id};
use verbund_keys::{SignError, Signer};
use verbund_model::resource::Millis;
use verbund_model::{Accepted, Command, KeyId, Outcome, Refusal};

use crate::clock::Clock;
use crate::config::replace;
use crate::uplink::Uplink;

/// How long an envelope is valid, in milliseconds: long enough for a leader to be found, and below the limit of 15 min.
const VALIDITY: Millis = 5 * 60 * 1000;
/// A session is not used any more when this is left of it, in milliseconds.
const LEAST_LIFE: Millis = 20 * 60 * 1000;
/// How long to wait before something whose outcome is not known is brought again.
const AGAIN: Duration = Duration::from_millis(500);
/// How many sequence numbers are taken at once: after a restart those that were not used are lost.
const BLOCK: u64 = 64;

/// Why something was not submitted, or what became of it is not known.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The daemon was not reached.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The session could not be kept.
    #[error("the session cannot be kept in {path}: {source}")]
    Keep {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No session could be opened.
    #[error("no session was opened: {0}")]
    Session(String),
}

/// Where the session is kept between starts: a key has few of them, and each lasts a day.
#[derive(Clone, Debug)]
pub struct SessionStore(Option<PathBuf>);

impl SessionStore {
    /// In a file of this folder.
    #[must_use]
    pub fn in_folder(folder: &std::path::Path) -> Self {
        Self(Some(folder.join(crate::enrolment::SESSION)))
    }

    /// Nowhere: each start opens one. For simulations.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    fn read(&self) -> Option<Session> {
        // A file that is missing or damaged holds no session.
        self.0.as_ref().and_then(|path| serde_json::from_slice(&fs::read(path).ok()?).ok())
    }

    fn write(&self, session: Session) -> Result<(), AuthorError> {
        let Some(path) = &self.0 else { return Ok(()) };
        let keep = |source| AuthorError::Keep { path: path.clone(), source };
        let bytes = serde_json::to_vec(&session).map_err(|error| keep(error.into()))?;
        replace(path, &bytes).map_err(keep)
    }
}

/// Whether the state does not know the session, or has gone on in it without this process.
const fn is_of_session(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Refused(
            Refusal::NoSession { .. }
                | Refusal::SequenceTooOld { .. }
                | Refusal::SequenceReused { .. }
                | Refusal::WrongGeneration { .. }
        )
    )
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Session {
    generation: u32,
    number: u64,
    until: Millis,
    /// The first sequence number that was not taken.
    next: u64,
}

/// Signs and submits in the agent's name, one thing at a time.
pub struct Author<U> {
    uplink: U,
    signer: Arc<dyn Signer>,
    key: KeyId,
    clock: Arc<dyn Clock>,
    store: SessionStore,
    session: Option<(Sessions, Session)>,
    /// Sequence numbers taken and not used.
    left: std::ops::Range<u64>,
}

impl<U: Uplink> Author<U> {
    /// An author with the agent's registered key.
    #[must_use]
    pub fn new(uplink: U, signer: Arc<dyn Signer>, clock: Arc<dyn Clock>, store: SessionStore) -> Self {
        let key = key_id(signer.public_key());
        Self { uplink, signer, key, clock, store, session: None, left: 0..0 }
    }

    /// Signs a command and waits for its outcome. Errors: [`AuthorError`]; after [`AuthorError::Link`] it may have been applied.
    pub async fn submit(&mut self, command: &Command) -> Result<Outcome, AuthorError> {
        for _ in 0..2 {
            let (sessions, session) = self.session().await?;
            let sequence = self.sequence(session)?;
            let envelope = self.sign(&sessions, session.number, sequence, command.clone())?;
            let outcome = self.uplink.submit(envelope).await?;
            match &outcome {
                // The state knows better: another session is opened, once.
                refused if is_of_session(refused) => self.session = None,
                _ => return Ok(outcome),
            }
        }
        Err(AuthorError::Session("the sessions that were opened are not known to the state".to_owned()))
    }

    /// The same for what must not happen once more, long after it was given up: while the outcome is not known, the same
    /// envelope is brought again, for which the state has one outcome (formats 7). Errors: [`AuthorError`]: nothing was brought,
    /// or the daemon refused to.
    pub async fn submit_once(&mut self, command: &Command) -> Result<Outcome, AuthorError> {
        let (sessions, session) = self.session().await?;
        let sequence = self.sequence(session)?;
        let envelope = self.sign(&sessions, session.number, sequence, command.clone())?;
        loop {
            match self.uplink.submit(envelope.clone()).await {
                Ok(outcome) => {
                    if is_of_session(&outcome) {
                        self.session = None;
                    }
                    return Ok(outcome);
                }
                Err(refused @ LinkError::Refused(_)) => return Err(refused.into()),
                Err(error) => tracing::info!(%error, "the outcome of an envelope is not known; it is brought again"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn session(&mut self) -> Result<(Sessions, Session), AuthorError> {
        let now = self.clock.wall();
        let lives = |session: &Session| session.until > now.saturating_add(LEAST_LIFE);
        if let Some((sessions, session)) = self.session.clone().filter(|(_, session)| lives(session)) {
            return Ok((sessions, session));
        }
        let sessions = self.uplink.sessions().await?;
        let stored = self.store.read();
        let usable = stored.filter(|stored| {
            lives(stored) && stored.generation == sessions.generation && stored.number == sessions.last
        });
        // One that was given up in this run is not taken up again.
        let fresh = self.left.is_empty() && self.session.is_none();
        let session = match usable.filter(|_| fresh) {
            Some(session) => session,
            None => self.open(&sessions, stored.map_or(0, |stored| stored.number)).await?,
        };
        self.left = 0..0;
        self.session = Some((sessions.clone(), session));
        Ok((sessions, session))
    }

    async fn open(&self, sessions: &Sessions, last: u64) -> Result<Session, AuthorError> {
        let mut number = sessions.last.max(last);
        for _ in 0..5 {
            number += 1;
            let envelope = self.sign(sessions, number, 0, Command::OpenSession {})?;
            match self.uplink.submit(envelope).await? {
                Outcome::Accepted(Accepted::SessionOpened { until }) => {
                    let session = Session { generation: sessions.generation, number, until, next: 1 };
                    self.store.write(session)?;
                    return Ok(session);
                }
                Outcome::Refused(Refusal::SessionNotNew { last, .. }) => number = number.max(last),
                other => return Err(AuthorError::Session(format!("{other:?}"))),
            }
        }
        Err(AuthorError::Session(
            "others open sessions with the same key: only one agent may run for a cluster".to_owned(),
        ))
    }

    fn sequence(&mut self, mut session: Session) -> Result<u64, AuthorError> {
        if self.left.is_empty() {
            let first = session.next;
            session.next += BLOCK;
            // Durable before the first of them is used.
            self.store.write(session)?;
            self.left = first..session.next;
            if let Some((_, kept)) = &mut self.session {
                *kept = session;
            }
        }
        let sequence = self.left.start;
        self.left.start += 1;
        Ok(sequence)
    }

    fn sign(&self, sessions: &Sessions, session: u64, sequence: u64, command: Command) -> Result<Vec<u8>, AuthorError> {
        let statement = Statement {
            v: verbund_identity::statement::SCHEMA,
            federation: sessions.federation,
            generation: sessions.generation,
            key: self.key,
            session,
            sequence,
            not_after: self.clock.wall().saturating_add(VALIDITY),
            precondition: None,
            command,
            sealed: Vec::new(),
        };
        Ok(Envelope::direct(&statement, |message| self.signer.sign(message))?.to_bytes())
    }
}
