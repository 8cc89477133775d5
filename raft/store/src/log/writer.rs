//! The one thread that writes the log: it takes all that is queued and makes it durable in one commit.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::AppendDone;
use super::appender::{Appender, Committed};
use super::index::{Index, Place};
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

/// Owns the writer thread; dropping it makes everything queued durable, and ends the thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, which goes on at the log's end.
    pub(super) fn start(shared: Arc<Shared>, appender: Appender) -> io::Result<Self> {
        let own = shared.clone();
        let thread = thread::Builder::new().name("log-writer".to_owned()).spawn(move || run(&own, appender))?;
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

fn run(shared: &Shared, mut appender: Appender) {
    while let Some((batch, committed)) = next_batch(shared) {
        let result = shared.fatal.check().and_then(|()| write(&mut appender, &batch, committed));
        let result = result.map(|written| settled(shared, &batch, written, &appender));
        if let Err(failure) = &result {
            shared.fatal.trip(failure);
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

/// One durable commit. A panic on the way counts as its failure: what is on the disk is not known then.
fn write(
    appender: &mut Appender,
    batch: &[Queued],
    committed: Option<LogId>,
) -> Result<Option<Committed>, StoreFailure> {
    let failed = |why: String| StoreFailure::Failed { what: "writing the log".to_owned(), why };
    match catch_unwind(AssertUnwindSafe(|| appender.write(batch, committed))) {
        Ok(Ok(written)) => Ok(written),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the log's writer panicked".to_owned())),
    }
}

/// Notes a commit that succeeded, before anybody is told of it.
fn settled(shared: &Shared, batch: &[Queued], written: Option<Committed>, appender: &Appender) {
    let Some(Committed { commit, places, begun }) = written else { return };
    if let Err(error) = shared.sidecar.note_commit(commit) {
        // Only a safeguard is lost: the number on disk lags behind, which is always allowed.
        tracing::warn!(%error, commit, "the commit number could not be noted");
    }
    shared.commits.fetch_add(1, Ordering::Relaxed);
    shared.records.fetch_add(places.len() as u64, Ordering::Relaxed);
    let unused = {
        let mut index = shared.index();
        if let Some(file) = begun {
            index.add_file(appender.active(), file);
        }
        follow(&mut index, batch, places);
        if appender.purged() { index.unused(appender.active()) } else { Vec::new() }
    };
    for number in unused {
        appender.remove(number);
    }
    if let Some(last) = batch.last() {
        shared.view().tail.evict(last.sequence);
    }
    shared.disk.refresh();
}

/// Carries the operations out on the index, as the commit did on disk.
fn follow(index: &mut Index, batch: &[Queued], places: Vec<Place>) {
    let mut places = places.into_iter();
    for queued in batch {
        match &queued.operation {
            Operation::Append(records) => {
                for (record, place) in records.iter().zip(&mut places) {
                    index.push(record.id.index, place);
                }
            }
            Operation::Truncate { from } => index.truncate(*from),
            Operation::Purge { upto } => index.purge(upto.index),
            Operation::Vote(_) | Operation::Barrier => {}
        }
    }
}
