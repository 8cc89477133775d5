//! The Raft log, the vote and the committed index: an append-only log in segments, one writer thread, group commit.

mod appender;
mod batch;
mod cache;
mod file;
mod index;
mod recopy;
mod record;
mod replay;
mod segment;
mod shared;
mod sidecar;
mod writer;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;

use crate::disk::DiskWatch;
use crate::failure::{Fatal, OpenError, ReadError, StoreFailure};
use crate::fault::FaultDisk;
use crate::header::Header;
use appender::Appender;
use cache::Tail;
use index::RangeError;
pub(crate) use recopy::{create, exists, is_unused};
pub use record::{LogId, LogRecord};
use replay::Found;
use shared::{Shared, View, completion, wait_for};
pub(crate) use sidecar::Sidecar;
use writer::Operation;
pub(crate) use writer::Writer;

/// Called on the writer thread when the records are durable, or when they will never be. It must not block.
pub type AppendDone = Box<dyn FnOnce(Result<(), StoreFailure>) + Send>;

/// What the log has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Durable commits.
    pub commits: u64,
    /// Records made durable by them.
    pub records: u64,
}

/// What the log needs to know when it is opened.
pub(crate) struct LogOptions {
    pub(crate) cache_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) fault: Option<FaultDisk>,
}

/// A handle on the log; clones share it. Writes are queued in order and made durable by one writer thread, many in one
/// commit; every read sees what was queued, durable or not.
#[derive(Clone)]
pub struct LogStore(Arc<Shared>);

impl LogStore {
    /// The largest payload of one record, in bytes.
    pub const MAX_RECORD_BYTES: usize = 64 << 20;

    /// Opens the log in `dir`, after copying it to a fresh file if an earlier run says so; checks every record.
    pub(crate) fn open(
        dir: &Path,
        header: &Header,
        options: &LogOptions,
        fatal: Fatal,
        disk: Arc<DiskWatch>,
    ) -> Result<(Self, Writer), OpenError> {
        let (found, sidecar) = recopy::open_checked(dir, header, options)?;
        let Found { index, last, values, commit, end, stale: _ } = found;
        fatal.mark_in(sidecar.clone());
        let first = index.first().or(values.purged.map(|id| id.index + 1)).unwrap_or(0);
        let start = last.map_or(first, |id| id.index + 1);
        let appender = Appender::new(dir.to_path_buf(), options, end, commit, values.clone());
        let view = View {
            tail: Tail::new(start, options.cache_bytes),
            first,
            last,
            purged: values.purged,
            vote: values.vote,
            committed: values.committed,
            committed_dirty: false,
            queue: Vec::new(),
            next_sequence: 1,
            closing: false,
        };
        let shared = Arc::new(Shared {
            view: Mutex::new(view),
            work: Condvar::new(),
            index: Mutex::new(index),
            sidecar,
            fatal,
            disk,
            commits: AtomicU64::new(0),
            records: AtomicU64::new(0),
        });
        let writer = Writer::start(shared.clone(), appender).map_err(OpenError::io("starting the writer for", dir))?;
        Ok((Self(shared), writer))
    }

    /// Queues records for the log's end and returns at once; reads see them from now on. `done` is called when they are
    /// durable, in the order of the calls.
    ///
    /// The records must follow each other and the log's end; a log that is empty and was never purged starts at the
    /// first record given. Payloads are copied, so that no larger receive buffer stays in memory with them.
    ///
    /// # Errors
    /// Nothing was queued, and `done` will not be called: [`StoreFailure::OutOfOrder`], [`StoreFailure::TooLarge`],
    /// [`StoreFailure::Poisoned`], [`StoreFailure::Closed`].
    pub fn append(&self, records: Vec<LogRecord>, done: AppendDone) -> Result<(), StoreFailure> {
        self.0.fatal.check()?;
        let records: Vec<LogRecord> = records.into_iter().map(LogRecord::detached).collect();
        let mut view = self.0.usable()?;
        let mut expected = view.next_index();
        for record in &records {
            let wanted = *expected.get_or_insert(record.id.index);
            if record.id.index != wanted {
                return Err(StoreFailure::OutOfOrder { expected: wanted, found: record.id.index });
            }
            if record.payload.len() > Self::MAX_RECORD_BYTES {
                let bytes = record.payload.len();
                return Err(StoreFailure::TooLarge { index: wanted, bytes, limit: Self::MAX_RECORD_BYTES });
            }
            expected = Some(wanted + 1);
        }
        if let (None, Some(record)) = (view.last, records.first()) {
            view.first = record.id.index;
            view.tail.reset(record.id.index);
        }
        let sequence = view.next_sequence;
        for record in &records {
            view.tail.push(record.clone(), sequence);
            view.last = Some(record.id);
        }
        self.0.enqueue(view, Operation::Append(records), Some(done));
        Ok(())
    }

    /// Makes the vote durable, after everything queued before, and then returns. Blocks for one commit.
    pub fn save_vote(&self, vote: &[u8]) -> Result<(), StoreFailure> {
        let (done, wait) = completion();
        self.save_vote_with(vote, done)?;
        wait_for(&wait)
    }

    /// As [`LogStore::save_vote`], without blocking: `done` is called when the vote is durable.
    pub fn save_vote_with(&self, vote: &[u8], done: AppendDone) -> Result<(), StoreFailure> {
        let mut view = self.0.usable()?;
        let vote = Bytes::copy_from_slice(vote);
        view.vote = Some(vote.clone());
        self.0.enqueue(view, Operation::Vote(vote), Some(done));
        Ok(())
    }

