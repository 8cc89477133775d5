//! What a node's directory remembers of its admission: to which federation it belongs, under which id, and whom to trust
//! and call until the replicated state says so.
//!
//! ```text
//! DATA_DIR/enrolment.json   this file
//! DATA_DIR/genesis.json     the genesis document, byte for byte
//! DATA_DIR/keys/            the site's keys (verbund-keys)
//! DATA_DIR/state/           log, snapshots, archive (verbund-store)
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbund_identity::{Genesis, GenesisError};
use verbund_model::{FederationId, NodeId, SiteName};

use crate::files;
use crate::join::protocol::Member;

const ENROLMENT: &str = "enrolment.json";
const GENESIS: &str = "genesis.json";
const VERSION: u32 = 1;

/// A node's admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enrolment {
    /// Version of the file's form.
    pub v: u32,
    /// The federation.
    pub federation: FederationId,
    /// The federation's name.
    pub federation_name: SiteName,
    /// The federation generation in which the node was admitted.
    pub generation: u32,
    /// The site.
    pub site: SiteName,
    /// The node's id.
    pub node: NodeId,
    /// Log index at which `members` was true: from there on the node's own state is newer.
    pub index: u64,
    /// Whom to trust and call at first.
    pub members: Vec<Member>,
}

/// Why a directory holds no usable admission.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// Never founded, never joined.
    #[error("{dir} belongs to no federation yet: run `verbund found`, or `verbund join` with an invitation")]
    None {
        /// The directory.
        dir: PathBuf,
    },
    /// It belongs to a federation already.
    #[error("{dir} belongs to federation {federation} as node {node} already: use another directory")]
    Exists {
        /// The directory.
        dir: PathBuf,
        /// The federation.
        federation: FederationId,
        /// The node.
        node: NodeId,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{path} is damaged: {reason}. Restore it from a copy, or join as a new node")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The genesis document is not the one whose hash names the federation.
    #[error("{path} has the hash {found}, but the federation is {wanted}: it was replaced")]
    OtherGenesis {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: FederationId,
        /// The federation.
        wanted: FederationId,
    },
    /// The genesis document breaks a rule.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

impl Enrolment {
    /// The version that [`Enrolment::write`] writes.
    pub const VERSION: u32 = VERSION;

    /// Whether `dir` has an admission.
    pub fn exists(dir: &Path) -> bool {
        dir.join(ENROLMENT).exists()
    }

    /// Writes genesis and admission; never over others. Errors: [`EnrolmentError`].
    pub fn write(&self, dir: &Path, genesis: &[u8]) -> Result<(), EnrolmentError> {
        if let Ok((other, _)) = Self::read(dir) {
            let (federation, node) = (other.federation, other.node);
            return Err(EnrolmentError::Exists { dir: dir.to_owned(), federation, node });
        }
        // The admission comes last: a directory with one is complete.
        put(&dir.join(GENESIS), genesis)?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| EnrolmentError::Damaged { path: dir.join(ENROLMENT), reason: e.to_string() })?;
        put(&dir.join(ENROLMENT), &text)
    }

    /// Reads admission and genesis bytes, which must belong together. Errors: [`EnrolmentError`].
    pub fn read(dir: &Path) -> Result<(Self, Vec<u8>), EnrolmentError> {
        let path = dir.join(ENROLMENT);
        let text = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(EnrolmentError::None { dir: dir.to_owned() });
            }
            Err(source) => return Err(EnrolmentError::Io { path, source }),
            Ok(text) => text,
        };
        let damaged = |reason: String| EnrolmentError::Damaged { path: path.clone(), reason };
        let enrolment: Self = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        if enrolment.v != VERSION {
            return Err(damaged(format!("it has version {}, this program knows {VERSION}", enrolment.v)));
        }
        let path = dir.join(GENESIS);
        let genesis = fs::read(&path).map_err(|source| EnrolmentError::Io { path: path.clone(), source })?;
        let (_, found) = Genesis::from_bytes(&genesis)?;
        if found != enrolment.federation {
            return Err(EnrolmentError::OtherGenesis { path, found, wanted: enrolment.federation });
        }
        Ok((enrolment, genesis))
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), EnrolmentError> {
    files::replace(path, bytes).map_err(|source| EnrolmentError::Io { path: path.to_owned(), source })
}
