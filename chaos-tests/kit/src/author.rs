//! An author: a registered key that signs statements in sessions, one by one or in batches.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use verbund_identity::envelope::{BATCH_TYPE, STATEMENT_TYPE, pae};
use verbund_identity::statement::SCHEMA;
use verbund_identity::{Authentication, Envelope, Precondition, Statement, batch, key_id};
use verbund_keys::{KeyFile, Passphrase, Signer, SoftwareKey};
use verbund_model::resource::Millis;
use verbund_model::{Algorithm, Command, FederationId, KeyId, PublicKey};

/// How long a statement is valid: long enough to be sent again after a long outage.
const VALIDITY: Millis = 10 * 60 * 1000;

/// A key that signs for one federation.
#[derive(Clone)]
pub struct Author {
    signer: Arc<dyn Signer>,
    key: KeyId,
    federation: FederationId,
    generation: u32,
}

impl Author {
    /// An author with a new key (P-256), which somebody has yet to register.
    pub fn new(federation: FederationId) -> Result<Self> {
        Ok(Self::with_signer(Arc::new(SoftwareKey::generate(Algorithm::P256)?), federation))
    }

    /// The author whose key lies sealed in a file.
    pub fn from_file(path: &Path, passphrase: &str, federation: FederationId) -> Result<Self> {
        let file = KeyFile::read(path)?;
        let key = file.unlock(&Passphrase::new(passphrase.as_bytes().to_vec())?)?;
        Ok(Self::with_signer(Arc::new(key), federation))
    }

    /// An author with any signer.
    pub fn with_signer(signer: Arc<dyn Signer>, federation: FederationId) -> Self {
        Self { key: key_id(signer.public_key()), signer, federation, generation: 0 }
    }

    /// The public key, for registering it.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// The key's id.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The federation.
    #[must_use]
    pub fn federation(&self) -> FederationId {
        self.federation
    }

    /// Signs any bytes, such as a login request's.
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(self.signer.sign(message)?)
    }

    /// A statement, valid for ten minutes from now.
    #[must_use]
    pub fn statement(&self, at: (u64, u64), precondition: Option<Precondition>, command: Command) -> Statement {
        Statement {
            v: SCHEMA,
            federation: self.federation,
            generation: self.generation,
            key: self.key,
            session: at.0,
            sequence: at.1,
            not_after: now() + VALIDITY,
            precondition,
            command,
            sealed: Vec::new(),
        }
    }

    /// The statement under a signature of its own.
    pub fn sign(&self, statement: &Statement) -> Result<Envelope> {
        let payload = statement.to_payload();
        let signature = self.signer.sign(&pae(STATEMENT_TYPE, &payload))?;
        Ok(Envelope { payload, key: self.key, authentication: Authentication::Direct { signature } })
    }

    /// All the statements under one signature.
    pub fn sign_batch(&self, statements: &[Statement]) -> Result<Vec<Envelope>> {
        let payloads: Vec<Vec<u8>> = statements.iter().map(Statement::to_payload).collect();
        let leaves: Vec<_> = payloads.iter().map(|p| batch::leaf_hash(&pae(STATEMENT_TYPE, p))).collect();
        let (root, proofs) = batch::build(&leaves).context("a batch has 1 to 1024 statements")?;
        let signature = self.signer.sign(&pae(BATCH_TYPE, &root.0))?;
        let envelope = |(payload, proof)| {
            let authentication = Authentication::Batch { signature: signature.clone(), proof };
            Envelope { payload, key: self.key, authentication }
        };
        Ok(payloads.into_iter().zip(proofs).map(envelope).collect())
    }
}

/// An open session: its number, and the next sequence number.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub number: u64,
    next: AtomicU64,
}

impl Session {
    /// A session that was just opened with sequence number `opened_with`.
    #[must_use]
    pub fn opened(number: u64, opened_with: u64) -> Self {
        Self { number, next: AtomicU64::new(opened_with + 1) }
    }

    /// Session and sequence number for the next statement.
    pub fn take(&self) -> (u64, u64) {
        (self.number, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Milliseconds since 1970 by this machine's clock.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use verbund_identity::{PureVerifier, SignatureVerifier as _, sha256};

    use super::*;

    #[test]
    fn what_is_signed_verifies_and_a_changed_byte_does_not() {
        let author = Author::new(FederationId(sha256(b"f"))).unwrap();
        let statement = |n| author.statement((1, n), None, Command::OpenSession {});
        let mut envelopes = author.sign_batch(&(1..=5).map(statement).collect::<Vec<_>>()).unwrap();
        envelopes.push(author.sign(&statement(9)).unwrap());
        for mut envelope in envelopes {
            let holds = |envelope: &Envelope| {
                let signed = envelope.signed().unwrap();
                PureVerifier.verify(author.public_key(), &signed.message, signed.signature)
            };
            assert!(holds(&envelope));
            envelope.payload[10] ^= 1;
            assert!(!holds(&envelope));
        }
    }
}
