//! Which directories are accepted, and which never.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::*;
use verbund_store::{Header, OpenError, Store, StoreOptions};

fn refusal(dir: &std::path::Path) -> OpenError {
    open(dir).map(|_| ()).unwrap_err()
}

#[test]
fn a_new_directory_must_be_created_once() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::NotCreated(_)));
    assert!(matches!(refusal(&dir.path().join("absent")), OpenError::NotCreated(_)));
    create(dir.path()).close().unwrap();
    let again = Store::create(dir.path(), header(), StoreOptions::default()).map(|_| ()).unwrap_err();
    assert!(matches!(again, OpenError::Exists(_)));
}

#[test]
fn a_missing_or_emptied_log_is_never_a_new_one() {
    for emptied in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).close().unwrap();
        let log = log_file(dir.path());
        if emptied {
            fs::write(&log, b"").unwrap()
        } else {
            fs::remove_file(&log).unwrap()
        }
        assert!(matches!(refusal(dir.path()), OpenError::LogMissing { node: 7, .. }));
        let create = Store::create(dir.path(), header(), StoreOptions::default()).map(|_| ()).unwrap_err();
        assert!(matches!(create, OpenError::Exists(_)), "create must not make it new either: {create}");
        assert!(matches!(refusal(dir.path()), OpenError::LogMissing { .. }), "and it stays refused");
    }
}

#[test]
fn a_missing_marker_beside_a_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    store.log().save_vote(b"v").unwrap();
    store.close().unwrap();
    fs::remove_file(dir.path().join("node.header")).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::HeaderDamaged(_)));
    let create = Store::create(dir.path(), header(), StoreOptions::default()).map(|_| ()).unwrap_err();
    assert!(matches!(create, OpenError::HeaderDamaged(_)), "{create}");
}

#[test]
fn an_interrupted_creation_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path()).close().unwrap();
    // The state just before the marker was written.
    fs::remove_file(dir.path().join("node.header")).unwrap();
    create(dir.path()).close().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn another_nodes_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path()).close().unwrap();
    for wrong in
        [Header { node: 8, ..header() }, Header { federation: [1; 32], ..header() }, Header { format: 1, ..header() }]
    {
        let error = Store::open(dir.path(), wrong, StoreOptions::default()).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::WrongHeader { .. }), "{error}");
    }
}

#[test]
fn another_nodes_log_under_our_marker_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create(ours.path()).close().unwrap();
    let other = Header { node: 8, ..header() };
    Store::create(theirs.path(), other, StoreOptions::default()).unwrap().close().unwrap();
    fs::copy(log_file(theirs.path()), log_file(ours.path())).unwrap();
    assert!(matches!(refusal(ours.path()), OpenError::WrongHeader { .. }));
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    assert!(matches!(refusal(dir.path()), OpenError::Locked(_)));
    drop(store);
    open(dir.path()).unwrap();
}

#[test]
fn an_older_copy_of_the_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    append(store.log(), records(1, 0..3)).unwrap();
    store.close().unwrap();
    let old = fs::read(log_file(dir.path())).unwrap();
    let store = open(dir.path()).unwrap();
    store.log().save_vote(b"a vote that must not be forgotten").unwrap();
    store.close().unwrap();
    fs::write(log_file(dir.path()), old).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::RolledBack { .. }));
}
