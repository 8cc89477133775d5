//! What is wrong with a command line, in the language of the process.

use clap::error::{ContextKind, ErrorKind};

use crate::t;

/// The error in words of our own; `None` for what is no error (help, version) or has no words here.
#[must_use]
pub fn explain(error: &clap::Error) -> Option<String> {
    let part = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let problem = match error.kind() {
        ErrorKind::InvalidSubcommand => t!("usage-command", got = part(ContextKind::InvalidSubcommand)),
        ErrorKind::UnknownArgument => t!("usage-argument", got = part(ContextKind::InvalidArg)),
        ErrorKind::MissingRequiredArgument => t!("usage-missing", what = part(ContextKind::InvalidArg)),
        ErrorKind::InvalidValue => {
            let (got, argument) = (part(ContextKind::InvalidValue), part(ContextKind::InvalidArg));
            t!("usage-value", got = got, argument = argument, allowed = part(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let (got, argument) = (part(ContextKind::InvalidValue), part(ContextKind::InvalidArg));
            let reason = std::error::Error::source(error).map(crate::words::chain).unwrap_or_default();
            t!("usage-invalid", got = got, argument = argument, reason = reason)
        }
        ErrorKind::ArgumentConflict => {
            t!("usage-conflict", one = part(ContextKind::InvalidArg), other = part(ContextKind::PriorArg))
        }
        _ => return None,
    };
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let near = near.into_iter().map(part).find(|near| !near.is_empty());
    let remedy = match near {
        Some(near) => t!("usage-near", near = near),
        None => t!("usage-remedy"),
    };
    Some(format!("{}: {problem}\n  {remedy}", t!("error-prefix")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(arguments: &[&str]) -> String {
        let error = super::super::command().try_get_matches_from(arguments).unwrap_err();
        explain(&error).unwrap_or_else(|| panic!("{:?} has no words", error.kind()))
    }

    #[test]
    fn wrong_command_lines_are_explained() {
        assert!(explained(&["verbund", "bogus"]).contains("bogus"));
        assert!(explained(&["verbund", "statu"]).contains("Did you mean status"));
        assert!(explained(&["verbund", "status", "--bogus"]).contains("--bogus"));
        assert!(explained(&["verbund", "site", "show"]).contains("<SITE>"));
        assert!(explained(&["verbund", "site", "show", "Nord!"]).contains("'-'"));
        assert!(explained(&["verbund", "status", "-o", "xml"]).contains("json"));
    }
}
