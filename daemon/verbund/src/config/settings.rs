//! The outer form: for each field texts, and where they came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::field::{FIELDS, Field};

/// The setting whose variable gives way to the file: the variable answers for people's keys, too, and is exported at desks where
/// nobody thinks of the daemon. Its passphrase in place of the site's would seal the site's keys with it.
pub const FILE_FIRST: &str = "passphraseSource";

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A line of a file; line 0: the file as a whole.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        name: String,
    },
    /// A flag.
    Flag {
        /// Its name without dashes.
        name: String,
    },
}

impl Source {
    /// Order in which people look through places: the file from top to bottom, the environment, the flags, the defaults.
    #[must_use]
    pub fn place(&self) -> (u8, u64) {
        match self {
            Self::File { line, .. } => (0, *line),
            Self::Environment { .. } => (1, 0),
            Self::Flag { .. } => (2, 0),
            Self::Default => (3, 0),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(&crate::t!("config-source-default")),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => f.write_str(name),
            Self::Flag { name } => write!(f, "--{name}"),
        }
    }
}

/// One text with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The text.
    pub text: String,
    /// Where it came from.
    pub source: Source,
}

/// What a place of lower precedence says of a field, and another replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The field's path.
    pub field: &'static str,
    /// What was said.
    pub text: String,
    /// Where.
    pub source: Source,
    /// What replaced it.
    pub by: Source,
}

/// Every field's effective texts. A source of higher precedence replaces all texts of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Vec<Setting>>);

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn defaults() -> Self {
        let texts = |field: &Field| field.default.iter().map(|text| (*text).to_owned()).collect();
        let mut settings = Self(BTreeMap::new());
        for field in FIELDS {
            settings.set(field, texts(field), &Source::Default);
        }
        settings
    }

    /// Replaces a field's texts by texts of one source.
    pub fn set(&mut self, field: &Field, texts: Vec<String>, source: &Source) {
        self.replace(field, texts.into_iter().map(|text| Setting { text, source: source.clone() }).collect());
    }

    /// Replaces a field's texts.
    pub fn replace(&mut self, field: &Field, settings: Vec<Setting>) {
        self.0.insert(field.path, settings);
    }

    /// A field's texts; none if it is not set.
    #[must_use]
    pub fn get(&self, path: &str) -> &[Setting] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }

    /// Takes what environment variables say; gives what the file said instead. An empty variable counts as not set. Of
    /// [`FILE_FIRST`] the file goes before the variable.
    pub fn take_environment(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        for field in FIELDS {
            let name = field.variable();
            let Some(value) = variable(&name).filter(|value| !value.is_empty()) else { continue };
            let texts: Vec<String> =
                if field.list { value.split(',').map(|part| part.trim().to_owned()).collect() } else { vec![value] };
            let by = Source::Environment { name };
            let before = self.get(field.path);
            let in_file = before.iter().any(|setting| matches!(setting.source, Source::File { .. }));
            if in_file && field.path == FILE_FIRST {
                continue;
            }
            let differs = before.iter().map(|setting| &setting.text).ne(&texts);
            if let Some(first) = before.first().filter(|s| differs && matches!(s.source, Source::File { .. })) {
                let text = before.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(", ");
                hidden.push(Hidden { field: field.path, text, source: first.source.clone(), by: by.clone() });
            }
            self.set(field, texts, &by);
        }
        hidden
    }

    /// Takes what flags say.
    pub fn take_flags(&mut self, flags: &[(&'static str, Vec<String>)]) {
        for (path, texts) in flags {
            if let Some(field) = super::field::find(path) {
                self.set(field, texts.clone(), &Source::Flag { name: field.flag() });
            }
        }
    }

    /// Whether a variable or a flag says something of a daemon; where passphrases come from says nothing of one.
    #[must_use]
    pub fn is_said(&self) -> bool {
        let mut of_daemon = self.0.iter().filter(|(path, _)| **path != FILE_FIRST).flat_map(|(_, settings)| settings);
        of_daemon.any(|setting| setting.source != Source::Default)
    }

    /// Every field with its texts, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, &[Setting])> {
        FIELDS.iter().map(|field| (field, self.get(field.path)))
    }
}
