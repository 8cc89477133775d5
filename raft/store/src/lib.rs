//! What a node keeps on its own disk: the Raft log with vote and header, snapshot files, and the audit archive.
//!
//! One directory belongs to one process and to one node ([`Header`]). In it lie:
//!
//! | path | what | type |
//! |---|---|---|
//! | `node.header` | the marker that says which node's log must be here | [`Header`] |
//! | `log-*.seg`, `log.state` | log, vote, committed index; the last commit seen and the copy flag | [`LogStore`] |
//! | `snapshots/` | checksummed snapshots of the state, the newest two | [`SnapshotStore`] |
//! | `archive/` | audit records in segments, and checkpoints | [`Archive`] |
//!
//! The promise (invariants I2, I13, I15): what was acknowledged is on the disk; damage or a failed fsync means halt,
//! never a vote. The first failed fsync poisons everything here and calls `on_fatal`, once; the next open copies the
//! log to a fresh file before it is used, because after a failed fsync the page cache may show what the disk lost.
//!
//! Payloads, votes, memberships and records are opaque bytes here. What must never be in this crate: openraft, the
//! machine, an async runtime, network, a clock that decides anything.

mod archive;
mod directory;
mod disk;
mod failure;
pub mod fault;
mod header;
mod log;
mod snapshot;
mod store;

pub use archive::{Appended, Archive, ArchiveError, ArchiveOptions, Records, SegmentInfo};
pub use directory::replace_file;
pub use disk::{DiskWatch, FreeSpace};
pub use failure::{OnFatal, OpenError, ReadError, StoreFailure};
pub use header::Header;
pub use log::{AppendDone, LogId, LogRecord, LogStats, LogStore};
pub use snapshot::{
    CHUNK_BYTES, Chunks, IncomingSnapshot, SnapshotError, SnapshotInfo, SnapshotReader, SnapshotStore, SnapshotWriter,
};
pub use store::{FORMAT, Store, StoreOptions};
