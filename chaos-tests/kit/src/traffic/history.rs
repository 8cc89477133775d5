//! What a load did, and what can be said about it without looking at the federation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use verbund_model::Hash;

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Applied {
        /// The resource version it made.
        version: u64,
        /// When the answer came.
        at: Instant,
    },
    /// It was refused, which no write of a load should be.
    Refused {
        /// Why.
        why: String,
    },
    /// Nobody ever said.
    Unknown {
        /// What was said last.
        why: String,
    },
}

/// One write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which catalogue entry.
    pub name: String,
    /// Its number among its writer's.
    pub number: u64,
    /// SHA-256 of the payload: names it in the audit records.
    pub payload: Hash,
    /// When it was first sent.
    pub sent: Instant,
    /// What became of it.
    pub fate: Fate,
    /// How often it was sent.
    pub tries: u32,
    /// Whether its outcome was unknown at some time, so that it was sent again although it may have been made.
    pub was_unknown: bool,
}

/// Everything that a load did.
#[derive(Clone, Debug)]
pub struct History {
    /// All writes, in the order in which they were resolved.
    pub writes: Vec<Write>,
    /// When the load began.
    pub since: Instant,
    /// When it was told to stop.
    pub until: Instant,
}

impl History {
    /// Fails if any write was refused or was never resolved.
    pub fn expect_all_applied(&self) -> Result<()> {
        for write in &self.writes {
            ensure!(
                matches!(write.fate, Fate::Applied { .. }),
                "{} number {}: {:?}",
                write.name,
                write.number,
                write.fate
            );
        }
        Ok(())
    }

    /// Acknowledged writes in a second, gaps included.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let within = self.acknowledgements().filter(|at| *at <= self.until).count();
        within as f64 / (self.until - self.since).as_secs_f64()
    }

    /// The longest time without an acknowledgement, and how long after the beginning it began.
    #[must_use]
    pub fn longest_gap(&self) -> (Duration, Duration) {
        let mut times: Vec<Instant> = self.acknowledgements().chain([self.since]).collect();
        // A gap that nothing ends lasts until the end.
        times.push(times.iter().copied().max().unwrap_or(self.until).max(self.until));
        times.sort_unstable();
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0], pair[0] - self.since));
        gaps.max().unwrap_or_default()
    }

    /// Writes whose outcome was unknown at some time.
    #[must_use]
    pub fn once_unknown(&self) -> usize {
        self.writes.iter().filter(|write| write.was_unknown).count()
    }

    /// The highest resource version that was acknowledged.
    #[must_use]
    pub fn last_version(&self) -> u64 {
        self.applied().map(|(_, version)| version).max().unwrap_or(0)
    }

    /// All acknowledged writes with the versions they made.
    pub fn applied(&self) -> impl Iterator<Item = (&Write, u64)> {
        self.writes.iter().filter_map(|write| match write.fate {
            Fate::Applied { version, .. } => Some((write, version)),
            _ => None,
        })
    }

    /// What each catalogue entry must hold in the end: number and version of the newest acknowledged write.
    #[must_use]
    pub fn newest(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut newest = BTreeMap::new();
        for (write, version) in self.applied() {
            let entry = newest.entry(write.name.as_str()).or_insert((write.number, version));
            if version > entry.1 {
                *entry = (write.number, version);
            }
        }
        newest
    }

    fn acknowledgements(&self) -> impl Iterator<Item = Instant> {
        self.writes.iter().filter_map(|write| match write.fate {
            Fate::Applied { at, .. } => Some(at),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(writes: &[(&str, u64, u64, u64)]) -> History {
        let since = Instant::now();
        let write = |(name, number, version, ms): &(&str, u64, u64, u64)| Write {
            name: (*name).to_owned(),
            number: *number,
            payload: Hash::default(),
            sent: since,
            fate: Fate::Applied { version: *version, at: since + Duration::from_millis(*ms) },
            tries: 1,
            was_unknown: false,
        };
        History { writes: writes.iter().map(write).collect(), since, until: since + Duration::from_secs(1) }
    }

    #[test]
    fn gaps_reach_from_the_beginning_to_the_end() {
        let gap = |writes: &[_]| history(writes).longest_gap();
        let ms = Duration::from_millis;
        assert_eq!(gap(&[]), (ms(1000), ms(0)));
        assert_eq!(gap(&[("a", 0, 1, 400), ("a", 1, 2, 500)]), (ms(500), ms(500)));
        assert_eq!(gap(&[("a", 0, 1, 700), ("a", 1, 2, 800)]), (ms(700), ms(0)));
        assert_eq!(gap(&[("a", 0, 1, 100), ("a", 1, 2, 1700)]), (ms(1600), ms(100)));
    }

    #[test]
    fn the_newest_write_counts_and_late_answers_do_not_raise_the_rate() {
        let history = history(&[("a", 1, 9, 10), ("a", 0, 5, 20), ("b", 0, 7, 2000)]);
        assert_eq!(history.newest(), [("a", (1, 9)), ("b", (0, 7))].into());
        assert_eq!(history.rate(), 2.0);
        assert_eq!(history.last_version(), 9);
        history.expect_all_applied().unwrap();
    }

    #[test]
    fn a_write_without_outcome_is_an_error() {
        let mut history = history(&[("a", 1, 9, 10)]);
        history.writes[0].fate = Fate::Unknown { why: "nobody said".to_owned() };
        assert!(history.expect_all_applied().unwrap_err().to_string().contains("nobody said"));
    }
}
