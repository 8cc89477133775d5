//! `verbund guard`: the guard of a container, without the small program that images carry.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::GuardCommand;
use crate::failure::Failure;
use crate::t;

/// What a copy of this program must be called to be a guard: agents start it as `/verbund-guard/guard run -- …`.
const NAMES: [&str; 2] = ["guard", "verbund-guard"];

/// The arguments behind the program's name, if it was started by a name of the guard: then it is nothing else.
#[must_use]
pub fn called(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let (name, rest) = arguments.split_first()?;
    is_guard(Path::new(name)).then(|| rest.to_vec())
}

fn is_guard(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| NAMES.contains(&name))
}

/// Does what `verbund-guard` does with the same arguments, and says and returns what it does. It wants no runtime and no other
/// thread around it. Errors: a copy under a name that makes it no guard.
pub fn run(command: GuardCommand) -> Result<ExitCode, Failure> {
    let arguments = match command {
        GuardCommand::Run { any_process, program } => {
            let any_process = any_process.then(|| OsString::from("--any-process"));
            let begin = [Some("run".into()), any_process, Some("--".into())];
            begin.into_iter().flatten().chain(program).collect()
        }
        GuardCommand::Copy { file } if is_guard(&file) => vec!["copy".into(), file.into()],
        GuardCommand::Copy { file } => {
            let problem = t!("guard-copy-name", file = file.display().to_string());
            return Err(Failure::usage(problem).remedy(t!("guard-copy-name-remedy")));
        }
    };
    Ok(verbund_guard::cli::main(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_the_guard_make_it_one() {
        let with = |name: &str| called(&[name.into(), "run".into(), "--".into(), "sh".into()]);
        assert_eq!(with("/verbund-guard/guard"), Some(vec!["run".into(), "--".into(), "sh".into()]));
        assert!(with("verbund-guard").is_some());
        assert!(with("/usr/bin/verbund").is_none() && with("/guard/verbund").is_none() && called(&[]).is_none());
    }
}
