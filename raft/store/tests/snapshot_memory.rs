//! Snapshots need no memory for a copy of the state. In a process of its own, because it measures the process.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use verbund_store::CHUNK_BYTES;

const MIB: usize = 1 << 20;
const STATE: usize = 96 * MIB;

/// The most memory this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn memory_does_not_depend_on_the_size_of_the_state() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sender, receiver) = (create(from.path()), create(to.path()));
    let chunk = vec![7; CHUNK_BYTES];
    let before = peak();

    let mut writer = sender.snapshots().writer(id(1, 1), b"m").unwrap();
    for _ in 0..STATE / CHUNK_BYTES {
        writer.write_chunk(&chunk).unwrap();
    }
    let info = writer.finish().unwrap();
    assert_eq!(info.data_bytes, STATE as u64);
    let reader = sender.snapshots().latest().unwrap().unwrap();
    let mut incoming = receiver.snapshots().receive(info.file_bytes).unwrap();
    for chunk in reader.file_chunks(0) {
        incoming.append(incoming.received(), &chunk.unwrap()).unwrap();
    }
    let received = incoming.finish().unwrap();
    assert_eq!(received.chunks().map(|chunk| chunk.unwrap().len()).sum::<usize>(), STATE);
    let used = peak() - before;
    assert!(used < STATE / 6, "writing, sending, receiving and reading {STATE} bytes took {used} bytes of memory");

    // The control: the measure does see a copy of the state.
    let whole: Vec<u8> = received.chunks().flat_map(|chunk| chunk.unwrap()).collect();
    assert_eq!(whole.len(), STATE);
    assert!(peak() - before >= STATE, "the measure sees nothing");
}
