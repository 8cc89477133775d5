//! How the guard gets into a container whose image lacks it: an init container copies it into a shared volume.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Why the guard could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("copying the guard to {}: {source}", path.display())]
pub struct CopyError {
    path: PathBuf,
    source: io::Error,
}

/// Copies the running program to `path`, for everybody to read and execute. A container that starts meanwhile sees the whole
/// file or none.
///
/// # Errors
/// [`CopyError`]: the folder cannot be written.
pub fn copy(path: &Path) -> Result<(), CopyError> {
    let new = path.with_extension("new");
    let copy = || {
        fs::copy("/proc/self/exe", &new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o755))?;
        fs::rename(&new, path)
    };
    copy().map_err(|source| CopyError { path: path.to_owned(), source })
}
