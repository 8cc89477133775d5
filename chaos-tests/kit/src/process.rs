//! A child process with its log.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

use crate::wait::until;

/// How much of a log is shown when something went wrong.
const TAIL: usize = 6_000;

/// A running child. It is killed when this is dropped, also when it was stopped (`SIGSTOP`).
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What a process has used of the machine so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident memory now, bytes.
    pub resident: u64,
    /// The most resident memory so far, bytes.
    pub peak: u64,
    /// Processor time so far, user and system.
    pub cpu: Duration,
}

impl Process {
    /// Starts `command`; what it writes to either output is appended to `log`. Errors: it could not be started.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file: File = OpenOptions::new().create(true).append(true).open(log).context("opening the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {name} ({:?})", command.get_program()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fails, with the end of its log, if it has ended.
    pub fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}); its log ends with:\n{}", self.name, self.log_tail()),
        }
    }

    /// Sends a signal. Errors: it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        // A child that was not waited for keeps its pid, so the signal can hit nobody else.
        if self.child.try_wait()?.is_some() {
            bail!("{} has ended already", self.name);
        }
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).ok_or_else(|| anyhow!("no pid"))?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Lets it go on if it was stopped (`SIGCONT`). Returns whether it lives.
    pub fn wake(&mut self) -> bool {
        self.signal(Signal::CONT).is_ok()
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// `SIGTERM`, and waits at most `bound` for the end. Errors: it did not end; it is killed then.
    pub fn terminate(mut self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(bound)
    }

    /// Waits at most `bound` until it ends by itself.
    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        let ended = until(&format!("end of {name}"), bound, || self.child.try_wait()?.context("it still runs"));
        Ok(ended?.0)
    }

    /// What it has used so far. Errors: it has ended.
    pub fn usage(&self) -> Result<Usage> {
        usage_of(self.pid())
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process, too. If it has ended already there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a file, as far as it can be read.
#[must_use]
pub fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned()
}

/// What the process `pid` has used so far, from `/proc` (proc(5)).
pub fn usage_of(pid: u32) -> Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&status, &stat, rustix::param::clock_ticks_per_second())
}

fn parse(status: &str, stat: &str, ticks_per_second: u64) -> Result<Usage> {
    let kib = |field: &str| -> Result<u64> {
        let line =
            status.lines().find_map(|l| l.strip_prefix(field)).with_context(|| format!("no {field} in status"))?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    };
    // The name, in parentheses, may hold anything; behind it, fields 14 and 15 of the whole are utime and stime.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    let cpu = Duration::from_millis(ticks * 1000 / ticks_per_second.max(1));
    Ok(Usage { resident: kib("VmRSS:")?, peak: kib("VmHWM:")?, cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc() {
        let stat = "17 (a ) name) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 1 1 1";
        let usage = parse("VmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n", stat, 100).unwrap();
        assert_eq!(usage, Usage { resident: 1 << 20, peak: 2 << 20, cpu: Duration::from_secs(2) });
        assert!(usage_of(std::process::id()).unwrap().resident > 0);
    }

    #[test]
    fn a_stopped_child_dies_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut process = Process::spawn("sleep", Command::new("sleep").arg("600"), &log).unwrap();
        process.expect_running().unwrap();
        process.signal(Signal::STOP).unwrap();
        let pid = process.pid();
        drop(process);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn an_end_is_reported_with_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut command = Command::new("sh");
        let mut process = Process::spawn("shell", command.args(["-c", "echo last words; exit 3"]), &log).unwrap();
        process.wait(Duration::from_secs(30)).unwrap();
        let message = process.expect_running().unwrap_err().to_string();
        assert!(message.contains("last words") && message.contains('3'), "{message}");
    }
}
