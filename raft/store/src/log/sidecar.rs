//! `log.state`: the last commit seen, and the flag that demands a copy.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::directory::{sync_dir, sync_file};
use crate::fault::FaultDisk;

const MAGIC: &[u8; 8] = b"VBLOGST1";
const COMMIT_AT: u64 = 0;
const FLAG_AT: u64 = 32;
const LENGTH: usize = 40;
const CLEAN: &[u8; 8] = b"clean...";
const COPY: &[u8; 8] = b"copy!!!!";

/// A small file of fixed size, written in place and mostly without fsync.
///
/// *Commit number*: written after each successful commit. It can lag behind the log after a power loss, never lead it:
/// if it leads, the log lost a commit that had succeeded.
///
/// *Copy flag*: set when the store stops after a failure. It needs no new block, so it also works on a full disk. It
/// needs no fsync to do its work either: while the page cache that hides a lost write lives, the flag lives in it too;
/// if a power loss takes the flag, it takes that page cache with it.
pub(crate) struct Sidecar {
    file: Mutex<File>,
    fault: Option<FaultDisk>,
}

/// What the file says when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Number of the last commit seen; `None` if the file cannot tell.
    pub(super) commit: Option<u64>,
    /// Whether the log must be copied before it is used.
    pub(super) copy: bool,
}

impl Sidecar {
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join("log.state")
    }

    /// Opens or creates the file. A missing or unreadable one demands a copy: that is the safe side.
    pub(super) fn open(dir: &Path, fault: Option<FaultDisk>) -> io::Result<(Self, Remembered)> {
        let path = Self::path(dir);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = [0; LENGTH];
        let remembered = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Remembered { commit: commit_of(&bytes), copy: &bytes[32..40] != CLEAN },
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Remembered { commit: None, copy: true },
            Err(error) => return Err(error),
        };
        let remembered = Remembered { copy: remembered.copy || remembered.commit.is_none(), ..remembered };
        Ok((Self { file: Mutex::new(file), fault }, remembered))
    }

    /// Writes the whole file durably, with a clean flag.
    pub(super) fn reset(&self, dir: &Path, commit: u64) -> io::Result<()> {
        let file = self.file();
        file.write_all_at(&commit_bytes(commit), COMMIT_AT)?;
        file.write_all_at(&[0; 12], 20)?;
        file.write_all_at(CLEAN, FLAG_AT)?;
        sync_file(&file, self.fault.as_ref())?;
        sync_dir(dir, self.fault.as_ref())
    }

    /// Notes a commit, without fsync.
    pub(super) fn note_commit(&self, commit: u64) -> io::Result<()> {
        self.file().write_all_at(&commit_bytes(commit), COMMIT_AT)
    }

    /// Demands that the next open copies the log. Does what it can and reports only to the log: the store is stopping.
    pub(crate) fn demand_copy(&self) {
        let file = self.file();
        let written = file.write_all_at(COPY, FLAG_AT).and_then(|()| sync_file(&file, self.fault.as_ref()));
        if let Err(error) = written {
            tracing::error!(%error, "the flag that demands a copy of the log may not be durable");
        }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn commit_bytes(commit: u64) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&commit.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn commit_of(bytes: &[u8; LENGTH]) -> Option<u64> {
    let commit = u64::from_le_bytes(*bytes[8..].first_chunk()?);
    (bytes[..20] == commit_bytes(commit)).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_copy_and_flags_survive() {
        let dir = tempfile::tempdir().unwrap();
        let (sidecar, remembered) = Sidecar::open(dir.path(), None).unwrap();
        assert_eq!(remembered, Remembered { commit: None, copy: true });
        sidecar.reset(dir.path(), 5).unwrap();
        sidecar.note_commit(6).unwrap();
        let (_, remembered) = Sidecar::open(dir.path(), None).unwrap();
        assert_eq!(remembered, Remembered { commit: Some(6), copy: false });
        sidecar.demand_copy();
        let (_, remembered) = Sidecar::open(dir.path(), None).unwrap();
        assert_eq!(remembered, Remembered { commit: Some(6), copy: true });
    }

    #[test]
    fn a_torn_file_demands_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (sidecar, _) = Sidecar::open(dir.path(), None).unwrap();
        sidecar.reset(dir.path(), 5).unwrap();
        let whole = std::fs::read(Sidecar::path(dir.path())).unwrap();
        for position in (0..20).chain(32..40) {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            std::fs::write(Sidecar::path(dir.path()), &damaged).unwrap();
            let (_, remembered) = Sidecar::open(dir.path(), None).unwrap();
            assert!(remembered.copy, "byte {position}");
        }
    }
}
