//! Time: ticks that count suspension, and the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use verbund_lease::Tick;
use verbund_model::resource::Millis;

/// Where an agent's time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds of a clock that counts suspension, and never goes back (lease.md 1).
    fn tick(&self) -> Tick;

    /// Milliseconds since 1970.
    fn wall(&self) -> Millis;
}

/// The system's clocks: `CLOCK_BOOTTIME` and the wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn tick(&self) -> Tick {
        let now = clock_gettime(ClockId::Boottime);
        // Neither is negative: the clock counts from the machine's start.
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        seconds * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
    }

    fn wall(&self) -> Millis {
        // A clock before 1970 makes every envelope too old, and the refusal says so.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| Millis::try_from(d.as_millis()).unwrap_or(Millis::MAX))
    }
}
