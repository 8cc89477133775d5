//! The closed loop: so many clients, each with one operation outstanding, for so long; what came of it.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use verbund_kit::process::usage_of;

/// One client's next operation. Each client has a value of its own.
pub trait Operation: Send + 'static {
    /// Does the `number`-th operation of this client. Errors count, and make the run void.
    fn run(&mut self, number: u64) -> impl Future<Output = Result<()>> + Send;
}

/// How long a run lasts.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Load that is not counted.
    pub warm_up: Duration,
    /// Load that is.
    pub measured: Duration,
}

/// What one run gave.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Operations that ended within the measured time, per second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99: f64,
    /// Processor seconds per second of the load client, which includes signing.
    pub client_cpu: f64,
    /// Processor seconds per second of all servers together.
    pub server_cpu: f64,
    /// Signature checks per operation and replica, where a replica counts them.
    pub checks: Option<f64>,
    /// Why the run does not count. `None`: it counts.
    pub void: Option<String>,
}

/// A run with fewer operations per second than this is void: then something else was measured.
const LEAST_RATE: f64 = 50.0;

#[derive(Default)]
struct Tally {
    latencies: Vec<u32>,
    errors: u64,
    first_error: Option<String>,
}

/// Drives `clients` for the span; `servers` are the processes whose time is taken.
pub async fn drive<O: Operation>(clients: Vec<O>, span: Span, servers: &[u32]) -> Result<Run> {
    let from = Instant::now() + span.warm_up;
    let until = from + span.measured;
    let count = clients.len();
    let tasks: Vec<_> = clients.into_iter().map(|client| tokio::spawn(work(client, from, until))).collect();
    tokio::time::sleep_until(from).await;
    let before = cpu(servers)?;
    tokio::time::sleep_until(until).await;
    let after = cpu(servers)?;
    let mut all = Tally::default();
    let mut idle = 0;
    for task in tasks {
        let tally = task.await?;
        idle += usize::from(tally.latencies.is_empty());
        all.latencies.extend(tally.latencies);
        all.errors += tally.errors;
        all.first_error = all.first_error.or(tally.first_error);
    }
    all.latencies.sort_unstable();
    let seconds = span.measured.as_secs_f64();
    let rate = all.latencies.len() as f64 / seconds;
    Ok(Run {
        rate,
        p50: percentile(&all.latencies, 50),
        p99: percentile(&all.latencies, 99),
        client_cpu: (after.0 - before.0).as_secs_f64() / seconds,
        server_cpu: (after.1 - before.1).as_secs_f64() / seconds,
        checks: None,
        void: void(&all, rate, idle, count),
    })
}

async fn work<O: Operation>(mut client: O, from: Instant, until: Instant) -> Tally {
    let mut tally = Tally::default();
    for number in 0.. {
        let start = Instant::now();
        if start >= until {
            break;
        }
        let result = client.run(number).await;
        let end = Instant::now();
        match result {
            Ok(()) if end >= from && end < until => {
                tally.latencies.push(u32::try_from((end - start).as_micros()).unwrap_or(u32::MAX));
            }
            Ok(()) => {}
            Err(error) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| format!("{error:#}"));
                // A broken connection must not turn into a busy loop.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    tally
}

fn void(all: &Tally, rate: f64, idle: usize, clients: usize) -> Option<String> {
    if let Some(error) = &all.first_error {
        return Some(format!("{} errors, the first: {error}", all.errors));
    }
    if rate < LEAST_RATE {
        return Some(format!("{rate:.0} operations/s, less than {LEAST_RATE}"));
    }
    (idle > 0).then(|| format!("{idle} of {clients} clients got no answer in the measured time"))
}

/// Time of this process and of the servers together.
fn cpu(servers: &[u32]) -> Result<(Duration, Duration)> {
    let own = usage_of(std::process::id())?.cpu;
    let theirs = servers.iter().map(|pid| Ok(usage_of(*pid)?.cpu)).sum::<Result<Duration>>()?;
    Ok((own, theirs))
}

/// The smallest value that at least `percent` of the (sorted) values do not exceed, microseconds to milliseconds.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u32> = (1..=1000).collect();
        assert_eq!(percentile(&sorted, 50), 0.5);
        assert_eq!(percentile(&sorted, 99), 0.99);
        assert_eq!(percentile(&[7000], 99), 7.0);
        assert!(percentile(&[], 50).is_nan());
    }

    struct Sleep(bool);

    impl Operation for Sleep {
        async fn run(&mut self, number: u64) -> Result<()> {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.0 && number == 3 { anyhow::bail!("broken") } else { Ok(()) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn errors_and_too_few_operations_make_a_run_void() {
        let span = |ms| Span { warm_up: Duration::ZERO, measured: Duration::from_millis(ms) };
        let pid = [std::process::id()];
        let good = drive(vec![Sleep(false), Sleep(false), Sleep(false)], span(500), &pid).await.unwrap();
        assert_eq!(good.void, None);
        let bad = drive(vec![Sleep(false), Sleep(true)], span(500), &pid).await.unwrap();
        assert!(bad.void.unwrap().contains("broken"));
        let none = drive(Vec::<Sleep>::new(), span(20), &pid).await.unwrap();
        assert!(none.void.is_some());
    }
}
