//! `verbund-guard`: the guard as a small program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    verbund_guard::cli::main(std::env::args_os().skip(1).collect())
}
