//! A disk that fails on demand, for tests.
//!
//! [`FaultDisk`] stands between the log (or the plain files of snapshots and archive) and the real files. The real file is
//! what a process sees, the page cache included; beside it the `FaultDisk` keeps what would really be on the disk, so a
//! test can ask what a power loss leaves. A failing sync behaves as on Linux: the unsynced writes are dropped from what
//! reaches the disk, though the file still shows them, and the *next* sync succeeds.
//!
//! A store has none of this unless [`crate::StoreOptions::fault`] is set.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Size of what a disk writes in one piece: a torn write ends at a multiple of this.
const SECTOR: usize = 512;

/// A handle on the faults of one simulated disk; clones share it.
#[derive(Clone, Default)]
pub struct FaultDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    platters: HashMap<u64, Platter>,
    syncs: u64,
    writes: u64,
    plain_syncs: u64,
    fail_sync: Option<u64>,
    fail_plain_sync: Option<u64>,
    short_write: Option<u64>,
    power_off: Option<u64>,
    hide_sync_errors: bool,
    flips: Vec<(u64, u8)>,
}

impl State {
    fn is_off(&self) -> bool {
        self.power_off.is_some_and(|at| self.syncs >= at)
    }
}

/// What of one file has really reached the disk, and what waits in the page cache.
#[derive(Default)]
struct Platter {
    durable: Vec<u8>,
    waiting: Vec<Change>,
}

/// A write.
struct Change {
    offset: u64,
    bytes: Vec<u8>,
}

impl FaultDisk {
    /// A disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `nth` sync of the log from now (1 = the next) fails, and drops what it should have made durable.
    pub fn fail_sync(&self, nth: u64) {
        let mut state = self.state();
        state.fail_sync = Some(state.syncs + nth);
    }

    /// The `nth` sync of any other file or of a directory from now (1 = the next) fails.
    pub fn fail_plain_sync(&self, nth: u64) {
        let mut state = self.state();
        state.fail_plain_sync = Some(state.plain_syncs + nth);
    }

    /// The power goes at the `nth` sync of the log from now (1 = the next): it and everything after it fails, and what
    /// was written since the sync before is in the air ([`FaultDisk::after_power_loss`]).
    pub fn power_off_at_sync(&self, nth: u64) {
        let mut state = self.state();
        state.power_off = Some(state.syncs + nth);
    }

    /// Failing syncs of the log report success: what a store would see that ignores them. Only for positive controls.
    pub fn hide_sync_errors(&self) {
        self.state().hide_sync_errors = true;
    }

    /// The `nth` write of the log from now (1 = the next) writes only its first half and fails, as on a full disk.
    pub fn short_write(&self, nth: u64) {
        let mut state = self.state();
        state.short_write = Some(state.writes + nth);
    }

    /// Every read of the byte at `offset` of the log comes back with the bits of `mask` flipped.
    pub fn flip_on_read(&self, offset: u64, mask: u8) {
        self.state().flips.push((offset, mask));
    }

    /// Syncs of the log so far, failed ones included.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Writes to the log so far, failed ones included.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// What a power loss would leave of the log file at `path`: everything synced, and of the unsynced writes a choice
    /// by `seed` (sector by sector, so some are torn; seed 0 keeps none).
    pub fn after_power_loss(&self, path: &Path, seed: u64) -> io::Result<Vec<u8>> {
        let inode = fs::metadata(path)?.ino();
        let state = self.state();
        let platter = state.platters.get(&inode).ok_or_else(|| io::Error::other("this disk never held that file"))?;
        let mut image = platter.durable.clone();
        let mut random = seed;
        for change in &platter.waiting {
            apply_some(&mut image, change, &mut random);
        }
        Ok(image)
    }

    /// Puts this disk below a log file. A file seen before keeps what had reached the disk.
    pub(crate) fn attach(&self, file: &File) -> io::Result<FaultFile> {
        let inode = file.metadata()?.ino();
        if self.state().platters.contains_key(&inode) {
            return Ok(FaultFile { inode, disk: self.clone() });
        }
        self.attach_new(file)
    }

    /// Puts this disk below a file that was just made: what is in it has reached the disk. It may have got the inode of
    /// a file that was removed.
    pub(crate) fn attach_new(&self, file: &File) -> io::Result<FaultFile> {
        let metadata = file.metadata()?;
        let mut durable = vec![0; usize::try_from(metadata.len()).map_err(io::Error::other)?];
        file.read_exact_at(&mut durable, 0)?;
        self.state().platters.insert(metadata.ino(), Platter { durable, waiting: Vec::new() });
        Ok(FaultFile { inode: metadata.ino(), disk: self.clone() })
    }

    /// Syncs a file that is not the log, or fails if told so.
    pub(crate) fn sync_plain_file(&self, file: &File) -> io::Result<()> {
        let mut state = self.state();
        state.plain_syncs += 1;
        if state.fail_plain_sync == Some(state.plain_syncs) {
            return Err(io::Error::other("injected: fsync failed"));
        }
        drop(state);
        file.sync_all()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FaultDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultDisk").field("syncs", &self.syncs()).finish_non_exhaustive()
    }
}

/// One log file on a [`FaultDisk`].
#[derive(Debug)]
pub(crate) struct FaultFile {
    inode: u64,
    disk: FaultDisk,
}

impl FaultFile {
    /// Flips the bits that are to be flipped in what was read from `offset` on.
    pub(crate) fn flip(&self, offset: u64, out: &mut [u8]) {
        for (position, mask) in &self.disk.state().flips {
            let index = position.checked_sub(offset).and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| out.get_mut(index)) {
                *byte ^= mask;
            }
        }
    }

    /// Makes what waits durable, or not.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.syncs += 1;
        if state.is_off() {
            return Err(power_is_off());
        }
        let fails = state.fail_sync == Some(state.syncs);
        let hidden = state.hide_sync_errors;
        let platter = state.platters.entry(self.inode).or_default();
        let waiting = std::mem::take(&mut platter.waiting);
        if fails {
            return if hidden { Ok(()) } else { Err(io::Error::other("injected: fsync failed")) };
        }
        for change in &waiting {
            apply(&mut platter.durable, change);
        }
        Ok(())
    }

    /// Writes to the file, and notes that it waits for a sync.
    pub(crate) fn write(&self, file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.is_off() {
            return Err(power_is_off());
        }
        state.writes += 1;
        let short = state.short_write == Some(state.writes);
        let data = if short { &data[..data.len() / 2] } else { data };
        file.write_all_at(data, offset)?;
        state.platters.entry(self.inode).or_default().waiting.push(Change { offset, bytes: data.to_vec() });
        if short { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("injected: the power is off")
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    put(image, to_usize(change.offset), &change.bytes);
}

fn apply_some(image: &mut Vec<u8>, change: &Change, random: &mut u64) {
    for (number, sector) in change.bytes.chunks(SECTOR).enumerate() {
        if chosen(random) {
            put(image, to_usize(change.offset) + number * SECTOR, sector);
        }
    }
}

fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

/// A coin from a seed (xorshift64); never heads for seed 0.
fn chosen(random: &mut u64) -> bool {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random & 0x100 != 0
}

fn to_usize(value: u64) -> usize {
    // Offsets of a file whose whole image is in memory fit in memory.
    usize::try_from(value).unwrap_or(usize::MAX)
}
