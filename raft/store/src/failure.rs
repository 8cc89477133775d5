//! Errors of log and store, and the one-way switch that a failed fsync throws.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::log::Sidecar;

/// Why a write to the log was not made durable. Cloned to every waiting caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// The operation itself failed at the disk. The store is poisoned from here on.
    #[error("{what} failed: {why}; the store has stopped, restart the daemon: it copies the log before it votes")]
    Failed {
        /// What was tried.
        what: String,
        /// What the system answered.
        why: String,
    },
    /// An earlier operation failed; nothing is accepted any more.
    #[error("the store stopped after an earlier failure ({first}); restart the daemon")]
    Poisoned {
        /// The failure that stopped it.
        first: String,
    },
    /// A stored record does not match its checksum or is missing. The store is poisoned from here on.
    #[error(
        "the log record {index} is damaged: this node must not vote; exclude it and let it join as a new node, \
         or restore its disk"
    )]
    Damaged {
        /// Index of the record.
        index: u64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The records do not follow the log's end; nothing was appended.
    #[error("cannot append record {found}: the log expects {expected} next")]
    OutOfOrder {
        /// The index that would follow.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
    /// A record is larger than [`crate::LogStore::MAX_RECORD_BYTES`]; nothing was appended.
    #[error("log record {index} has {bytes} bytes, the limit is {limit}; split it")]
    TooLarge {
        /// Index of the record.
        index: u64,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why a read of the log gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The record does not match its checksum, or is missing between others. The store is poisoned from here on.
    #[error(
        "the log record {index} is damaged: this node must not vote; exclude it and let it join as a new node, \
         or restore its disk"
    )]
    Damaged {
        /// Index of the record.
        index: u64,
    },
    /// The disk refused. The store is poisoned from here on.
    #[error("reading the log failed: {why}; the store has stopped, check the disk and restart the daemon")]
    Failed {
        /// What the system answered.
        why: String,
    },
    /// An earlier operation failed; nothing is answered any more.
    #[error("the store stopped after an earlier failure ({first}); restart the daemon")]
    Poisoned {
        /// The failure that stopped it.
        first: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<StoreFailure> for ReadError {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Damaged { index } => Self::Damaged { index },
            StoreFailure::Poisoned { first } => Self::Poisoned { first },
            StoreFailure::Closed => Self::Closed,
            other => Self::Failed { why: other.to_string() },
        }
    }
}

impl From<ReadError> for StoreFailure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { index } => Self::Damaged { index },
            ReadError::Failed { why } => Self::Failed { what: "reading the log".to_owned(), why },
            ReadError::Poisoned { first } => Self::Poisoned { first },
            ReadError::Closed => Self::Closed,
        }
    }
}

/// Why a store could not be created or opened. None of these may be answered by starting as if new.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is a store, or part of one, already.
    #[error("{dir} already holds a node's store: open it, or choose an empty directory for a new node", dir = .0.display())]
    Exists(PathBuf),
    /// No node was ever created here.
    #[error("{dir} holds no node's store: run `verbund init` and join first", dir = .0.display())]
    NotCreated(PathBuf),
    /// The marker says that a log must be here, and it is missing or empty.
    #[error(
        "the log of node {node} in {dir} is missing or empty: this node has voted before and must not start as if it \
         were new; restore the disk, or exclude node {node} and join as a new one",
        dir = .dir.display()
    )]
    LogMissing {
        /// The node whose log is missing.
        node: u64,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// There is a log, but not the marker beside it.
    #[error("{path} is missing or damaged beside an existing log: restore it from a backup of this very node", path = .0.display())]
    HeaderDamaged(PathBuf),
    /// The directory belongs to another node, federation or format.
    #[error("{dir} belongs to {found}, not to {wanted}: check the data directory in the configuration", dir = .dir.display())]
    WrongHeader {
        /// The directory.
        dir: PathBuf,
        /// What the store says.
        found: String,
        /// What the caller wants.
        wanted: String,
    },
    /// Another process holds the directory.
    #[error("{dir} is in use by another process: stop the other daemon first", dir = .0.display())]
    Locked(PathBuf),
    /// A record does not match its checksum, or one is missing between others.
    #[error(
        "log record {index} in {dir} is damaged: this node must not vote; restore its disk, or exclude it and join \
         as a new node",
        dir = .dir.display()
    )]
    Damaged {
        /// Index of the record.
        index: u64,
        /// The directory.
        dir: PathBuf,
    },
    /// A file of the log itself, the vote or other data beside the records is damaged.
    #[error(
        "the log in {dir} is damaged ({what}): this node must not vote; restore its disk, or exclude it and join as \
         a new node",
        dir = .dir.display()
    )]
    DamagedLog {
        /// What does not hold.
        what: String,
        /// The directory.
        dir: PathBuf,
    },
    /// The log ends before a commit that this node knows it made.
    #[error(
        "the log in {dir} is at commit {found}, but commit {seen} was made: the disk lost acknowledged writes or an \
         old copy was restored; exclude this node and join as a new one",
        dir = .dir.display()
    )]
    RolledBack {
        /// The last commit in the log.
        found: u64,
        /// The last commit that was seen to succeed.
        seen: u64,
        /// The directory.
        dir: PathBuf,
    },
    /// The system refused.
    #[error("{what} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl OpenError {
    /// Wraps an I/O error with what was tried and where.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Called once, with the first failure, when the store stops for good. The daemon ends its process here.
pub type OnFatal = Box<dyn FnOnce(&StoreFailure) + Send>;

/// The one-way switch shared by log, snapshots and archive of one store.
#[derive(Clone)]
pub(crate) struct Fatal(Arc<Inner>);

struct Inner {
    tripped: AtomicBool,
    closed: AtomicBool,
    first: OnceLock<StoreFailure>,
    on_fatal: Mutex<Option<OnFatal>>,
    sidecar: OnceLock<Arc<Sidecar>>,
}

impl Fatal {
    pub(crate) fn new(on_fatal: Option<OnFatal>) -> Self {
        Self(Arc::new(Inner {
            tripped: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            first: OnceLock::new(),
            on_fatal: Mutex::new(on_fatal),
            sidecar: OnceLock::new(),
        }))
    }

    /// From now on a trip also leaves the flag that makes the next open copy the log.
    pub(crate) fn mark_in(&self, sidecar: Arc<Sidecar>) {
        // A second sidecar would mean a second log in one store; the first one stays.
        let _ = self.0.sidecar.set(sidecar);
    }

    /// Stops the store. The first call leaves the flag for the next open and calls `on_fatal`; later ones do nothing.
    pub(crate) fn trip(&self, failure: &StoreFailure) {
        if self.0.first.set(failure.clone()).is_err() {
            return;
        }
        self.0.tripped.store(true, Ordering::Release);
        tracing::error!(%failure, "the store stops");
        if let Some(sidecar) = self.0.sidecar.get() {
            sidecar.demand_copy();
        }
        let callback = self.0.on_fatal.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(callback) = callback {
            callback(failure);
        }
    }

    /// From now on every handle answers that the store is closed.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    /// `Err(Poisoned)` once the store has stopped, `Err(Closed)` once it was closed.
    pub(crate) fn check(&self) -> Result<(), StoreFailure> {
        if !self.0.tripped.load(Ordering::Acquire) {
            return if self.0.closed.load(Ordering::Acquire) { Err(StoreFailure::Closed) } else { Ok(()) };
        }
        let first = self.0.first.get().map_or_else(String::new, ToString::to_string);
        Err(StoreFailure::Poisoned { first })
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fatal").field("first", &self.0.first.get()).finish_non_exhaustive()
    }
}
