//! Reading a snapshot without holding it in memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::format::{FIXED, TRAILER, parse_fixed};
use super::{CHUNK_BYTES, SnapshotError, SnapshotInfo};

/// A verified snapshot. It stays readable when newer ones push it out. Clones share the open file.
#[derive(Debug, Clone)]
pub struct SnapshotReader {
    info: SnapshotInfo,
    file: Arc<File>,
    path: PathBuf,
    data_start: u64,
}

impl SnapshotReader {
    /// Opens a file and checks all of it against its checksum, in chunks.
    pub(super) fn open(path: &Path) -> Result<Self, SnapshotError> {
        let file = File::open(path).map_err(SnapshotError::io("opening", path))?;
        let file_bytes = file.metadata().map_err(SnapshotError::io("reading", path))?.len();
        let damaged = |what| SnapshotError::Damaged { path: path.to_path_buf(), what };
        let broken = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it is too short"),
            _ => SnapshotError::io("reading", path)(error),
        };
        let mut fixed = [0; FIXED];
        (&file).read_exact(&mut fixed).map_err(broken)?;
        let (last, membership_bytes) = parse_fixed(&fixed).map_err(damaged)?;
        let mut membership = vec![0; membership_bytes];
        (&file).read_exact(&mut membership).map_err(broken)?;
        let data_start = (FIXED + membership_bytes) as u64;
        let data_bytes =
            file_bytes.checked_sub(data_start + TRAILER as u64).ok_or_else(|| damaged("it is too short"))?;
        let mut hash = Sha256::new();
        hash.update(fixed);
        hash.update(&membership);
        hash_exactly(&file, data_bytes, &mut hash).map_err(broken)?;
        let mut trailer = [0; TRAILER];
        (&file).read_exact(&mut trailer).map_err(broken)?;
        let (length, stored) = trailer.split_at(8);
        if length != data_bytes.to_le_bytes() {
            return Err(damaged("its length is not the one it states"));
        }
        hash.update(length);
        let sha256: [u8; 32] = hash.finalize().into();
        if stored != sha256 {
            return Err(damaged("its checksum does not match"));
        }
        let info = SnapshotInfo { last, membership: membership.into(), data_bytes, file_bytes, sha256 };
        Ok(Self { info, file: Arc::new(file), path: path.to_path_buf(), data_start })
    }

    /// The same open file after it got another name.
    pub(super) fn at(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// What the snapshot says about itself.
    pub fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    /// The state, in chunks of at most [`CHUNK_BYTES`], for the machine to be restored from.
    pub fn chunks(&self) -> Chunks {
        let end = self.data_start + self.info.data_bytes;
        Chunks { file: self.file.clone(), path: self.path.clone(), position: self.data_start, end }
    }

    /// The state as a stream of bytes; give it a buffer.
    pub fn stream(&self) -> impl Read + Send + 'static {
        Stream(self.chunks())
    }

    /// The whole file from `offset` on, in chunks of at most [`CHUNK_BYTES`], to send to another node's
    /// [`super::IncomingSnapshot`]; an interrupted transfer goes on at any offset.
    pub fn file_chunks(&self, offset: u64) -> Chunks {
        Chunks { file: self.file.clone(), path: self.path.clone(), position: offset, end: self.info.file_bytes }
    }
}

/// Chunks of a snapshot; ends after the first error.
#[derive(Debug)]
pub struct Chunks {
    file: Arc<File>,
    path: PathBuf,
    position: u64,
    end: u64,
}

impl Iterator for Chunks {
    type Item = Result<Bytes, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.end.saturating_sub(self.position).min(CHUNK_BYTES as u64);
        if length == 0 {
            return None;
        }
        let mut chunk = vec![0; length as usize];
        match self.file.read_exact_at(&mut chunk, self.position) {
            Ok(()) => {
                self.position += length;
                Some(Ok(chunk.into()))
            }
            Err(error) => {
                self.position = self.end;
                Some(Err(SnapshotError::io("reading", &self.path)(error)))
            }
        }
    }
}

/// The bytes of [`Chunks`] as a stream.
struct Stream(Chunks);

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.0.end.saturating_sub(self.0.position);
        let length = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.0.file.read_at(&mut out[..length], self.0.position)?;
        self.0.position += read as u64;
        Ok(read)
    }
}

/// Hashes the next `length` bytes.
fn hash_exactly(mut file: &File, length: u64, hash: &mut Sha256) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut left = length;
    while left > 0 {
        let part = left.min(CHUNK_BYTES as u64) as usize;
        file.read_exact(&mut buffer[..part])?;
        hash.update(&buffer[..part]);
        left -= part as u64;
    }
    Ok(())
}
