//! A guard with a program, which beats: each beat is a line in a file.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use p256::ecdsa::SigningKey;

use crate::desk::{AGENT, Desk};

/// Waits for a condition, and fails if it never comes.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < crate::PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many beats a file has.
pub fn beat(file: &Path) -> usize {
    std::fs::read(file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

pub fn guard() -> Command {
    Command::new(env!("CARGO_BIN_EXE_verbund-guard"))
}

/// Whether this user may make a process namespace.
pub fn can_unshare() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--fork", "true"]).stderr(Stdio::null());
    unshare.status().is_ok_and(|status| status.success())
}

pub struct Guarded {
    child: Child,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Guarded {
    /// A guard beside the test's own process; `any` says whether it may be any process.
    pub fn start(desk: &Desk, any: &str, stop_budget: u64, script: &str) -> Self {
        let mut command = guard();
        command.arg("run");
        if any == "true" {
            command.arg("--any-process");
        }
        Self::spawn(command, Some(desk), stop_budget, script)
    }

    /// A guard that is process 1 of a namespace of its own.
    pub fn first(desk: &Desk, stop_budget: u64, script: &str) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(env!("CARGO_BIN_EXE_verbund-guard")).arg("run");
        Self::spawn(command, Some(desk), stop_budget, script)
    }

    /// The program without a guard.
    pub fn bare(script: &str) -> Self {
        Self::spawn(Command::new("env"), None, 0, script)
    }

    fn spawn(mut command: Command, desk: Option<&Desk>, stop_budget: u64, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("beats");
        if let Some(desk) = desk {
            let key = SigningKey::from_slice(&[AGENT; 32]).unwrap();
            let key = HEXLOWER.encode(key.verifying_key().to_encoded_point(true).as_bytes());
            command.env("VERBUND_WORKLOAD", "register").env("VERBUND_EPOCH", "4").env("VERBUND_GUARD_KEY", key);
            command.env("VERBUND_GUARD_DESK", desk.address.to_string());
            command.env("VERBUND_STOP_BUDGET_MS", stop_budget.to_string()).env("VERBUND_GUARD_INTERVAL_MS", "100");
            command.arg("--");
        }
        // Also for shells inside the shell.
        let script = script.replace("do beat;", r#"do echo . >> "$BEATS";"#);
        command.args(["sh", "-c", &script]).env("BEATS", &file).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, file, _folder: folder }
    }

    pub fn beats(&self) -> usize {
        beat(&self.file)
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Its exit code, once it has ended.
    pub fn code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the guard's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.runs() {
            // The guard passes it on to its program, and exits with it; a bare program just ends.
            let _gone = kill(self.pid(), Signal::SIGTERM);
            let begun = Instant::now();
            while self.runs() && begun.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _gone = self.child.kill();
            let _status = self.child.wait();
        }
    }
}
