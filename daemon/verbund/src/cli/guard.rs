//! The guard of a container, as the program of its own (`verbund-guard`) has it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

/// `guard`
#[derive(Subcommand)]
pub enum GuardCommand {
    Run {
        #[arg(long)]
        any_process: bool,
        #[arg(last = true, required = true, value_name = "PROGRAM")]
        program: Vec<OsString>,
    },
    Copy {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
