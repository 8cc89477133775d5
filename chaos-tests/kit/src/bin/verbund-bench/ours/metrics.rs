//! What the daemons count.

use anyhow::{Context as _, Result};
use verbund_kit::metrics;

/// Counts of one daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Signatures that it computed.
    pub checked: f64,
    /// Entries that it applied.
    pub applied: f64,
}

/// Reads the counts from the metrics listener at 127.0.0.1:`port`.
pub async fn counts(port: u16) -> Result<Counts> {
    let page = metrics::read(port).await?;
    let value = |name| metrics::value(&page, name).with_context(|| format!("the metrics have no {name}"));
    Ok(Counts { checked: value("verbund_signatures_checked_total")?, applied: value("verbund_entries_applied_total")? })
}

/// Signatures checked for each entry applied between two looks, averaged over the daemons.
pub fn checks_per_entry(before: &[Counts], after: &[Counts]) -> Option<f64> {
    let checked: f64 = after.iter().zip(before).map(|(a, b)| a.checked - b.checked).sum();
    let applied: f64 = after.iter().zip(before).map(|(a, b)| a.applied - b.applied).sum();
    (applied > 0.0).then(|| checked / applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides() {
        let counts = |checked, applied| Counts { checked, applied };
        let (before, after) = ([counts(1.0, 10.0), counts(0.0, 0.0)], [counts(3.0, 20.0), counts(3.0, 10.0)]);
        assert_eq!(checks_per_entry(&before, &after), Some(0.25));
        assert_eq!(checks_per_entry(&before, &before), None);
    }
}
