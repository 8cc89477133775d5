//! The daemon's configuration: from flags, environment, file and defaults (in this order of precedence, but for
//! [`settings::FILE_FIRST`]) to one checked [`Config`].
//!
//! ```text
//! file (tree with lines) ─┐
//! environment ────────────┼─> Settings: path -> (texts, source) ──> Config, or every error at once
//! flags ──────────────────┘
//! ```
//!
//! The outer form is text with its source; [`field::FIELDS`] is the one table of what exists. The inner form has types and
//! no source. No secret is in either: the configuration names where a secret lies.

mod convert;
mod error;
mod field;
mod file;
mod probe;
mod settings;
mod values;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::{ConfigError, ConfigErrors};
pub use field::FIELDS;
pub use probe::probe;
pub use settings::{Hidden, Settings, Source};
pub use values::{Config, Limits, Log, LogFormat, LogLevel, Syslog};

/// Where the file lies if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/verbund/verbund.yaml";

/// Where settings come from.
pub struct Sources<'a> {
    /// The file that `--config` or `VERBUND_CONFIG` names, which must exist. `None`: [`DEFAULT_PATH`] if it is there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Flags: path of the field and its values.
    pub flags: Vec<(&'static str, Vec<String>)>,
}

/// What was found: the settings with their sources and the configuration they make.
pub struct Loaded {
    /// Every field with its effective value and where it came from.
    pub settings: Settings,
    /// The checked form.
    pub config: Config,
    /// Whether anybody said anything: a file, a variable or a flag. Else it is the defaults, which are nobody's site.
    pub is_said: bool,
    /// What the file says and the environment replaced: easily forgotten, because a variable is not seen.
    pub hidden: Vec<Hidden>,
}

/// Gathers and checks the configuration. Errors: every one that was found, in [`ConfigErrors`].
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigErrors> {
    let mut errors = Vec::new();
    let mut settings = Settings::defaults();
    let named = sources.file.clone();
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
    let read = named.is_some() || path.exists();
    if read {
        read_file(&path, &mut settings, &mut errors);
    }
    let hidden = settings.take_environment(sources.environment);
    settings.take_flags(&sources.flags);
    let config = convert::convert(&settings, &mut errors);
    match config {
        Some(config) if errors.is_empty() => {
            let is_said = read || settings.is_said();
            Ok(Loaded { settings, config, is_said, hidden })
        }
        _ => {
            errors.sort_by_key(|error| error.source.place());
            Err(ConfigErrors(errors))
        }
    }
}

fn read_file(path: &Path, settings: &mut Settings, errors: &mut Vec<ConfigError>) {
    match std::fs::read_to_string(path) {
        Ok(text) => file::read(path, &text, settings, errors),
        Err(error) => errors.push(ConfigError {
            source: Source::File { path: path.to_owned(), line: 0 },
            field: String::new(),
            problem: crate::t!("config-unreadable", reason = crate::words::chain(&error)),
            remedy: crate::t!("config-unreadable-remedy"),
        }),
    }
}
