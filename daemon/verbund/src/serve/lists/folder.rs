//! The lists on disk, one file for each CA. Public data.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use verbund_identity::TrustDomain;
use verbund_model::KeyId;
use verbund_model::resource::Der;

use crate::files;

/// The most bytes of one file: a list of a megabyte in base64, and a certificate.
const MAX_FILE: u64 = 2 * 1024 * 1024;
/// The most files that are read.
const MAX_FILES: usize = 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    trust_domain: String,
    issuer: Der,
    list: Der,
}

/// A domain's list, and the certificate of the CA that signed it (DER both).
type Kept = (TrustDomain, Vec<u8>, Vec<u8>);

/// The directory.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens it, or makes it.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        files::make_directory(&dir)?;
        Ok(Self(dir))
    }

    /// Every list. One that cannot be read is passed over with a warning: it is asked for again, and what it would open is
    /// closed by its age at the latest.
    pub(super) fn read(&self) -> io::Result<Vec<Kept>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.0)?.take(MAX_FILES) {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let stored = files::read_text(&path, MAX_FILE)?.and_then(|text| serde_json::from_str::<Stored>(&text).ok());
            match stored.and_then(|stored| Some((stored.trust_domain.parse().ok()?, stored.list.0, stored.issuer.0))) {
                Some(list) => all.push(list),
                None => tracing::warn!(path = %path.display(), "this is no revocation list: it is passed over"),
            }
        }
        Ok(all)
    }

    /// Writes the list of a CA in the place of its last one.
    pub(super) fn keep(&self, domain: &TrustDomain, ca: &KeyId, list: &[u8], issuer: &[u8]) -> io::Result<()> {
        let stored =
            Stored { trust_domain: domain.to_string(), issuer: Der(issuer.to_vec()), list: Der(list.to_vec()) };
        files::replace(&self.0.join(format!("{ca}.json")), &serde_json::to_vec(&stored)?)
    }
}
