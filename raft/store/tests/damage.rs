//! Damage, failed syncs and lost writes: halt, never a vote.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::*;
use verbund_store::fault::FaultDisk;
use verbund_store::{OpenError, ReadError, Store, StoreFailure, StoreOptions};

#[test]
fn the_first_failed_sync_stops_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    let mut options = with_fault(&disk);
    let calls = watch_fatal(&mut options);
    let store = Store::create(dir.path(), header(), options).unwrap();
    append(store.log(), records(1, 0..3)).unwrap();

    disk.fail_sync(1);
    let failure = append(store.log(), records(1, 3..4)).unwrap_err();
    assert!(matches!(failure, StoreFailure::Failed { .. }), "{failure}");
    assert_eq!(*calls.lock().unwrap(), [failure]);

    let poisoned = |result: Result<(), StoreFailure>| matches!(result, Err(StoreFailure::Poisoned { .. }));
    assert!(poisoned(store.log().save_vote(b"v")), "never a vote");
    assert!(poisoned(store.log().append(records(1, 4..5), Box::new(|_| panic!("must not be called")))));
    assert!(poisoned(store.log().flush()));
    assert!(poisoned(store.log().save_committed(id(1, 1))));
    assert!(poisoned(store.log().truncate_after(Some(0))));
    assert!(poisoned(store.log().purge(id(1, 0))));
    assert!(poisoned(store.log().vote().map(|_| ())));
    assert!(matches!(store.log().read(0..1, 10), Err(ReadError::Poisoned { .. })));
    assert!(store.archive().start_at(1).is_err());
    assert!(store.snapshots().writer(id(1, 1), b"").is_err());
    assert_eq!(calls.lock().unwrap().len(), 1, "the process is ended once");
}

#[test]
fn after_a_failed_sync_the_next_open_rests_on_a_fresh_copy() {
    for records_before in [3, 300] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
        store.log().save_vote(b"vote").unwrap();
        append(store.log(), records(1, 0..records_before)).unwrap();
        disk.fail_sync(1);
        append(store.log(), records(1, records_before..records_before + 1)).unwrap_err();
        drop(store);
        let suspect = fs::metadata(log_file(dir.path())).map(|file| inode(&file)).unwrap();

        let store = Store::open(dir.path(), header(), with_fault(&disk)).unwrap();
        let fresh = fs::metadata(log_file(dir.path())).map(|file| inode(&file)).unwrap();
        assert_ne!(suspect, fresh, "a fresh file");
        let seen = all(store.log());
        assert!(seen.starts_with(&records(1, 0..records_before)), "what was acknowledged is there");
        // Whatever this process saw at its start may have been told to others: it must be on the disk itself.
        let lost = after_power_loss(&disk, dir.path(), 0);
        let reopened = open(lost.path()).unwrap();
        assert_eq!(all(reopened.log()), seen);
        assert_eq!(reopened.log().vote().unwrap().as_deref(), Some(&b"vote"[..]));
        drop(store);
        // The flag is gone: the next open uses the file as it is.
        drop(Store::open(dir.path(), header(), with_fault(&disk)).unwrap());
        assert_eq!(inode(&fs::metadata(log_file(dir.path())).unwrap()), fresh);
    }
}

#[test]
fn control_ignoring_a_failed_sync_loses_an_acknowledged_record() {
    // The positive control of the two tests above: the same fault, hidden from the store.
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    disk.hide_sync_errors();
    let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
    append(store.log(), records(1, 0..3)).unwrap();
    disk.fail_sync(1);
    append(store.log(), records(1, 3..4)).unwrap();
    let lost = after_power_loss(&disk, dir.path(), 0);
    let survived = match open(lost.path()) {
        Ok(store) => all(store.log()) == records(1, 0..4),
        Err(_) => false,
    };
    assert!(!survived, "the fault does nothing, so the tests above prove nothing");
}

