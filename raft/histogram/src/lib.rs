//! Counts of values in buckets of powers of two: what openraft needs of the crate `base2histogram` of crates.io, in whose
//! place this one is built (`[patch.crates-io]`).
//!
//! Why: openraft counts the sizes of its batches in a dozen histograms, which nobody can read unless its feature
//! `runtime-stats` is on. The published crate fills tables for sixteen sizes of buckets at its first use and keeps them,
//! 25 MiB in each daemon; openraft uses one size. Here a bucket's bounds are computed, and there are no tables. The buckets
//! are the same (four for each power of two). To be removed when the published crate fills its tables on demand.
//!
//! What must never be in this crate: anything that another part of Verbund uses.

mod chart;
mod stats;

use std::marker::PhantomData;

pub use chart::AsciiChart;
pub use stats::PercentileStats;

/// Bits of a value that tell buckets apart: the highest, and two behind it.
const WIDTH: u32 = 3;
/// Buckets for each power of two.
const GROUP: usize = 1 << (WIDTH - 1);
/// Buckets for all values of 64 bits.
const BUCKETS: usize = GROUP * (66 - WIDTH as usize);

/// How often which values were seen. `T` stands for data that the published crate keeps with slots of time, which
/// openraft does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: Vec<u64>,
    data: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    /// Without any value.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], data: PhantomData }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        if let Some(bucket) = self.counts.get_mut(bucket(value)) {
            *bucket = bucket.saturating_add(count);
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The least value of the bucket of the smallest value that at least `p` (0 to 1) of all do not exceed; 0 if there is
    /// none.
    #[must_use]
    pub fn percentile(&self, p: f64) -> u64 {
        // The loss of precision above 2^53 values does not matter here; a negative product becomes 0.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = ((self.total() as f64 * p).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return least(bucket);
            }
        }
        0
    }

    /// The usual percentiles.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.10),
            p50: self.percentile(0.50),
            p90: self.percentile(0.90),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }

    /// Each bucket with something in it: its least value, and how many.
    fn filled(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bucket, count)| (least(bucket), *count))
    }
}

/// The bucket of a value. Values below [`GROUP`] have one each.
fn bucket(value: u64) -> usize {
    if value < GROUP as u64 {
        // Below 4.
        return usize::try_from(value).unwrap_or(0);
    }
    let group = (u64::BITS - value.leading_zeros() - WIDTH) as usize;
    // Two bits.
    let within = usize::try_from((value >> group) & (GROUP as u64 - 1)).unwrap_or(0);
    GROUP + group * GROUP + within
}

/// The least value of a bucket.
fn least(bucket: usize) -> u64 {
    if bucket < GROUP {
        return bucket as u64;
    }
    let (group, within) = ((bucket - GROUP) / GROUP, (bucket - GROUP) % GROUP);
    ((GROUP + within) as u64) << group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_value_in_order() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        for index in 0..BUCKETS {
            assert_eq!(bucket(least(index)), index);
            if index > 0 {
                assert_eq!(bucket(least(index) - 1), index - 1);
            }
        }
        // As in the published crate: 12.5 % at most between a value and its bucket's middle.
        assert_eq!((least(bucket(100)), least(bucket(100) + 1)), (96, 112));
    }

    #[test]
    fn percentiles_are_of_the_values_counted() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p50, 0);
        (1..=3).for_each(|value| histogram.record(value));
        histogram.record_n(1024, 97);
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p1, stats.p50, stats.p99_9), (100, 1, 1024, 1024));
        assert_eq!(histogram.total(), 100);
    }

    #[test]
    fn a_histogram_is_small() {
        assert!(BUCKETS * size_of::<u64>() <= 2048);
    }
}
