//! How far the sink has come, in a file that a crash leaves whole.

use std::fs;
use std::path::{Path, PathBuf};

/// Why the cursor cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the syslog cursor {path} cannot be {verb}: {reason}")]
pub struct CursorError {
    path: PathBuf,
    verb: &'static str,
    reason: String,
}

/// The index of the last record that was sent.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    sent: u64,
}

impl Cursor {
    /// Reads the file; a missing one means that nothing was sent. Errors: [`CursorError`], also for a damaged file, since
    /// guessing would repeat or lose records unseen.
    pub fn open(path: &Path) -> Result<Self, CursorError> {
        let error = |reason: String| CursorError { path: path.to_owned(), verb: "read", reason };
        let sent = match fs::read_to_string(path) {
            Ok(text) => {
                text.trim().parse().map_err(|_| error("it holds no number; put the last index sent there".into()))?
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
            Err(e) => return Err(error(e.to_string())),
        };
        Ok(Self { path: path.to_owned(), sent })
    }

    /// Index of the last record that was sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Notes that everything up to `index` was sent. Errors: [`CursorError`].
    pub fn set(&mut self, index: u64) -> Result<(), CursorError> {
        crate::files::replace(&self.path, format!("{index}\n").as_bytes()).map_err(|e| CursorError {
            path: self.path.clone(),
            verb: "written",
            reason: e.to_string(),
        })?;
        self.sent = index;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_restart_and_refuses_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        let mut cursor = Cursor::open(&path).unwrap();
        assert_eq!(cursor.sent(), 0);
        cursor.set(42).unwrap();
        assert_eq!(Cursor::open(&path).unwrap().sent(), 42);
        fs::write(&path, "forty-two").unwrap();
        assert!(Cursor::open(&path).unwrap_err().to_string().contains("no number"));
    }
}
