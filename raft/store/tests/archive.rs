//! The archive: order, replay, torn ends, segments from elsewhere, retention, checkpoints.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::*;
use verbund_store::{Appended, Archive, ArchiveError, ArchiveOptions, Store, StoreFailure, StoreOptions};

/// Small segments, so that tests see many.
fn options() -> StoreOptions {
    StoreOptions { archive: ArchiveOptions { segment_records: 8 }, ..StoreOptions::default() }
}

fn create_small(dir: &Path) -> Store {
    Store::create(dir, header(), options()).unwrap()
}

fn open_small(dir: &Path) -> Store {
    Store::open(dir, header(), options()).unwrap()
}

fn entry(index: u64) -> Vec<u8> {
    format!("audit record {index}").into_bytes()
}

fn fill(archive: &Archive, range: Range<u64>) {
    for index in range {
        assert_eq!(archive.append(index, &entry(index)).unwrap(), Appended::New);
    }
}

fn read(archive: &Archive, range: Range<u64>) -> Vec<u64> {
    archive
        .read(range)
        .unwrap()
        .map(|item| {
            let (index, record) = item.unwrap();
            assert_eq!(record, entry(index));
            index
        })
        .collect()
}

fn segment_files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir.join("archive"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

#[test]
fn records_come_back_in_order_across_segments_and_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    assert!(matches!(store.archive().append(0, b""), Err(ArchiveError::NotStarted)));
    assert_eq!((store.archive().next(), store.archive().archived_upto()), (None, None));
    store.archive().start_at(0).unwrap();
    fill(store.archive(), 0..30);
    assert_eq!(read(store.archive(), 0..100), (0..30).collect::<Vec<_>>(), "also what is not synced");
    assert_eq!(read(store.archive(), 7..18), (7..18).collect::<Vec<_>>());
    assert_eq!(store.archive().archived_upto(), Some(24), "a finished segment is durable");
    store.archive().sync().unwrap();
    assert_eq!(store.archive().archived_upto(), Some(29));
    let ends: Vec<_> = store.archive().segments().iter().map(|s| (s.first, s.next, s.sha256.is_some())).collect();
    assert_eq!(ends, [(0, 1, true), (1, 9, true), (9, 17, true), (17, 25, true), (25, 30, false)]);
    let segments = store.archive().segments();
    store.close().unwrap();

    let store = open_small(dir.path());
    assert_eq!(store.archive().segments(), segments);
    assert_eq!((store.archive().next(), store.archive().archived_upto()), (Some(30), Some(29)));
    fill(store.archive(), 30..35);
    assert_eq!(read(store.archive(), 0..100), (0..35).collect::<Vec<_>>());
}

#[test]
fn replay_is_compared_and_gaps_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().start_at(1).unwrap();
    fill(store.archive(), 1..21);
    for index in 1..21 {
        assert_eq!(store.archive().append(index, &entry(index)).unwrap(), Appended::Known);
    }
    for index in [1, 8, 17, 20] {
        let error = store.archive().append(index, b"another past").unwrap_err();
        assert!(matches!(error, ArchiveError::Differs { index: found } if found == index));
    }
    let error = store.archive().append(22, &entry(22)).unwrap_err();
    assert!(matches!(error, ArchiveError::OutOfOrder { expected: 21, found: 22 }));
    assert_eq!(store.archive().append(0, b"before the beginning").unwrap(), Appended::NotHeld);
    assert_eq!(read(store.archive(), 1..30), (1..21).collect::<Vec<_>>());
}

#[test]
fn a_torn_end_is_cut_to_the_last_whole_record_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().start_at(1).unwrap();
    fill(store.archive(), 1..14);
    store.close().unwrap();
    let path = segment_files(dir.path(), "open").remove(0);
    let whole = fs::read(&path).unwrap();
    let finished = fs::read(segment_files(dir.path(), "seg").remove(0)).unwrap();
    let record = 8 + entry(10).len();
    let start = 28 + 8 + entry(9).len();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let store = open_small(dir.path());
        let expected = match cut {
            cut if cut < 28 + 8 + entry(9).len() => 9,
            cut => 10 + ((cut - start) / record) as u64,
        };
        assert_eq!(store.archive().next(), Some(expected), "cut to {cut} bytes");
        assert_eq!(store.archive().archived_upto(), Some(expected - 1));
        for index in 1..14 {
            store.archive().append(index, &entry(index)).unwrap();
        }
        assert_eq!(read(store.archive(), 1..99), (1..14).collect::<Vec<_>>());
        store.close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole, "made again, byte for byte");
    }
    assert_eq!(fs::read(segment_files(dir.path(), "seg").remove(0)).unwrap(), finished);
}

