//! Directories and small files: the lock, durable replacement, syncing.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::failure::OpenError;
use crate::fault::FaultDisk;

/// Holds a directory for this process until dropped (or until the process ends, however it ends).
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock, or fails at once with [`OpenError::Locked`].
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(OpenError::io("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_path_buf())),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { what: "locking", path, source }),
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path, fault: Option<&FaultDisk>) -> io::Result<()> {
    let handle = File::open(dir)?;
    sync_file(&handle, fault)
}

/// `fsync`, through which tests can inject a failure.
pub(crate) fn sync_file(file: &File, fault: Option<&FaultDisk>) -> io::Result<()> {
    match fault {
        Some(disk) => disk.sync_plain_file(file),
        None => file.sync_all(),
    }
}

/// Writes a small file so that after a crash either the old or the new content is there, never a mixture. It is durable
/// when this returns. `fault` is for tests. Errors: the disk's; the old content then still stands, or the new.
pub fn replace_file(path: &Path, content: &[u8], fault: Option<&FaultDisk>) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    sync_file(&file, fault)?;
    drop(file);
    fs::rename(&temporary, path)?;
    sync_dir(dir, fault)
}

/// Creates a directory (and its parents), for its owner only, durable in its parent.
pub(crate) fn make_dir(dir: &Path, fault: Option<&FaultDisk>) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent, fault),
        _ => Ok(()),
    }
}
