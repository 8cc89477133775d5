//! `verbund completion`: a script that asks this program, so that completion knows what the program knows.

use clap_complete::env::{Bash, EnvCompleter as _, Fish, Zsh};

use crate::cli::Shell;
use crate::exit::Exit;
use crate::failure::Failure;

/// The variable by which the script asks.
pub const VARIABLE: &str = "COMPLETE";

pub fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let (variable, name) = (VARIABLE, "verbund");
    match shell {
        Shell::Bash => Bash.write_registration(variable, name, name, name, &mut script),
        Shell::Zsh => Zsh.write_registration(variable, name, name, name, &mut script),
        Shell::Fish => Fish.write_registration(variable, name, name, name, &mut script),
    }?;
    crate::output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
