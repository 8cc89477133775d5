//! Everything a node keeps, opened together.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, ArchiveOptions};
use crate::directory::{DirectoryLock, make_dir};
use crate::disk::{DiskWatch, FreeSpace};
use crate::failure::{Fatal, OnFatal, OpenError};
use crate::fault::FaultDisk;
use crate::header::Header;
use crate::log::{self, LogOptions, LogStore, Writer};
use crate::snapshot::SnapshotStore;

/// Version of the stored form that this crate writes.
pub const FORMAT: u32 = 2;

/// How a store is opened.
pub struct StoreOptions {
    /// Called once, from whichever thread fails first, when the store stops for good. The daemon ends its process here.
    /// It must not call the store.
    pub on_fatal: Option<OnFatal>,
    /// Free bytes below which [`Store::is_low`] holds. Default 512 MiB.
    pub low_water: u64,
    /// How free space is found. Default [`DiskWatch::statvfs`].
    pub free_space: FreeSpace,
    /// Payload bytes of the newest durable records kept in memory. Default 16 MiB.
    pub cache_bytes: usize,
    /// The greatest length of one file of the log; they begin smaller. Default 16 MiB.
    pub segment_bytes: u64,
    /// Settings of the archive.
    pub archive: ArchiveOptions,
    /// Faults to inject; for tests.
    pub fault: Option<FaultDisk>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            on_fatal: None,
            low_water: 512 << 20,
            free_space: DiskWatch::statvfs(),
            cache_bytes: 16 << 20,
            segment_bytes: 16 << 20,
            archive: ArchiveOptions::default(),
            fault: None,
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("low_water", &self.low_water)
            .field("cache_bytes", &self.cache_bytes)
            .field("segment_bytes", &self.segment_bytes)
            .field("archive", &self.archive)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// The store of one node: one directory, one process.
///
/// Dropping it makes everything queued or appended durable and frees the directory; handles that are still around then
/// answer [`crate::StoreFailure::Closed`].
#[derive(Debug)]
pub struct Store {
    // Dropped in this order: log and archive are closed before the directory is given free.
    writer: Writer,
    closer: Closer,
    log: LogStore,
    snapshots: SnapshotStore,
    archive: Arc<Archive>,
    disk: Arc<DiskWatch>,
    header: Header,
    dir: PathBuf,
    lock: DirectoryLock,
}

/// Syncs the archive and closes every handle that is still around, when dropped.
#[derive(Debug)]
struct Closer {
    archive: Arc<Archive>,
    fatal: Fatal,
}

impl Drop for Closer {
    fn drop(&mut self) {
        if self.fatal.check().is_ok()
            && let Err(error) = self.archive.sync()
        {
            tracing::error!(%error, "syncing the archive while closing");
        }
        self.fatal.close();
    }
}

impl Store {
    /// Makes a new node's store in `dir` (created if missing) and opens it.
    ///
    /// A creation that was interrupted before its end can be repeated.
    ///
    /// # Errors
    /// [`OpenError::Exists`] if a node's store is there, even a damaged one: nothing is ever overwritten.
    pub fn create(dir: &Path, header: Header, options: StoreOptions) -> Result<Self, OpenError> {
        let fault = options.fault.clone();
        make_dir(dir, fault.as_ref()).map_err(OpenError::io("creating", dir))?;
        let lock = DirectoryLock::take(dir)?;
        if Header::read(dir)?.is_some() {
            return Err(OpenError::Exists(dir.to_path_buf()));
        }
        let log_options = log_options(&options);
        if log::exists(dir)? {
            // A log without a marker: left by an interrupted creation of this very node, or not ours to touch.
            if !log::is_unused(dir, &header, &log_options)? {
                return Err(OpenError::HeaderDamaged(Header::path(dir)));
            }
        } else {
            log::create(dir, &header, &log_options)?;
        }
        // Last: from here on a missing log means a lost log.
        header.write(dir, fault.as_ref())?;
        Self::open_locked(dir, header, options, lock)
    }

    /// Opens the store of the node that `header` names, after checking every record of its log.
    ///
    /// If the last run stopped after a failure, the log is copied to a fresh file, synced, checked and swapped in
    /// before this returns.
    ///
    /// # Errors
    /// Any [`OpenError`] other than [`OpenError::NotCreated`] and [`OpenError::Locked`] means that this node must not
    /// take part as it is; none of them may be answered by creating a new store under the same node id.
    pub fn open(dir: &Path, header: Header, options: StoreOptions) -> Result<Self, OpenError> {
        if !fs::exists(dir).map_err(OpenError::io("reading", dir))? {
            return Err(OpenError::NotCreated(dir.to_path_buf()));
        }
        let lock = DirectoryLock::take(dir)?;
        match Header::read(dir)? {
            Some(found) => header.check(&found, dir)?,
            None if log::exists(dir)? => return Err(OpenError::HeaderDamaged(Header::path(dir))),
            None => return Err(OpenError::NotCreated(dir.to_path_buf())),
        }
        Self::open_locked(dir, header, options, lock)
    }

    /// Whose store lies in `dir`, without opening it; `None` if none was created there.
    pub fn header_of(dir: &Path) -> Result<Option<Header>, OpenError> {
        Header::read(dir)
    }

    fn open_locked(dir: &Path, header: Header, options: StoreOptions, lock: DirectoryLock) -> Result<Self, OpenError> {
        let log_options = log_options(&options);
        let StoreOptions { on_fatal, low_water, free_space, archive, fault, .. } = options;
        let fatal = Fatal::new(on_fatal);
        let disk = Arc::new(DiskWatch::new(dir, low_water, free_space));
        let (log, writer) = LogStore::open(dir, &header, &log_options, fatal.clone(), disk.clone())?;
        let snapshot_dir = dir.join("snapshots");
        let snapshots = SnapshotStore::open(&snapshot_dir, fatal.clone(), fault.clone())
            .map_err(OpenError::io("opening", snapshot_dir))?;
        let archive = Arc::new(Archive::open(&dir.join("archive"), archive, fatal.clone(), fault)?);
        let closer = Closer { archive: archive.clone(), fatal };
        Ok(Self { writer, closer, log, snapshots, archive, disk, header, dir: dir.to_path_buf(), lock })
    }

    /// The log; clone the handle freely.
    pub fn log(&self) -> &LogStore {
        &self.log
    }

    /// The snapshots; clone the handle freely.
    pub fn snapshots(&self) -> &SnapshotStore {
        &self.snapshots
    }

    /// The audit archive.
    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }

    /// The watch over free space.
    pub fn disk(&self) -> &Arc<DiskWatch> {
        &self.disk
    }

    /// Whether new client writes should be refused for want of space: as of the last commit or
    /// [`DiskWatch::refresh`], whichever was later. Costs one atomic load.
    pub fn is_low(&self) -> bool {
        self.disk.is_low()
    }

    /// Whose store this is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes everything queued durable, syncs the archive and closes. What dropping does, with the errors.
    pub fn close(self) -> Result<(), crate::StoreFailure> {
        let flushed = self.log.flush();
        let synced = self.archive.sync();
        let Self { writer, closer, lock, .. } = self;
        drop(writer);
        drop(closer);
        drop(lock);
        flushed?;
        synced.map_err(|error| crate::StoreFailure::Failed {
            what: "syncing the archive".to_owned(),
            why: error.to_string(),
        })
    }
}

fn log_options(options: &StoreOptions) -> LogOptions {
    LogOptions { cache_bytes: options.cache_bytes, segment_bytes: options.segment_bytes, fault: options.fault.clone() }
}
