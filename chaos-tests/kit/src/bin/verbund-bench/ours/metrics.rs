//! What the daemons count.

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting to the metrics")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let value = |name| sum(&text, name).with_context(|| format!("the metrics have no {name}"));
    Ok(Counts { checked: value("signatures_checked")?, applied: value("entries_applied")? })
}

/// The sum over all samples whose name contains `name`.
fn sum(text: &str, name: &str) -> Option<f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        series.split('{').next()?.contains(name).then(|| value.trim().parse::<f64>().ok()).flatten()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
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
    fn sums_and_divides() {
        let text = "# TYPE verbund_signatures_checked_total counter\nverbund_signatures_checked_total{a=\"b\"} 3\n\
                    verbund_signatures_checked_total 4\nother 9\n";
        assert_eq!(sum(text, "signatures_checked"), Some(7.0));
        assert_eq!(sum(text, "entries_applied"), None);
        let counts = |checked, applied| Counts { checked, applied };
        let (before, after) = ([counts(1.0, 10.0), counts(0.0, 0.0)], [counts(3.0, 20.0), counts(3.0, 10.0)]);
        assert_eq!(checks_per_entry(&before, &after), Some(0.25));
        assert_eq!(checks_per_entry(&before, &before), None);
    }
}
