//! The generations that this voter refuses for ever, on disk (lease.md 5 and 13).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use verbund_lease::{Memory, Refusal};
use verbund_store::replace_file;

/// The file of refusals in the node's store.
#[derive(Debug, Clone)]
pub(crate) struct RefusalFile {
    path: PathBuf,
}

impl RefusalFile {
    /// Takes up the file in a store. One whose log has begun but that has no readable file may have lost what it promised
    /// never to grant, and then grants and states nothing. Errors: the file cannot be made.
    pub(crate) fn open(dir: &Path, log_has_begun: bool) -> io::Result<(Self, Memory)> {
        let file = Self { path: dir.join("refusals.json") };
        let memory = match fs::read(&file.path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(refusals) => Memory::Intact(refusals),
                Err(error) => {
                    tracing::error!(path = %file.path.display(), %error, "the refusals cannot be read: no lease is granted here");
                    Memory::Lost
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound && !log_has_begun => {
                file.write(&[])?;
                Memory::Intact(Vec::new())
            }
            Err(error) => {
                tracing::error!(path = %file.path.display(), %error, "the refusals are lost: no lease is granted here");
                Memory::Lost
            }
        };
        Ok((file, memory))
    }

    /// Makes the refusals durable. Blocks on the disk. Errors: then the process must end before it states anything.
    pub(crate) fn write(&self, refusals: &[Refusal]) -> io::Result<()> {
        // String keys only, and no failing serialiser.
        let bytes = serde_json::to_vec(refusals).unwrap_or_default();
        replace_file(&self.path, &bytes, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_lease::Generation;

    #[test]
    fn what_was_refused_is_refused_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (file, memory) = RefusalFile::open(dir.path(), false).unwrap();
        assert_eq!(memory, Memory::Intact(Vec::new()));
        let refusal = Refusal { cluster: "nord-1".parse().unwrap(), generation: Generation(7) };
        file.write(std::slice::from_ref(&refusal)).unwrap();
        assert_eq!(RefusalFile::open(dir.path(), true).unwrap().1, Memory::Intact(vec![refusal]));
    }

    #[test]
    fn a_begun_log_without_its_file_has_lost_them() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(RefusalFile::open(dir.path(), true).unwrap().1, Memory::Lost);
        fs::write(dir.path().join("refusals.json"), b"[{").unwrap();
        assert_eq!(RefusalFile::open(dir.path(), true).unwrap().1, Memory::Lost);
    }
}
