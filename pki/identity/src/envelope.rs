//! Signed envelopes after DSSE: the bytes that were verified are the bytes that are parsed.
//!
//! ```text
//! message = "DSSEv1" SP len(type) SP type SP len(payload) SP payload          (PAE, DSSE protocol 1.0)
//! direct signature:   over message
//! batch signature:    over PAE("…batch…", root), where root is the Merkle root above SHA-256(0x00 ‖ message)
//! ```

use serde::{Deserialize, Serialize};
use verbund_model::{Hash, KeyId};

use crate::batch::{BatchProof, leaf_hash};
use crate::statement::Statement;
use crate::verify::sha256;

/// The payload type of a statement, version 1.
pub const STATEMENT_TYPE: &str = "application/vnd.verbund.statement.v1+json";
/// The payload type of a batch's root.
pub const BATCH_TYPE: &str = "application/vnd.verbund.batch.v1";
/// The most bytes of an envelope's payload.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// The most bytes of an envelope in its binary form.
pub const MAX_ENVELOPE: usize = MAX_PAYLOAD + 8 * 1024;

/// How an author signed. The later variants are reserved: they have their bytes, and apply answers "not enabled".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Authentication {
    /// A registered key signed this envelope.
    Direct {
        /// Raw `r ‖ s`, low `s`.
        #[serde(with = "crate::base64_bytes")]
        signature: Vec<u8>,
    },
    /// A registered key signed the root of a batch that this envelope is in.
    Batch {
        /// Raw `r ‖ s`, low `s`, over the root.
        #[serde(with = "crate::base64_bytes")]
        signature: Vec<u8>,
        /// Where in the batch the envelope stands.
        proof: BatchProof,
    },
    /// Reserved: a WebAuthn passkey's assertion over the envelope's hash.
    Passkey {
        /// The assertion.
        #[serde(with = "crate::base64_bytes")]
        assertion: Vec<u8>,
    },
    /// Reserved: a site's gateway key, on behalf of a caller that has no key.
    Gateway {
        /// Raw `r ‖ s`, low `s`.
        #[serde(with = "crate::base64_bytes")]
        signature: Vec<u8>,
        /// The caller, in the gateway's words.
        on_behalf_of: String,
    },
}

/// A statement's bytes and who signed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// JSON of a [`crate::Statement`], as its author wrote it.
    #[serde(with = "crate::base64_bytes")]
    pub payload: Vec<u8>,
    /// The author's key.
    pub key: KeyId,
    /// How the author signed.
    pub authentication: Authentication,
}

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Too long to look at.
    #[error("an envelope has at most {MAX_ENVELOPE} bytes, but this one has {found}")]
    TooLarge {
        /// Its length.
        found: usize,
    },
    /// Not the binary form, or bytes behind it.
    #[error("the bytes are no envelope: {reason}")]
    Form {
        /// What the decoder said.
        reason: String,
    },
}

/// What one signature must be over, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The bytes that were signed.
    pub message: Vec<u8>,
    /// The raw signature.
    pub signature: &'a [u8],
}

impl Envelope {
    /// The envelope of one statement under a signature of its own: `sign` signs the message that it is given, with the key
    /// that the statement names. Errors: those of `sign`.
    pub fn direct<E>(statement: &Statement, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let payload = statement.to_payload();
        let signature = sign(&pae(STATEMENT_TYPE, &payload))?;
        Ok(Self { payload, key: statement.key, authentication: Authentication::Direct { signature } })
    }

    /// The envelope from its binary form, whole and without rest. Errors: [`EnvelopeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_ENVELOPE {
            return Err(EnvelopeError::TooLarge { found: bytes.len() });
        }
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((envelope, [])) => Ok(envelope),
            Ok((_, rest)) => Err(EnvelopeError::Form { reason: format!("{} bytes follow its end", rest.len()) }),
            Err(error) => Err(EnvelopeError::Form { reason: error.to_string() }),
        }
    }

    /// The binary form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing plain structures of bytes to a growing vector cannot fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// SHA-256 of the payload: names the statement, whoever signs it and how. Sessions remember it, coordinators approve it.
    #[must_use]
    pub fn payload_hash(&self) -> Hash {
        sha256(&self.payload)
    }

    /// What the signature must be over. `None` for reserved variants, and for a batch proof that cannot be one.
    #[must_use]
    pub fn signed(&self) -> Option<Signed<'_>> {
        match &self.authentication {
            Authentication::Direct { signature } => {
                Some(Signed { message: pae(STATEMENT_TYPE, &self.payload), signature })
            }
            Authentication::Batch { signature, proof } => {
                let root = proof.root(leaf_hash(&pae(STATEMENT_TYPE, &self.payload)))?;
                Some(Signed { message: pae(BATCH_TYPE, &root.0), signature })
            }
            Authentication::Passkey { .. } | Authentication::Gateway { .. } => None,
        }
    }
}

/// The bytes that a signature covers (DSSE protocol 1.0, pre-authentication encoding).
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload_type.len() + 32);
    out.extend_from_slice(b"DSSEv1 ");
    out.extend_from_slice(payload_type.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(payload_type.as_bytes());
    out.push(b' ');
    out.extend_from_slice(payload.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(payload);
    out
}
