//! Histograms as text.

use std::fmt;

use crate::Histogram;

/// The longest bar, in characters.
const BAR: u64 = 40;

/// Several histograms, one below the other.
#[derive(Debug, Clone)]
pub struct AsciiChart<T = ()> {
    series: Vec<(String, Histogram<T>)>,
}

impl<T> Default for AsciiChart<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> AsciiChart<T> {
    /// Without any.
    #[must_use]
    pub fn new() -> Self {
        Self { series: Vec::new() }
    }

    /// Adds one under a name.
    #[must_use]
    pub fn add(mut self, name: impl Into<String>, histogram: Histogram<T>) -> Self {
        self.series.push((name.into(), histogram));
        self
    }

    /// Names, values and bars.
    #[must_use]
    pub fn compact(&self) -> impl fmt::Display + '_ {
        Bars { chart: self, percentiles: false }
    }

    /// The same, with percentiles.
    #[must_use]
    pub fn detailed(&self) -> impl fmt::Display + '_ {
        Bars { chart: self, percentiles: true }
    }
}

struct Bars<'a, T> {
    chart: &'a AsciiChart<T>,
    percentiles: bool,
}

impl<T> fmt::Display for Bars<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, histogram) in &self.chart.series {
            writeln!(f, "{name}")?;
            let most = histogram.filled().map(|(_, count)| count).max().unwrap_or(1);
            for (least, count) in histogram.filled() {
                let length = usize::try_from(count.saturating_mul(BAR).div_ceil(most).min(BAR)).unwrap_or(1);
                writeln!(f, "{least:>10}  {} {count}", "█".repeat(length))?;
            }
            if self.percentiles {
                writeln!(f, "{}", histogram.percentile_stats())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        let mut histogram = Histogram::<()>::new();
        histogram.record_n(10, 4);
        histogram.record_n(100, 2);
        let chart = AsciiChart::new().add("latency", histogram);
        let text = chart.compact().to_string();
        let bars: Vec<usize> = text.lines().skip(1).map(|line| line.matches('█').count()).collect();
        assert_eq!(bars, [40, 20]);
        assert!(chart.detailed().to_string().contains("P50: 10"));
    }
}
