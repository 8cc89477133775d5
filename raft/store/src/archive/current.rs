//! The segment that is being written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ArchiveError;
use super::segment::{self, FINISHED, Segment, TRAILER};
use crate::directory::sync_file;
use crate::fault::FaultDisk;

/// Bytes gathered before one write to the file.
const BUFFER: usize = 256 << 10;

/// Writes always go to the place where the last whole write ended, so one that failed half-way (a full disk) is simply
/// done again.
pub(super) struct Current {
    first: u64,
    end: u64,
    dir: PathBuf,
    path: PathBuf,
    file: File,
    /// Where each record starts.
    offsets: Vec<u64>,
    /// Bytes that are not in the file yet.
    buffer: Vec<u8>,
    /// Bytes that are in the file.
    written: u64,
    hash: Sha256,
    /// The checksum, once it is in the buffer or the file.
    sealed: Option<[u8; 32]>,
    /// The file's name is not durable in its directory yet.
    unlisted: bool,
}

impl Current {
    /// Begins the segment that ends with `end` at record `first`.
    pub(super) fn create(dir: &Path, first: u64, end: u64) -> Result<Self, ArchiveError> {
        Self::create_as(dir, &segment::name(first, end, false), first, end)
    }

    /// As [`Current::create`], under another name.
    pub(super) fn create_as(dir: &Path, name: &str, first: u64, end: u64) -> Result<Self, ArchiveError> {
        let path = dir.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(ArchiveError::io("creating", &path))?;
        let mut current = Self {
            first,
            end,
            dir: dir.to_path_buf(),
            path,
            file,
            offsets: Vec::new(),
            buffer: Vec::new(),
            written: 0,
            hash: Sha256::new(),
            sealed: None,
            unlisted: true,
        };
        current.put(&segment::head(first, end));
        current.flush()?;
        Ok(current)
    }

    /// Adds the next record. If there is no room for it, nothing was added.
    pub(super) fn push(&mut self, record: &[u8]) -> Result<(), ArchiveError> {
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        let index = self.first + self.offsets.len() as u64;
        self.offsets.push(self.written + self.buffer.len() as u64);
        self.put(&segment::record_head(index, record));
        self.put(record);
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.first + self.offsets.len() as u64 > self.end
    }

    pub(super) fn holds(&self, index: u64) -> bool {
        (self.first..self.first + self.offsets.len() as u64).contains(&index)
    }

    /// One of its records.
    pub(super) fn record(&mut self, index: u64) -> Result<Vec<u8>, ArchiveError> {
        self.flush()?;
        segment::record_in(&self.file, &self.path, &self.offsets, self.first, index)
    }

    /// Gives the gathered bytes to the file.
    pub(super) fn flush(&mut self) -> Result<(), ArchiveError> {
        self.file.write_all_at(&self.buffer, self.written).map_err(ArchiveError::io("writing", &self.path))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Adds mark and checksum to a complete segment, once.
    pub(super) fn seal(&mut self) -> Result<(), ArchiveError> {
        if self.sealed.is_none() {
            self.put(&FINISHED.to_le_bytes());
            let sha256: [u8; 32] = self.hash.clone().finalize().into();
            self.buffer.reserve(TRAILER);
            self.buffer.extend_from_slice(&sha256);
            self.sealed = Some(sha256);
        }
        self.flush()
    }

    pub(super) fn sync(&self, fault: Option<&FaultDisk>) -> io::Result<()> {
        sync_file(&self.file, fault)
    }

    /// Gives a sealed and synced segment its final name.
    pub(super) fn publish(&self) -> Result<Segment, ArchiveError> {
        let segment = Segment { sha256: self.sealed, ..self.segment() };
        let path = self.dir.join(segment.name());
        fs::rename(&self.path, &path).map_err(ArchiveError::io("naming", &path))?;
        Ok(segment)
    }

    /// Gives the file its proper name, if it was created under another one.
    pub(super) fn take_name(&mut self) -> io::Result<()> {
        let path = self.dir.join(segment::name(self.first, self.end, false));
        fs::rename(&self.path, &path)?;
        self.path = path;
        Ok(())
    }

    /// Whether the file's name still has to be made durable; asked once.
    pub(super) fn take_unlisted(&mut self) -> bool {
        std::mem::take(&mut self.unlisted)
    }

    pub(super) fn segment(&self) -> Segment {
        let next = self.first + self.offsets.len() as u64;
        Segment { first: self.first, next, end: self.end, sha256: None }
    }

    /// Leaves the file as it is: records go on elsewhere.
    pub(super) fn into_segment(self) -> Segment {
        self.segment()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.buffer.extend_from_slice(bytes);
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("segment", &self.segment()).finish_non_exhaustive()
    }
}
