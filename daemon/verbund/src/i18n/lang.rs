//! Which language people want.

use std::ffi::OsStr;

/// A language of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// German.
    De,
    /// English.
    En,
}

impl Lang {
    /// From `--lang` among the arguments, else from `LC_ALL`, `LC_MESSAGES`, `LANG` in this order (POSIX, 8.2): German for
    /// what begins with `de`, English otherwise. The help must be in the right language before arguments are parsed, so
    /// this looks at them as they are; that `--lang` has a sensible value is checked by the parser.
    pub fn choose<S: AsRef<OsStr>>(arguments: &[S], variable: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(wanted) = from_arguments(arguments) {
            return Self::from_locale(&wanted);
        }
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set).map_or(Self::En, |locale| Self::from_locale(&locale))
    }

    fn from_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") { Self::De } else { Self::En }
    }
}

fn from_arguments<S: AsRef<OsStr>>(arguments: &[S]) -> Option<String> {
    let mut texts = arguments.iter().map(|a| a.as_ref().to_string_lossy()).take_while(|a| a != "--");
    while let Some(text) = texts.next() {
        if text == "--lang" {
            return texts.next().map(std::borrow::Cow::into_owned);
        }
        if let Some(value) = text.strip_prefix("--lang=") {
            return Some(value.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(arguments: &[&str], variables: &[(&str, &str)]) -> Lang {
        Lang::choose(arguments, |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn flag_before_environment() {
        assert_eq!(choose(&["verbund", "--lang", "en"], &[("LANG", "de_DE.UTF-8")]), Lang::En);
        assert_eq!(choose(&["verbund", "status", "--lang=de"], &[]), Lang::De);
        assert_eq!(choose(&["verbund", "--", "--lang=de"], &[]), Lang::En);
    }

    #[test]
    fn environment_in_order() {
        assert_eq!(choose(&[], &[("LANG", "de_DE.UTF-8")]), Lang::De);
        assert_eq!(choose(&[], &[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(choose(&[], &[("LC_ALL", ""), ("LC_MESSAGES", "de_AT")]), Lang::De);
        assert_eq!(choose(&[], &[("LANG", "denglish")]), Lang::En);
        assert_eq!(choose(&[], &[]), Lang::En);
    }
}
