//! An envelope whose outcome is not known, kept so that it can be sent again, and only it: sending it again is safe,
//! signing the change anew is not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbund_identity::Envelope;
use verbund_model::FederationId;

use crate::failure::Failure;
use crate::{files, t};

/// The most bytes of the file.
const MAX_FILE: u64 = 1 << 20;

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pending {
    /// The context in which it was sent.
    pub context: String,
    /// The federation.
    pub federation: FederationId,
    /// What it was about, for people.
    pub about: String,
    /// The envelope.
    pub envelope: Envelope,
}

impl Pending {
    /// Writes the file; gives its path.
    pub fn keep(&self, directory: &Path) -> Result<PathBuf, Failure> {
        let path = directory.join(format!("{}.json", self.envelope.payload_hash().short()));
        files::replace(&path, &serde_json::to_vec_pretty(self)?)?;
        Ok(path)
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = files::read_argument(path, MAX_FILE).map_err(|e| {
            Failure::new(t!("file-unreadable", path = path.display().to_string(), reason = crate::words::chain(&e)))
        })?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::new(t!("file-form", path = path.display().to_string(), reason = crate::words::chain(&e)))
        })
    }
}
