//! A rate limit for those who have no name yet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many attempts for an address in a window, so many for all together. Memory is bounded by the latter.
#[derive(Debug)]
pub struct Limiter {
    window: Duration,
    per_address: u32,
    in_all: u32,
    began: Instant,
    counts: HashMap<IpAddr, u32>,
    total: u32,
}

impl Limiter {
    /// A limiter whose first window begins at `now`.
    pub fn new(window: Duration, per_address: u32, in_all: u32, now: Instant) -> Self {
        Self { window, per_address, in_all, began: now, counts: HashMap::new(), total: 0 }
    }

    /// Counts an attempt. `Err` says how long to wait until the next window.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if now.duration_since(self.began) >= self.window {
            self.began = now;
            self.counts.clear();
            self.total = 0;
        }
        let left = self.window.saturating_sub(now.duration_since(self.began));
        if self.total >= self.in_all {
            return Err(left);
        }
        let count = self.counts.entry(address).or_default();
        if *count >= self.per_address {
            return Err(left);
        }
        *count += 1;
        self.total += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_address_and_in_all_and_forgets() {
        let start = Instant::now();
        let mut limiter = Limiter::new(Duration::from_secs(10), 2, 3, start);
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert!(limiter.admit(a, start).is_ok());
        assert!(limiter.admit(a, start).is_ok());
        assert_eq!(limiter.admit(a, start + Duration::from_secs(4)), Err(Duration::from_secs(6)));
        assert!(limiter.admit(b, start).is_ok());
        assert!(limiter.admit(b, start).is_err(), "the sum is bounded too");
        assert!(limiter.admit(a, start + Duration::from_secs(10)).is_ok());
    }
}
