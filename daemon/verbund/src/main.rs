//! The one binary of Verbund: the daemon (`serve`) and the client commands. This file only wires; what a command does is
//! in [`cmd`].

mod app;
mod audit;
mod cli;
mod client;
mod cmd;
mod config;
mod context;
mod exit;
mod failure;
mod files;
mod i18n;
mod join;
mod output;
mod paths;
mod serve;
mod words;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::i18n::Lang;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // A copy of this program in a container is its guard, and looks at nothing else.
    if let Some(rest) = cmd::called_as_guard(&arguments) {
        return verbund_guard::cli::main(rest);
    }
    i18n::init(Lang::choose(&arguments, |name| std::env::var(name).ok()));
    verbund_keys::ask_with(words::question);
    // Asked by a shell what could come next, it answers and ends here.
    clap_complete::CompleteEnv::with_factory(cli::command).complete();
    let matches = match cli::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let exit = match cli.command {
        // Process 1 of a container: it forks, reaps and counts time, all of it without a runtime around it.
        Command::Guard(command) => cmd::guard(command),
        _ => runtime(&cli).and_then(|runtime| runtime.block_on(cmd::run(cli, &matches))).map(ExitCode::from),
    };
    exit.unwrap_or_else(|failure| {
        failure.report();
        failure.exit().into()
    })
}

/// The daemon uses all processors; a command needs one.
fn runtime(cli: &Cli) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = match cli.command {
        Command::Serve(_) | Command::Agent(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().map_err(Failure::internal)
}

/// Help and version are answers; the rest is a wrong command line.
fn usage(error: &clap::Error) -> ExitCode {
    match cli::explain(error) {
        Some(text) => output::say(&text),
        // Nobody is left to be told if this fails.
        None => drop(error.print()),
    }
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
}
