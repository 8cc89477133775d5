//! Checkpoints: small files beside the segments, named by index.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use crate::directory::{self, replace_file};
use crate::fault::FaultDisk;

fn dir(archive: &Path) -> PathBuf {
    archive.join("checkpoints")
}

fn path(archive: &Path, index: u64) -> PathBuf {
    dir(archive).join(format!("{index:020}.cp"))
}

pub(super) fn make_dir(archive: &Path, fault: Option<&FaultDisk>) -> io::Result<()> {
    directory::make_dir(&dir(archive), fault)
}

/// Writes a checkpoint durably: CRC-32 of the bytes, then the bytes.
pub(super) fn put(archive: &Path, index: u64, bytes: &[u8], fault: Option<&FaultDisk>) -> io::Result<()> {
    let content = [&crc32fast::hash(bytes).to_le_bytes()[..], bytes].concat();
    replace_file(&path(archive, index), &content, fault)
}

/// Indices of all checkpoints, rising.
pub(super) fn list(archive: &Path) -> Result<Vec<u64>, ArchiveError> {
    let dir = dir(archive);
    let mut indices = Vec::new();
    for entry in fs::read_dir(&dir).map_err(ArchiveError::io("listing", &dir))? {
        let name = entry.map_err(ArchiveError::io("listing", &dir))?.file_name();
        let index = name.to_str().and_then(|name| name.strip_suffix(".cp"));
        indices.extend(index.and_then(|index| index.parse::<u64>().ok()));
    }
    indices.sort_unstable();
    Ok(indices)
}

pub(super) fn get(archive: &Path, index: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
    let path = path(archive, index);
    let content = match fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::io("reading", &path)(error)),
    };
    match content.split_first_chunk::<4>() {
        Some((stored, bytes)) if u32::from_le_bytes(*stored) == crc32fast::hash(bytes) => Ok(Some(bytes.to_vec())),
        _ => Err(ArchiveError::Damaged { path, what: "the checkpoint does not match its checksum".to_owned() }),
    }
}

/// Removes the checkpoints below the last one before record `first`: records from `first` on are verified from that one.
pub(super) fn retain_anchor(archive: &Path, first: u64) -> Result<(), ArchiveError> {
    let indices = list(archive)?;
    let anchor = indices.iter().rev().find(|index| **index < first).copied().unwrap_or(0);
    for index in indices.into_iter().filter(|index| *index < anchor) {
        let path = path(archive, index);
        fs::remove_file(&path).map_err(ArchiveError::io("removing", &path))?;
    }
    Ok(())
}
