//! The door: what no replica could accept never reaches the log, so that a stranger cannot write it full (design 4).
//! This is thrift, not authority: what passes is judged by every replica when it applies it.

use std::sync::Arc;

use verbund_identity::{Envelope, SignatureVerifier as _, Statement};
use verbund_machine::State;
use verbund_model::Refusal;

use crate::read::Reads;
use crate::shared::Shared;
use crate::submit::SubmitError;

/// The door.
#[derive(Clone)]
pub(crate) struct Edge {
    shared: Arc<Shared>,
    reads: Reads,
}

impl Edge {
    pub(crate) fn new(shared: Arc<Shared>, reads: Reads) -> Self {
        Self { shared, reads }
    }

    /// Lets an envelope pass. A key that is not known here may have been registered elsewhere a moment ago: before that
    /// is a reason to refuse, this node makes sure that it is not behind. Errors: [`SubmitError::Refused`], or that no
    /// leader could be asked.
    pub(crate) async fn check(&self, bytes: &[u8]) -> Result<(), SubmitError> {
        let refusal = match self.judge(&self.shared.published.state(), bytes) {
            Ok(()) => return Ok(()),
            Err(refusal @ Refusal::UnknownKey { .. }) => {
                self.reads.linearize().await.map_err(|_| SubmitError::NoLeader)?;
                match self.judge(&self.shared.published.state(), bytes) {
                    Ok(()) => return Ok(()),
                    Err(_) => refusal,
                }
            }
            Err(refusal) => refusal,
        };
        self.shared.counters.refused_at_edge.add(1);
        Err(SubmitError::Refused(refusal))
    }

    fn judge(&self, state: &State, bytes: &[u8]) -> Result<(), Refusal> {
        let malformed = |reason: String| Refusal::Malformed { reason };
        let envelope = Envelope::from_bytes(bytes).map_err(|e| malformed(e.to_string()))?;
        let statement = Statement::from_payload(&envelope.payload).map_err(|e| malformed(e.to_string()))?;
        let federation = &state.federation().value;
        if statement.federation != federation.id {
            return Err(Refusal::WrongFederation { found: statement.federation });
        }
        if statement.generation != federation.generation {
            return Err(Refusal::WrongGeneration { found: statement.generation, current: federation.generation });
        }
        let key = envelope.key;
        let registered = &state.key(&key).ok_or(Refusal::UnknownKey { key })?.value;
        if registered.revoked || self.shared.depot.distrusts_key(&key) {
            return Err(Refusal::KeyRevoked { key });
        }
        let signed = envelope.signed();
        let signed = signed.ok_or(Refusal::NotEnabled { what: "passkey and gateway authors".to_owned() })?;
        if !self.shared.verifier.verify(&registered.key, &signed.message, signed.signature) {
            return Err(Refusal::BadSignature { key });
        }
        Ok(())
    }
}
