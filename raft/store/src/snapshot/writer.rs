//! Writing a snapshot, chunk by chunk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::format::{MAX_MEMBERSHIP, head};
use super::{Shared, SnapshotError, SnapshotInfo};
use crate::directory::sync_file;
use crate::log::LogId;

/// Bytes gathered before one write to the file.
const BUFFER: usize = 256 << 10;
/// Bytes after which the file is synced while it is being written: one large sync at the end would hold up the log's
/// own syncs on the same file system.
const SYNC_EVERY: u64 = 16 << 20;

/// A snapshot being written; nothing is visible before [`SnapshotWriter::finish`], and dropping it removes it.
pub struct SnapshotWriter {
    store: Arc<Shared>,
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    hash: Sha256,
    last: LogId,
    membership: Bytes,
    data_bytes: u64,
    file_bytes: u64,
    unsynced: u64,
}

impl SnapshotWriter {
    pub(super) fn create(store: Arc<Shared>, last: LogId, membership: &[u8]) -> Result<Self, SnapshotError> {
        if membership.len() > MAX_MEMBERSHIP {
            return Err(SnapshotError::MembershipTooLarge { bytes: membership.len(), limit: MAX_MEMBERSHIP });
        }
        let path = store.temporary();
        let file = File::create_new(&path).map_err(SnapshotError::io("creating", &path))?;
        let mut writer = Self {
            store,
            path,
            file: Some(file),
            buffer: Vec::with_capacity(BUFFER),
            hash: Sha256::new(),
            last,
            membership: Bytes::copy_from_slice(membership),
            data_bytes: 0,
            file_bytes: 0,
            unsynced: 0,
        };
        writer.put(&head(last, membership))?;
        Ok(writer)
    }

    /// Adds bytes of the state.
    pub fn write_chunk(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.put(bytes)?;
        self.data_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Completes the file, makes it durable and makes it the newest snapshot.
    pub fn finish(mut self) -> Result<SnapshotInfo, SnapshotError> {
        self.put(&self.data_bytes.to_le_bytes())?;
        let sha256: [u8; 32] = self.hash.clone().finalize().into();
        self.put(&sha256)?;
        self.flush_buffer()?;
        if let Some(file) = self.file.take() {
            self.store.settle(sync_file(&file, self.store.fault.as_ref()))?;
        }
        self.store.install(&self.path, self.last)?;
        Ok(SnapshotInfo {
            last: self.last,
            membership: self.membership.clone(),
            data_bytes: self.data_bytes,
            file_bytes: self.file_bytes,
            sha256,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.hash.update(bytes);
        self.file_bytes += bytes.len() as u64;
        for part in bytes.chunks(BUFFER) {
            if self.buffer.len() + part.len() > BUFFER {
                self.flush_buffer()?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    fn flush_buffer(&mut self) -> Result<(), SnapshotError> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        file.write_all(&self.buffer).map_err(SnapshotError::io("writing", &self.path))?;
        self.unsynced += self.buffer.len() as u64;
        self.buffer.clear();
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.store.settle(sync_file(file, self.store.fault.as_ref()))?;
        }
        Ok(())
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_chunk(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_buffer().map_err(io::Error::other)
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        // After `finish` the file has another name; what cannot be removed now is removed at the next open.
        let _ = fs::remove_file(&self.path);
    }
}
