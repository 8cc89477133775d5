//! What the site's Plattformbetreiber revoked: `revoked.json` beside the keys, written by who revokes and read by the daemon,
//! which signs the lists. Nothing leaves it before the certificate has run out.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use verbund_model::KeyId;

use super::SiteKeysError;
use super::issued::from_hex;
use crate::certificate::{Reason, Revoked};
use crate::files;

const FILE: &str = "revoked.json";
const MAX_FILE: u64 = 16 * 1024 * 1024;
const VERSION: u32 = 1;
/// The most that stands on one list: it fits into one message between nodes.
pub const MAX_REVOKED: usize = 10_000;
/// A revoked certificate stands on at least one list after it ran out (RFC 5280, 3.3): lists last no longer than this.
const KEPT_AFTER: i64 = 31 * 24 * 60 * 60;

/// One certificate that counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// The id of the key of the CA that issued it.
    pub ca: KeyId,
    /// Since when, Unix time.
    pub since: i64,
    /// Why.
    #[serde(default)]
    pub reason: Reason,
    /// Its last valid second, if it is known; else it stays for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
}

impl Revocation {
    /// As it stands on a list. `None`: its serial number is none.
    pub(super) fn entry(&self) -> Option<Revoked> {
        let since = OffsetDateTime::from_unix_timestamp(self.since).ok()?;
        Some(Revoked { serial: from_hex(&self.serial)?, since, reason: self.reason })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: u32,
    revoked: Vec<Revocation>,
}

pub(super) fn path_in(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Everything that is revoked.
pub(super) fn read(path: &Path) -> Result<Vec<Revocation>, SiteKeysError> {
    let bytes = match files::read_public(path, MAX_FILE) {
        Err(error) if error.is_missing() => return Ok(Vec::new()),
        other => other?,
    };
    let content = |reason: String| SiteKeysError::Content { path: path.to_owned(), reason };
    let file: File = serde_json::from_slice(&bytes).map_err(|e| content(e.to_string()))?;
    if file.version != VERSION {
        return Err(content(format!("it has version {}, this program knows {VERSION}", file.version)));
    }
    match file.revoked.iter().find(|revocation| revocation.entry().is_none()) {
        Some(bad) => Err(content(format!("{:?} is no serial number, or its time no time", bad.serial))),
        None => Ok(file.revoked),
    }
}

/// Adds what is not there yet, leaves out what ran out long ago, and writes the file. Gives how many were added.
pub(super) fn add(path: &Path, new: Vec<Revocation>, now: OffsetDateTime) -> Result<usize, SiteKeysError> {
    let mut all = read(path)?;
    let before = all.len();
    for revocation in new {
        if !all.iter().any(|known| known.serial == revocation.serial && known.ca == revocation.ca) {
            all.push(revocation);
        }
    }
    let added = all.len() - before;
    if added == 0 {
        return Ok(0);
    }
    all.retain(|known| known.not_after.is_none_or(|end| end.saturating_add(KEPT_AFTER) >= now.unix_timestamp()));
    if all.len() > MAX_REVOKED {
        let reason =
            format!("{} certificates would be revoked, at most {MAX_REVOKED}: replace the issuing CA", all.len());
        return Err(SiteKeysError::Content { path: path.to_owned(), reason });
    }
    // Strings and numbers only: nothing in there can fail to serialise.
    let bytes = serde_json::to_vec_pretty(&File { version: VERSION, revoked: all }).unwrap_or_default();
    files::replace(path, &bytes, files::PUBLIC)?;
    Ok(added)
}
