//! The log in good times: order, reading, truncating, purging, group commit, reopening.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::*;
use verbund_store::{LogRecord, Store, StoreFailure, StoreOptions};

#[test]
fn what_was_written_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    append(store.log(), records(1, 0..5)).unwrap();
    store.log().save_vote(b"vote").unwrap();
    store.log().save_committed(id(1, 3)).unwrap();
    store.close().unwrap();

    let store = open(dir.path()).unwrap();
    assert_eq!(all(store.log()), records(1, 0..5));
    assert_eq!(store.log().vote().unwrap().as_deref(), Some(&b"vote"[..]));
    assert_eq!(store.log().committed().unwrap(), Some(id(1, 3)), "an orderly close keeps the committed id");
    assert_eq!(store.log().last().unwrap(), Some(id(1, 4)));
    assert_eq!(store.header(), &header());
}

#[test]
fn committed_rides_along_with_the_next_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    append(store.log(), records(1, 0..2)).unwrap();
    let commits = store.log().stats().commits;
    store.log().save_committed(id(1, 1)).unwrap();
    assert_eq!(store.log().stats().commits, commits, "no commit of its own");
    append(store.log(), records(1, 2..3)).unwrap();
    let copy = copy_of(dir.path());
    assert_eq!(open(copy.path()).unwrap().log().committed().unwrap(), Some(id(1, 1)));
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    for index in 0..20 {
        append(store.log(), records(2, index..index + 1)).unwrap();
        if index % 7 == 0 {
            // What a process that is killed now leaves behind.
            let copy = copy_of(dir.path());
            let reopened = open(copy.path()).unwrap();
            assert_eq!(all(reopened.log()), records(2, 0..index + 1));
        }
    }
}

#[test]
fn a_log_of_many_files_of_which_every_record_was_truncated_opens() {
    let dir = tempfile::tempdir().unwrap();
    let options = || StoreOptions { segment_bytes: 2048, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options()).unwrap();
    for index in 0..20 {
        append(store.log(), records(1, index..index + 1)).unwrap();
    }
    store.log().truncate_after(None).unwrap();
    store.log().flush().unwrap();
    assert!(log_files(dir.path()).len() > 1, "records of several files were wanted");
    store.close().unwrap();
    let store = Store::open(dir.path(), header(), options()).unwrap();
    assert_eq!(store.log().last().unwrap(), None);
    // The first record that is there lies in a later file than the log's first; that one is still needed.
    append(store.log(), records(2, 0..3)).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path(), header(), options()).unwrap();
    assert_eq!(all(store.log()), records(2, 0..3));
    let before = log_files(dir.path()).len();
    store.log().purge(id(2, 1)).unwrap();
    store.log().flush().unwrap();
    assert!(log_files(dir.path()).len() < before, "after a purge the old files go");
    store.close().unwrap();
    let store = Store::open(dir.path(), header(), options()).unwrap();
    assert_eq!(all(store.log()), records(2, 2..3));
}

#[test]
fn many_appends_share_a_commit_and_finish_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let (gate, wait) = channel::<()>();
    let order = Arc::new(Mutex::new(Vec::new()));
    // The first callback holds the writer thread until everything else is queued.
    store.log().append(records(1, 0..1), Box::new(move |_| wait.recv().unwrap())).unwrap();
    for index in 1..=100 {
        let order = order.clone();
        let done = Box::new(move |result: Result<(), StoreFailure>| {
            result.unwrap();
            order.lock().unwrap().push(index);
        });
        store.log().append(records(1, index..index + 1), done).unwrap();
    }
    assert_eq!(all(store.log()).len(), 101, "reads see what is queued");
    gate.send(()).unwrap();
    store.log().flush().unwrap();
    assert_eq!(*order.lock().unwrap(), (1..=100).collect::<Vec<_>>());
    let stats = store.log().stats();
    assert_eq!(stats.records, 101);
    assert!(stats.commits <= 4, "101 appends took {} commits", stats.commits);
}

