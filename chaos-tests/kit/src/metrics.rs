//! What a daemon counts, from its metrics listener.

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The page of the metrics listener at 127.0.0.1:`port`, in Prometheus' text form.
pub async fn read(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting to the metrics")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum over all samples of that name; `None` if there are none.
#[must_use]
pub fn value(page: &str, name: &str) -> Option<f64> {
    let samples = page.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        (series.split('{').next() == Some(name)).then(|| value.trim().parse::<f64>().ok()).flatten()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_samples_of_one_name() {
        let page = "# TYPE a counter\na{b=\"c\"} 3\na{b=\"d\"} 4\naa 9\nHTTP/1.1 200 OK\n";
        assert_eq!(value(page, "a"), Some(7.0));
        assert_eq!(value(page, "aa"), Some(9.0));
        assert_eq!(value(page, "b"), None);
    }
}
