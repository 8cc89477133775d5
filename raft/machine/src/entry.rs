//! What a command's log entry holds.

use serde::{Deserialize, Serialize};
use verbund_identity::envelope::MAX_ENVELOPE;
use verbund_model::resource::Millis;

/// The version byte with which an entry begins.
const VERSION: u8 = 1;
/// The most bytes of an entry: an envelope, and room for version, stamp and length.
pub const MAX_ENTRY: usize = MAX_ENVELOPE + 32;

/// The leader's stamp, and an envelope in its binary form. Nothing but the stamp is the leader's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The leader's time; apply never goes back behind the last applied time. Entries of one millisecond share it: with a
    /// millisecond for each, more than a thousand entries a second would make the log's time run ahead of every clock.
    pub stamp: Millis,
    /// The author's envelope (`verbund_identity::Envelope::to_bytes`).
    #[serde(with = "verbund_identity::base64_bytes")]
    pub envelope: Vec<u8>,
}

/// Why bytes are no entry. The texts are part of the audit chain: no library's words stand in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Too long to look at.
    #[error("a log entry has at most {MAX_ENTRY} bytes, but this one has {found}")]
    TooLarge {
        /// Its length.
        found: usize,
    },
    /// Of a version that this daemon does not know.
    #[error("the log entry begins with version {found:?}, and this daemon knows version {VERSION}")]
    Version {
        /// The first byte, if there is one.
        found: Option<u8>,
    },
    /// Not stamp and envelope, or bytes behind them.
    #[error("the log entry is not one stamp and one envelope")]
    Form,
}

impl Entry {
    /// Version byte, then the fields in postcard's encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.envelope.len() + 16);
        out.push(VERSION);
        // Writing a number and bytes to a growing vector cannot fail.
        postcard::to_extend(self, out).unwrap_or_default()
    }

    /// The entry from its bytes, whole and without rest. Errors: [`EntryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge { found: bytes.len() });
        }
        let (version, rest) = bytes.split_first().ok_or(EntryError::Version { found: None })?;
        if *version != VERSION {
            return Err(EntryError::Version { found: Some(*version) });
        }
        match postcard::take_from_bytes::<Self>(rest) {
            Ok((entry, [])) => Ok(entry),
            _ => Err(EntryError::Form),
        }
    }
}
