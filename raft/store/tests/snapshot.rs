//! Snapshots: round trip, transfer, damage, and what is kept.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use common::*;
use verbund_store::{CHUNK_BYTES, SnapshotError, SnapshotInfo, SnapshotStore};

fn write(store: &SnapshotStore, index: u64, state: &[u8]) -> SnapshotInfo {
    let mut writer = store.writer(id(3, index), b"members").unwrap();
    for chunk in state.chunks(100_000) {
        writer.write_chunk(chunk).unwrap();
    }
    writer.finish().unwrap()
}

fn state(length: usize) -> Vec<u8> {
    (0..length).map(|position| (position / 7 % 251) as u8).collect()
}

fn latest_state(store: &SnapshotStore) -> (u64, Vec<u8>) {
    let reader = store.latest().unwrap().unwrap();
    let mut bytes = Vec::new();
    for chunk in reader.chunks() {
        let chunk = chunk.unwrap();
        assert!(chunk.len() <= CHUNK_BYTES);
        bytes.extend_from_slice(&chunk);
    }
    (reader.info().last.index, bytes)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir.join("snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_was_written_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    assert!(store.snapshots().latest().unwrap().is_none());
    for length in [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 77] {
        let info = write(store.snapshots(), length as u64, &state(length));
        let reader = store.snapshots().latest().unwrap().unwrap();
        assert_eq!(reader.info(), &info);
        assert_eq!((info.last, &info.membership[..]), (id(3, length as u64), &b"members"[..]));
        assert_eq!(latest_state(store.snapshots()), (length as u64, state(length)));
        let mut streamed = Vec::new();
        reader.stream().read_to_end(&mut streamed).unwrap();
        assert_eq!(streamed, state(length));
    }
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(latest_state(store.snapshots()).0, 2 * CHUNK_BYTES as u64 + 77);
}

#[test]
fn the_newest_two_are_kept_and_open_ones_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    write(store.snapshots(), 1, &state(5));
    let first = store.snapshots().latest().unwrap().unwrap();
    for index in [9, 10, 11] {
        write(store.snapshots(), index, &state(5));
    }
    assert_eq!(store.snapshots().count().unwrap(), 2);
    assert_eq!(latest_state(store.snapshots()).0, 11);
    assert_eq!(first.chunks().next().unwrap().unwrap(), state(5), "a transfer that goes on is not cut off");
}

#[test]
fn an_abandoned_snapshot_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let mut writer = store.snapshots().writer(id(1, 1), b"").unwrap();
    writer.write_all(&state(1000)).unwrap();
    let mut incoming = store.snapshots().receive(1000).unwrap();
    incoming.append(0, b"abc").unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    drop((writer, incoming));
    assert_eq!(files(dir.path()).len(), 0);
    // Nor does a process that was killed while writing.
    fs::write(dir.path().join("snapshots/0.part"), b"half").unwrap();
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(files(dir.path()).len(), 0);
    assert!(store.snapshots().latest().unwrap().is_none());
}

#[test]
fn every_damaged_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    write(store.snapshots(), 5, &state(60));
    let path = files(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(&path, &damaged).unwrap();
        let error = store.snapshots().latest().map(|_| ()).unwrap_err();
        assert!(matches!(error, SnapshotError::AllDamaged { count: 1, .. }), "byte {position}: {error}");
        fs::remove_file(path.with_extension("damaged")).unwrap();
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(store.snapshots().latest().is_err(), "cut to {length}");
        fs::remove_file(path.with_extension("damaged")).unwrap();
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(latest_state(store.snapshots()), (5, state(60)), "the control: undamaged it is taken");
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    write(store.snapshots(), 5, &state(50));
    write(store.snapshots(), 6, &state(60));
    let newest = files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[50] ^= 1;
    fs::write(&newest, bytes).unwrap();
    assert_eq!(latest_state(store.snapshots()), (5, state(50)));
    write(store.snapshots(), 7, &state(70));
    assert_eq!(latest_state(store.snapshots()), (7, state(70)));
    assert_eq!(files(dir.path()).len(), 2, "the damaged file went with the next good one");
}

#[test]
fn a_transfer_installs_exactly_what_was_sent() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sender, receiver) = (create(from.path()), create(to.path()));
    let info = write(sender.snapshots(), 8, &state(2 * CHUNK_BYTES + 5));
    let reader = sender.snapshots().latest().unwrap().unwrap();
    let mut incoming = receiver.snapshots().receive(info.file_bytes).unwrap();
    for chunk in reader.file_chunks(0).take(1) {
        incoming.append(incoming.received(), &chunk.unwrap()).unwrap();
    }
    // The connection broke; it goes on where it stopped.
    for chunk in reader.file_chunks(incoming.received()) {
        incoming.append(incoming.received(), &chunk.unwrap()).unwrap();
    }
    assert_eq!(incoming.verify().unwrap().info(), &info);
    assert!(receiver.snapshots().latest().unwrap().is_none(), "verified is not yet believed");
    assert_eq!(incoming.finish().unwrap().info(), &info);
    assert_eq!(latest_state(receiver.snapshots()), (8, state(2 * CHUNK_BYTES + 5)));
}

#[test]
fn a_wrong_transfer_is_refused_and_changes_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sender, receiver) = (create(from.path()), create(to.path()));
    let info = write(sender.snapshots(), 8, &state(1000));
    let reader = sender.snapshots().latest().unwrap().unwrap();
    let bytes = reader.file_chunks(0).next().unwrap().unwrap();

    let mut incoming = receiver.snapshots().receive(info.file_bytes).unwrap();
    let error = incoming.append(5, &bytes).unwrap_err();
    assert!(matches!(error, SnapshotError::OutOfOrder { expected: 0, found: 5 }));
    incoming.append(0, &bytes).unwrap();
    let error = incoming.append(info.file_bytes, b"x").unwrap_err();
    assert!(matches!(error, SnapshotError::TooLarge { .. }));

    let mut damaged = bytes.to_vec();
    damaged[500] ^= 16;
    for wrong in [&damaged[..], &bytes[..bytes.len() - 1], b""] {
        let mut incoming = receiver.snapshots().receive(info.file_bytes).unwrap();
        incoming.append(0, wrong).unwrap();
        let error = incoming.finish().map(|_| ()).unwrap_err();
        assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
    }
    assert!(receiver.snapshots().latest().unwrap().is_none());
}
