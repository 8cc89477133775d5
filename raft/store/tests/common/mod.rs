//! What the tests share.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use verbund_store::fault::FaultDisk;
use verbund_store::{FORMAT, Header, LogId, LogRecord, LogStore, OpenError, Store, StoreFailure, StoreOptions};

pub fn header() -> Header {
    Header { format: FORMAT, node: 7, federation: [9; 32] }
}

pub fn id(term: u64, index: u64) -> LogId {
    LogId { term, node: 1, index }
}

pub fn record(term: u64, index: u64) -> LogRecord {
    LogRecord { id: id(term, index), payload: format!("record {index} of term {term}").into() }
}

pub fn records(term: u64, range: std::ops::Range<u64>) -> Vec<LogRecord> {
    range.map(|index| record(term, index)).collect()
}

pub fn create(dir: &Path) -> Store {
    Store::create(dir, header(), StoreOptions::default()).unwrap()
}

pub fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(dir, header(), StoreOptions::default())
}

pub fn with_fault(disk: &FaultDisk) -> StoreOptions {
    StoreOptions { fault: Some(disk.clone()), ..StoreOptions::default() }
}

/// Appends and returns the end on which the outcome comes.
pub fn append_later(log: &LogStore, records: Vec<LogRecord>) -> Receiver<Result<(), StoreFailure>> {
    let (sender, receiver) = channel();
    log.append(records, Box::new(move |result| sender.send(result).unwrap())).unwrap();
    receiver
}

/// Appends and waits until the records are durable.
pub fn append(log: &LogStore, records: Vec<LogRecord>) -> Result<(), StoreFailure> {
    append_later(log, records).recv().unwrap()
}

pub fn all(log: &LogStore) -> Vec<LogRecord> {
    log.read(0..u64::MAX, usize::MAX).unwrap()
}

/// An `on_fatal` that collects what it is called with.
pub fn watch_fatal(options: &mut StoreOptions) -> Arc<Mutex<Vec<StoreFailure>>> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let sink = calls.clone();
    options.on_fatal = Some(Box::new(move |failure| sink.lock().unwrap().push(failure.clone())));
    calls
}

/// The log's files, oldest first.
pub fn log_files(dir: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = names.filter(|path| path.extension().is_some_and(|kind| kind == "seg")).collect();
    files.sort();
    files
}

/// The log's only file.
pub fn log_file(dir: &Path) -> PathBuf {
    let files = log_files(dir);
    assert_eq!(files.len(), 1, "one file was expected");
    files[0].clone()
}

/// What a process that is killed now leaves behind.
pub fn copy_of(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in log_files(dir).into_iter().chain([dir.join("node.header"), dir.join("log.state")]) {
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// A fresh directory as it would be after a power loss: the log as the disk has it, everything else as it is, but for
/// the commit number, whose writes are never synced.
pub fn after_power_loss(disk: &FaultDisk, dir: &Path, seed: u64) -> tempfile::TempDir {
    let lost = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("node.header"), lost.path().join("node.header")).unwrap();
    for path in log_files(dir) {
        let image = disk.after_power_loss(&path, seed).unwrap();
        std::fs::write(lost.path().join(path.file_name().unwrap()), image).unwrap();
    }
    lost
}
