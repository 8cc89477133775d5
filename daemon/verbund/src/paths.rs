//! Where a user's files lie (XDG Base Directory Specification 0.8).

use std::path::PathBuf;

use crate::failure::Failure;
use crate::t;

/// The directories of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    state: PathBuf,
    cache: PathBuf,
}

impl Paths {
    /// From the environment. Errors: neither `HOME` nor the XDG variables are set.
    pub fn from_environment() -> Result<Self, Failure> {
        Self::new(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn new(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, Failure> {
        // The specification wants relative paths ignored.
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let directory = |name: &str, below: &str| {
            let base = absolute(name).or_else(|| home.as_ref().map(|home| home.join(below)));
            let missing = || Failure::new(t!("paths-no-home")).remedy(t!("paths-no-home-remedy", variable = name));
            base.map(|base| base.join("verbund")).ok_or_else(missing)
        };
        Ok(Self {
            config: directory("XDG_CONFIG_HOME", ".config")?,
            state: directory("XDG_STATE_HOME", ".local/state")?,
            cache: directory("XDG_CACHE_HOME", ".cache")?,
        })
    }

    /// All below one directory, for tests.
    #[cfg(test)]
    pub fn below(directory: &std::path::Path) -> Self {
        let below = |name| directory.join(name);
        Self { config: below("config"), state: below("state"), cache: below("cache") }
    }

    /// The file with the contexts.
    #[must_use]
    pub fn contexts(&self) -> PathBuf {
        self.config.join("contexts.yaml")
    }

    /// Sessions that are open.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.state.join("sessions")
    }

    /// Envelopes whose outcome is not known.
    #[must_use]
    pub fn pending(&self) -> PathBuf {
        self.state.join("pending")
    }

    /// User certificates.
    #[must_use]
    pub fn certificates(&self) -> PathBuf {
        self.cache.join("certificates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_before_home_and_relative_ones_ignored() {
        let variables = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/home/u")),
            "XDG_STATE_HOME" => Some(PathBuf::from("/state")),
            "XDG_CACHE_HOME" => Some(PathBuf::from("relative")),
            _ => None,
        };
        let paths = Paths::new(variables).unwrap();
        assert_eq!(paths.contexts(), PathBuf::from("/home/u/.config/verbund/contexts.yaml"));
        assert_eq!(paths.sessions(), PathBuf::from("/state/verbund/sessions"));
        assert_eq!(paths.certificates(), PathBuf::from("/home/u/.cache/verbund/certificates"));
        assert!(Paths::new(|_| None).is_err());
    }
}
