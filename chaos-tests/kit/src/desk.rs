//! A person's desk: where `verbund` is run from, with key files, contexts and a passphrase file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The passphrase of every key in the tests. Tests guard nothing, and Argon2id takes its time whatever it is.
pub const PASSPHRASE: &str = "correct horse battery staple 1949";

/// A desk.
#[derive(Clone, Debug)]
pub struct Desk {
    home: PathBuf,
    binary: PathBuf,
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// On standard output.
    pub out: String,
    /// On standard error.
    pub err: String,
}

/// The binary under test: `$VERBUND_BIN`, or `verbund` in the directory that this program was built into.
pub fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os("VERBUND_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let own = std::env::current_exe()?;
            let directory = own.parent().filter(|d| !d.ends_with("deps")).or_else(|| own.parent()?.parent());
            directory.context("this program lies nowhere")?.join("verbund")
        }
    };
    if !path.is_file() {
        bail!("{} is missing: build it (cargo build --package verbund) or name another in VERBUND_BIN", path.display());
    }
    Ok(path)
}

impl Desk {
    /// A desk at `home`, which is made. Errors: there is no binary.
    pub fn at(home: &Path) -> Result<Self> {
        fs::create_dir_all(home)?;
        let desk = Self { home: home.to_owned(), binary: binary()? };
        let file = desk.passphrase_file();
        fs::write(&file, PASSPHRASE)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(desk)
    }

    /// The file with the passphrase.
    #[must_use]
    pub fn passphrase_file(&self) -> PathBuf {
        self.home.join("passphrase")
    }

    /// A file on the desk.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// The command, ready to be started: in this desk's surroundings and no others, in English.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_in(&[], arguments)
    }

    /// The same, with `enter` before it: what brings it into a network of its own.
    #[must_use]
    pub fn command_in(&self, enter: &[String], arguments: &[&str]) -> Command {
        let mut words = enter.iter().map(std::ffi::OsStr::new).chain([self.binary.as_os_str()]);
        // There is one word at least: the binary.
        let mut command = Command::new(words.next().unwrap_or(self.binary.as_os_str()));
        command.args(words).args(arguments).current_dir(&self.home).stdin(Stdio::null()).env_clear();
        for name in ["PATH", "TMPDIR", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", &self.home).env("LANG", "en_US.UTF-8");
        command.env("VERBUND_PASSPHRASE_SOURCE", format!("file:{}", self.passphrase_file().display()));
        command
    }

    /// Runs a command to its end, whatever comes of it.
    pub fn say(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.command(arguments).output().with_context(|| format!("running verbund {arguments:?}"))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) })
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_to(arguments, &[0])
    }

    /// Runs a command that must end with one of `codes`.
    pub fn run_to(&self, arguments: &[&str], codes: &[i32]) -> Result<String> {
        let said = self.say(arguments)?;
        if !codes.contains(&said.code) {
            bail!("verbund {}: exit code {}\n{}{}", arguments.join(" "), said.code, said.out, said.err);
        }
        Ok(said.out)
    }

    /// Runs a command with `-o json`, and returns what it printed.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let out = self.run(&[arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&out).with_context(|| format!("verbund {arguments:?} printed no JSON: {out}"))
    }

    /// Makes a key and returns its public form.
    pub fn new_key(&self, kind: &str, name: &str) -> Result<String> {
        let path = self.path(name).display().to_string();
        self.run(&["keys", "new", "--kind", kind, "--out", &path])?;
        Ok(self.run(&["keys", "show", &path, "-o", "name"])?.trim().to_owned())
    }
}