#[test]
fn a_power_loss_at_any_time_keeps_what_was_acknowledged() {
    let (mut outcomes, mut with_commit) = (BTreeSet::new(), 0);
    for seed in 0..80 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
        append(store.log(), records(1, 0..5)).unwrap();
        store.log().save_vote(b"promised").unwrap();
        disk.power_off_at_sync(1);
        // Three sectors, each of which may have reached the disk or not.
        append(store.log(), records(1, 5..27)).unwrap_err();
        // Spread over all bits: small seeds give much the same coins.
        let lost = after_power_loss(&disk, dir.path(), u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        outcomes.insert(sectors_that_differ(&log_file(dir.path()), &log_file(lost.path())));
        let reopened = open(lost.path()).unwrap();
        let seen = all(reopened.log());
        assert!(seen == records(1, 0..5) || seen == records(1, 0..27), "seed {seed}: {} records", seen.len());
        with_commit += usize::from(seen.len() == 27);
        assert_eq!(reopened.log().vote().unwrap().as_deref(), Some(&b"promised"[..]));
        // What follows a torn commit is read back, and nothing of the torn one.
        let next = seen.len() as u64;
        append(reopened.log(), records(2, next..next + 1)).unwrap();
        let again = copy_of(lost.path());
        assert_eq!(all(open(again.path()).unwrap().log()), [seen, records(2, next..next + 1)].concat());
    }
    assert!(outcomes.len() >= 6, "only {} different outcomes were tried", outcomes.len());
    assert!((1..80).contains(&with_commit), "{with_commit} of 80 had the commit in the air");
}

fn sectors_that_differ(one: &std::path::Path, other: &std::path::Path) -> Vec<usize> {
    let (one, other) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    assert_eq!(one.len(), other.len());
    let pairs = one.chunks(512).zip(other.chunks(512)).enumerate();
    pairs.filter(|(_, (one, other))| one != other).map(|(sector, _)| sector).collect()
}

#[test]
fn a_power_loss_between_two_files_keeps_what_was_acknowledged() {
    let mut with_files = BTreeSet::new();
    for (at_sync, seed) in (1..=16).flat_map(|at_sync| (0..4).map(move |seed| (at_sync, seed))) {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let options = StoreOptions { segment_bytes: 2048, ..with_fault(&disk) };
        let store = Store::create(dir.path(), header(), options).unwrap();
        store.log().save_vote(b"promised").unwrap();
        disk.power_off_at_sync(at_sync);
        let mut next = 0;
        while append(store.log(), records(1, next..next + 10)).is_ok() {
            next += 10;
        }
        let lost = after_power_loss(&disk, dir.path(), seed);
        with_files.insert(log_files(lost.path()).len());
        let reopened = open(lost.path()).unwrap();
        let seen = all(reopened.log());
        assert!(seen == records(1, 0..next) || seen == records(1, 0..next + 10), "{at_sync} {seed}: {}", seen.len());
        assert_eq!(reopened.log().vote().unwrap().as_deref(), Some(&b"promised"[..]));
    }
    assert!(with_files.len() > 3, "only {with_files:?} files");
}

/// A log of several files and commits, as a power loss leaves it that takes the commit number too.
fn several_files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 4096, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options).unwrap();
    for index in 0..30 {
        append(store.log(), records(1, index..index + 1)).unwrap();
    }
    store.close().unwrap();
    fs::remove_file(dir.path().join("log.state")).unwrap();
    assert!(log_files(dir.path()).len() > 3);
    dir
}

#[test]
fn damage_before_the_end_is_no_torn_end() {
    let control = several_files();
    assert_eq!(all(open(control.path()).unwrap().log()), records(1, 0..30), "undamaged, it opens");
    for file in 0..4 {
        // The first bytes of the block, of the first commit, within it, and a whole sector that came back empty.
        for (from, length) in [(0, 1), (512, 1), (540, 1), (512, 512), (1024, 512)] {
            let dir = several_files();
            let path = &log_files(dir.path())[file];
            let mut bytes = fs::read(path).unwrap();
            bytes[from..from + length].iter_mut().for_each(|byte| *byte = if length == 1 { *byte ^ 1 } else { 0 });
            fs::write(path, bytes).unwrap();
            let error = open(dir.path()).map(|_| ()).unwrap_err();
            assert!(matches!(error, OpenError::DamagedLog { .. }), "file {file} from {from}: {error}");
        }
    }
}

