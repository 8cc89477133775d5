//! The applied state as readers see it: a copy that costs nothing, replaced after every applied batch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{oneshot, watch};
use verbund_machine::State;

/// The newest applied state, and who waits for a later one.
pub(crate) struct Published {
    state: ArcSwap<State>,
    index: watch::Sender<u64>,
    /// Who waits for which index: only they are woken.
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
    /// When this node last knew that its leader lived.
    fresh: Mutex<Option<Instant>>,
}

impl Published {
    pub(crate) fn new(state: State) -> Self {
        let index = watch::Sender::new(state.applied().index);
        Self { state: ArcSwap::from_pointee(state), index, waiting: Mutex::default(), fresh: Mutex::new(None) }
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    pub(crate) fn index(&self) -> u64 {
        *self.index.borrow()
    }

    pub(crate) fn publish(&self, state: State) {
        let index = state.applied().index;
        self.state.store(Arc::new(state));
        self.index.send_replace(index);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let later = waiting.split_off(&index.saturating_add(1));
        for waiter in std::mem::replace(&mut *waiting, later).into_values().flatten() {
            // Who went away needs no call.
            let _ = waiter.send(());
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.index.subscribe()
    }

    /// Waits until `index` is applied here; `false` if that takes longer than `wait`.
    pub(crate) async fn wait_for(&self, index: u64, wait: Duration) -> bool {
        if self.index() >= index {
            return true;
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // Looked at again under the lock, which whoever publishes takes after the index has moved.
            if self.index() >= index {
                return true;
            }
            let waiters = waiting.entry(index).or_default();
            waiters.retain(|waiter| !waiter.is_closed());
            waiters.push(sender);
        }
        matches!(tokio::time::timeout(wait, receiver).await, Ok(Ok(())))
    }

    /// Notes that a leader spoke just now, or that a quorum answered us as leader.
    pub(crate) fn touch(&self) {
        *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago that was.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}
