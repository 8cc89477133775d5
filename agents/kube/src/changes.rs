//! What may have changed since somebody last looked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use verbund_model::WorkloadName;

/// When to look again after a change: what follows from it (a Deployment's status from its pods', a volume from its claim)
/// comes a little later, and is not watched.
const SETTLE: [Duration; 3] = [Duration::from_millis(300), Duration::from_millis(1_000), Duration::from_millis(3_000)];

/// Workloads that are to be looked at, now or soon.
#[derive(Default)]
pub struct Changes {
    due: Mutex<BTreeMap<WorkloadName, BTreeSet<Instant>>>,
    noticed: Notify,
}

impl Changes {
    /// Something of this workload changed.
    pub fn mark(&self, workload: &WorkloadName) {
        let now = Instant::now();
        let mut due = self.lock();
        let times = due.entry(workload.clone()).or_default();
        times.insert(now);
        // Of a series of changes the last one's consequences count.
        times.retain(|time| *time <= now);
        times.extend(SETTLE.iter().map(|after| now + *after));
        drop(due);
        self.noticed.notify_one();
    }

    /// It is time to look at these again.
    pub fn mark_all(&self, workloads: impl IntoIterator<Item = WorkloadName>) {
        let now = Instant::now();
        let mut due = self.lock();
        for workload in workloads {
            due.entry(workload).or_default().insert(now);
        }
        drop(due);
        self.noticed.notify_one();
    }

    /// Waits until something is to be looked at. Nothing is lost if the future is dropped.
    pub async fn next(&self) -> BTreeSet<WorkloadName> {
        loop {
            // Made before looking, so that a mark in between wakes it.
            let noticed = self.noticed.notified();
            let (ready, next) = self.take();
            if !ready.is_empty() {
                return ready;
            }
            match next {
                None => noticed.await,
                Some(time) => tokio::select! {
                    () = noticed => {}
                    () = tokio::time::sleep_until(time) => {}
                },
            }
        }
    }

    /// What is due, and when the next will be.
    fn take(&self) -> (BTreeSet<WorkloadName>, Option<Instant>) {
        let now = Instant::now();
        let mut due = self.lock();
        let mut ready = BTreeSet::new();
        due.retain(|workload, times| {
            let before = times.len();
            times.retain(|time| *time > now);
            if times.len() < before {
                ready.insert(workload.clone());
            }
            !times.is_empty()
        });
        let next = due.values().filter_map(|times| times.first()).min().copied();
        (ready, next)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkloadName, BTreeSet<Instant>>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WorkloadName {
        WorkloadName::new(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_at_once_and_again_when_it_has_settled() {
        let changes = Changes::default();
        changes.mark(&name("a"));
        let begun = Instant::now();
        let only_a = BTreeSet::from([name("a")]);
        let mut at = Vec::new();
        for _ in 0..4 {
            assert_eq!(changes.next().await, only_a);
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at, [0, 300, 1_000, 3_000]);
        let more = tokio::time::timeout(Duration::from_secs(3_600), changes.next()).await;
        assert!(more.is_err(), "nothing more is due");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_loses_nothing() {
        let changes = Changes::default();
        let none = tokio::time::timeout(Duration::from_millis(10), changes.next()).await;
        assert!(none.is_err());
        changes.mark_all([name("a"), name("b")]);
        assert_eq!(changes.next().await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken() {
        let changes = std::sync::Arc::new(Changes::default());
        let waiting = tokio::spawn({
            let changes = changes.clone();
            async move { changes.next().await }
        });
        tokio::task::yield_now().await;
        changes.mark(&name("a"));
        assert_eq!(waiting.await.unwrap().len(), 1);
    }
}