#[test]
fn what_is_not_yet_durable_stays_readable_however_small_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { cache_bytes: 0, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options).unwrap();
    let (first_gate, first_wait) = channel::<()>();
    let (second_gate, second_wait) = channel::<()>();
    let (reached, at_second) = channel();
    store.log().append(records(1, 0..1), Box::new(move |_| first_wait.recv().unwrap())).unwrap();
    // A commit of its own, because it is as large as a commit gets.
    let large = LogRecord { id: id(1, 1), payload: vec![1; 8 << 20].into() };
    let done = Box::new(move |_| {
        reached.send(()).unwrap();
        second_wait.recv().unwrap();
    });
    store.log().append(vec![large.clone()], done).unwrap();
    store.log().append(records(1, 2..4), Box::new(|_| {})).unwrap();
    first_gate.send(()).unwrap();
    at_second.recv().unwrap();
    assert_eq!(store.log().stats().records, 2, "the last two are still queued");
    assert_eq!(all(store.log()), [records(1, 0..1), vec![large], records(1, 2..4)].concat());
    second_gate.send(()).unwrap();
    store.log().flush().unwrap();
}

#[test]
fn one_append_at_a_time_takes_a_commit_each() {
    // The control of the test above: without a queue nothing is shared.
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    for index in 0..10 {
        append(store.log(), records(1, index..index + 1)).unwrap();
    }
    assert_eq!(store.log().stats().commits, 10);
}

#[test]
fn gaps_and_oversize_are_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    append(store.log(), records(1, 3..5)).unwrap();
    let refuse = |records| store.log().append(records, Box::new(|_| panic!("must not be called"))).unwrap_err();
    assert_eq!(refuse(records(1, 6..7)), StoreFailure::OutOfOrder { expected: 5, found: 6 });
    assert_eq!(refuse(records(1, 4..5)), StoreFailure::OutOfOrder { expected: 5, found: 4 });
    let holed = vec![record(1, 5), record(1, 7)];
    assert_eq!(refuse(holed), StoreFailure::OutOfOrder { expected: 6, found: 7 });
    let big = LogRecord { id: id(1, 5), payload: Bytes::from(vec![0; verbund_store::LogStore::MAX_RECORD_BYTES + 1]) };
    assert!(matches!(refuse(vec![big]), StoreFailure::TooLarge { index: 5, .. }));
    assert_eq!(all(store.log()), records(1, 3..5));
}

#[test]
fn truncate_then_append_replaces_the_end() {
    for cache_bytes in [0, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes, ..StoreOptions::default() };
        let store = Store::create(dir.path(), header(), options).unwrap();
        append(store.log(), records(1, 0..10)).unwrap();
        store.log().truncate_after(Some(4)).unwrap();
        assert_eq!(all(store.log()), records(1, 0..5));
        assert_eq!(store.log().last().unwrap(), Some(id(1, 4)));
        let waiting = append_later(store.log(), records(2, 5..7));
        let expected = [records(1, 0..5), records(2, 5..7)].concat();
        assert_eq!(all(store.log()), expected, "before it is durable");
        waiting.recv().unwrap().unwrap();
        assert_eq!(all(store.log()), expected, "and after");
        store.close().unwrap();
        assert_eq!(all(open(dir.path()).unwrap().log()), expected);
    }
}

#[test]
fn purge_moves_the_beginning_and_can_pass_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    append(store.log(), records(1, 0..10)).unwrap();
    store.log().purge(id(1, 3)).unwrap();
    assert_eq!(all(store.log()), records(1, 4..10));
    store.log().purge(id(1, 2)).unwrap();
    assert_eq!(store.log().purged().unwrap(), Some(id(1, 3)), "it never goes back");
    store.close().unwrap();

    let store = open(dir.path()).unwrap();
    assert_eq!((store.log().purged().unwrap(), all(store.log())), (Some(id(1, 3)), records(1, 4..10)));
    // A snapshot up to 50 was installed.
    store.log().purge(id(5, 50)).unwrap();
    assert_eq!((store.log().last().unwrap(), all(store.log())), (Some(id(5, 50)), vec![]));
    append(store.log(), records(5, 51..53)).unwrap();
    store.close().unwrap();
    let store = open(dir.path()).unwrap();
    assert_eq!((store.log().purged().unwrap(), all(store.log())), (Some(id(5, 50)), records(5, 51..53)));
}

