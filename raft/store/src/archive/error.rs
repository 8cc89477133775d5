//! Why the archive refuses.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::StoreFailure;

/// Why the archive refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused.
    #[error("{what} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// Nobody said yet where this archive begins.
    #[error("the archive has no beginning yet: call start_at with the first index this node will archive")]
    NotStarted,
    /// The record does not follow the last one.
    #[error(
        "audit record {found} does not follow {expected}: fetch what is missing from a peer and start_at behind it"
    )]
    OutOfOrder {
        /// The index that would follow.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
    /// A record with this index and other bytes is already there.
    #[error("audit record {index} is already archived with other bytes: this node's state has diverged, halt it")]
    Differs {
        /// The index.
        index: u64,
    },
    /// A record is too large.
    #[error("audit record {index} has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The index.
        index: u64,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Records between others are not here.
    #[error("audit records {from} to {to} are not in this archive: fetch their segments from a peer", to = .before - 1)]
    Missing {
        /// The first that is missing.
        from: u64,
        /// The first that is there again, or the end of what was asked for.
        before: u64,
    },
    /// A stored record or segment does not match its checksum.
    #[error("the archive is damaged in {path} ({what}): remove the file and fetch the segment from a peer", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// A segment from elsewhere is not one that can be put in.
    #[error("the segment was refused: {0}")]
    BadSegment(String),
    /// The store has stopped, now or before.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

impl ArchiveError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}
