//! The audit record that every entry leaves, and the chain that binds it to all before (design 4, formats 9).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use verbund_model::resource::Millis;
use verbund_model::{Hash, Outcome};

use crate::log::{LogId, Membership};

/// The version byte with which a record begins.
const VERSION: u8 = 1;
const CHAIN: &[u8] = b"verbund.chain.v1";

/// The entry as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordedEntry {
    /// A leader's first entry of its term.
    Blank,
    /// A change of members.
    Membership {
        /// The members from here on.
        membership: Membership,
        /// The index it was derived from.
        basis: u64,
    },
    /// The bytes of the entry, exactly as the log held them.
    Command(#[serde(with = "verbund_identity::base64_bytes")] Vec<u8>),
}

/// One entry, when it was applied, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place in the log.
    pub at: LogId,
    /// The log's time when it was applied.
    pub time: Millis,
    /// The entry.
    pub entry: RecordedEntry,
    /// The answer to its author; none for what no author signed.
    pub outcome: Option<Outcome>,
}

/// Why bytes are no audit record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Of a version that this daemon does not know.
    #[error("the audit record begins with version {found:?}, and this daemon knows version {VERSION}")]
    Version {
        /// The first byte, if there is one.
        found: Option<u8>,
    },
    /// Not one record, or bytes behind it.
    #[error("the bytes are not one audit record: {reason}")]
    Form {
        /// What the decoder said.
        reason: String,
    },
}

/// Where the chain begins, for the federation with these genesis bytes.
#[must_use]
pub fn chain_start(genesis: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(CHAIN);
    hasher.update(genesis);
    Hash(hasher.finalize().into())
}

impl AuditRecord {
    /// Version byte, then the fields in postcard's encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let command = if let RecordedEntry::Command(bytes) = &self.entry { bytes.len() } else { 0 };
        let mut out = Vec::with_capacity(command + 256);
        out.push(VERSION);
        // Writing plain structures to a growing vector cannot fail.
        postcard::to_extend(self, out).unwrap_or_default()
    }

    /// The record from its bytes, whole and without rest. Errors: [`RecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, rest) = bytes.split_first().ok_or(RecordError::Version { found: None })?;
        if *version != VERSION {
            return Err(RecordError::Version { found: Some(*version) });
        }
        match postcard::take_from_bytes::<Self>(rest) {
            Ok((record, [])) => Ok(record),
            Ok((_, rest)) => Err(RecordError::Form { reason: format!("{} bytes follow its end", rest.len()) }),
            Err(error) => Err(RecordError::Form { reason: error.to_string() }),
        }
    }

    /// The chain's hash after this record: SHA-256(previous ‖ term ‖ node ‖ index ‖ time ‖ entry ‖ outcome). Numbers are
    /// eight bytes, big-endian; entry and outcome have their length before them, the entry also a byte for its kind.
    #[must_use]
    pub fn chain(&self, previous: &Hash) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(previous.0);
        for number in [self.at.term, self.at.node, self.at.index, self.time] {
            hasher.update(number.to_be_bytes());
        }
        match &self.entry {
            RecordedEntry::Blank => part(&mut hasher, 0, &[]),
            RecordedEntry::Membership { membership, basis } => {
                // Writing plain structures to a growing vector cannot fail.
                part(&mut hasher, 1, &postcard::to_stdvec(&(membership, basis)).unwrap_or_default());
            }
            RecordedEntry::Command(bytes) => part(&mut hasher, 2, bytes),
        }
        match &self.outcome {
            None => part(&mut hasher, 0, &[]),
            Some(outcome) => part(&mut hasher, 1, &postcard::to_stdvec(outcome).unwrap_or_default()),
        }
        Hash(hasher.finalize().into())
    }
}

fn part(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
