//! The form of a segment file.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `VBSEG001` |
//! | 8 + 8 | index of the first record, index of the record that ends the segment (little-endian, as everything here) |
//! | 4 | CRC-32 of the bytes before |
//! | 4 + 4 + n, repeated | length, CRC-32 over index and bytes, bytes of each record |
//! | 4 | `ff ff ff ff`: the segment is finished |
//! | 32 | SHA-256 of all bytes before |
//!
//! A finished file is named `<first>-<end>.seg`, any other `<first>-<end>.open`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Archive, ArchiveError};

pub(super) const MAGIC: &[u8; 8] = b"VBSEG001";
pub(super) const HEAD: usize = 8 + 8 + 8 + 4;
pub(super) const RECORD_HEAD: usize = 8;
pub(super) const FINISHED: u32 = u32::MAX;
pub(super) const TRAILER: usize = 4 + 32;

/// What is known of a segment without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// Index after the last record.
    pub(super) next: u64,
    pub(super) end: u64,
    /// Present if it is finished.
    pub(super) sha256: Option<[u8; 32]>,
}

impl Segment {
    /// Orders segments as their records are ordered.
    pub(super) fn key(&self) -> (u64, u64) {
        (self.end, self.first)
    }

    pub(super) fn name(&self) -> String {
        name(self.first, self.end, self.sha256.is_some())
    }
}

pub(super) fn name(first: u64, end: u64, finished: bool) -> String {
    format!("{first:020}-{end:020}.{}", if finished { "seg" } else { "open" })
}

/// The reverse of [`name`]: first, end, finished.
pub(super) fn parse_name(name: &str) -> Option<(u64, u64, bool)> {
    let (range, extension) = name.split_once('.')?;
    let finished = match extension {
        "seg" => true,
        "open" => false,
        _ => return None,
    };
    let (first, end) = range.split_once('-')?;
    Some((first.parse().ok()?, end.parse().ok()?, finished))
}

/// The index that ends the segment of `index`: the next multiple of `size`.
pub(super) fn end_of(index: u64, size: u64) -> u64 {
    index.div_ceil(size.max(1)).saturating_mul(size.max(1))
}

/// The first index of the whole segment that ends with `end`.
pub(super) fn start_of(end: u64, size: u64) -> u64 {
    if end == 0 { 0 } else { end - (size.max(1) - 1) }
}

pub(super) fn head(first: u64, end: u64) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&first.to_le_bytes());
    bytes[16..24].copy_from_slice(&end.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn parse_head(bytes: &[u8; HEAD]) -> Option<(u64, u64)> {
    let first = u64::from_le_bytes(*bytes[8..].first_chunk()?);
    let end = u64::from_le_bytes(*bytes[16..].first_chunk()?);
    (bytes == &head(first, end) && first <= end).then_some((first, end))
}

pub(super) fn record_head(index: u64, record: &[u8]) -> [u8; RECORD_HEAD] {
    let mut bytes = [0; RECORD_HEAD];
    // At most 64 MiB by the caller's check.
    bytes[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&checksum(index, record).to_le_bytes());
    bytes
}

fn checksum(index: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

/// Walks over the records of a segment from any source of bytes.
pub(super) struct Scan<R> {
    source: R,
    pub(super) first: u64,
    pub(super) end: u64,
    /// Index of the record that comes next.
    pub(super) next: u64,
    /// Where it starts in the file.
    pub(super) offset: u64,
}

/// What a step of a [`Scan`] found.
pub(super) enum Step {
    Record(Vec<u8>),
    /// The mark of a finished segment.
    Finished,
    /// The file ends here, with a whole record.
    End,
    /// The file ends within a record, or a record does not match its checksum.
    Broken(&'static str),
}

impl Scan<BufReader<File>> {
    pub(super) fn open(path: &Path) -> io::Result<Result<Self, &'static str>> {
        Scan::new(BufReader::with_capacity(64 << 10, File::open(path)?))
    }
}

impl<R: Read> Scan<R> {
    pub(super) fn new(mut source: R) -> io::Result<Result<Self, &'static str>> {
        let mut bytes = [0; HEAD];
        if !fill(&mut source, &mut bytes)? {
            return Ok(Err("it is too short"));
        }
        Ok(match parse_head(&bytes) {
            Some((first, end)) => Ok(Self { source, first, end, next: first, offset: HEAD as u64 }),
            None => Err("it does not begin as a segment"),
        })
    }

    pub(super) fn step(&mut self) -> io::Result<Step> {
        let mut length = [0; 4];
        match self.source.read(&mut length[..1])? {
            0 => return Ok(Step::End),
            _ if !fill(&mut self.source, &mut length[1..])? => return Ok(Step::Broken("a record is cut off")),
            _ => {}
        }
        let length = u32::from_le_bytes(length);
        if length == FINISHED {
            return Ok(if self.next > self.end { Step::Finished } else { Step::Broken("it ends too early") });
        }
        if length as usize > Archive::MAX_RECORD_BYTES || self.next > self.end {
            return Ok(Step::Broken("a record makes no sense"));
        }
        let mut stored = [0; 4];
        if !fill(&mut self.source, &mut stored)? {
            return Ok(Step::Broken("a record is cut off"));
        }
        let mut record = Vec::new();
        // Grows as bytes come, so a wrong length costs no memory.
        let read = self.source.by_ref().take(u64::from(length)).read_to_end(&mut record)?;
        if read != length as usize {
            return Ok(Step::Broken("a record is cut off"));
        }
        if checksum(self.next, &record) != u32::from_le_bytes(stored) {
            return Ok(Step::Broken("a record does not match its checksum"));
        }
        self.next += 1;
        self.offset += (RECORD_HEAD + record.len()) as u64;
        Ok(Step::Record(record))
    }
}

/// Fills a buffer; `false` if the source ends before.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A verified finished segment, and where its records lie in its bytes.
pub(super) struct Verified {
    pub(super) segment: Segment,
    offsets: Vec<u64>,
}

impl Verified {
    /// A record of the segment; `None` for an index outside.
    pub(super) fn record<'a>(&self, bytes: &'a [u8], index: u64) -> Option<&'a [u8]> {
        let position = usize::try_from(index.checked_sub(self.segment.first)?).ok()?;
        let start = usize::try_from(*self.offsets.get(position)?).ok()?;
        let length = u32::from_le_bytes(*bytes.get(start..)?.first_chunk()?) as usize;
        bytes.get(start + RECORD_HEAD..start + RECORD_HEAD + length)
    }
}

