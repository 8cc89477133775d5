//! The command line: `copy FILE` and `run -- PROGRAM ARGUMENTS…`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::{copy, run};

/// What is printed for a wrong command line.
const USAGE: &str = "\
usage: verbund-guard copy FILE                         copies itself to FILE
       verbund-guard run [--any-process] -- PROGRAM…   runs PROGRAM while the lease of its workload is held
environment: VERBUND_WORKLOAD, VERBUND_EPOCH, VERBUND_GUARD_DESK, VERBUND_STOP_BUDGET_MS;
             VERBUND_GUARD_KEY, VERBUND_GUARD_INTERVAL_MS (optional)";

/// A wrong command line, or an environment that is none.
const WRONG: u8 = 2;
/// The guard could not do its work.
const FAILED: u8 = 1;

/// Writes a line for whoever reads the container's log. A log that is closed must not stop a guard.
pub(crate) fn note(text: &str) {
    let _closed = writeln!(std::io::stderr(), "verbund-guard: {text}");
}

/// Runs a command line (without the program's own name): `copy FILE`, `run [--any-process] -- PROGRAM…`, or in short
/// `-- PROGRAM…`.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let mut rest = arguments.into_iter().peekable();
    match rest.peek().and_then(|first| first.to_str()) {
        Some("copy") => match (rest.nth(1), rest.next()) {
            (Some(file), None) => copied(Path::new(&file)),
            _ => wrong("copy takes one file"),
        },
        Some("run") => {
            rest.next();
            guarded(rest)
        }
        Some("--" | "--any-process") => guarded(rest),
        _ => wrong("neither copy nor run"),
    }
}

fn guarded(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut rest = arguments.peekable();
    let any_process = rest.next_if(|one| one == "--any-process").is_some();
    if rest.next_if(|one| one == "--").is_none() {
        return wrong("the program comes after --");
    }
    let config = match Config::read(|name| std::env::var(name).ok(), any_process, rest.collect()) {
        Ok(config) => config,
        Err(error) => {
            note(&error.to_string());
            return ExitCode::from(WRONG);
        }
    };
    match run(config) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            note(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

fn copied(file: &Path) -> ExitCode {
    match copy(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

fn wrong(what: &str) -> ExitCode {
    note(&format!("{what}\n{USAGE}"));
    ExitCode::from(WRONG)
}
