//! Free space: writes of clients stop at a low-water mark, before the disk is full.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Tells the free bytes of the file system that holds a path.
pub type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// Watches the free space below one directory.
///
/// Replicas fill up together, so a node refuses new client writes while [`DiskWatch::is_low`]; what Raft itself must
/// write goes on. The mark is left only when an eighth more than it is free, so that a node does not flap around it.
pub struct DiskWatch {
    dir: PathBuf,
    low_water: u64,
    free_space: FreeSpace,
    free: AtomicU64,
    low: AtomicBool,
}

impl DiskWatch {
    /// Watches `dir`; `low_water` is in bytes. Looks once at once.
    pub fn new(dir: &Path, low_water: u64, free_space: FreeSpace) -> Self {
        let watch = Self {
            dir: dir.to_path_buf(),
            low_water,
            free_space,
            free: AtomicU64::new(0),
            low: AtomicBool::new(false),
        };
        watch.refresh();
        watch
    }

    /// Free bytes for unprivileged users, as `statvfs` tells them.
    pub fn statvfs() -> FreeSpace {
        Arc::new(|path: &Path| {
            let status = rustix::fs::statvfs(path)?;
            Ok(status.f_bavail.saturating_mul(status.f_frsize))
        })
    }

    /// Looks at the disk and returns whether it is low. A disk that cannot be asked counts as low: it is not one to
    /// take on new work with.
    pub fn refresh(&self) -> bool {
        let was_low = self.low.load(Ordering::Relaxed);
        let free = (self.free_space)(&self.dir).unwrap_or_else(|error| {
            if !was_low {
                tracing::error!(dir = %self.dir.display(), %error, "free space cannot be read, treated as low");
            }
            0
        });
        let mark = if was_low { self.low_water.saturating_add(self.low_water / 8) } else { self.low_water };
        let low = free < mark;
        self.free.store(free, Ordering::Relaxed);
        self.low.store(low, Ordering::Relaxed);
        if low != was_low {
            tracing::warn!(dir = %self.dir.display(), free, low_water = self.low_water, low, "disk space");
        }
        low
    }

    /// Whether the last look found less than the low-water mark. Costs one atomic load.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Free bytes at the last look.
    pub fn free_bytes(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for DiskWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskWatch")
            .field("dir", &self.dir)
            .field("low_water", &self.low_water)
            .field("free", &self.free_bytes())
            .field("low", &self.is_low())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_has_two_edges() {
        let free = Arc::new(AtomicU64::new(1000));
        let seen = free.clone();
        let watch = DiskWatch::new(Path::new("/"), 800, Arc::new(move |_| Ok(seen.load(Ordering::Relaxed))));
        assert!(!watch.is_low());
        for (bytes, low) in [(800, false), (799, true), (800, true), (899, true), (900, false), (850, false)] {
            free.store(bytes, Ordering::Relaxed);
            assert_eq!(watch.refresh(), low, "{bytes} bytes free");
            assert_eq!((watch.is_low(), watch.free_bytes()), (low, bytes));
        }
    }

    #[test]
    fn a_disk_that_cannot_be_asked_is_low() {
        let watch = DiskWatch::new(Path::new("/"), 1, Arc::new(|_| Err(io::Error::other("gone"))));
        assert!(watch.is_low());
    }

    #[test]
    fn the_real_disk_answers() {
        let dir = tempfile::tempdir().unwrap();
        let watch = DiskWatch::new(dir.path(), 1, DiskWatch::statvfs());
        assert!(watch.free_bytes() > 0);
        assert!(!watch.is_low());
    }
}