#[test]
fn a_missing_file_of_the_log_is_noticed() {
    let count = log_files(several_files().path()).len();
    for missing in 0..count - 1 {
        let dir = several_files();
        fs::remove_file(&log_files(dir.path())[missing]).unwrap();
        let error = open(dir.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::DamagedLog { .. } | OpenError::Damaged { .. }), "{missing}: {error}");
    }
    // The last one shows by the commit number.
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 4096, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options).unwrap();
    (0..30).for_each(|index| append(store.log(), records(1, index..index + 1)).unwrap());
    store.close().unwrap();
    fs::remove_file(log_files(dir.path()).last().unwrap()).unwrap();
    assert!(matches!(open(dir.path()).map(|_| ()).unwrap_err(), OpenError::RolledBack { .. }));
}

#[test]
fn an_acknowledged_commit_that_was_damaged_at_the_end_shows_by_its_number() {
    for with_number in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = create(dir.path());
        append(store.log(), records(1, 0..3)).unwrap();
        append(store.log(), records(1, 3..4)).unwrap();
        store.close().unwrap();
        let path = log_file(dir.path());
        let mut bytes = fs::read(&path).unwrap();
        let last = (0..bytes.len()).rev().find(|at| bytes[*at] != 0).unwrap();
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        if with_number {
            assert!(matches!(open(dir.path()).map(|_| ()).unwrap_err(), OpenError::RolledBack { .. }));
        } else {
            // The control: without it, this is what a torn write looks like.
            fs::remove_file(dir.path().join("log.state")).unwrap();
            assert_eq!(all(open(dir.path()).unwrap().log()), records(1, 0..3));
        }
    }
}

#[test]
fn control_a_torn_write_below_an_acknowledged_commit_is_noticed() {
    // The positive control of the test above: the same torn writes, had the store acknowledged before the sync.
    let mut losses = 0;
    for seed in 1..20 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
        append(store.log(), records(1, 0..5)).unwrap();
        disk.power_off_at_sync(1);
        append(store.log(), records(1, 5..9)).unwrap_err();
        let lost = after_power_loss(&disk, dir.path(), seed);
        losses += usize::from(open(lost.path()).map_or(true, |store| all(store.log()) != records(1, 0..9)));
    }
    assert!(losses > 0, "the tearing does nothing");
}

#[test]
fn a_full_disk_stops_the_store_and_loses_nothing() {
    for nth in 1..6 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let mut options = with_fault(&disk);
        let calls = watch_fatal(&mut options);
        let store = Store::create(dir.path(), header(), options).unwrap();
        append(store.log(), records(1, 0..3)).unwrap();
        disk.short_write(nth);
        let mut next = 3;
        while append(store.log(), records(1, next..next + 1)).is_ok() {
            next += 1;
            assert!(next < 100, "the fault never came");
        }
        drop(store);
        assert_eq!(calls.lock().unwrap().len(), 1);
        let seen = all(open(dir.path()).unwrap().log());
        assert!(seen == records(1, 0..next) || seen == records(1, 0..next + 1));
    }
}

