//! The node's own clock, behind a port so that tests can set it wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use verbund_model::resource::Millis;

/// Tells the time. It stamps entries when this node leads, and judges the stamps of other leaders; apply never asks it.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now(&self) -> Millis;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
}
