//! The one thread that writes the log: it takes all that is queued and makes it durable in one commit.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use redb::{Database, Durability};

use super::AppendDone;
use super::database::{COMMIT, COMMITTED, META, PURGED, RECORDS, VOTE, seal};
use super::record::{LogId, LogRecord};
use super::shared::Shared;
use crate::failure::StoreFailure;

/// The most payload bytes of one commit: a long queue must not make the first in it wait for all of it.
const MAX_COMMIT_BYTES: usize = 8 << 20;

/// What one call to the log wants done.
pub(super) enum Operation {
    Append(Vec<LogRecord>),
    Vote(Bytes),
    /// Removes the records from this index on.
    Truncate {
        from: u64,
    },
    Purge {
        upto: LogId,
    },
    /// Changes nothing; waits for what is before it.
    Barrier,
}

impl Operation {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(records) => records.iter().map(|record| record.payload.len()).sum(),
            _ => 0,
        }
    }
}

/// An operation in the queue.
pub(super) struct Queued {
    pub(super) sequence: u64,
    pub(super) operation: Operation,
    pub(super) done: Option<AppendDone>,
}

/// Owns the writer thread; dropping it makes everything queued durable, closes the database and ends the thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `commit` is the number of the last commit in the log.
    pub(super) fn start(shared: Arc<Shared>, commit: u64) -> io::Result<Self> {
        let own = shared.clone();
        let thread = thread::Builder::new().name("log-writer".to_owned()).spawn(move || run(&own, commit))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.view().closing = true;
        self.shared.work.notify_all();
        if let Some(thread) = self.thread.take() {
            // A callback may drop the store on the writer thread itself, which cannot wait for itself.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("the log's writer thread panicked");
            }
        }
    }
}

fn run(shared: &Shared, mut commit: u64) {
    while let Some((batch, committed)) = next_batch(shared) {
        let result = shared.fatal.check().and_then(|()| write(shared, &batch, committed, commit + 1));
        match &result {
            Ok(()) => {
                commit += 1;
                settled(shared, &batch, commit);
            }
            Err(failure) => shared.fatal.trip(failure),
        }
        for queued in batch {
            if let Some(done) = queued.done {
                let result = result.clone();
                // A bug in a caller must not end the thread that makes everybody's records durable.
                if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
                    tracing::error!("a callback of the log panicked");
                }
            }
        }
    }
    let database = shared.database.write().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Err(error)) = database.map(Database::close) {
        tracing::warn!(%error, "closing the log");
    }
}

/// Waits for work and takes it; `None` when the store closes and nothing is left.
fn next_batch(shared: &Shared) -> Option<(Vec<Queued>, Option<LogId>)> {
    let mut view = shared.view();
    while view.queue.is_empty() && !view.closing {
        view = shared.work.wait(view).unwrap_or_else(PoisonError::into_inner);
    }
    let committed = if view.committed_dirty { view.committed } else { None };
    if view.queue.is_empty() && (committed.is_none() || shared.fatal.check().is_err()) {
        return None;
    }
    view.committed_dirty = false;
    let mut bytes = 0;
    let mut count = 0;
    while count < view.queue.len() && (count == 0 || bytes < MAX_COMMIT_BYTES) {
        bytes += view.queue[count].operation.bytes();
        count += 1;
    }
    let rest = view.queue.split_off(count);
    Some((std::mem::replace(&mut view.queue, rest), committed))
}

/// One durable commit. A panic inside the database counts as its failure.
fn write(shared: &Shared, batch: &[Queued], committed: Option<LogId>, commit: u64) -> Result<(), StoreFailure> {
    let failed = |why: String| StoreFailure::Failed { what: "writing the log".to_owned(), why };
    let database = shared.database.read().unwrap_or_else(PoisonError::into_inner);
    let database = database.as_ref().ok_or(StoreFailure::Closed)?;
    match catch_unwind(AssertUnwindSafe(|| transaction(database, batch, committed, commit))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the database panicked".to_owned())),
    }
}

fn transaction(
    database: &Database,
    batch: &[Queued],
    committed: Option<LogId>,
    commit: u64,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // One phase relies on a checksum that is not cryptographic, and payloads come from other members.
    transaction.set_two_phase_commit(true);
    {
        let mut records = transaction.open_table(RECORDS)?;
        let mut meta = transaction.open_table(META)?;
        let mut put = |name: &str, value: &[u8]| meta.insert(name, &seal(name, value)[..]).map(|_| ());
        let mut encoded = Vec::new();
        for queued in batch {
            match &queued.operation {
                Operation::Append(appended) => {
                    for record in appended {
                        record.encode(&mut encoded);
                        records.insert(record.id.index, &encoded[..])?;
                    }
                }
                Operation::Vote(vote) => put(VOTE, vote)?,
                Operation::Truncate { from } => records.retain_in(*from.., |_, _| false)?,
                Operation::Purge { upto } => {
                    records.retain_in(..=upto.index, |_, _| false)?;
                    put(PURGED, &upto.to_bytes())?;
                }
                Operation::Barrier => {}
            }
        }
        if let Some(committed) = committed {
            put(COMMITTED, &committed.to_bytes())?;
        }
        put(COMMIT, &commit.to_le_bytes())?;
    }
    transaction.commit()?;
    Ok(())
}

/// Notes a commit that succeeded, before anybody is told of it.
fn settled(shared: &Shared, batch: &[Queued], commit: u64) {
    if let Err(error) = shared.sidecar.note_commit(commit) {
        // Only a safeguard is lost: the number on disk lags behind, which is always allowed.
        tracing::warn!(%error, commit, "the commit number could not be noted");
    }
    let records: usize = batch
        .iter()
        .map(|queued| if let Operation::Append(records) = &queued.operation { records.len() } else { 0 })
        .sum();
    shared.commits.fetch_add(1, Ordering::Relaxed);
    shared.records.fetch_add(records as u64, Ordering::Relaxed);
    if let Some(last) = batch.last() {
        shared.view().tail.evict(last.sequence);
    }
    shared.disk.refresh();
}
