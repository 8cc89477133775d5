//! The log against a plain vector, with reopening in between.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use verbund_store::{LogId, LogRecord, Store, StoreOptions};

#[derive(Debug, Clone)]
enum Step {
    Append { count: u64, bytes: usize },
    Truncate { back: u64 },
    Purge { ahead: u64 },
    Vote(Vec<u8>),
    Committed,
    Flush,
    Reopen,
    Kill,
    Read { start: u64, length: u64, bytes: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..8u64, 0..200usize).prop_map(|(count, bytes)| Step::Append { count, bytes }),
        2 => (0..12u64).prop_map(|back| Step::Truncate { back }),
        2 => (0..12u64).prop_map(|ahead| Step::Purge { ahead }),
        1 => proptest::collection::vec(any::<u8>(), 0..20).prop_map(Step::Vote),
        1 => Just(Step::Committed),
        2 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        4 => (0..60u64, 0..30u64, 0..600usize).prop_map(|(start, length, bytes)| Step::Read { start, length, bytes }),
    ]
}

#[derive(Default)]
struct Model {
    records: BTreeMap<u64, LogRecord>,
    purged: Option<LogId>,
    vote: Option<Vec<u8>>,
    committed: Option<LogId>,
    term: u64,
}

impl Model {
    fn last(&self) -> Option<LogId> {
        self.records.last_key_value().map(|(_, record)| record.id).or(self.purged)
    }

    fn next(&self) -> u64 {
        self.last().map_or(0, |id| id.index + 1)
    }

    fn read(&self, start: u64, end: u64, bytes: usize) -> Vec<LogRecord> {
        let mut used = 0;
        let mut out: Vec<LogRecord> = Vec::new();
        for record in self.records.values().filter(|record| (start..end).contains(&record.id.index)) {
            used += record.payload.len();
            if used > bytes && !out.is_empty() {
                break;
            }
            out.push(record.clone());
        }
        out
    }
}

fn check(store: &Store, model: &Model) {
    assert_eq!(all(store.log()), model.records.values().cloned().collect::<Vec<_>>());
    assert_eq!(store.log().last().unwrap(), model.last());
    assert_eq!(store.log().purged().unwrap(), model.purged);
    assert_eq!(store.log().vote().unwrap().map(|vote| vote.to_vec()), model.vote);
    assert_eq!(store.log().committed().unwrap(), model.committed);
}

fn run(steps: Vec<Step>, cache_bytes: usize, segment_bytes: u64) {
    let mut dir = tempfile::tempdir().unwrap();
    let options = || StoreOptions { cache_bytes, segment_bytes, ..StoreOptions::default() };
    let mut store = Store::create(dir.path(), header(), options()).unwrap();
    let mut model = Model { term: 1, ..Model::default() };
    for step in steps {
        match step {
            Step::Append { count, bytes } => {
                let new: Vec<LogRecord> = (model.next()..model.next() + count)
                    .map(|index| LogRecord { id: id(model.term, index), payload: vec![index as u8; bytes].into() })
                    .collect();
                drop(append_later_silently(&store, new.clone()));
                model.records.extend(new.into_iter().map(|record| (record.id.index, record)));
            }
            Step::Truncate { back } => {
                let Some(last) = model.last() else { continue };
                let keep = last.index.checked_sub(back);
                store.log().truncate_after(keep).unwrap();
                model.records.retain(|index, _| keep.is_some_and(|keep| *index <= keep));
                model.term += 1;
            }
            Step::Purge { ahead } => {
                let index = model.purged.map_or(0, |id| id.index) + ahead;
                let upto = model.records.get(&index).map_or(id(model.term, index), |record| record.id);
                store.log().purge(upto).unwrap();
                if model.purged.is_none_or(|purged| purged.index < index) {
                    model.purged = Some(upto);
                    model.records.retain(|at, _| *at > index);
                }
            }
            Step::Vote(vote) => {
                store.log().save_vote(&vote).unwrap();
                model.vote = Some(vote);
            }
            Step::Committed => {
                if let Some(last) = model.last() {
                    store.log().save_committed(last).unwrap();
                    model.committed = Some(last);
                }
            }
            Step::Flush => store.log().flush().unwrap(),
            Step::Reopen => {
                store.close().unwrap();
                store = Store::open(dir.path(), header(), options()).unwrap();
            }
            Step::Kill => {
                store.log().flush().unwrap();
                let copy = copy_of(dir.path());
                drop(store);
                dir = copy;
                store = Store::open(dir.path(), header(), options()).unwrap();
            }
            Step::Read { start, length, bytes } => {
                let read = store.log().read(start..start + length, bytes).unwrap();
                assert_eq!(read, model.read(start, start + length, bytes));
                continue;
            }
        }
        check(&store, &model);
    }
}

fn append_later_silently(store: &Store, records: Vec<LogRecord>) -> std::sync::mpsc::Receiver<()> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let done = Box::new(move |result: Result<(), _>| {
        result.unwrap();
        let _ = sender.send(());
    });
    store.log().append(records, done).unwrap();
    receiver
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_behaves_as_a_vector(
        steps in proptest::collection::vec(step(), 1..40),
        cache_bytes in prop_oneof![Just(0usize), Just(300), Just(1 << 20)],
        segment_bytes in prop_oneof![Just(2048u64), Just(5000), Just(1 << 20)],
    ) {
        run(steps, cache_bytes, segment_bytes);
    }
}