#[test]
fn a_crash_while_a_segment_is_being_finished_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().start_at(1).unwrap();
    fill(store.archive(), 1..9);
    store.close().unwrap();
    let finished = segment_files(dir.path(), "seg").remove(0);
    let whole = fs::read(&finished).unwrap();
    let open = finished.with_extension("open");
    for cut in [whole.len(), whole.len() - 1, whole.len() - 36, whole.len() - 40] {
        fs::remove_file(&finished).unwrap();
        fs::write(&open, &whole[..cut]).unwrap();
        let store = open_small(dir.path());
        for index in 1..9 {
            store.archive().append(index, &entry(index)).unwrap();
        }
        fill(store.archive(), 9..12);
        assert_eq!(read(store.archive(), 1..99), (1..12).collect::<Vec<_>>());
        drop(store);
        assert_eq!(fs::read(&finished).unwrap(), whole);
        fs::remove_file(segment_files(dir.path(), "open").remove(0)).unwrap();
    }
}

#[test]
fn damage_in_a_finished_segment_is_noticed_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().start_at(1).unwrap();
    fill(store.archive(), 1..20);
    let path = segment_files(dir.path(), "seg").remove(0);
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(&path, damaged).unwrap();
        let error = store.archive().segment_bytes(8).unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged { .. }), "byte {position}: {error}");
        let read: Result<Vec<_>, _> = store.archive().read(1..20).unwrap().collect();
        // Mark and checksum at the end are not part of any record.
        assert_eq!(read.is_err(), position < whole.len() - 36, "byte {position}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(store.archive().segment_bytes(8).unwrap(), Some(whole));
}

