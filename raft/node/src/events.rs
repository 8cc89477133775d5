//! The feed for watches: recent changes in order, without gaps or repeats, resumable (I3).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use verbund_machine::{Object, StateEvent};

/// Changes kept for those who resume: so many, and of about so many bytes, because old versions live on in them.
const KEPT: usize = 16 * 1024;
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// A watch cannot go on from where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "changes after index {after} are no longer kept (the oldest kept follow index {oldest}): list anew, then watch from there"
)]
pub struct Gone {
    /// From where was asked.
    pub after: u64,
    /// From where changes are kept.
    pub oldest: u64,
}

#[derive(Debug)]
struct Ring {
    /// Every change of an index above this one, up to `applied`, is in `events`.
    after: u64,
    applied: u64,
    events: VecDeque<Arc<StateEvent>>,
    bytes: usize,
}

/// About how much memory an event keeps.
fn weight(event: &StateEvent) -> usize {
    let document = match &event.object {
        Object::CatalogueEntry(entry) => entry.value.document.len(),
        Object::Policy(policy) => policy.value.document.len(),
        _ => 0,
    };
    document + 1024
}

/// The ring and its readers.
#[derive(Debug)]
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    moved: watch::Sender<u64>,
}

impl Feed {
    pub(crate) fn new(applied: u64) -> Self {
        let ring = Ring { after: applied, applied, events: VecDeque::new(), bytes: 0 };
        Self { ring: Mutex::new(ring), moved: watch::Sender::new(applied) }
    }

    /// Adds the changes of a batch that was applied up to `applied`.
    pub(crate) fn extend(&self, events: Vec<StateEvent>, applied: u64) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes += events.iter().map(weight).sum::<usize>();
        ring.events.extend(events.into_iter().map(Arc::new));
        ring.applied = applied;
        while ring.events.len() > KEPT || ring.bytes > KEPT_BYTES {
            // Never half an entry.
            let Some(index) = ring.events.front().map(|event| event.index) else { break };
            while let Some(event) = ring.events.pop_front_if(|event| event.index == index) {
                ring.bytes = ring.bytes.saturating_sub(weight(&event));
            }
            ring.after = index;
        }
        drop(ring);
        self.moved.send_replace(applied);
    }

    /// The state jumped to a snapshot: what lies between is unknown.
    pub(crate) fn restart(&self, applied: u64) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        *ring = Ring { after: applied, applied, events: VecDeque::new(), bytes: 0 };
        drop(ring);
        self.moved.send_replace(applied);
    }

    /// Up to about `limit` changes after `after` (whole entries), and up to which index they are complete.
    fn read(&self, after: u64, limit: usize) -> Result<(Vec<Arc<StateEvent>>, u64), Gone> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if after < ring.after {
            return Err(Gone { after, oldest: ring.after });
        }
        let start = ring.events.partition_point(|event| event.index <= after);
        let mut found: Vec<Arc<StateEvent>> = Vec::new();
        for event in ring.events.iter().skip(start) {
            if found.len() >= limit && found.last().is_some_and(|last| last.index != event.index) {
                let upto = found.last().map_or(after, |last| last.index);
                return Ok((found, upto));
            }
            found.push(event.clone());
        }
        Ok((found, ring.applied.max(after)))
    }
}

/// One reader of the feed.
#[derive(Debug)]
pub struct Watch {
    feed: Arc<Feed>,
    moved: watch::Receiver<u64>,
    after: u64,
}

impl Watch {
    pub(crate) fn new(feed: Arc<Feed>, after: u64) -> Result<Self, Gone> {
        let moved = feed.moved.subscribe();
        feed.read(after, 0)?;
        Ok(Self { feed, moved, after })
    }

    /// Up to which index this watch has told everything.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.after
    }

    /// Waits for the next changes: at least one, in order, whole entries. `None` once the node has stopped. Errors:
    /// [`Gone`] if the reader was too slow, or the state jumped to a snapshot.
    pub async fn next(&mut self) -> Option<Result<Vec<Arc<StateEvent>>, Gone>> {
        loop {
            self.moved.borrow_and_update();
            match self.feed.read(self.after, 512) {
                Err(gone) => return Some(Err(gone)),
                Ok((events, upto)) => {
                    self.after = upto;
                    if !events.is_empty() {
                        return Some(Ok(events));
                    }
                }
            }
            self.moved.changed().await.ok()?;
        }
    }
}
