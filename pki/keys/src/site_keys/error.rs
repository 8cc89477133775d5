//! What can go wrong with a site's keys.

use std::path::PathBuf;

use crate::certificate::{AcceptError, CsrError, IssueError};
use crate::custody::{CreateError, ReadError, UnlockError};
use crate::files::FileError;

/// Why something was not done with a site's keys.
#[derive(Debug, thiserror::Error)]
pub enum SiteKeysError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory has no site in it.
    #[error("there are no site's keys in {}: make them with `verbund init`", .dir.display())]
    Nothing {
        /// The directory.
        dir: PathBuf,
    },
    /// A part is missing.
    #[error("{} is missing: {remedy}", .path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// The directory is another site's.
    #[error("{} has the keys of {found}, not of {wanted}: choose another directory for another site", .dir.display())]
    OtherSite {
        /// The directory.
        dir: PathBuf,
        /// Whose keys are there.
        found: String,
        /// Whose were expected.
        wanted: String,
    },
    /// A file is not what its name says.
    #[error("{} cannot be used: {reason}", .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key was not made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A key file was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A key file did not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// A certificate or request was not made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The request for a CA's certificate is none.
    #[error(transparent)]
    Request(#[from] CsrError),
    /// The authority's answer was not taken.
    #[error("the certificate for this site's CA was not taken: {0}")]
    Accept(#[from] AcceptError),
}
