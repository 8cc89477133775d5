//! The clock that counts suspension.

use nix::sys::time::TimeValLike as _;
use nix::time::ClockId;
use verbund_lease::Tick;

/// The kernel does not tell the time since boot.
#[derive(Debug, thiserror::Error)]
#[error("the kernel does not tell CLOCK_BOOTTIME: {0}")]
pub struct ClockError(#[from] nix::Error);

/// Milliseconds since boot, with the time in suspension (`CLOCK_BOOTTIME`, lease.md 1).
///
/// # Errors
/// [`ClockError`]: the kernel is older than 2.6.39, or a filter of system calls forbids it.
pub fn now() -> Result<Tick, ClockError> {
    let time = ClockId::CLOCK_BOOTTIME.now()?;
    // Never negative: it counts from boot.
    Ok(u64::try_from(time.num_milliseconds()).unwrap_or(0))
}
