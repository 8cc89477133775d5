//! What is wrong with a configuration, where, and what to do.

use std::fmt;

use super::settings::Source;

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where the wrong setting stands.
    pub source: Source,
    /// Path of the field; empty if the error concerns a whole file.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}\n  {}", self.problem, self.remedy)
    }
}

/// Every error that was found; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::t!("config-errors", count = self.0.len()))?;
        for error in &self.0 {
            write!(f, "\n{error}")?;
        }
        Ok(())
    }
}