/// Checks a whole finished segment: every record, that none is missing, and the checksum at its end.
pub(super) fn verify(bytes: &[u8]) -> Result<Verified, String> {
    let impossible = |error: io::Error| error.to_string();
    let mut scan = Scan::new(bytes).map_err(impossible)?.map_err(str::to_owned)?;
    let mut offsets = Vec::new();
    loop {
        let (index, offset) = (scan.next, scan.offset);
        match scan.step().map_err(impossible)? {
            Step::Record(_) => offsets.push(offset),
            Step::Finished => break,
            Step::End => return Err(format!("it is not finished: record {index} is missing")),
            Step::Broken(what) => return Err(format!("{what} (at record {index})")),
        }
    }
    let body = usize::try_from(scan.offset).map_err(|error| error.to_string())? + 4;
    let stored = bytes.get(body..).ok_or("its checksum is cut off")?;
    let sha256: [u8; 32] = Sha256::digest(&bytes[..body]).into();
    if stored != sha256 {
        return Err("its checksum does not match".to_owned());
    }
    let segment = Segment { first: scan.first, next: scan.next, end: scan.end, sha256: Some(sha256) };
    Ok(Verified { segment, offsets })
}

/// Where each record of a segment file starts.
pub(super) fn offsets(path: &Path) -> Result<Vec<u64>, ArchiveError> {
    let failed = |error| ArchiveError::io("reading", path)(error);
    let damaged = |what: &str| ArchiveError::Damaged { path: path.to_path_buf(), what: what.to_owned() };
    let mut scan = Scan::open(path).map_err(failed)?.map_err(damaged)?;
    let mut offsets = Vec::new();
    loop {
        let offset = scan.offset;
        match scan.step().map_err(failed)? {
            Step::Record(_) => offsets.push(offset),
            Step::Finished | Step::End => return Ok(offsets),
            Step::Broken(what) => return Err(damaged(what)),
        }
    }
}

/// Reads one record of a segment file.
pub(super) fn record_at(path: &Path, offsets: &[u64], first: u64, index: u64) -> Result<Vec<u8>, ArchiveError> {
    let file = File::open(path).map_err(ArchiveError::io("opening", path))?;
    record_in(&file, path, offsets, first, index)
}

/// Reads one record of an open segment file.
pub(super) fn record_in(
    file: &File,
    path: &Path,
    offsets: &[u64],
    first: u64,
    index: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let damaged = |what: &str| ArchiveError::Damaged { path: path.to_path_buf(), what: what.to_owned() };
    let position = usize::try_from(index - first).unwrap_or(usize::MAX);
    let offset = *offsets.get(position).ok_or_else(|| damaged("a record is missing"))?;
    let mut head = [0; RECORD_HEAD];
    file.read_exact_at(&mut head, offset).map_err(ArchiveError::io("reading", path))?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length > Archive::MAX_RECORD_BYTES {
        return Err(damaged("a record makes no sense"));
    }
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, offset + RECORD_HEAD as u64).map_err(ArchiveError::io("reading", path))?;
    if record_head(index, &record) != head {
        return Err(damaged("a record does not match its checksum"));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_at_multiples() {
        assert_eq!([0, 1, 4095, 4096, 4097].map(|index| end_of(index, 4096)), [0, 4096, 4096, 4096, 8192]);
        assert_eq!([0, 4096, 8192].map(|end| start_of(end, 4096)), [0, 1, 4097]);
    }

    #[test]
    fn names_read_back() {
        for finished in [true, false] {
            assert_eq!(parse_name(&name(5, 8, finished)), Some((5, 8, finished)));
        }
        assert_eq!(parse_name("00000000000000000005-00000000000000000008.new"), None);
        assert_eq!(parse_name("checkpoints"), None);
    }
}
