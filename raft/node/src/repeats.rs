//! What is logged when the same thing happens again and again: a peer that was removed calls several times a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the same thing is counted instead of logged.
const QUIET: Duration = Duration::from_secs(60);
/// The most things that are told apart; what they are is the peers' choice.
const MOST: usize = 256;

/// Which things were logged lately, and how often they happened since.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<BTreeMap<String, Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    since: u64,
}

impl Repeats {
    /// Whether what happened at `now` is to be logged: `Some` with how often it happened unlogged since the last time, or
    /// `None` if it was logged less than a minute ago.
    pub(crate) fn due(&self, what: &str, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = all.get_mut(what) {
            if now.duration_since(told.at) < QUIET {
                told.since += 1;
                return None;
            }
            let unlogged = told.since;
            *told = Told { at: now, since: 0 };
            return Some(unlogged);
        }
        if all.len() >= MOST {
            all.retain(|_, told| now.duration_since(told.at) < QUIET);
        }
        // Still full: somebody makes up ever new things. Those are not logged; the counters count them.
        if all.len() >= MOST {
            return None;
        }
        all.insert(what.to_owned(), Told { at: now, since: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_is_logged_once_a_minute_with_how_often_it_happened() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(repeats.due("a", at(0)), Some(0));
        assert_eq!(repeats.due("b", at(1)), Some(0), "something else is logged at once");
        assert_eq!(repeats.due("a", at(1)), None);
        assert_eq!(repeats.due("a", at(59)), None);
        assert_eq!(repeats.due("a", at(60)), Some(2));
        assert_eq!(repeats.due("a", at(61)), None);
    }

    #[test]
    fn ever_new_things_neither_fill_the_log_nor_the_memory() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let logged = (0..10_000).filter(|n| repeats.due(&n.to_string(), start).is_some()).count();
        assert_eq!(logged, MOST);
        assert_eq!(repeats.due("later", start + QUIET), Some(0), "there is room again");
    }
}
