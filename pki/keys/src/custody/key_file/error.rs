//! What can go wrong with key files, by operation.

use std::path::PathBuf;

use super::VERSION;
use crate::custody::{KdfError, KeyError, KeyLabel, TokenError};
use crate::files::FileError;

/// Why no key file was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The file could not be written; an existing one is never overwritten.
    #[error("making the {label} key: {source}")]
    File {
        /// Which key.
        label: KeyLabel,
        /// What was wrong.
        #[source]
        source: FileError,
    },
    /// The passphrase could not be used.
    #[error("making the {label} key: {source}")]
    Kdf {
        /// Which key.
        label: KeyLabel,
        /// What was wrong.
        #[source]
        source: KdfError,
    },
    /// The key could not be made.
    #[error("making the {label} key: {source}")]
    Key {
        /// Which key.
        label: KeyLabel,
        /// What was wrong.
        #[source]
        source: KeyError,
    },
    /// The key could not be sealed.
    #[error("making the {label} key: the cryptographic library could not seal it; nothing was written")]
    Seal {
        /// Which key.
        label: KeyLabel,
    },
    /// The token did not make it.
    #[error("making the {label} key: {source}")]
    Token {
        /// Which key.
        label: KeyLabel,
        /// What the token said.
        #[source]
        source: TokenError,
    },
}

/// Why a file is no key file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read, or others may read it.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not of this format.
    #[error("{} is no key file of Verbund: {reason}", .path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// Made by a later program.
    #[error("{} has key file version {version}; this program knows version {VERSION}: use the program that made it, or a newer one", .path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Its bytes are not those that were written.
    #[error("{} is damaged (its checksum does not fit): restore it from your copy", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
}

/// Why a key file did not open.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The passphrase is another.
    #[error("wrong passphrase for {}", .path.display())]
    WrongPassphrase {
        /// Which file.
        path: PathBuf,
    },
    /// The passphrase is right, and yet the content does not fit.
    #[error("{} was altered on purpose: the passphrase is right and the checksum fits, but the seal does not. Restore it from your copy and find out who wrote to it", .path.display())]
    Altered {
        /// Which file.
        path: PathBuf,
    },
    /// A key for another purpose.
    #[error("{} holds a key for the purpose {found}, but {wanted} is needed here", .path.display())]
    Purpose {
        /// Which file.
        path: PathBuf,
        /// What it is for.
        found: KeyLabel,
        /// What is needed.
        wanted: &'static str,
    },
    /// The passphrase could not be used.
    #[error("opening {}: {source}", .path.display())]
    Kdf {
        /// Which file.
        path: PathBuf,
        /// What was wrong.
        #[source]
        source: KdfError,
    },
    /// The file is sealed, and nobody gave its passphrase.
    #[error("{} is sealed with a passphrase, and none was given", .path.display())]
    NoPassphrase {
        /// Which file.
        path: PathBuf,
    },
    /// The key is to be in a token, and is in a file.
    #[error("{} holds its key itself, and the keys are to be in the token {token:?}: correct `custody`, or make the site's keys in the token", .path.display())]
    NotInToken {
        /// Which file.
        path: PathBuf,
        /// The token that was named.
        token: String,
    },
    /// The token did not give access.
    #[error(transparent)]
    Token(#[from] TokenError),
}
