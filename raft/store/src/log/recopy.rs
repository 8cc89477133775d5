//! Creating the log, opening it, and copying it to a fresh file after a failure.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::batch::BatchWriter;
use super::file::LogFile;
use super::record::LogRecord;
use super::replay::{Found, Values, range_error, scan};
use super::segment::{self, BLOCK, Block};
use super::{LogOptions, Sidecar};
use crate::directory::{sync_dir, sync_file};
use crate::failure::OpenError;
use crate::header::Header;

/// Payload bytes in one commit of the copy: bounds its memory.
const COPY_BYTES: usize = 4 << 20;

/// Creates an empty log durably.
pub(crate) fn create(dir: &Path, header: &Header, options: &LogOptions) -> Result<(), OpenError> {
    let mut copy = Copy::begin(dir, Block::new(1, *header), 0, options)?;
    copy.values(&Values::default())?;
    copy.finish()?;
    let (sidecar, _) =
        Sidecar::open(dir, options.fault.clone()).map_err(OpenError::io("opening", Sidecar::path(dir)))?;
    sidecar.reset(dir, 0).map_err(OpenError::io("writing", Sidecar::path(dir)))
}

/// Whether there is a log file, be it empty or damaged.
pub(crate) fn exists(dir: &Path) -> Result<bool, OpenError> {
    Ok(fs::exists(dir).map_err(OpenError::io("reading", dir))? && !segment::numbers(dir)?.is_empty())
}

/// Whether the log in `dir` is one of `header` that never held a record or a vote.
pub(crate) fn is_unused(dir: &Path, header: &Header, options: &LogOptions) -> Result<bool, OpenError> {
    let found = scan(dir, header, options.fault.as_ref())?;
    Ok(found.last.is_none() && found.values == Values::default())
}

/// Opens the log of `header`, copying it to a fresh file first if the last run ended with a failure.
pub(super) fn open_checked(
    dir: &Path,
    header: &Header,
    options: &LogOptions,
) -> Result<(Found, Arc<Sidecar>), OpenError> {
    let fault = options.fault.as_ref();
    for left_over in [segment::spare_path(dir), segment::copy_path(dir)] {
        segment::remove_if_there(&left_over).map_err(OpenError::io("removing", left_over))?;
    }
    let mut found = scan(dir, header, fault)?;
    let (sidecar, remembered) =
        Sidecar::open(dir, options.fault.clone()).map_err(OpenError::io("opening", Sidecar::path(dir)))?;
    if let Some(seen) = remembered.commit.filter(|seen| *seen > found.commit) {
        return Err(OpenError::RolledBack { found: found.commit, seen, dir: dir.to_path_buf() });
    }
    if remembered.copy {
        tracing::warn!(dir = %dir.display(), "the last run ended with a disk failure: copying the log to a fresh file");
        found = copied(&found, dir, header, options)?;
        sidecar.reset(dir, found.commit).map_err(OpenError::io("writing", Sidecar::path(dir)))?;
    }
    clean_end(&mut found, dir)?;
    for number in std::mem::take(&mut found.stale) {
        let path = segment::path(dir, number);
        segment::remove_if_there(&path).map_err(OpenError::io("removing", path))?;
    }
    Ok((found, Arc::new(sidecar)))
}

/// Removes what a power loss left of a commit that was never acknowledged, so that nothing of it can ever follow a later
/// one.
fn clean_end(found: &mut Found, dir: &Path) -> Result<(), OpenError> {
    let end = &mut found.end;
    if !end.torn {
        return Ok(());
    }
    tracing::warn!(dir = %dir.display(), commit = found.commit + 1, "the log ends with a commit that was never completed: it is removed");
    let writing = || OpenError::io("writing", segment::path(dir, end.block.number));
    zero(&end.file, end.at, end.length).map_err(writing())?;
    end.file.sync().map_err(writing())?;
    end.torn = false;
    Ok(())
}

fn zero(file: &LogFile, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = vec![0; 128 * 1024];
    let mut at = from;
    while at < to {
        let count = zeros.len().min(usize::try_from(to - at).unwrap_or(usize::MAX));
        file.write(at, &zeros[..count])?;
        at += count as u64;
    }
    Ok(())
}

