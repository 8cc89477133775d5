//! Files of this user that nobody else reads, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a directory (mode 0700) with those above it.
pub fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts a file (mode 0600) in place of what was there; its directory is made. A crash leaves the old or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = prepare(path, bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_parent(path)
}

/// Writes a file (mode 0600) that does not exist yet.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = prepare(path, bytes)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_parent(path)
}

fn prepare(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let parent = parent(path);
    make_directory(parent)?;
    // tempfile creates with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(parent)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

/// Opens a file (mode 0600) for reading and writing and holds it alone, across processes, until it is dropped. Blocks
/// while another holds it.
pub fn lock(path: &Path) -> io::Result<File> {
    make_directory(parent(path))?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

/// A file's text, or `None` if there is none. At most `limit` bytes are read.
pub fn read_text(path: &Path, limit: u64) -> io::Result<Option<String>> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > limit {
        return Err(io::Error::other(format!("it has {length} bytes, more than the {limit} that are read")));
    }
    fs::read_to_string(path).map(Some)
}

/// A document that a person names: a file, or standard input for `-`. At most `limit` bytes.
pub fn read_argument(path: &Path, limit: u64) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit + 1).read_to_string(&mut text)
    } else {
        File::open(path)?.take(limit + 1).read_to_string(&mut text)
    };
    read?;
    if text.len() as u64 > limit {
        return Err(io::Error::other(format!("more than {limit} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_and_creation_never_overwrites() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        replace(&path, b"three").unwrap();
        assert_eq!(read_text(&path, 10).unwrap().unwrap(), "three");
        assert!(read_text(&path, 4).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(directory.path().join("a")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(read_text(&directory.path().join("none"), 1).unwrap(), None);
    }
}
