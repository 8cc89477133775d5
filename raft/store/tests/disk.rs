//! The low-water mark of a whole store, with an injected disk and, where that can be had, a real small one.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use verbund_store::{DiskWatch, Store, StoreOptions};

#[test]
fn a_store_gets_low_at_the_next_commit_or_refresh() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(10_000));
    let seen = free.clone();
    let options = StoreOptions {
        low_water: 1_000,
        free_space: Arc::new(move |_| Ok(seen.load(Ordering::SeqCst))),
        ..StoreOptions::default()
    };
    let store = Store::create(dir.path(), header(), options).unwrap();
    assert!(!store.is_low());
    free.store(999, Ordering::SeqCst);
    assert!(!store.is_low(), "asking costs nothing and does not look");
    append(store.log(), records(1, 0..1)).unwrap();
    assert!(store.is_low(), "the commit looked; what Raft must write is still written");
    free.store(5_000, Ordering::SeqCst);
    assert!(!store.disk().refresh());
    assert!(!store.is_low());
    assert_eq!(store.disk().free_bytes(), 5_000);
}

/// A tmpfs of 4 MiB, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(dir.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_real_small_disk_gets_low_before_it_is_full() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("no right to mount: only the injected disk was tested");
        return;
    };
    let options = StoreOptions { low_water: 1 << 20, free_space: DiskWatch::statvfs(), ..StoreOptions::default() };
    let store = Store::create(disk.0.path(), header(), options).unwrap();
    let mut next = 0;
    while !store.is_low() {
        append(store.log(), records(1, next..next + 100)).unwrap();
        next += 100;
        assert!(next < 1_000_000, "the mark was never reached");
    }
    store.log().save_vote(b"still possible").unwrap();
    store.close().unwrap();
    assert_eq!(all(open(disk.0.path()).unwrap().log()).len() as u64, next);
}
