//! One file of the log, with the injected disk of a test below it or without.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::fault::{FaultDisk, FaultFile};

/// A file of the log. Written by one thread, read by any.
pub(super) struct LogFile {
    file: File,
    fault: Option<FaultFile>,
}

impl LogFile {
    /// Makes an empty file; fails if there is one.
    pub(super) fn create(path: &Path, fault: Option<&FaultDisk>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let fault = fault.map(|disk| disk.attach_new(&file)).transpose()?;
        Ok(Self { file, fault })
    }

    /// Takes over a file that was just made and is durable as it is.
    pub(super) fn adopt(file: File, fault: Option<&FaultDisk>) -> io::Result<Self> {
        let fault = fault.map(|disk| disk.attach_new(&file)).transpose()?;
        Ok(Self { file, fault })
    }

    /// Opens a file that exists.
    pub(super) fn open(path: &Path, fault: Option<&FaultDisk>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let fault = fault.map(|disk| disk.attach(&file)).transpose()?;
        Ok(Self { file, fault })
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads exactly `out.len()` bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)?;
        if let Some(fault) = &self.fault {
            fault.flip(offset, out);
        }
        Ok(())
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &self.fault {
            Some(fault) => fault.write(&self.file, offset, data),
            None => self.file.write_all_at(data, offset),
        }
    }

    /// Makes everything written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        match &self.fault {
            Some(fault) => fault.sync(),
            None => self.file.sync_data(),
        }
    }
}

/// How much is read at once when a file is read from front to back.
const WINDOW: usize = 256 * 1024;

/// Reads a file piece by piece, ahead of what is asked for.
pub(super) struct Window<'a> {
    file: &'a LogFile,
    length: u64,
    from: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a LogFile) -> io::Result<Self> {
        Ok(Self { file, length: file.length()?, from: 0, bytes: Vec::new() })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `count` bytes from `offset` on; `None` if the file ends before.
    pub(super) fn get(&mut self, offset: u64, count: usize) -> io::Result<Option<&[u8]>> {
        let end = offset.checked_add(count as u64).filter(|end| *end <= self.length);
        let Some(end) = end else { return Ok(None) };
        if offset < self.from || end > self.from + self.bytes.len() as u64 {
            let rest = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
            self.bytes.resize(rest.min(count.max(WINDOW)), 0);
            self.from = offset;
            self.file.read(offset, &mut self.bytes)?;
        }
        // Within the bytes that were just made sure to be there.
        let start = usize::try_from(offset - self.from).unwrap_or(usize::MAX);
        Ok(self.bytes.get(start..start + count))
    }
}
