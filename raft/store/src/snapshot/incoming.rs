//! Receiving a snapshot from another node.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Shared, SnapshotError, SnapshotReader};
use crate::directory::sync_file;

/// Bytes after which the file is synced while it comes in (see the writer).
const SYNC_EVERY: u64 = 16 << 20;

/// A snapshot file that another node sends. What comes is not believed before [`IncomingSnapshot::finish`] has checked
/// it; dropping it removes what came.
#[derive(Debug)]
pub struct IncomingSnapshot {
    store: Arc<Shared>,
    path: PathBuf,
    file: File,
    received: u64,
    unsynced: u64,
    limit: u64,
    verified: Option<SnapshotReader>,
}

impl IncomingSnapshot {
    pub(super) fn create(store: Arc<Shared>, limit: u64) -> Result<Self, SnapshotError> {
        let path = store.temporary();
        let file = File::create_new(&path).map_err(SnapshotError::io("creating", &path))?;
        Ok(Self { store, path, file, received: 0, unsynced: 0, limit, verified: None })
    }

    /// Adds bytes of the file at `offset`, which must be [`IncomingSnapshot::received`]. A refused chunk changes
    /// nothing.
    pub fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SnapshotError> {
        if offset != self.received {
            return Err(SnapshotError::OutOfOrder { expected: self.received, found: offset });
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.limit {
            return Err(SnapshotError::TooLarge { limit: self.limit });
        }
        self.verified = None;
        self.file.write_all_at(bytes, offset).map_err(SnapshotError::io("writing", &self.path))?;
        self.received = end;
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.store.settle(sync_file(&self.file, self.store.fault.as_ref()))?;
        }
        Ok(())
    }

    /// Bytes so far: where the next chunk must start.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Makes what came durable and checks it against its checksum, without making it a snapshot of this node yet.
    ///
    /// The checksum finds damage, not lies: whether the sender may be believed is for the caller to decide, from
    /// [`SnapshotReader::info`] and the state in it, before [`IncomingSnapshot::finish`].
    pub fn verify(&mut self) -> Result<SnapshotReader, SnapshotError> {
        if let Some(verified) = &self.verified {
            return Ok(verified.clone());
        }
        self.store.settle(sync_file(&self.file, self.store.fault.as_ref()))?;
        let reader = SnapshotReader::open(&self.path)?;
        self.verified = Some(reader.clone());
        Ok(reader)
    }

    /// Verifies, if that was not done, and makes the file a snapshot of this node, durably.
    pub fn finish(mut self) -> Result<SnapshotReader, SnapshotError> {
        let reader = self.verify()?;
        let path = self.store.install(&self.path, reader.info().last)?;
        Ok(reader.at(path))
    }
}

impl Drop for IncomingSnapshot {
    fn drop(&mut self) {
        // After `finish` the file has another name; what cannot be removed now is removed at the next open.
        let _ = fs::remove_file(&self.path);
    }
}
