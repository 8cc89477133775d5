//! What an envelope's payload says: who asks for what, in which session, until when, and on which condition.

use serde::{Deserialize, Serialize};
use verbund_model::resource::Millis;
use verbund_model::{Command, FederationId, KeyId};

use crate::envelope::MAX_PAYLOAD;

/// The version of the statement's schema.
pub const SCHEMA: u32 = 1;

/// On which condition the command may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Precondition {
    /// The resource has this version.
    Version(u64),
    /// The resource does not exist.
    Absent,
    /// The resource exists, at whichever version.
    Exists,
}

/// A statement. Unknown and duplicate fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// [`SCHEMA`].
    pub v: u32,
    /// The federation it is for.
    pub federation: FederationId,
    /// The federation generation it is for.
    pub generation: u32,
    /// The author's key.
    pub key: KeyId,
    /// The author's session; 0 for an invitation's one request.
    pub session: u64,
    /// Its number within the session; each is used for one statement only.
    pub sequence: u64,
    /// Until when it may be applied, at most 15 minutes ahead of the log's time.
    pub not_after: Millis,
    /// On which condition. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<Precondition>,
    /// What is asked for.
    pub command: Command,
    /// Reserved: parts sealed for named recipients, base64. Apply answers "not enabled".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<String>,
}

/// Why a payload is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Too long to look at.
    #[error("a statement has at most {MAX_PAYLOAD} bytes, but this one has {found}")]
    TooLarge {
        /// Its length.
        found: usize,
    },
    /// Not JSON of the schema.
    #[error("{reason}")]
    Form {
        /// What the decoder said, with line and column.
        reason: String,
    },
    /// A schema that this version does not know.
    #[error("the statement has schema version {found}, and this daemon knows version {SCHEMA}")]
    Version {
        /// The version found.
        found: u32,
    },
}

impl Statement {
    /// The statement from an envelope's payload. Errors: [`StatementError`].
    pub fn from_payload(payload: &[u8]) -> Result<Self, StatementError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(StatementError::TooLarge { found: payload.len() });
        }
        let statement: Self =
            serde_json::from_slice(payload).map_err(|e| StatementError::Form { reason: e.to_string() })?;
        if statement.v == SCHEMA { Ok(statement) } else { Err(StatementError::Version { found: statement.v }) }
    }

    /// The payload bytes to sign.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        // Every type inside has string keys and no failing serialiser.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
