//! Snapshot files: separate from the log, checksummed, streamed, the newest two kept.

mod format;
mod incoming;
mod reader;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::directory::{make_dir, sync_dir};
use crate::failure::{Fatal, StoreFailure};
use crate::fault::FaultDisk;
use crate::log::LogId;
pub use incoming::IncomingSnapshot;
pub use reader::{Chunks, SnapshotReader};
pub use writer::SnapshotWriter;

/// Size of the chunks in which snapshots are read, in bytes.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Snapshots kept: the newest, and the one to fall back to.
const KEEP: usize = 2;

/// Why a snapshot could not be written, received or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error("{what} snapshot {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The file does not match its own checksum, or is no snapshot.
    #[error("snapshot {path} is damaged ({what}); it is not used", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        what: &'static str,
    },
    /// There were snapshots, and none of them is whole.
    #[error(
        "all {count} snapshots in {dir} are damaged: the state cannot be rebuilt here; exclude this node and join as a \
         new one",
        dir = .dir.display()
    )]
    AllDamaged {
        /// The directory.
        dir: PathBuf,
        /// How many.
        count: usize,
    },
    /// A received chunk does not start where the one before ended.
    #[error("snapshot chunk at offset {found} does not follow offset {expected}; start the transfer again")]
    OutOfOrder {
        /// The offset that would follow.
        expected: u64,
        /// The offset that came.
        found: u64,
    },
    /// The sender sends more than the receiver accepts.
    #[error("the snapshot exceeds the limit of {limit} bytes; raise the limit if the sender is right")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The membership is larger than the format holds.
    #[error("a membership of {bytes} bytes does not fit in a snapshot (limit {limit})")]
    MembershipTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The store has stopped, now or before.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

impl SnapshotError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}

/// What a snapshot says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The last log record that the state contains.
    pub last: LogId,
    /// The membership at that record: opaque here.
    pub membership: Bytes,
    /// Bytes of state.
    pub data_bytes: u64,
    /// Bytes of the whole file, as it is sent to others.
    pub file_bytes: u64,
    /// SHA-256 of the file without its last 32 bytes, which hold it.
    pub sha256: [u8; 32],
}

/// The snapshots of one node; clones share them.
#[derive(Debug, Clone)]
pub struct SnapshotStore(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    dir: PathBuf,
    fatal: Fatal,
    fault: Option<FaultDisk>,
    counter: AtomicU64,
}

impl SnapshotStore {
    /// Opens the directory (created if missing) and removes what interrupted transfers left.
    pub(crate) fn open(dir: &Path, fatal: Fatal, fault: Option<FaultDisk>) -> io::Result<Self> {
        make_dir(dir, fault.as_ref())?;
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self(Arc::new(Shared { dir: dir.to_path_buf(), fatal, fault, counter: AtomicU64::new(0) })))
    }

    /// Starts a snapshot of the state after record `last`. Write its bytes, then [`SnapshotWriter::finish`].
    pub fn writer(&self, last: LogId, membership: &[u8]) -> Result<SnapshotWriter, SnapshotError> {
        self.0.fatal.check()?;
        SnapshotWriter::create(self.0.clone(), last, membership)
    }

    /// Starts to receive a snapshot file that another node sends; more than `max_bytes` are refused.
    pub fn receive(&self, max_bytes: u64) -> Result<IncomingSnapshot, SnapshotError> {
        self.0.fatal.check()?;
        IncomingSnapshot::create(self.0.clone(), max_bytes)
    }

    /// The newest snapshot that is whole; `None` if there never was one. Damaged ones are set aside. Reads all of it to
    /// verify it, so keep the reader where it is asked for often.
    ///
    /// # Errors
    /// [`SnapshotError::AllDamaged`] if there are only damaged ones.
    pub fn latest(&self) -> Result<Option<SnapshotReader>, SnapshotError> {
        self.0.fatal.check()?;
        for path in self.0.files("snap")? {
            match SnapshotReader::open(&path) {
                Ok(reader) => return Ok(Some(reader)),
                Err(error @ SnapshotError::Damaged { .. }) => {
                    tracing::error!(%error, "falling back to the snapshot before");
                    let aside = path.with_extension("damaged");
                    fs::rename(&path, &aside).map_err(SnapshotError::io("setting aside", &path))?;
                }
                Err(error) => return Err(error),
            }
        }
        match self.0.files("damaged")?.len() {
            0 => Ok(None),
            count => Err(SnapshotError::AllDamaged { dir: self.0.dir.clone(), count }),
        }
    }

    /// Number of snapshot files kept, damaged ones not counted.
    pub fn count(&self) -> Result<usize, SnapshotError> {
        Ok(self.0.files("snap")?.len())
    }
}

impl Shared {
    /// A new name for a file that is not yet a snapshot.
    fn temporary(&self) -> PathBuf {
        self.dir.join(format!("{}.part", self.counter.fetch_add(1, Ordering::Relaxed)))
    }

    /// Makes a finished, synced file a snapshot, durably, and removes those that are no longer needed.
    fn install(&self, temporary: &Path, last: LogId) -> Result<PathBuf, SnapshotError> {
        let path = self.dir.join(format!("{:020}-{:020}-{:020}.snap", last.index, last.term, last.node));
        fs::rename(temporary, &path).map_err(SnapshotError::io("installing", &path))?;
        self.settle(sync_dir(&self.dir, self.fault.as_ref()))?;
        let superseded = self.files("snap")?.into_iter().skip(KEEP);
        for old in superseded.chain(self.files("damaged")?) {
            if let Err(error) = fs::remove_file(&old) {
                tracing::warn!(path = %old.display(), %error, "an old snapshot could not be removed");
            }
        }
        Ok(path)
    }

    /// A failed fsync stops the store.
    fn settle(&self, synced: io::Result<()>) -> Result<(), SnapshotError> {
        synced.map_err(|error| {
            let failure = StoreFailure::Failed { what: "syncing a snapshot".to_owned(), why: error.to_string() };
            self.fatal.trip(&failure);
            SnapshotError::Store(failure)
        })
    }

    /// Files with an extension, the newest first (their names begin with the index, in fixed width).
    fn files(&self, extension: &str) -> Result<Vec<PathBuf>, SnapshotError> {
        let entries = fs::read_dir(&self.dir).map_err(SnapshotError::io("listing", &self.dir))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(SnapshotError::io("listing", &self.dir))?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        paths.sort_unstable_by(|a, b| b.cmp(a));
        Ok(paths)
    }
}
