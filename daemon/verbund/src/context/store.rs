//! The file with all contexts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Context;
use crate::files;
use crate::t;

/// The most bytes of the file.
const MAX_FILE: u64 = 256 * 1024;

/// Why contexts could not be read, changed or chosen.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The file could not be read or written.
    #[error("{}", t!("context-file", path = .path.display().to_string(), reason = crate::words::io(.source)))]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}", t!("context-form", path = .path.display().to_string(), reason = .reason.as_str()))]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line.
        reason: String,
    },
    /// There is no such context.
    #[error("{}", t!("context-unknown", name = .name.as_str(), known = .known.join(", ")))]
    Unknown {
        /// Which was wanted.
        name: String,
        /// Which there are.
        known: Vec<String>,
    },
    /// None is chosen.
    #[error("{}", t!("context-none"))]
    NoneChosen,
    /// One of that name exists.
    #[error("{}", t!("context-exists", name = .name.as_str()))]
    Exists {
        /// Its name.
        name: String,
    },
    /// No name.
    #[error("{}", t!("context-name", name = .name.as_str()))]
    Name {
        /// What was given.
        name: String,
    },
}

/// All contexts of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contexts {
    /// The one that is used if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// All by name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

impl Contexts {
    /// Reads the file; none is the same as one without contexts. Errors: [`ContextError`].
    pub fn read(path: &Path) -> Result<Self, ContextError> {
        let error = |source| ContextError::File { path: path.to_owned(), source };
        let Some(text) = files::read_text(path, MAX_FILE).map_err(error)? else { return Ok(Self::default()) };
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: 16, max_nodes: 16_384, max_documents: 1, max_anchors: 0, max_aliases: 0 },
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| ContextError::Form { path: path.to_owned(), reason: error.to_string() })
    }

    /// Changes the file, alone among the processes of this user. Errors: what `change` says, or the file's.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, ContextError>,
    ) -> Result<T, ContextError> {
        let error = |source| ContextError::File { path: path.to_owned(), source };
        let _lock = files::lock(&path.with_extension("lock")).map_err(error)?;
        let mut contexts = Self::read(path)?;
        let result = change(&mut contexts)?;
        let text = serde_saphyr::to_string(&contexts).map_err(|e| error(io::Error::other(e.to_string())))?;
        files::replace(path, text.as_bytes()).map_err(error)?;
        Ok(result)
    }

    /// Adds a context; the first one becomes the current one. Errors: [`ContextError::Exists`], [`ContextError::Name`].
    pub fn add(&mut self, name: &str, context: Context, replace: bool) -> Result<(), ContextError> {
        Self::check_name(name)?;
        if self.contexts.contains_key(name) && !replace {
            return Err(ContextError::Exists { name: name.to_owned() });
        }
        self.contexts.insert(name.to_owned(), context);
        self.current.get_or_insert_with(|| name.to_owned());
        Ok(())
    }

    /// Whether a context may be named so. Errors: [`ContextError::Name`].
    pub fn check_name(name: &str) -> Result<(), ContextError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if (1..=63).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(());
        }
        Err(ContextError::Name { name: name.to_owned() })
    }

    /// The context with that name, or the current one. Errors: [`ContextError::Unknown`], [`ContextError::NoneChosen`].
    pub fn choose(&self, name: Option<&str>) -> Result<(&str, &Context), ContextError> {
        let name = name.or(self.current.as_deref()).ok_or(ContextError::NoneChosen)?;
        let unknown =
            || ContextError::Unknown { name: name.to_owned(), known: self.contexts.keys().cloned().collect() };
        self.contexts.get_key_value(name).map(|(name, context)| (name.as_str(), context)).ok_or_else(unknown)
    }

    /// Makes a context the current one. Errors: [`ContextError::Unknown`].
    pub fn set_current(&mut self, name: &str) -> Result<(), ContextError> {
        self.choose(Some(name))?;
        self.current = Some(name.to_owned());
        Ok(())
    }

    /// Removes a context. Errors: [`ContextError::Unknown`].
    pub fn remove(&mut self, name: &str) -> Result<(), ContextError> {
        self.choose(Some(name))?;
        self.contexts.remove(name);
        self.current.take_if(|current| current == name);
        Ok(())
    }
}