#[test]
fn every_damaged_byte_is_noticed_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    store.log().save_vote(b"a vote").unwrap();
    append(store.log(), records(1, 0..40)).unwrap();
    store.close().unwrap();
    let whole = fs::read(log_file(dir.path())).unwrap();
    let mut refused = 0;
    // Every byte of the file's header, and a sample of the rest, denser where there is something.
    let in_use = (64..whole.len()).filter(|position| whole[*position] != 0).step_by(43);
    let unused = (64..whole.len()).filter(|position| whole[*position] == 0).step_by(100_003);
    let whole_header = (0..64).flat_map(|position| (0..8).map(move |bit| (position, bit)));
    let sample = in_use.chain(unused).map(|position| (position, position % 8));
    for (position, bit) in whole_header.chain(sample) {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << bit;
        fs::write(log_file(dir.path()), &damaged).unwrap();
        match open(dir.path()) {
            Ok(store) => {
                assert_eq!(all(store.log()), records(1, 0..40), "byte {position} bit {bit}");
                assert_eq!(store.log().vote().unwrap().as_deref(), Some(&b"a vote"[..]), "byte {position}");
            }
            Err(error) => {
                let known = matches!(
                    error,
                    OpenError::Damaged { .. } | OpenError::DamagedLog { .. } | OpenError::RolledBack { .. }
                );
                assert!(known, "byte {position}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "only {refused} damaged files were refused");
}

#[test]
fn a_record_that_goes_bad_while_running_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    let mut options = StoreOptions { cache_bytes: 0, ..with_fault(&disk) };
    let calls = watch_fatal(&mut options);
    let store = Store::create(dir.path(), header(), options).unwrap();
    append(store.log(), records(1, 0..200)).unwrap();
    store.log().flush().unwrap();
    assert_eq!(all(store.log()).len(), 200);
    let file = fs::read(log_file(dir.path())).unwrap();
    let needle = record(1, 17).payload;
    let positions = file.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle);
    for (position, _) in positions {
        disk.flip_on_read(position as u64, 4);
    }
    assert_eq!(store.log().read(0..200, usize::MAX), Err(ReadError::Damaged { index: 17 }));
    assert_eq!(*calls.lock().unwrap(), [StoreFailure::Damaged { index: 17 }]);
    assert!(matches!(store.log().save_vote(b"v"), Err(StoreFailure::Poisoned { .. })), "never a vote");
}

#[test]
fn a_copy_that_was_interrupted_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
    append(store.log(), records(1, 0..3)).unwrap();
    disk.fail_sync(1);
    append(store.log(), records(1, 3..4)).unwrap_err();
    drop(store);
    // The disk fails again while the copy is synced, and a killed process left half of another one.
    for nth in 1..=2 {
        fs::write(dir.path().join("log.copy"), b"half a copy").unwrap();
        disk.fail_plain_sync(nth);
        Store::open(dir.path(), header(), with_fault(&disk)).map(|_| ()).unwrap_err();
    }
    let store = Store::open(dir.path(), header(), with_fault(&disk)).unwrap();
    let seen = all(store.log());
    assert!(seen.starts_with(&records(1, 0..3)));
    let lost = after_power_loss(&disk, dir.path(), 0);
    assert_eq!(all(open(lost.path()).unwrap().log()), seen, "what was seen is on the disk");
    assert!(!dir.path().join("log.copy").exists());
}

#[test]
fn a_damaged_log_is_not_copied_into_a_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    let store = Store::create(dir.path(), header(), with_fault(&disk)).unwrap();
    append(store.log(), records(1, 0..3)).unwrap();
    disk.fail_sync(1);
    append(store.log(), records(1, 3..4)).unwrap_err();
    drop(store);
    let path = log_file(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let needle = record(1, 1).payload;
    let positions: Vec<usize> =
        bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at).collect();
    for position in positions {
        bytes[position] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    for _ in 0..2 {
        let error = open(dir.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::DamagedLog { .. }), "{error}");
    }
}

#[test]
fn a_failed_sync_of_archive_or_snapshot_stops_the_store_too() {
    for snapshot in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new();
        let mut options = with_fault(&disk);
        let calls = watch_fatal(&mut options);
        let store = Store::create(dir.path(), header(), options).unwrap();
        store.archive().start_at(1).unwrap();
        store.archive().append(1, b"one").unwrap();
        let writer = store.snapshots().writer(id(1, 1), b"m").unwrap();
        disk.fail_plain_sync(1);
        let failed = if snapshot { writer.finish().is_err() } else { store.archive().sync().is_err() };
        assert!(failed);
        assert_eq!(calls.lock().unwrap().len(), 1);
        assert!(matches!(store.log().save_vote(b"v"), Err(StoreFailure::Poisoned { .. })));
        assert_eq!(store.archive().archived_upto(), Some(0), "nothing counts as archived");
    }
}

#[test]
fn a_panicking_callback_does_not_pass_for_success() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    store.log().append(records(1, 0..1), Box::new(|_| panic!("a bug in the caller"))).unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| append(store.log(), records(1, 1..2))));
    match result {
        Ok(Ok(())) => assert_eq!(all(store.log()).len(), 2),
        Ok(Err(failure)) => panic!("{failure}"),
        Err(_) => panic!("the writer thread died of a callback"),
    }
}

fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}
