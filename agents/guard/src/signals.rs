//! Signals and the alarm, as files to wait on: nothing here interrupts anything.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::{TimeSpec, TimeValLike as _};
use nix::sys::timer::TimerSetTimeFlags;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags};
use verbund_lease::Tick;

/// Every signal that a process may hold back, but for those that say that it is broken itself.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Holds signals back from now on. A program that is started later starts with none held back (the standard library
    /// clears the mask between fork and exec).
    pub fn new() -> nix::Result<Self> {
        let mut set = SigSet::all();
        for own in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGABRT, Signal::SIGTRAP] {
            set.remove(own);
        }
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// The next that has come.
    pub fn next(&self) -> nix::Result<Option<Signal>> {
        loop {
            let Some(info) = self.0.read_signal()? else { return Ok(None) };
            // Real-time signals have no name here; nothing that we know of sends them to a container.
            if let Some(signal) = i32::try_from(info.ssi_signo).ok().and_then(|raw| Signal::try_from(raw).ok()) {
                return Ok(Some(signal));
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An alarm on `CLOCK_BOOTTIME`: it rings at a tick also if the machine slept meanwhile.
#[derive(Debug)]
pub struct Alarm(TimerFd);

impl Alarm {
    /// An alarm that is not set.
    pub fn new() -> nix::Result<Self> {
        Ok(Self(TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?))
    }

    /// Rings at `tick`, and not at what was set before; at once if that is past.
    pub fn set(&self, tick: Tick) -> nix::Result<()> {
        let millis = i64::try_from(tick.max(1)).map_err(|_| Errno::EINVAL)?;
        let at = Expiration::OneShot(TimeSpec::milliseconds(millis));
        self.0.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
