//! Why a command did not work: what was tried, what was wrong, what to do.

use std::fmt;

use crate::exit::Exit;
use crate::t;

/// A command's failure, as people see it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    problem: String,
    remedy: Option<String>,
}

impl Failure {
    /// Something went wrong. `problem` says what was tried and what was wrong.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { exit: Exit::Error, problem: problem.into(), remedy: None }
    }

    /// The command line asks for something that makes no sense.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(problem) }
    }

    /// An error of a library or of this program itself.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new(error.to_string())
    }

    /// Nothing is to be said.
    #[must_use]
    pub const fn silent() -> Self {
        Self { exit: Exit::Ok, problem: String::new(), remedy: None }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What else to do.
    #[must_use]
    pub fn and_remedy(mut self, more: &str) -> Self {
        self.remedy = Some(self.remedy.map_or_else(|| more.to_owned(), |first| format!("{first}\n  {more}")));
        self
    }

    /// Another exit code than 1.
    #[must_use]
    pub const fn exit_with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Says it on standard error.
    pub fn report(&self) {
        if !self.problem.is_empty() {
            crate::output::say(&self.to_string());
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", t!("error-prefix"), self.problem)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {remedy}"),
            None => Ok(()),
        }
    }
}

/// An error with its causes in one line, where the outer ones do not repeat the inner ones already.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(crate::words::chain(&error))
    }
}
