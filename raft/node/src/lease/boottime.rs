//! The clock of leases.

use rustix::time::{ClockId, clock_gettime};
use verbund_lease::Tick;

/// Milliseconds of `CLOCK_BOOTTIME`: it never goes back, nobody sets it, and it counts while the machine is suspended
/// (lease.md 1).
#[must_use]
pub fn boottime() -> Tick {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}
