//! Processes by pid and start time, so that a pid that the system gave to somebody else is never hit.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

pub use rustix::process::Signal;

use crate::wait::until_blocking;

/// How much of a log is shown when something went wrong, bytes.
const TAIL: usize = 4_000;
/// How long a process that was sent `SIGKILL` may take to end.
const DYING: Duration = Duration::from_secs(30);

/// A process, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its pid.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did (proc(5), stat, field 22).
    pub started: u64,
}

impl ProcessId {
    /// The process that now has this pid. `None` if there is none, or only a zombie.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = parse(&stat)?;
        (state != 'Z' && state != 'X').then_some(Self { pid, started })
    }

    /// This process.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether it still runs, or is stopped. A zombie does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal. Errors: it has ended, or may not be signalled.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let gone = || format!("process {} has ended already", self.pid);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("not a pid")?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).with_context(gone)?;
        // The handle names one process for good; now it is known which.
        if !self.is_alive() {
            bail!(gone());
        }
        pidfd_send_signal(handle, signal).with_context(|| format!("signalling process {}", self.pid))
    }
}

/// State and start time.
fn parse(stat: &str) -> Option<(char, u64)> {
    // The name, in parentheses, may hold anything; behind it come fields 3 (state) and 22 (start time) of the whole.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// A process in a [`Space`](crate::Space). It is killed when this is dropped, also when it is stopped (`SIGSTOP`).
#[derive(Debug)]
pub struct Process {
    name: String,
    id: ProcessId,
    /// There if this process started it: a child must be waited for, or it stays as a zombie.
    child: Option<Child>,
    log: PathBuf,
    kept: bool,
}

impl Process {
    /// Starts `command`; what it writes to either output is appended to `log`. Errors: it could not be started.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("opening the log {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {name} ({:?})", command.get_program()))?;
        // A child that was not waited for keeps its pid, so it is the one meant, even if it has ended.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
        let (_, started) = parse(&stat).with_context(|| format!("reading when {name} started"))?;
        let id = ProcessId { pid: child.id(), started };
        Ok(Self { name: name.to_owned(), id, child: Some(child), log: log.to_owned(), kept: false })
    }

    /// A process that somebody else started. It lives on when this is dropped.
    pub(crate) fn known(name: &str, id: ProcessId, log: &Path) -> Self {
        Self { name: name.to_owned(), id, child: None, log: log.to_owned(), kept: true }
    }

    /// Which process it is.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs, or is stopped.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.id.is_alive()
    }

    /// Fails, with the end of its log, if it has ended.
    pub fn expect_alive(&self) -> Result<()> {
        if self.is_alive() {
            return Ok(());
        }
        bail!("{} has ended; its log {} ends with:\n{}", self.name, self.log.display(), tail(&self.log))
    }

    /// Sends a signal. Errors: it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.id.signal(signal).with_context(|| self.name.clone())
    }

    /// `kill -9`, and waits for the end. No error if it has ended already.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    /// `SIGTERM`, and waits at most `bound` for the end. Errors: it did not end; it is killed then.
    pub fn terminate(mut self, bound: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        self.wait(bound)
    }

    /// Waits at most `bound` until it ends by itself. Errors: it did not.
    pub fn wait(&mut self, bound: Duration) -> Result<()> {
        until_blocking(&format!("end of {}", self.name), bound, || {
            self.reap()?;
            if self.is_alive() { bail!("it still runs") } else { Ok(()) }
        })
    }

    /// Lets it live on when this is dropped.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    fn reap(&mut self) -> Result<()> {
        if let Some(child) = &mut self.child {
            child.try_wait()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.is_alive() {
            // It may end between the look and the signal; the wait decides.
            let _ = self.id.signal(Signal::KILL);
        }
        self.wait(DYING)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.end();
        }
    }
}

/// The last lines of a file, as far as it can be read.
#[must_use]
pub fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_state_and_start_from_proc() {
        let stat = "17 (a ) name) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 4711 1 1";
        assert_eq!(parse(stat), Some(('S', 4711)));
        assert!(ProcessId::own().unwrap().is_alive());
    }

    #[test]
    fn somebody_else_with_the_same_pid_is_not_hit() {
        let own = ProcessId::own().unwrap();
        let earlier = ProcessId { started: own.started - 1, ..own };
        assert!(!earlier.is_alive());
        assert!(earlier.signal(Signal::KILL).is_err());
    }

    #[test]
    fn a_stopped_child_dies_with_its_owner_and_a_kept_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let start = || Process::start("sleep", Command::new("sleep").arg("600"), &log).unwrap();
        let process = start();
        process.signal(Signal::STOP).unwrap();
        let id = process.id();
        drop(process);
        assert!(!id.is_alive());

        let mut kept = start();
        kept.keep();
        let id = kept.id();
        drop(kept);
        assert!(id.is_alive());
        Process::known("sleep", id, &log).signal(Signal::KILL).unwrap();
    }

    #[test]
    fn an_end_is_reported_with_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut command = Command::new("sh");
        let mut process = Process::start("shell", command.args(["-c", "echo last words; exit 3"]), &log).unwrap();
        process.wait(Duration::from_secs(30)).unwrap();
        let message = process.expect_alive().unwrap_err().to_string();
        assert!(message.contains("last words"), "{message}");
    }
}
