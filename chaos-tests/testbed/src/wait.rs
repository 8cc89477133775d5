//! Bounded waiting for a condition.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(50);

/// How long anything may take before it counts as failed. Generous: the machine may be building something else beside.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` gives a value, and returns it with the time that took. Errors: not within [`PATIENCE`]; the
/// message names `what` and what was seen last.
pub async fn until<T, F>(what: &str, mut condition: impl FnMut() -> F) -> Result<(T, Duration)>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    loop {
        // A single look must not wait for ever either, for example on an API server that is stopped.
        let look = tokio::time::timeout(PATIENCE, condition()).await;
        match look {
            Ok(Ok(value)) => return Ok((value, start.elapsed())),
            Ok(Err(last)) if start.elapsed() >= PATIENCE => bail!("{what}: not within {PATIENCE:?}; last: {last:#}"),
            Err(_) => bail!("{what}: one look at it did not end within {PATIENCE:?}"),
            Ok(Err(_)) => tokio::time::sleep(STEP).await,
        }
    }
}

/// The same without a runtime, for cleaning up. Errors: as [`until`], with a bound of its own.
pub fn until_blocking<T>(what: &str, bound: Duration, mut condition: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(last) if start.elapsed() >= bound => bail!("{what}: not within {bound:?}; last: {last:#}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_value_or_the_last_reason() {
        let mut looks = 0;
        let found = until_blocking("third look", PATIENCE, || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { bail!("only {looks}") }
        });
        assert_eq!(found.unwrap(), 3);
        let never = until_blocking("never", Duration::from_millis(1), || -> Result<()> { bail!("the reason") });
        let message = never.unwrap_err().to_string();
        assert!(message.contains("never") && message.contains("the reason"), "{message}");
    }
}
