//! What an agent's folder remembers: whose agent it is, where its site's daemons are, and the key with which it signs.
//!
//! ```text
//! FOLDER/agent.json        this file; nothing in it is secret
//! FOLDER/keys/agent.key    the agent's key (P-256), sealed with a passphrase
//! FOLDER/incarnation       the number of its last start
//! FOLDER/session.json      its session
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_identity::TrustDomain;
use verbund_keys::{CreateError, KdfParameters, KeyFile, KeyLabel, Passphrase, ReadError, Signer, UnlockError};
use verbund_model::resource::Der;
use verbund_model::{ClusterName, FederationId, PublicKey, SiteName};

use crate::config::replace;

const FILE: &str = "agent.json";
const KEYS: &str = "keys";
const KEY: &str = "agent.key";
const VERSION: u32 = 1;
/// The most bytes of the file.
const MAX_FILE: u64 = 256 * 1024;

/// Whose agent it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enrolment {
    /// Version of the file's form.
    pub v: u32,
    /// The federation.
    pub federation: FederationId,
    /// The federation's name.
    pub federation_name: SiteName,
    /// The site.
    pub site: SiteName,
    /// The cluster.
    pub cluster: ClusterName,
    /// Addresses (`host:port`) of the site's daemons for agents.
    pub addresses: Vec<String>,
    /// The site's anchors.
    pub anchors: Vec<Der>,
}

/// Why a folder holds no usable enrolment.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// There is one already.
    #[error("{0} belongs to an agent already: use another folder")]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Its content is not what it should be.
    #[error("{path} cannot be used: {reason}; fetch it anew with `verbund cluster add`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The key's file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The key cannot be unlocked.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

impl Enrolment {
    /// The version that [`Enrolment::write`] writes.
    pub const VERSION: u32 = VERSION;

    /// The site's trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain {
        TrustDomain { site: self.site.clone(), federation: self.federation_name.clone() }
    }

    /// Makes the agent's key, sealed with a passphrase, in a folder that has none, and gives its public half, which a
    /// Plattformbetreiber registers. Errors: [`EnrolmentError`].
    pub fn make_key(
        folder: &Path,
        passphrase: &Passphrase,
        parameters: KdfParameters,
    ) -> Result<PublicKey, EnrolmentError> {
        let keys = folder.join(KEYS);
        fs::create_dir_all(&keys).map_err(|source| EnrolmentError::Io { path: keys.clone(), source })?;
        // It signs what a program reports.
        let file = KeyFile::create(&keys.join(KEY), KeyLabel::User, passphrase, parameters)?;
        Ok(file.public_key().clone())
    }

    /// Opens the agent's key. Errors: [`EnrolmentError`].
    pub fn open_key(folder: &Path, passphrase: &Passphrase) -> Result<Arc<dyn Signer>, EnrolmentError> {
        let file = KeyFile::read(&folder.join(KEYS).join(KEY))?;
        file.expect_label(KeyLabel::User)?;
        Ok(Arc::new(file.unlock(passphrase)?))
    }

    /// Writes the file; never over another. Errors: [`EnrolmentError`].
    pub fn write(&self, folder: &Path) -> Result<(), EnrolmentError> {
        let path = folder.join(FILE);
        if path.exists() {
            return Err(EnrolmentError::Exists(folder.to_owned()));
        }
        let io = |source| EnrolmentError::Io { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(io)?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        replace(&path, &text).map_err(io)
    }

    /// Reads the file. Errors: [`EnrolmentError`].
    pub fn read(folder: &Path) -> Result<Self, EnrolmentError> {
        let path = folder.join(FILE);
        let io = |source| EnrolmentError::Io { path: path.clone(), source };
        let damaged = |reason: String| EnrolmentError::Damaged { path: path.clone(), reason };
        let length = fs::metadata(&path).map_err(io)?.len();
        if length > MAX_FILE {
            return Err(damaged(format!("it has {length} bytes, more than {MAX_FILE}")));
        }
        let enrolment: Self =
            serde_json::from_slice(&fs::read(&path).map_err(io)?).map_err(|error| damaged(error.to_string()))?;
        if enrolment.v != VERSION {
            return Err(damaged(format!("it has version {}, this program knows {VERSION}", enrolment.v)));
        }
        if enrolment.addresses.is_empty() || enrolment.anchors.is_empty() {
            return Err(damaged("it names no address, or no anchor of the site".to_owned()));
        }
        Ok(enrolment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolment() -> Enrolment {
        Enrolment {
            v: VERSION,
            federation: FederationId::default(),
            federation_name: SiteName::new("dvc").unwrap(),
            site: SiteName::new("alpha").unwrap(),
            cluster: ClusterName::new("one").unwrap(),
            addresses: vec!["127.0.0.1:7420".to_owned()],
            anchors: vec![Der(vec![1, 2, 3])],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        enrolment().write(folder.path()).unwrap();
        assert_eq!(Enrolment::read(folder.path()).unwrap(), enrolment());
        assert!(matches!(enrolment().write(folder.path()), Err(EnrolmentError::Exists(_))));
    }

    #[test]
    fn what_is_damaged_or_empty_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Enrolment::read(folder.path()), Err(EnrolmentError::Io { .. })));
        for spoil in [
            |e: &mut Enrolment| e.v = 9,
            |e: &mut Enrolment| e.addresses.clear(),
            |e: &mut Enrolment| e.anchors.clear(),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut spoilt = enrolment();
            spoil(&mut spoilt);
            spoilt.write(folder.path()).unwrap();
            assert!(matches!(Enrolment::read(folder.path()), Err(EnrolmentError::Damaged { .. })));
        }
    }

    #[test]
    fn the_key_is_sealed_and_opens_with_its_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("a passphrase of some length").unwrap();
        let parameters = KdfParameters { memory_kib: 8 * 1024, passes: 1, lanes: 1 };
        let public = Enrolment::make_key(folder.path(), &passphrase, parameters).unwrap();
        assert_eq!(Enrolment::open_key(folder.path(), &passphrase).unwrap().public_key(), &public);
        let wrong = Passphrase::new("another passphrase entirely").unwrap();
        assert!(Enrolment::open_key(folder.path(), &wrong).is_err());
        assert!(Enrolment::make_key(folder.path(), &passphrase, parameters).is_err(), "never over another");
    }
}