#[test]
fn reads_are_bounded_but_never_empty() {
    for cache_bytes in [0, 40, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes, ..StoreOptions::default() };
        let store = Store::create(dir.path(), header(), options).unwrap();
        append(store.log(), records(1, 0..6)).unwrap();
        store.log().flush().unwrap();
        let each = record(1, 0).payload.len();
        for (limit, expected) in [(0, 1), (each - 1, 1), (each, 1), (2 * each, 2), (5 * each + 1, 5), (usize::MAX, 6)] {
            assert_eq!(store.log().read(0..6, limit).unwrap(), records(1, 0..expected), "{cache_bytes} {limit}");
        }
        assert_eq!(store.log().read(2..4, usize::MAX).unwrap(), records(1, 2..4));
        assert_eq!(store.log().read(4..100, usize::MAX).unwrap(), records(1, 4..6));
        assert_eq!(store.log().read(6..100, usize::MAX).unwrap(), vec![]);
    }
}

#[test]
fn a_kept_record_does_not_keep_the_buffer_it_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let buffer = Bytes::from(vec![5; 1 << 20]);
    let slice = buffer.slice(10..20);
    append(store.log(), vec![LogRecord { id: id(1, 0), payload: slice.clone() }]).unwrap();
    drop(slice);
    assert!(buffer.is_unique(), "the cache still holds the receive buffer");
}

#[test]
fn handles_outlive_the_store_harmlessly() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let log = store.log().clone();
    append(&log, records(1, 0..3)).unwrap();
    drop(store);
    assert_eq!(log.save_vote(b"x"), Err(StoreFailure::Closed));
    assert!(log.read(0..3, usize::MAX).is_err());
    open(dir.path()).unwrap();
}

#[test]
fn a_purge_removes_files_and_one_that_comes_back_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let options = || StoreOptions { segment_bytes: 4096, cache_bytes: 0, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options()).unwrap();
    store.log().save_vote(b"kept").unwrap();
    for index in 0..40 {
        append(store.log(), records(1, index..index + 1)).unwrap();
    }
    let before = log_files(dir.path());
    let oldest = std::fs::read(&before[0]).unwrap();
    store.log().purge(id(1, 30)).unwrap();
    store.log().flush().unwrap();
    let after = log_files(dir.path());
    assert!(after.len() < before.len() && after.len() > 1, "{} then {}", before.len(), after.len());
    assert_eq!(all(store.log()), records(1, 31..40), "read from the files");
    store.close().unwrap();
    // A power loss may bring a removed name back.
    std::fs::write(&before[0], oldest).unwrap();
    let store = Store::open(dir.path(), header(), options()).unwrap();
    assert_eq!(all(store.log()), records(1, 31..40));
    assert_eq!(store.log().vote().unwrap().as_deref(), Some(&b"kept"[..]), "it was in the oldest file");
    assert_eq!(store.log().purged().unwrap(), Some(id(1, 30)));
    assert_eq!(log_files(dir.path()), after);
}

#[test]
fn a_record_larger_than_a_file_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = || StoreOptions { segment_bytes: 4096, cache_bytes: 0, ..StoreOptions::default() };
    let store = Store::create(dir.path(), header(), options()).unwrap();
    let large = LogRecord { id: id(1, 3), payload: vec![7; 100_000].into() };
    append(store.log(), records(1, 0..3)).unwrap();
    append(store.log(), vec![large.clone()]).unwrap();
    append(store.log(), records(1, 4..9)).unwrap();
    let expected = [records(1, 0..3), vec![large], records(1, 4..9)].concat();
    assert_eq!(all(store.log()), expected);
    store.close().unwrap();
    assert_eq!(all(Store::open(dir.path(), header(), options()).unwrap().log()), expected);
}