#[test]
fn a_joiner_starts_anywhere_and_older_segments_are_put_in_afterwards() {
    let (founder, joiner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (create_small(founder.path()), create_small(joiner.path()));
    old.archive().start_at(0).unwrap();
    fill(old.archive(), 0..40);
    new.archive().start_at(20).unwrap();
    assert_eq!(new.archive().archived_upto(), Some(19), "what is below is not this node's to archive");
    fill(new.archive(), 20..23);
    let own = old.archive().segment_bytes(24).unwrap().unwrap();
    assert!(matches!(new.archive().install_segment(&own), Err(ArchiveError::BadSegment(_))), "still being written");
    fill(new.archive(), 23..40);
    for end in [8, 24, 16, 0] {
        let bytes = old.archive().segment_bytes(end).unwrap().unwrap();
        let info = new.archive().install_segment(&bytes).unwrap();
        assert_eq!(Some(&info), old.archive().segments().iter().find(|segment| segment.end == end));
    }
    assert_eq!(new.archive().segments(), old.archive().segments(), "equal checksums at both sites");
    assert_eq!(read(new.archive(), 0..99), (0..40).collect::<Vec<_>>());
    new.archive().sync().unwrap();
    drop(new);
    assert_eq!(read(open_small(joiner.path()).archive(), 0..99), (0..40).collect::<Vec<_>>());
    assert_eq!(old.archive().segment_bytes(40).unwrap(), None, "not finished");
}

#[test]
fn a_wrong_segment_is_refused() {
    let (founder, joiner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (create_small(founder.path()), create_small(joiner.path()));
    old.archive().start_at(3).unwrap();
    fill(old.archive(), 3..30);
    new.archive().start_at(12).unwrap();
    new.archive().append(12, b"what this node saw itself").unwrap();
    for index in 13..20 {
        new.archive().append(index, &entry(index)).unwrap();
    }
    let refused = |bytes: &[u8]| new.archive().install_segment(bytes).map(|_| ()).unwrap_err();
    let partial = old.archive().segment_bytes(8).unwrap().unwrap();
    assert!(matches!(refused(&partial), ArchiveError::BadSegment(_)), "3 to 8 is no whole segment");
    let differing = old.archive().segment_bytes(16).unwrap().unwrap();
    assert!(matches!(refused(&differing), ArchiveError::Differs { index: 12 }));
    let ahead = old.archive().segment_bytes(24).unwrap().unwrap();
    assert!(matches!(refused(&ahead), ArchiveError::BadSegment(_)));
    for position in (0..differing.len()).step_by(5) {
        let mut damaged = differing.clone();
        damaged[position] ^= 2;
        assert!(matches!(refused(&damaged), ArchiveError::BadSegment(_)), "byte {position}");
    }
    assert!(matches!(refused(b""), ArchiveError::BadSegment(_)));
    assert_eq!(new.archive().segments().len(), 2, "nothing was put in");
}

#[test]
fn a_node_that_was_given_a_snapshot_goes_on_behind_a_gap_that_can_be_filled() {
    let (founder, behind) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (create_small(founder.path()), create_small(behind.path()));
    old.archive().start_at(1).unwrap();
    fill(old.archive(), 1..40);
    new.archive().start_at(1).unwrap();
    fill(new.archive(), 1..11);
    new.archive().start_at(13).unwrap();
    fill(new.archive(), 13..15);
    new.archive().start_at(30).unwrap();
    fill(new.archive(), 30..35);
    assert_eq!(new.archive().missing(), [11..13, 15..30]);
    let before_gap: Vec<_> = new.archive().read(9..40).unwrap().collect();
    assert!(matches!(before_gap.last(), Some(Err(ArchiveError::Missing { from: 11, before: 13 }))));
    assert_eq!(before_gap.len(), 3, "9, 10, and the gap");
    new.close().unwrap();
    let new = open_small(behind.path());
    assert_eq!(new.archive().missing(), [11..13, 15..30]);
    fill(new.archive(), 35..36);
    for end in [16, 24, 32] {
        let bytes = old.archive().segment_bytes(end).unwrap().unwrap();
        new.archive().install_segment(&bytes).unwrap();
    }
    assert_eq!(new.archive().missing(), []);
    assert_eq!(read(new.archive(), 1..99), (1..36).collect::<Vec<_>>());
}

#[test]
fn gaps_are_filled_with_single_records_and_nothing_is_put_elsewhere() {
    let (founder, behind) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (create_small(founder.path()), create_small(behind.path()));
    old.archive().start_at(0).unwrap();
    fill(old.archive(), 0..40);
    new.archive().start_at(13).unwrap();
    fill(new.archive(), 13..15);
    new.archive().start_at(30).unwrap();
    fill(new.archive(), 30..35);
    assert_eq!(new.archive().gaps(), [0..13, 15..30]);
    let records = |range: Range<u64>| range.map(entry).collect::<Vec<_>>();
    for (first, range) in [(12, 12..14), (15, 15..31), (30, 30..31), (40, 40..41)] {
        let refused = new.archive().fill(first, &records(range.clone())).unwrap_err();
        assert!(matches!(refused, ArchiveError::OutOfOrder { .. }), "{range:?}");
    }
    for range in [0..5, 15..30, 5..13] {
        new.archive().fill(range.start, &records(range)).unwrap();
    }
    assert_eq!(new.archive().gaps(), []);
    // What was filled survives, and the end goes on as if nothing had been missing.
    fill(new.archive(), 35..36);
    assert_eq!(read(new.archive(), 0..99), (0..36).collect::<Vec<_>>());
    new.close().unwrap();
    let new = open_small(behind.path());
    assert_eq!(new.archive().gaps(), []);
    assert_eq!(read(new.archive(), 0..99), (0..36).collect::<Vec<_>>());
    let whole = |store: &Store, end| store.archive().segment_bytes(end).unwrap();
    assert!(whole(&new, 24).is_some() && whole(&new, 24) == whole(&old, 24), "a whole segment is the founder's");
}

#[test]
fn retention_removes_whole_segments_but_never_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().start_at(1).unwrap();
    fill(store.archive(), 1..25);
    for index in [8, 16, 24] {
        store.archive().put_checkpoint(index, b"signed").unwrap();
    }
    store.archive().retain_from(16).unwrap();
    assert_eq!(read(store.archive(), 9..99), (9..25).collect::<Vec<_>>());
    assert_eq!(store.archive().checkpoints().unwrap(), [8, 16, 24], "8 vouches for what begins at 9");
    store.archive().retain_from(1000).unwrap();
    assert_eq!(read(store.archive(), 17..99), (17..25).collect::<Vec<_>>());
    assert_eq!(store.archive().checkpoints().unwrap(), [16, 24]);
    drop(store);
    let store = open_small(dir.path());
    assert_eq!(store.archive().next(), Some(25), "and it goes on where it was");
    fill(store.archive(), 25..27);
}

#[test]
fn what_was_appended_survives_a_close_without_sync_and_handles_are_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    let archive = store.archive().clone();
    archive.start_at(1).unwrap();
    fill(&archive, 1..4);
    drop(store);
    assert!(matches!(archive.append(4, &entry(4)), Err(ArchiveError::Store(StoreFailure::Closed))));
    assert_eq!(read(open_small(dir.path()).archive(), 1..99), [1, 2, 3]);
}

#[test]
fn checkpoints_come_back_and_damage_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_small(dir.path());
    store.archive().put_checkpoint(8, b"two signatures").unwrap();
    store.archive().put_checkpoint(8, b"three signatures").unwrap();
    store.archive().put_checkpoint(16, b"").unwrap();
    drop(store);
    let store = open_small(dir.path());
    assert_eq!(store.archive().checkpoints().unwrap(), [8, 16]);
    assert_eq!(store.archive().checkpoint(8).unwrap().as_deref(), Some(&b"three signatures"[..]));
    assert_eq!(store.archive().checkpoint(16).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(store.archive().checkpoint(24).unwrap(), None);
    let path = dir.path().join("archive/checkpoints/00000000000000000008.cp");
    let mut bytes = fs::read(&path).unwrap();
    bytes[6] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(store.archive().checkpoint(8), Err(ArchiveError::Damaged { .. })));
}
