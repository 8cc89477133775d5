//! Reverse connections that peers dialled to us and nobody uses yet.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use verbund_identity::SpiffeId;

use crate::line::Line;

struct Parked {
    number: u64,
    claim: oneshot::Sender<oneshot::Sender<Line>>,
}

/// The connections that wait, by peer. A dead one leaves by itself.
pub(crate) struct Waiting {
    most: usize,
    parked: Mutex<BTreeMap<SpiffeId, VecDeque<Parked>>>,
    next: AtomicU64,
    arrived: Notify,
}

impl Waiting {
    /// At most `most` connections wait for each peer; then the oldest is closed for a new one.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, parked: Mutex::default(), next: AtomicU64::new(0), arrived: Notify::new() })
    }

    /// How many wait for `id`.
    pub(crate) fn count(&self, id: &SpiffeId) -> usize {
        self.parked().get(id).map_or(0, VecDeque::len)
    }

    /// Lets `line` wait until it is taken or dies.
    pub(crate) fn park(self: &Arc<Self>, id: SpiffeId, mut line: Line) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (claim, claimed) = oneshot::channel::<oneshot::Sender<Line>>();
        {
            let mut parked = self.parked();
            let queue = parked.entry(id.clone()).or_default();
            queue.push_back(Parked { number, claim });
            if queue.len() > self.most {
                // Its task sees the claim dropped, and closes it.
                queue.pop_front();
            }
        }
        // Weak: the pool's end closes the claims, which ends the tasks.
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                claim = claimed => if let Ok(taker) = claim
                    && let Err(line) = taker.send(line)
                    && let Some(pool) = pool.upgrade()
                {
                    // The taker gave up meanwhile.
                    pool.park(id, line);
                },
                error = poll_fn(|cx| line.poll_dead(cx)) => {
                    tracing::debug!(peer = %id, %error, "a waiting reverse connection ended");
                    if let Some(pool) = pool.upgrade() {
                        pool.forget(&id, number);
                    }
                }
            }
        });
        self.arrived.notify_waiters();
    }

    /// Takes a live connection of `id`, the newest first. `None`: none waits.
    pub(crate) async fn take(&self, id: &SpiffeId) -> Option<Line> {
        loop {
            let parked = self.pop(id)?;
            let (give, given) = oneshot::channel();
            // Either step fails if the connection died at this moment; then the next one is tried.
            if parked.claim.send(give).is_ok()
                && let Ok(line) = given.await
            {
                return Some(line);
            }
        }
    }

    /// Takes one as soon as there is one.
    pub(crate) async fn wait(&self, id: &SpiffeId) -> Line {
        loop {
            let mut arrival = std::pin::pin!(self.arrived.notified());
            // Listening begins before looking, so that no arrival falls between.
            arrival.as_mut().enable();
            if let Some(line) = self.take(id).await {
                return line;
            }
            arrival.await;
        }
    }

    fn pop(&self, id: &SpiffeId) -> Option<Parked> {
        let mut parked = self.parked();
        let queue = parked.get_mut(id)?;
        let newest = queue.pop_back();
        if queue.is_empty() {
            parked.remove(id);
        }
        newest
    }

    fn forget(&self, id: &SpiffeId, number: u64) {
        let mut parked = self.parked();
        if let Some(queue) = parked.get_mut(id) {
            queue.retain(|entry| entry.number != number);
            if queue.is_empty() {
                parked.remove(id);
            }
        }
    }

    fn parked(&self) -> MutexGuard<'_, BTreeMap<SpiffeId, VecDeque<Parked>>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
