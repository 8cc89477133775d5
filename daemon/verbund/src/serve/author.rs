//! The node as an author: what it reports, it signs with its registered key in a session of its own (formats 7).

use std::sync::Arc;

use tokio::sync::Mutex;
use verbund_identity::statement::SCHEMA;
use verbund_identity::{Envelope, Statement, key_id};
use verbund_keys::Signer;
use verbund_model::resource::Millis;
use verbund_model::{Accepted, Command, FederationId, KeyId, Outcome, Refusal};
use verbund_node::{Clock as _, NodeHandle, SubmitError, SystemClock};

/// How long what a node says may take to be applied.
const VALID: Millis = 60_000;
/// A session that ends sooner is not used any more.
const LEAST_LIFE: Millis = 20 * 60_000;

/// Why a node's statement was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SayError {
    /// The key did not sign.
    #[error("the node's key did not sign: {0}")]
    Sign(#[from] verbund_keys::SignError),
    /// It did not reach the log, or its outcome is unknown.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// Apply refused it.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
}

#[derive(Clone, Copy)]
struct Session {
    number: u64,
    until: Millis,
    next: u64,
}

/// Says things in the node's name.
pub struct NodeAuthor {
    node: NodeHandle,
    federation: FederationId,
    key: KeyId,
    signer: Arc<dyn Signer>,
    session: Mutex<Option<Session>>,
}

impl NodeAuthor {
    /// An author with the node's registered key.
    pub fn new(node: NodeHandle, federation: FederationId, signer: Arc<dyn Signer>) -> Self {
        let key = key_id(signer.public_key());
        Self { node, federation, key, signer, session: Mutex::new(None) }
    }

    /// Brings a command into the log and gives what became of it. Errors: [`SayError`].
    pub async fn say(&self, command: Command) -> Result<Accepted, SayError> {
        match self.try_say(command.clone()).await {
            // The session ended meanwhile, or was another process's: once more in a new one.
            Err(SayError::Refused(Refusal::NoSession { .. })) => {
                *self.session.lock().await = None;
                self.try_say(command).await
            }
            other => other,
        }
    }

    async fn try_say(&self, command: Command) -> Result<Accepted, SayError> {
        let (session, sequence) = self.take_number().await?;
        self.submit(session, sequence, command).await
    }

    /// A session's number and the next sequence number of it.
    async fn take_number(&self) -> Result<(u64, u64), SayError> {
        let mut held = self.session.lock().await;
        let session = match held.filter(|session| session.until > SystemClock.now() + LEAST_LIFE) {
            Some(session) => session,
            None => self.open().await?,
        };
        *held = Some(Session { next: session.next + 1, ..session });
        Ok((session.number, session.next))
    }

    async fn open(&self) -> Result<Session, SayError> {
        let last = self.node.read_stale().0.last_session(&self.key).map_or(0, |session| session.number);
        let number = last + 1;
        match self.submit(number, 0, Command::OpenSession {}).await? {
            Accepted::SessionOpened { until } => Ok(Session { number, until, next: 1 }),
            // Apply answers nothing else to it; with no life left it is not used.
            _ => Ok(Session { number, until: 0, next: 1 }),
        }
    }

    async fn submit(&self, session: u64, sequence: u64, command: Command) -> Result<Accepted, SayError> {
        let state = self.node.read_stale().0;
        let statement = Statement {
            v: SCHEMA,
            federation: self.federation,
            generation: state.federation().value.generation,
            key: self.key,
            session,
            sequence,
            not_after: state.time().max(SystemClock.now()) + VALID,
            precondition: None,
            command,
            sealed: Vec::new(),
        };
        let envelope = super::start::waiting(|| Envelope::direct(&statement, |message| self.signer.sign(message)))?;
        match self.node.submit(envelope.to_bytes()).await?.outcome {
            Outcome::Accepted(accepted) => Ok(accepted),
            Outcome::Refused(refusal) => Err(refusal.into()),
        }
    }
}