/// Writes everything that was found to a fresh file, makes it durable, reads it back, and puts it in the place of the log.
fn copied(found: &Found, dir: &Path, header: &Header, options: &LogOptions) -> Result<Found, OpenError> {
    let block = Block::new(found.end.block.number.saturating_add(1), *header);
    let mut copy = Copy::begin(dir, block, found.commit + 1, options)?;
    copy.values(&found.values)?;
    let mut failed = None;
    let all = found.index.all().each(|record| {
        if failed.is_none() {
            failed = copy.record(&record).err();
        }
        Ok(())
    });
    all.map_err(|error| range_error(error, dir))?;
    if let Some(error) = failed {
        return Err(error);
    }
    copy.finish()?;
    let fresh = scan(dir, header, options.fault.as_ref())?;
    let key = |found: &Found| (found.index.first(), found.last, found.values.clone());
    if key(&fresh) != key(found) {
        let what = "its copy reads back differently".to_owned();
        return Err(OpenError::DamagedLog { what, dir: dir.to_path_buf() });
    }
    Ok(fresh)
}

/// A fresh log file in the making. It stands beside the log until it is whole and durable.
struct Copy<'a> {
    dir: &'a Path,
    options: &'a LogOptions,
    block: Block,
    file: LogFile,
    at: u64,
    commit: u64,
    previous: u32,
    writer: BatchWriter,
    bytes: usize,
}

impl<'a> Copy<'a> {
    fn begin(dir: &'a Path, block: Block, commit: u64, options: &'a LogOptions) -> Result<Self, OpenError> {
        let path = segment::copy_path(dir);
        segment::remove_if_there(&path).map_err(OpenError::io("removing", &path))?;
        let file = LogFile::create(&path, options.fault.as_ref()).map_err(OpenError::io("creating", &path))?;
        file.write(0, &block.to_bytes()).map_err(OpenError::io("writing", &path))?;
        let mut writer = BatchWriter::default();
        writer.begin();
        writer.reset();
        Ok(Self { dir, options, block, file, at: BLOCK as u64, commit, previous: 0, writer, bytes: 0 })
    }

    fn values(&mut self, values: &Values) -> Result<(), OpenError> {
        self.writer.restate(values);
        self.write()
    }

    fn record(&mut self, record: &LogRecord) -> Result<(), OpenError> {
        self.writer.append(record);
        self.bytes += record.payload.len();
        if self.bytes >= COPY_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), OpenError> {
        let (bytes, checksum) = self.writer.finish(self.block.salt, self.commit, self.previous);
        let length = bytes.len() as u64;
        self.file.write(self.at, bytes).map_err(OpenError::io("writing", segment::copy_path(self.dir)))?;
        self.at += length;
        self.commit += 1;
        self.previous = checksum;
        self.bytes = 0;
        self.writer.begin();
        Ok(())
    }

    /// Makes it durable, with room for what follows, and puts it in its place.
    fn finish(mut self) -> Result<(), OpenError> {
        if self.bytes > 0 {
            self.write()?;
        }
        let fresh = segment::copy_path(self.dir);
        let limit = self.options.segment_bytes;
        zero(&self.file, self.at, self.at + segment::first_length(limit)).map_err(OpenError::io("writing", &fresh))?;
        self.file.sync().map_err(OpenError::io("syncing", &fresh))?;
        let fault = self.options.fault.as_ref();
        let file = File::open(&fresh).map_err(OpenError::io("opening", &fresh))?;
        sync_file(&file, fault).map_err(OpenError::io("syncing", &fresh))?;
        drop_cached_pages(&file);
        let path = segment::path(self.dir, self.block.number);
        fs::rename(&fresh, &path).map_err(OpenError::io("renaming to", path))?;
        sync_dir(self.dir, fault).map_err(OpenError::io("syncing", self.dir))
    }
}

/// Asks the system to forget its copy of the file, so that the check reads what the disk has. Only a request: without
/// it the check is weaker, but nothing is wrong.
fn drop_cached_pages(file: &File) {
    if let Err(error) = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed) {
        tracing::debug!(%error, "the page cache could not be dropped before the check");
    }
}
