//! What an agent's folder remembers: whose agent it is, where its site's daemons are, and the key with which it signs.
//!
//! ```text
//! FOLDER/agent.json        this file; nothing in it is secret
//! FOLDER/keys/agent.key    the agent's key (P-256), sealed with a passphrase
//! FOLDER/session.json      its session
//! ```
//!
//! In a cluster the first two are handed in as a Secret, flat and read-only: [`Enrolment::take_over`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_identity::TrustDomain;
use verbund_keys::{CreateError, KdfParameters, KeyFile, KeyLabel, Passphrase, ReadError, Signer, UnlockError};
use verbund_model::resource::Der;
use verbund_model::{ClusterName, FederationId, PublicKey, SiteName};

use crate::config::{replace, replace_private};

const FILE: &str = "agent.json";
const KEYS: &str = "keys";
const KEY: &str = "agent.key";
/// Where [`crate::SessionStore`] keeps the session.
pub(crate) const SESSION: &str = "session.json";
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
    /// What was handed in is for another agent.
    #[error(
        "{folder} is of the agent of {found}, and what was handed in is for {given}: give each agent a folder of its own"
    )]
    Other {
        /// The agent's folder.
        folder: PathBuf,
        /// Whose it is.
        found: ClusterName,
        /// Whose was handed in.
        given: ClusterName,
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

    /// Takes `agent.json` and `agent.key` from the folder `from`, which others write (a mounted Secret, whose files a group may
    /// read), into the agent's own, where the key is for nobody else. What is there already is replaced where it differs, and a
    /// session of another key is forgotten. Errors: [`EnrolmentError`]; also for what is of another agent, and then nothing is
    /// changed.
    pub fn take_over(from: &Path, folder: &Path) -> Result<(), EnrolmentError> {
        let io = |path: &Path, source| EnrolmentError::Io { path: path.to_owned(), source };
        let given = Self::read(from)?;
        if folder.join(FILE).exists() {
            let found = Self::read(folder)?;
            if (&found.cluster, found.federation) != (&given.cluster, given.federation) {
                let (found, given) = (found.cluster, given.cluster);
                return Err(EnrolmentError::Other { folder: folder.to_owned(), found, given });
            }
        }
        let keys = folder.join(KEYS);
        fs::create_dir_all(&keys).map_err(|source| io(&keys, source))?;
        if take(&from.join(KEY), &keys.join(KEY))? {
            match fs::remove_file(folder.join(SESSION)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(&folder.join(SESSION), error)),
                _ => {}
            }
        }
        take(&from.join(FILE), &folder.join(FILE)).map(drop)
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

/// Takes a file's content over for the owner only; `true` if there was another or none. Errors: [`EnrolmentError`].
fn take(from: &Path, to: &Path) -> Result<bool, EnrolmentError> {
    let io = |path: &Path, source| EnrolmentError::Io { path: path.to_owned(), source };
    let length = fs::metadata(from).map_err(|source| io(from, source))?.len();
    if length > MAX_FILE {
        let reason = format!("it has {length} bytes, more than {MAX_FILE}");
        return Err(EnrolmentError::Damaged { path: from.to_owned(), reason });
    }
    let bytes = fs::read(from).map_err(|source| io(from, source))?;
    if fs::read(to).is_ok_and(|before| before == bytes) {
        return Ok(false);
    }
    replace_private(to, &bytes).map_err(|source| io(to, source))?;
    Ok(true)
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
    fn what_is_handed_in_is_taken_over_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let (made, secret, folder) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let passphrase = Passphrase::new("a passphrase of some length").unwrap();
        let parameters = KdfParameters { memory_kib: 8 * 1024, passes: 1, lanes: 1 };
        let hand_in = |made: &Path, enrolment: &Enrolment| {
            let public = Enrolment::make_key(made, &passphrase, parameters).unwrap();
            enrolment.write(made).unwrap();
            for (from, to) in [("agent.json", "agent.json"), ("keys/agent.key", "agent.key")] {
                let _before = fs::remove_file(secret.path().join(to));
                fs::copy(made.join(from), secret.path().join(to)).unwrap();
                fs::set_permissions(secret.path().join(to), fs::Permissions::from_mode(0o440)).unwrap();
            }
            public
        };
        let public = hand_in(made.path(), &enrolment());
        Enrolment::take_over(secret.path(), folder.path()).unwrap();
        assert_eq!(Enrolment::read(folder.path()).unwrap(), enrolment());
        assert_eq!(Enrolment::open_key(folder.path(), &passphrase).unwrap().public_key(), &public);
        // The same again: the session stays. Another key: it is forgotten.
        fs::write(folder.path().join(SESSION), "{}").unwrap();
        Enrolment::take_over(secret.path(), folder.path()).unwrap();
        assert!(folder.path().join(SESSION).exists());
        let again = tempfile::tempdir().unwrap();
        let public = hand_in(again.path(), &enrolment());
        Enrolment::take_over(secret.path(), folder.path()).unwrap();
        assert_eq!(Enrolment::open_key(folder.path(), &passphrase).unwrap().public_key(), &public);
        assert!(!folder.path().join(SESSION).exists());
        // Another cluster's changes nothing.
        let other = tempfile::tempdir().unwrap();
        hand_in(other.path(), &Enrolment { cluster: ClusterName::new("two").unwrap(), ..enrolment() });
        assert!(matches!(
            Enrolment::take_over(secret.path(), folder.path()),
            Err(EnrolmentError::Other { found, .. }) if found.as_str() == "one"
        ));
        assert_eq!(Enrolment::open_key(folder.path(), &passphrase).unwrap().public_key(), &public);
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
