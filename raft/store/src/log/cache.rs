//! The end of the log in memory.

use std::collections::VecDeque;
use std::ops::Range;

use super::record::LogRecord;

/// The records from `start` to the log's end. Everything that is not yet durable is in here; durable ones stay as long
/// as they fit, because followers and apply read what was just written.
pub(super) struct Tail {
    start: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    limit: usize,
}

struct Entry {
    record: LogRecord,
    /// The queued operation that makes it durable.
    sequence: u64,
}

impl Tail {
    pub(super) fn new(start: u64, limit: usize) -> Self {
        Self { start, entries: VecDeque::new(), bytes: 0, limit }
    }

    /// Index of the first record in memory; the next index to come if there is none.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Forgets everything; the next record is `start`.
    pub(super) fn reset(&mut self, start: u64) {
        self.entries.clear();
        self.bytes = 0;
        self.start = start;
    }

    /// Adds the record that follows.
    pub(super) fn push(&mut self, record: LogRecord, sequence: u64) {
        debug_assert_eq!(record.id.index, self.start + self.entries.len() as u64);
        self.bytes += record.payload.len();
        self.entries.push_back(Entry { record, sequence });
    }

    /// Forgets the records from `from` on. If that reaches below the cache, later records start here.
    pub(super) fn truncate(&mut self, from: u64) {
        if from <= self.start {
            self.reset(from);
            return;
        }
        while self.start + self.entries.len() as u64 > from {
            let Some(entry) = self.entries.pop_back() else { break };
            self.bytes -= entry.record.payload.len();
        }
    }

    /// Forgets the records up to and including `upto`.
    pub(super) fn purge(&mut self, upto: u64) {
        while self.start <= upto && self.pop_front() {}
    }

    /// Forgets the oldest durable records (those of operations up to `durable`) until the rest fits.
    pub(super) fn evict(&mut self, durable: u64) {
        while self.bytes > self.limit && self.entries.front().is_some_and(|entry| entry.sequence <= durable) {
            self.pop_front();
        }
    }

    /// The records of `range`, which must not start below the cache, as many as fit in `max_bytes` and at least one.
    pub(super) fn read(&self, range: Range<u64>, max_bytes: usize) -> Vec<LogRecord> {
        let skip = usize::try_from(range.start.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut used = 0usize;
        let mut records = Vec::new();
        for entry in self.entries.iter().skip(skip).take(count) {
            used = used.saturating_add(entry.record.payload.len());
            if used > max_bytes && !records.is_empty() {
                break;
            }
            records.push(entry.record.clone());
        }
        records
    }

    fn pop_front(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        self.bytes -= entry.record.payload.len();
        self.start += 1;
        true
    }
}