    /// Remembers the committed id. It becomes durable with the next commit of anything else, or at an orderly close.
    pub fn save_committed(&self, committed: LogId) -> Result<(), StoreFailure> {
        let mut view = self.0.usable()?;
        view.committed_dirty |= view.committed != Some(committed);
        view.committed = Some(committed);
        Ok(())
    }

    /// Removes every record above `index`; `None` removes all. Takes effect for reads at once, and on disk before
    /// anything that is queued later.
    pub fn truncate_after(&self, index: Option<u64>) -> Result<(), StoreFailure> {
        let before = {
            let view = self.0.usable()?;
            match (index, view.last) {
                (_, None) => return Ok(()),
                (Some(index), Some(last)) if index >= last.index => return Ok(()),
                (Some(index), Some(_)) if index >= view.first => Some(index),
                _ => None,
            }
        };
        // The id of the record that becomes the last one may have to be read from disk; the log has one appender, so
        // it cannot be truncated further in between.
        let last = match before {
            Some(index) => self.read(index..index + 1, 0)?.first().map(|record| record.id),
            None => None,
        };
        let mut view = self.0.usable()?;
        let from = last.map_or(view.first, |id| id.index + 1);
        view.tail.truncate(from);
        view.last = last;
        self.0.enqueue(view, Operation::Truncate { from }, None);
        Ok(())
    }

    /// Removes every record up to and including `upto`, and remembers `upto` as the id before the log's first record.
    /// If the log ends before `upto` (a snapshot was installed), it is empty afterwards and goes on at `upto.index + 1`.
    /// An `upto` that does not lie above the last purged id changes nothing.
    pub fn purge(&self, upto: LogId) -> Result<(), StoreFailure> {
        let mut view = self.0.usable()?;
        if view.purged.is_some_and(|purged| purged.index >= upto.index) {
            return Ok(());
        }
        view.purged = Some(upto);
        view.first = upto.index + 1;
        if view.last.is_none_or(|last| last.index <= upto.index) {
            view.last = None;
            view.tail.reset(upto.index + 1);
        } else {
            view.tail.purge(upto.index);
        }
        self.0.enqueue(view, Operation::Purge { upto }, None);
        Ok(())
    }

    /// Waits until everything queued so far is durable.
    pub fn flush(&self) -> Result<(), StoreFailure> {
        let (done, wait) = completion();
        let view = self.0.usable()?;
        self.0.enqueue(view, Operation::Barrier, Some(done));
        wait_for(&wait)
    }

    /// The records of `range` that exist, without gaps, in order: as many as fit in `max_bytes` of payload, but at
    /// least one if there is any. Records below the purged id or above the end are left out.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] stops the store for good: a node with a damaged log must not vote.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<LogRecord>, ReadError> {
        self.0.fatal.check()?;
        let (from_disk, selection, cached) = {
            let view = self.0.usable()?;
            let Some(last) = view.last else { return Ok(Vec::new()) };
            let range = range.start.max(view.first)..range.end.min(last.index + 1);
            if range.is_empty() {
                return Ok(Vec::new());
            }
            let split = view.tail.start().clamp(range.start, range.end);
            let cached = view.tail.read(split..range.end, max_bytes);
            if split == range.start {
                return Ok(cached);
            }
            // Looked up while the view is held: what lies below the cache is on disk exactly so now. The files stay
            // readable to whoever has them, even when a purge removes their names.
            let selection = self.0.index().select(range.start..split, max_bytes);
            (range.start..split, selection, cached)
        };
        let mut records = selection.read().map_err(|error| match error {
            RangeError::Damaged(index) => self.0.read_damaged(index),
            RangeError::Io(why) => self.0.read_failed(why),
        })?;
        if records.is_empty() {
            return Err(self.0.read_damaged(from_disk.start));
        }
        let mut used: usize = records.iter().map(|record| record.payload.len()).sum();
        if records.last().map(|record| record.id.index + 1) == Some(from_disk.end) {
            for record in cached {
                used += record.payload.len();
                if used > max_bytes {
                    break;
                }
                records.push(record);
            }
        }
        Ok(records)
    }

    /// Id of the last record; of the last purged one if there is no record; `None` if there never was one.
    pub fn last(&self) -> Result<Option<LogId>, StoreFailure> {
        let view = self.0.usable()?;
        Ok(view.last.or(view.purged))
    }

    /// Id up to which the log was purged.
    pub fn purged(&self) -> Result<Option<LogId>, StoreFailure> {
        Ok(self.0.usable()?.purged)
    }

    /// The vote saved last.
    pub fn vote(&self) -> Result<Option<Bytes>, StoreFailure> {
        Ok(self.0.usable()?.vote.clone())
    }

    /// The committed id saved last. After a crash it may be an older one.
    pub fn committed(&self) -> Result<Option<LogId>, StoreFailure> {
        Ok(self.0.usable()?.committed)
    }

    /// Counts since the log was opened.
    pub fn stats(&self) -> LogStats {
        LogStats { commits: self.0.commits.load(Ordering::Relaxed), records: self.0.records.load(Ordering::Relaxed) }
    }
}

impl fmt::Debug for LogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStore").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
