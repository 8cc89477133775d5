//! The end of the log on disk: where commits are written, and from which file to the next.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::LogOptions;
use super::batch::BatchWriter;
use super::file::LogFile;
use super::index::Place;
use super::record::LogId;
use super::replay::{End, Values};
use super::segment::{self, BLOCK, Block};
use super::writer::{Operation, Queued};
use crate::directory::sync_dir;
use crate::fault::FaultDisk;

/// A file that is being made ahead of its use.
struct Spare {
    length: u64,
    thread: JoinHandle<io::Result<File>>,
}

/// Writes commits. Used by one thread.
pub(super) struct Appender {
    dir: PathBuf,
    fault: Option<FaultDisk>,
    limit: u64,
    end: End,
    commit: u64,
    values: Values,
    writer: BatchWriter,
    spare: Option<Spare>,
}

/// A commit that is durable.
pub(super) struct Committed {
    /// Its number.
    pub(super) commit: u64,
    /// Where its records are, in order.
    pub(super) places: Vec<Place>,
    /// The file that was begun with it.
    pub(super) begun: Option<Arc<LogFile>>,
}

impl Appender {
    /// Goes on where the log ends.
    pub(super) fn new(dir: PathBuf, options: &LogOptions, end: End, commit: u64, values: Values) -> Self {
        let (fault, limit) = (options.fault.clone(), options.segment_bytes);
        Self { dir, fault, limit, end, commit, values, writer: BatchWriter::default(), spare: None }
    }

    /// Number of the file that commits go to.
    pub(super) fn active(&self) -> u32 {
        self.end.block.number
    }

    /// Whether anything was ever purged. Until then the log begins with its first file, which must stay, even if its
    /// records were truncated: nothing else says that none is missing before the ones that are there.
    pub(super) fn purged(&self) -> bool {
        self.values.purged.is_some()
    }

    /// Makes the operations durable, all or nothing. `None`: there was nothing to write.
    ///
    /// # Errors
    /// The system's. Nothing may be written after that.
    pub(super) fn write(&mut self, batch: &[Queued], committed: Option<LogId>) -> io::Result<Option<Committed>> {
        let nothing = |queued: &Queued| matches!(queued.operation, Operation::Barrier);
        if committed.is_none() && batch.iter().all(nothing) {
            return Ok(None);
        }
        self.writer.begin();
        let mut offsets = frames(&mut self.writer, batch, committed);
        let mut begun = None;
        let at = if self.end.at + self.writer.stored_length() <= self.end.length {
            self.write_here()?
        } else {
            self.writer.begin();
            self.writer.restate(&self.values);
            offsets = frames(&mut self.writer, batch, committed);
            begun = Some(self.write_to_next_file()?);
            BLOCK as u64
        };
        self.remember(batch, committed);
        self.commit += 1;
        self.prepare_ahead();
        let segment = self.active();
        let place = |(offset, length): (u64, u32)| Place { segment, length, offset: at + offset };
        Ok(Some(Committed { commit: self.commit, places: offsets.into_iter().map(place).collect(), begun }))
    }

    fn write_here(&mut self) -> io::Result<u64> {
        let end = &mut self.end;
        let (bytes, checksum) = self.writer.finish(end.block.salt, self.commit + 1, end.previous);
        end.file.write(end.at, bytes)?;
        end.file.sync()?;
        let at = end.at;
        end.at += bytes.len() as u64;
        end.previous = checksum;
        Ok(at)
    }

    /// The file gets its name when its first commit is durable, and the commit counts when the name is.
    fn write_to_next_file(&mut self) -> io::Result<Arc<LogFile>> {
        let block = Block::new(self.active().saturating_add(1), self.end.block.header);
        let needed = BLOCK as u64 + self.writer.stored_length();
        let (file, length) = self.take_spare(needed)?;
        let (bytes, checksum) = self.writer.finish(block.salt, self.commit + 1, self.end.previous);
        file.write(0, &block.to_bytes())?;
        file.write(BLOCK as u64, bytes)?;
        file.sync()?;
        fs::rename(segment::spare_path(&self.dir), segment::path(&self.dir, block.number))?;
        sync_dir(&self.dir, self.fault.as_ref())?;
        let (file, at) = (Arc::new(file), BLOCK as u64 + bytes.len() as u64);
        self.end = End { block, file: file.clone(), length, at, previous: checksum, torn: false };
        Ok(file)
    }

    /// The file that was made ahead, or another if that is too short or the disk had no room for it.
    fn take_spare(&mut self, needed: u64) -> io::Result<(LogFile, u64)> {
        let fault = self.fault.as_ref();
        let wanted = segment::next_length(self.end.length, self.limit).max(needed);
        let made = match self.spare.take() {
            Some(Spare { length, thread }) => match joined(thread) {
                Ok(file) if length >= needed => return Ok((LogFile::adopt(file, fault)?, length)),
                Ok(_) => None,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => Some(needed),
                Err(error) => return Err(error),
            },
            None => None,
        };
        let length = made.unwrap_or(wanted);
        Ok((segment::fresh(&segment::spare_path(&self.dir), length, fault)?, length))
    }

    /// Begins to make the next file when this one is half full.
    fn prepare_ahead(&mut self) {
        if self.spare.is_some() || self.end.at < self.end.length / 2 {
            return;
        }
        let (path, length) = (segment::spare_path(&self.dir), segment::next_length(self.end.length, self.limit));
        let made = thread::Builder::new().name("log-spare".to_owned()).spawn(move || segment::prepare(&path, length));
        match made {
            Ok(thread) => self.spare = Some(Spare { length, thread }),
            Err(error) => tracing::warn!(%error, "the next file of the log cannot be made ahead"),
        }
    }

    /// Removes a file that holds nothing any more. That it is gone need not be durable: an old file does no harm.
    pub(super) fn remove(&self, number: u32) {
        let path = segment::path(&self.dir, number);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "a file of the log that is not needed cannot be removed");
        }
    }

    fn remember(&mut self, batch: &[Queued], committed: Option<LogId>) {
        for queued in batch {
            match &queued.operation {
                Operation::Vote(vote) => self.values.vote = Some(vote.clone()),
                Operation::Purge { upto } => self.values.purged = Some(*upto),
                Operation::Append(_) | Operation::Truncate { .. } | Operation::Barrier => {}
            }
        }
        self.values.committed = committed.or(self.values.committed);
    }
}

impl Drop for Appender {
    /// Nobody makes files in a directory that is given free.
    fn drop(&mut self) {
        if let Some(Err(error)) = self.spare.take().map(|spare| joined(spare.thread)) {
            tracing::warn!(%error, "the next file of the log could not be made ahead");
        }
    }
}

fn joined(thread: JoinHandle<io::Result<File>>) -> io::Result<File> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("making the next file of the log panicked")))
}

/// Writes the operations down, and returns where each record stands within the commit.
fn frames(writer: &mut BatchWriter, batch: &[Queued], committed: Option<LogId>) -> Vec<(u64, u32)> {
    let mut offsets = Vec::new();
    for queued in batch {
        match &queued.operation {
            Operation::Append(records) => offsets.extend(records.iter().map(|record| writer.append(record))),
            Operation::Vote(vote) => writer.vote(vote),
            Operation::Truncate { from } => writer.truncate(*from),
            Operation::Purge { upto } => writer.purge(*upto),
            Operation::Barrier => {}
        }
    }
    if let Some(committed) = committed {
        writer.committed(committed);
    }
    offsets
}
