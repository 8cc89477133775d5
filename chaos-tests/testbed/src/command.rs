//! Tools of the system, run to their end.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs `command` and returns what it wrote to standard output. Errors: it could not be started, or ended with an error;
/// the message holds the command and what it wrote.
pub fn run(command: &mut Command) -> Result<String> {
    finish(command, None)
}

/// The same with `input` on standard input.
pub fn run_with(command: &mut Command, input: &str) -> Result<String> {
    finish(command, Some(input))
}

fn finish(command: &mut Command, input: Option<&str>) -> Result<String> {
    let shown = shown(command);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(input.as_bytes()).with_context(|| format!("writing to `{shown}`"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_output_or_what_went_wrong() {
        assert_eq!(run_with(&mut Command::new("cat"), "words").unwrap(), "words");
        let message = run(Command::new("sh").args(["-c", "echo the reason >&2; exit 4"])).unwrap_err().to_string();
        assert!(message.contains("the reason") && message.contains('4'), "{message}");
    }
}
