//! Bounds on what runs at once: requests in all, certificates being issued, streams of each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Settings;

/// The counters.
#[derive(Debug)]
pub struct Gate {
    requests: Arc<Semaphore>,
    logins: Arc<Semaphore>,
    streams: Arc<Mutex<HashMap<Caller, usize>>>,
    max_streams: usize,
    max_guest_streams: usize,
}

/// A place among a caller's streams; dropping it gives it back.
#[derive(Debug)]
pub struct StreamPlace {
    caller: Caller,
    streams: Arc<Mutex<HashMap<Caller, usize>>>,
}

impl Gate {
    /// A gate with the bounds of `settings`.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let semaphore = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self {
            requests: semaphore(settings.max_requests),
            logins: semaphore(settings.max_logins),
            streams: Arc::default(),
            max_streams: settings.max_streams,
            max_guest_streams: settings.max_guest_streams,
        }
    }

    /// A place among all requests.
    pub fn request(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Problem::busy())
    }

    /// A place among the certificates that are being issued.
    pub fn login(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.logins).try_acquire_owned().map_err(|_| Problem::busy())
    }

    /// A place among the caller's streams; all callers that are no users share theirs.
    pub fn stream(&self, caller: &Caller) -> Result<StreamPlace, Problem> {
        let (caller, limit) = match caller {
            Caller::User(_) => (caller.clone(), self.max_streams),
            Caller::Anonymous | Caller::Other(_) => (Caller::Anonymous, self.max_guest_streams),
        };
        let mut streams = lock(&self.streams);
        let open = streams.entry(caller.clone()).or_default();
        if *open >= limit {
            return Err(Problem::of(
                ProblemKind::TooManyStreams,
                format!("Es sind schon {limit} Datenströme offen, mehr sind nicht erlaubt. Bitte andere schließen."),
                format!("{limit} streams are open already, which is the most. Close others first."),
            )
            .with("limit", limit));
        }
        *open += 1;
        Ok(StreamPlace { caller, streams: Arc::clone(&self.streams) })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut streams = lock(&self.streams);
        if let Some(open) = streams.get_mut(&self.caller) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.caller);
            }
        }
    }
}

/// The counts are whole after every statement, so a panic elsewhere leaves nothing half done.
fn lock(streams: &Mutex<HashMap<Caller, usize>>) -> MutexGuard<'_, HashMap<Caller, usize>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_user_and_given_back() {
        let gate = Gate::new(&Settings { max_streams: 2, max_guest_streams: 1, ..Settings::default() });
        let user = |n: &str| Caller::User(format!("spiffe://nord.dvc/user/{n}").parse().unwrap());
        let node = Caller::Other("spiffe://nord.dvc/node/0.1".parse().unwrap());
        let first = gate.stream(&user("a")).unwrap();
        let _second = gate.stream(&user("a")).unwrap();
        assert_eq!(gate.stream(&user("a")).unwrap_err().kind(), ProblemKind::TooManyStreams);
        let _other = gate.stream(&user("b")).unwrap();
        drop(first);
        let _third = gate.stream(&user("a")).unwrap();
        let guest = gate.stream(&Caller::Anonymous).unwrap();
        assert!(gate.stream(&node).is_err());
        drop(guest);
        drop(gate.stream(&node).unwrap());
        assert_eq!(lock(&gate.streams).len(), 2);
    }
}
