//! A desk: one user's files in a directory of their own, and the program as that user runs it.

#![allow(dead_code, reason = "each test file uses its part of it")]

pub mod sites;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything may take.
const BOUND: Duration = Duration::from_secs(90);

pub struct Desk {
    directory: tempfile::TempDir,
}

/// What a command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub talk: String,
}

impl Said {
    /// Everything, for messages of tests.
    pub fn all(&self) -> String {
        format!("code {:?}\n{}\n{}", self.code, self.out, self.talk)
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), talk: text(&output.stderr) }
    }
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { directory: tempfile::tempdir().unwrap() };
        desk.secret("passphrase", "correct horse\n");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A file that only its owner may use.
    pub fn secret(&self, name: &str, content: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(self.path(name), content).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The program with nothing of this machine's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verbund"));
        command.env_clear().env("HOME", self.directory.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it without any source of a passphrase.
    pub fn bare(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs it with the passphrase at hand.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.with_passphrase(arguments).output().unwrap().into()
    }

    pub fn with_passphrase(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("VERBUND_PASSPHRASE_SOURCE", format!("file:{}", self.text("passphrase")));
        command
    }

    /// Makes a person's key; gives its public half.
    pub fn key(&self, kind: &str, name: &str) -> String {
        let path = self.text(name);
        self.run(&["keys", "new", "--kind", kind, "--out", &path]).expect(0).out.trim().to_owned()
    }

    /// Runs it until what it says is as wanted.
    #[track_caller]
    pub fn until(&self, arguments: &[&str], wanted: impl Fn(&Said) -> bool) -> Said {
        let begun = Instant::now();
        loop {
            let said = self.run(arguments);
            if wanted(&said) {
                return said;
            }
            let late = begun.elapsed() > BOUND;
            assert!(!late, "{arguments:?} never said what was wanted: {}\n{}", said.all(), self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What its daemons logged last, for messages of tests.
    fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs = entries.filter(|path| path.extension().is_some_and(|end| end == "log"));
        let shown = logs.map(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let last: Vec<_> = text.lines().rev().take(20).collect();
            let lines: Vec<_> = last.into_iter().rev().collect();
            format!("--- {}\n{}\n", path.display(), lines.join("\n"))
        });
        shown.collect()
    }
}

/// A process that ends with the test.
pub struct Running(Child);

impl Running {
    pub fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        Self(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// Waits until it ends by itself; gives its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < BOUND, "it still runs");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port for a daemon to listen at, also after a restart.
pub fn port() -> u16 {
    verbund_kit::Ports::free().unwrap()
}
