//! Files that must be whole or not there, and secret ones that nobody else may read.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something is already there.
    #[error("{} exists already and is never overwritten: move it away first, or choose another name", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Others could read the secret.
    #[error("{} may be used by others than its owner (mode {mode:04o}): chmod 600 {}", .path.display(), .path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Others could replace files in the directory.
    #[error("others may write to the directory {} (mode {mode:04o}): chmod 700 {}", .path.display(), .path.display())]
    DirectoryMode {
        /// Which directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not a file at all.
    #[error("{} is not a regular file", .path.display())]
    Kind {
        /// Where.
        path: PathBuf,
    },
    /// Larger than anything of that kind.
    #[error("{} has more than {max} bytes: it is not what was expected there", .path.display())]
    Size {
        /// Which file.
        path: PathBuf,
        /// The most bytes allowed.
        max: u64,
    },
    /// The system refused.
    #[error("could not {verb} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Whether the file is simply not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn io_error(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { verb, path, source }
}

/// Mode of files with secrets.
pub(crate) const SECRET: u32 = 0o600;
/// Mode of files that anybody may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// Writes a file that is not there yet: whole, synced, or not at all.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let file = prepare(path, bytes, mode)?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists { path: path.to_owned() },
        _ => FileError::Io { verb: "write", path: path.to_owned(), source: e.error },
    })?;
    sync_directory(path)
}

/// Writes a file in the place of the one that is there: afterwards it is the old or the new one, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let file = prepare(path, bytes, mode)?;
    file.persist(path).map_err(|e| FileError::Io { verb: "write", path: path.to_owned(), source: e.error })?;
    sync_directory(path)
}

fn prepare(path: &Path, bytes: &[u8], mode: u32) -> Result<NamedTempFile, FileError> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(SECRET))
        .tempfile_in(directory(path))
        .map_err(io_error("write", path))?;
    file.write_all(bytes).map_err(io_error("write", path))?;
    // After creation, because the process's umask has no say in it then.
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(io_error("set the mode of", path))?;
    file.as_file().sync_all().map_err(io_error("sync", path))?;
    Ok(file)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

pub(crate) fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = directory(path);
    File::open(directory).and_then(|d| d.sync_all()).map_err(io_error("sync", directory))
}

/// Reads a file of at most `max` bytes that only its owner may use.
pub(crate) fn read_secret(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = open(path)?;
    // Of the open file, not of the name, which may point elsewhere by now.
    let mode = file.metadata().map_err(io_error("read", path))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Mode { path: path.to_owned(), mode });
    }
    read(path, &file, max).map(Zeroizing::new)
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_public(path: &Path, max: u64) -> Result<Vec<u8>, FileError> {
    read(path, &open(path)?, max)
}

fn open(path: &Path) -> Result<File, FileError> {
    // Looked at before it is opened: opening a named pipe would wait for ever.
    if !fs::metadata(path).map_err(io_error("read", path))?.is_file() {
        return Err(FileError::Kind { path: path.to_owned() });
    }
    File::open(path).map_err(io_error("read", path))
}

fn read(path: &Path, file: &File, max: u64) -> Result<Vec<u8>, FileError> {
    // Room for all of it from the start: a growing buffer would leave copies of a secret behind.
    let length = file.metadata().map_err(io_error("read", path))?.len();
    if length > max {
        return Err(FileError::Size { path: path.to_owned(), max });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(max + 1).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.len() as u64 > max { Err(FileError::Size { path: path.to_owned(), max }) } else { Ok(bytes) }
}

/// Makes the directory (mode 0700) if it is not there, and refuses one to which others may write.
pub(crate) fn ensure_directory(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create the directory", path))?;
    check_directory(path)
}

/// Refuses a directory to which others may write: they could put files of their own in the place of ours.
pub(crate) fn check_directory(path: &Path) -> Result<(), FileError> {
    let mode = fs::metadata(path).map_err(io_error("read", path))?.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 { Ok(()) } else { Err(FileError::DirectoryMode { path: path.to_owned(), mode }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_once_and_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        create(&path, b"one", SECRET).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let error = create(&path, b"two", SECRET).unwrap_err();
        assert!(matches!(error, FileError::Exists { .. }), "{error}");
        assert_eq!(*read_secret(&path, 10).unwrap(), b"one");
        replace(&path, b"three", PUBLIC).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        assert_eq!(read_public(&path, 5).unwrap(), b"three");
        assert!(matches!(read_public(&path, 4), Err(FileError::Size { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_secret_that_others_may_use_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        create(&path, b"s", SECRET).unwrap();
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o610, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let result = read_secret(&path, 10);
            assert_eq!(result.is_ok(), fine, "{mode:o}");
            if let Err(error) = result {
                assert!(error.to_string().ends_with(&format!("chmod 600 {}", path.display())), "{error}");
            }
        }
    }

    #[test]
    fn of_many_who_create_one_file_at_once_one_wins_and_the_file_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let content = |writer: u8| vec![writer; 50_000];
        let results: Vec<_> = std::thread::scope(|scope| {
            let path = &path;
            let writers: Vec<_> =
                (0..16).map(|w| scope.spawn(move || create(path, &content(w), SECRET).is_ok())).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<_> = (0..16u8).filter(|w| results[usize::from(*w)]).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(fs::read(&path).unwrap(), content(winners[0]));
    }

    #[test]
    fn only_regular_files_and_safe_directories_count() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read_public(dir.path(), 10), Err(FileError::Kind { .. })));
        assert!(read_public(&dir.path().join("none"), 10).unwrap_err().is_missing());
        let inner = dir.path().join("a/b");
        ensure_directory(&inner).unwrap();
        ensure_directory(&inner).unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(ensure_directory(&inner), Err(FileError::DirectoryMode { .. })));
    }
}
