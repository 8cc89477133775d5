//! Bounded waiting.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Waits until `condition` gives a value, and returns it with the time that took. Errors: not within `bound`; the message
/// names `what` and what was seen last.
pub fn until<T>(what: &str, bound: Duration, mut condition: impl FnMut() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return Ok((value, start.elapsed())),
            Err(last) if start.elapsed() >= bound => bail!("{what}: not within {bound:?}; last: {last:#}"),
            Err(_) => std::thread::sleep(STEP),
        }
    }
}

/// The same for a condition that must be awaited. Errors: as [`until`].
pub async fn until_async<T, F>(what: &str, bound: Duration, mut condition: impl FnMut() -> F) -> Result<(T, Duration)>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return Ok((value, start.elapsed())),
            Err(last) if start.elapsed() >= bound => bail!("{what}: not within {bound:?}; last: {last:#}"),
            Err(_) => tokio::time::sleep(STEP).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_value_or_the_last_reason() {
        let mut looks = 0;
        let found = until("third look", Duration::from_secs(5), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { bail!("only {looks}") }
        });
        assert_eq!(found.unwrap().0, 3);
        let never = until("never", Duration::from_millis(1), || -> Result<()> { bail!("the reason") });
        let message = never.unwrap_err().to_string();
        assert!(message.contains("never") && message.contains("the reason"), "{message}");
    }
}
