//! The files of the log: names, the block that each begins with, and files made ahead of their use.
//!
//! A file has its full length and only zeros before its first use, so that a commit changes nothing but its own bytes: then
//! one `fdatasync` writes them, and no journal of the file system.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::batch::ALIGN;
use super::file::LogFile;
use crate::failure::OpenError;
use crate::fault::FaultDisk;
use crate::header::Header;

/// Bytes of the block at the beginning: `VBLOGSEG`, number (4), salt (8), header, zeros, CRC-32 of all before it (4).
pub(super) const BLOCK: usize = ALIGN;
const MAGIC: &[u8; 8] = b"VBLOGSEG";
const CHECKSUM_AT: usize = BLOCK - 4;
const HEADER_AT: usize = 20;

/// Length of a log's first file; each later one is twice as long, up to the limit.
const FIRST: u64 = 1 << 20;

/// Which file of which log this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Files are numbered in the order of their use.
    pub(super) number: u32,
    /// Goes into the checksum of every commit in the file.
    pub(super) salt: u64,
    /// Whose log it is.
    pub(super) header: Header,
}

impl Block {
    /// The block of a new file, with a salt that nobody can guess.
    pub(super) fn new(number: u32, header: Header) -> Self {
        // The standard library's keys for hash maps are random, and all that is needed here.
        let salt = RandomState::new().build_hasher().finish();
        Self { number, salt, header }
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&self.number.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.salt.to_le_bytes());
        bytes[HEADER_AT..HEADER_AT + Header::BYTES].copy_from_slice(&self.header.to_bytes());
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The reverse; `None` if the bytes do not match their checksum.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BLOCK] = bytes.try_into().ok()?;
        let stored = u32::from_le_bytes(*bytes[CHECKSUM_AT..].first_chunk()?);
        if !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..CHECKSUM_AT]) != stored {
            return None;
        }
        Some(Self {
            number: u32::from_le_bytes(*bytes[8..].first_chunk()?),
            salt: u64::from_le_bytes(*bytes[12..].first_chunk()?),
            header: Header::from_bytes(&bytes[HEADER_AT..HEADER_AT + Header::BYTES])?,
        })
    }
}

pub(super) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("log-{number:08}.seg"))
}

/// Where a file lies until its first commit is durable.
pub(super) fn spare_path(dir: &Path) -> PathBuf {
    dir.join("log.spare")
}

/// Where the copy lies that is made after a failure, until it is complete.
pub(super) fn copy_path(dir: &Path) -> PathBuf {
    dir.join("log.copy")
}

/// The numbers of the log's files, rising.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u32>, OpenError> {
    let mut numbers = Vec::new();
    let reading = || OpenError::io("reading", dir);
    for entry in fs::read_dir(dir).map_err(reading())? {
        let name = entry.map_err(reading())?.file_name();
        let number = |name: &str| name.strip_prefix("log-")?.strip_suffix(".seg")?.parse::<u32>().ok();
        numbers.extend(name.to_str().and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// How long the file after one of `length` bytes is.
pub(super) fn next_length(length: u64, limit: u64) -> u64 {
    length.saturating_mul(2).max(FIRST).min(limit).max(4 * BLOCK as u64)
}

/// How long the first one is.
pub(super) fn first_length(limit: u64) -> u64 {
    next_length(0, limit)
}

/// Makes a file of zeros, durable.
pub(super) fn prepare(path: &Path, length: u64) -> io::Result<File> {
    remove_if_there(path)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let zeros = vec![0; 128 * 1024];
    let mut at = 0;
    while at < length {
        let count = zeros.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
        file.write_all_at(&zeros[..count], at)?;
        at += count as u64;
    }
    file.sync_all()?;
    Ok(file)
}

/// Makes a file of zeros and opens it for use.
pub(super) fn fresh(path: &Path, length: u64, fault: Option<&FaultDisk>) -> io::Result<LogFile> {
    LogFile::adopt(prepare(path, length)?, fault)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_back_and_every_flipped_bit_is_noticed() {
        let block = Block::new(7, Header { format: 2, node: 3, federation: [4; 32] });
        let bytes = block.to_bytes();
        assert_eq!(Block::from_bytes(&bytes), Some(block));
        for position in 0..BLOCK {
            let mut damaged = bytes;
            damaged[position] ^= 1 << (position % 8);
            assert_eq!(Block::from_bytes(&damaged), None, "byte {position}");
        }
    }

    #[test]
    fn salts_differ() {
        let header = Header { format: 2, node: 3, federation: [4; 32] };
        assert_ne!(Block::new(1, header).salt, Block::new(1, header).salt);
    }

    #[test]
    fn files_grow_to_the_limit() {
        assert_eq!(first_length(16 << 20), 1 << 20);
        assert_eq!(next_length(1 << 20, 16 << 20), 2 << 20);
        assert_eq!(next_length(16 << 20, 16 << 20), 16 << 20);
        assert_eq!(first_length(4096), 4096);
    }
}
