//! What the handles of the log and its writer thread share.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::cache::Tail;
use super::index::Index;
use super::record::LogId;
use super::writer::{Operation, Queued};
use super::{AppendDone, Sidecar};
use crate::disk::DiskWatch;
use crate::failure::{Fatal, ReadError, StoreFailure};

/// What handles and the writer thread share.
pub(super) struct Shared {
    pub(super) view: Mutex<View>,
    /// Wakes the writer when there is work, or at the end.
    pub(super) work: Condvar,
    /// Where durable records lie. Locked after the view, never before it.
    pub(super) index: Mutex<Index>,
    pub(super) sidecar: Arc<Sidecar>,
    pub(super) fatal: Fatal,
    pub(super) disk: Arc<DiskWatch>,
    pub(super) commits: AtomicU64,
    pub(super) records: AtomicU64,
}

/// The log as queued operations leave it, and the queue.
pub(super) struct View {
    pub(super) tail: Tail,
    /// Index of the first record, meaningful if there is one.
    pub(super) first: u64,
    /// The last record, if there is one.
    pub(super) last: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<LogId>,
    pub(super) committed_dirty: bool,
    pub(super) queue: Vec<Queued>,
    pub(super) next_sequence: u64,
    pub(super) closing: bool,
}

impl Shared {
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, unless the store has stopped or is closing.
    pub(super) fn usable(&self) -> Result<MutexGuard<'_, View>, StoreFailure> {
        self.fatal.check()?;
        let view = self.view();
        if view.closing { Err(StoreFailure::Closed) } else { Ok(view) }
    }

    pub(super) fn enqueue(&self, mut view: MutexGuard<'_, View>, operation: Operation, done: Option<AppendDone>) {
        let sequence = view.next_sequence;
        view.next_sequence += 1;
        view.queue.push(Queued { sequence, operation, done });
        drop(view);
        self.work.notify_one();
    }

    pub(super) fn read_damaged(&self, index: u64) -> ReadError {
        self.fatal.trip(&StoreFailure::Damaged { index });
        ReadError::Damaged { index }
    }

    pub(super) fn read_failed(&self, why: String) -> ReadError {
        self.fatal.trip(&StoreFailure::Failed { what: "reading the log".to_owned(), why: why.clone() });
        ReadError::Failed { why }
    }
}

impl View {
    /// The index the next record must have; `None` if any will do.
    pub(super) fn next_index(&self) -> Option<u64> {
        self.last.or(self.purged).map(|id| id.index + 1)
    }
}

/// A callback and the end on which its result is waited for.
pub(super) fn completion() -> (AppendDone, Receiver<Result<(), StoreFailure>>) {
    let (sender, receiver): (SyncSender<_>, _) = sync_channel(1);
    let done: AppendDone = Box::new(move |result| {
        // The waiting side may have gone away with its thread; the result is then of no interest.
        let _ = sender.send(result);
    });
    (done, receiver)
}

pub(super) fn wait_for(receiver: &Receiver<Result<(), StoreFailure>>) -> Result<(), StoreFailure> {
    receiver.recv().unwrap_or(Err(StoreFailure::Closed))
}
