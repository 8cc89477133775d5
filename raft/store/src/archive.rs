//! The audit archive: records in segments, and checkpoints beside them.

mod checkpoint;
mod current;
mod error;
mod fill;
mod open;
mod reader;
mod segment;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::directory::{replace_file, sync_dir};
use crate::failure::{Fatal, OpenError, StoreFailure};
use crate::fault::FaultDisk;
use current::Current;
pub use error::ArchiveError;
pub use reader::Records;
use segment::Segment;

/// Settings of the archive; the same for the life of a federation, because segments are compared between sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// A segment ends at each multiple of this. Default 4096, as checkpoints do.
    pub segment_records: u64,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { segment_records: 4096 }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was added.
    New,
    /// It was there already, with the same bytes: the log is being replayed.
    Known,
    /// It lies before what this archive holds (retention, or a start further on), so it could not be compared.
    NotHeld,
}

/// One segment of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Index of the first record.
    pub first: u64,
    /// Index after the last record; equal to `first` if there is none yet.
    pub next: u64,
    /// Index of the record that finishes it.
    pub end: u64,
    /// SHA-256 over the file before the checksum itself, if it is finished: equal at all sites for whole segments.
    pub sha256: Option<[u8; 32]>,
}

/// The audit records of one node, as opaque bytes by log index.
///
/// The log must only be purged up to [`Archive::archived_upto`]: records that a crash takes are made again by replaying
/// the log. A snapshot that lets the log be purged must therefore be taken after [`Archive::sync`].
#[derive(Debug)]
pub struct Archive {
    dir: PathBuf,
    options: ArchiveOptions,
    fatal: Fatal,
    fault: Option<FaultDisk>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// All but the current one, by (end, first): the order of their records.
    segments: BTreeMap<(u64, u64), Segment>,
    /// The one that is being written, if the last record did not finish it.
    current: Option<Current>,
    /// The index that is expected; `None` before the archive has a beginning.
    next: Option<u64>,
    /// The index after the last durable record.
    durable: u64,
    /// Where the records of one older segment lie, for the comparison while replaying.
    offsets: Option<((u64, u64), Vec<u64>)>,
}

impl Archive {
    /// The largest record, in bytes.
    pub const MAX_RECORD_BYTES: usize = 64 << 20;

    /// Opens or creates the archive in `dir`, and cuts a torn end to the last whole record.
    pub(crate) fn open(
        dir: &Path,
        options: ArchiveOptions,
        fatal: Fatal,
        fault: Option<FaultDisk>,
    ) -> Result<Self, OpenError> {
        let inner = open::load(dir, &options, fault.as_ref())?;
        Ok(Self { dir: dir.to_path_buf(), options, fatal, fault, inner: Mutex::new(inner) })
    }

    /// Says that the next record is `index`: 0 or 1 for a founder, the one after its snapshot for a joiner or for a node
    /// that was given a snapshot. Durable when it returns. Nothing happens if that record or a later one is expected
    /// already; what lies between the last record and `index` is then [`Archive::missing`].
    pub fn start_at(&self, index: u64) -> Result<(), ArchiveError> {
        self.fatal.check()?;
        let mut inner = self.inner();
        if inner.next.is_some_and(|next| next >= index) {
            return Ok(());
        }
        self.sync_inner(&mut inner)?;
        if let Some(current) = inner.current.take() {
            let segment = current.into_segment();
            inner.segments.insert(segment.key(), segment);
        }
        inner.current = Some(Current::create(&self.dir, index, self.end_of(index))?);
        inner.next = Some(index);
        self.sync_inner(&mut inner)
    }

    /// Adds the record of a log index. It is durable after [`Archive::sync`] (and when its segment is finished).
    ///
    /// # Errors
    /// [`ArchiveError::Differs`] if the index is there with other bytes, [`ArchiveError::OutOfOrder`] if it does not
    /// follow; nothing was added then.
    pub fn append(&self, index: u64, record: &[u8]) -> Result<Appended, ArchiveError> {
        self.fatal.check()?;
        if record.len() > Self::MAX_RECORD_BYTES {
            return Err(ArchiveError::TooLarge { index, bytes: record.len(), limit: Self::MAX_RECORD_BYTES });
        }
        let mut inner = self.inner();
        let next = inner.next.ok_or(ArchiveError::NotStarted)?;
        if index < next {
            return self.compare(&mut inner, index, record);
        }
        if index > next {
            return Err(ArchiveError::OutOfOrder { expected: next, found: index });
        }
        self.finish_if_complete(&mut inner)?;
        let current = match inner.current.take() {
            Some(current) => inner.current.insert(current),
            None => inner.current.insert(Current::create(&self.dir, index, self.end_of(index))?),
        };
        current.push(record)?;
        inner.next = Some(index + 1);
        self.finish_if_complete(&mut inner)?;
        Ok(Appended::New)
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<(), ArchiveError> {
        self.fatal.check()?;
        self.sync_inner(&mut self.inner())
    }

    /// The last index that is durable here; the log may be purged up to it. `None` before the first.
    pub fn archived_upto(&self) -> Option<u64> {
        let inner = self.inner();
        inner.next.and(inner.durable.checked_sub(1))
    }

    /// The index that is expected next; `None` before the archive has a beginning.
    pub fn next(&self) -> Option<u64> {
        self.inner().next
    }

    /// The records of `range`, in order, read from disk as the iterator goes, each checked against its checksum.
    /// Records that were not appended yet are left out; missing ones between give [`ArchiveError::Missing`].
    pub fn read(&self, range: Range<u64>) -> Result<Records, ArchiveError> {
        self.fatal.check()?;
        let mut inner = self.inner();
        let next = inner.next.unwrap_or(0);
        if let Some(current) = inner.current.as_mut() {
            current.flush()?;
        }
        let range = range.start..range.end.min(next);
        let segments = inner.all_segments().filter(|segment| segment.first < range.end && segment.next > range.start);
        Ok(Records::new(segments.map(|segment| (self.dir.join(segment.name()), segment)).collect(), range))
    }

    /// All segments, the oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let inner = self.inner();
        inner
            .all_segments()
            .map(|Segment { first, next, end, sha256 }| SegmentInfo { first, next, end, sha256 })
            .collect()
    }

    /// The ranges between the first and the last record that are not here.
    pub fn missing(&self) -> Vec<Range<u64>> {
        let inner = self.inner();
        let mut missing = Vec::new();
        let mut expected = None;
        for segment in inner.all_segments() {
            if let Some(expected) = expected.filter(|expected| *expected < segment.first) {
                missing.push(expected..segment.first);
            }
            expected = Some(segment.next);
        }
        missing
    }

    /// The bytes of the finished segment that ends with `end`, verified, to be sent to a peer. `None` if it is not here
    /// or not finished.
    pub fn segment_bytes(&self, end: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let found =
            self.inner().segments.values().find(|segment| segment.end == end && segment.sha256.is_some()).copied();
        let Some(segment) = found else { return Ok(None) };
        let path = self.dir.join(segment.name());
        let bytes = fs::read(&path).map_err(ArchiveError::io("reading", &path))?;
        match segment::verify(&bytes) {
            Ok(_) => Ok(Some(bytes)),
            Err(what) => Err(ArchiveError::Damaged { path, what }),
        }
    }

    /// Puts in a whole older segment that a peer sent ([`Archive::segment_bytes`]). Its checksums are verified here;
    /// that its records belong to the chain is for the caller to verify, before. Parts of the same segment that are
    /// here must be equal and are replaced. Durable when it returns.
    pub fn install_segment(&self, bytes: &[u8]) -> Result<SegmentInfo, ArchiveError> {
        self.fatal.check()?;
        let parsed = segment::verify(bytes).map_err(ArchiveError::BadSegment)?;
        let segment = parsed.segment;
        if segment.end != self.end_of(segment.end) || segment.first != self.start_of(segment.end) {
            return Err(ArchiveError::BadSegment(format!(
                "it covers {} to {}, which is not a whole segment",
                segment.first, segment.end
            )));
        }
        let mut inner = self.inner();
        let open_end = inner.current.as_ref().map(|current| current.segment().end);
        if inner.next.is_none_or(|next| segment.end >= next) || open_end == Some(segment.end) {
            return Err(ArchiveError::BadSegment(format!("this node writes the records up to {} itself", segment.end)));
        }
        let parts: Vec<Segment> = inner.segments.values().filter(|part| part.end == segment.end).copied().collect();
        for part in &parts {
            let range = part.first..part.next;
            for known in Records::new(vec![(self.dir.join(part.name()), *part)], range) {
                let (index, record) = known?;
                if parsed.record(bytes, index) != Some(&record[..]) {
                    return Err(ArchiveError::Differs { index });
                }
            }
        }
        let path = self.dir.join(segment.name());
        replace_file(&path, bytes, self.fault.as_ref()).map_err(|error| self.stop("installing a segment", &error))?;
        for part in parts.iter().filter(|part| part.name() != segment.name()) {
            inner.segments.remove(&part.key());
            let path = self.dir.join(part.name());
            fs::remove_file(&path).map_err(ArchiveError::io("removing", &path))?;
        }
        inner.segments.insert(segment.key(), segment);
        let Segment { first, next, end, sha256 } = segment;
        Ok(SegmentInfo { first, next, end, sha256 })
    }

    /// Removes the segments all of whose records lie below `index`, but never the last one, and the checkpoints below
    /// the one from which the rest can still be verified.
    pub fn retain_from(&self, index: u64) -> Result<(), ArchiveError> {
        self.fatal.check()?;
        let mut inner = self.inner();
        let mut old: Vec<Segment> = inner.segments.values().filter(|segment| segment.end < index).copied().collect();
        if inner.current.is_none() && old.len() == inner.segments.len() {
            old.pop();
        }
        for segment in old {
            let path = self.dir.join(segment.name());
            fs::remove_file(&path).map_err(ArchiveError::io("removing", &path))?;
            inner.segments.remove(&segment.key());
        }
        let first = inner.all_segments().next().map(|segment| segment.first);
        drop(inner);
        if let Some(first) = first {
            checkpoint::retain_anchor(&self.dir, first)?;
        }
        sync_dir(&self.dir, self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))
    }

    /// Keeps the checkpoint of an index, durably; a later one of the same index (with more signatures) replaces it.
    pub fn put_checkpoint(&self, index: u64, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.fatal.check()?;
        checkpoint::put(&self.dir, index, bytes, self.fault.as_ref())
            .map_err(|error| self.stop("writing a checkpoint", &error))
    }

    /// The indices of all checkpoints, rising.
    pub fn checkpoints(&self) -> Result<Vec<u64>, ArchiveError> {
        checkpoint::list(&self.dir)
    }

    /// The checkpoint of an index; `None` if there is none.
    pub fn checkpoint(&self, index: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        checkpoint::get(&self.dir, index)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_of(&self, index: u64) -> u64 {
        segment::end_of(index, self.options.segment_records)
    }

    fn start_of(&self, end: u64) -> u64 {
        segment::start_of(end, self.options.segment_records)
    }

    /// Compares a record that is being replayed with the one that is here.
    fn compare(&self, inner: &mut Inner, index: u64, record: &[u8]) -> Result<Appended, ArchiveError> {
        let known = match inner.current.as_mut().filter(|current| current.holds(index)) {
            Some(current) => current.record(index)?,
            None => {
                let found = inner.segments.values().find(|segment| (segment.first..segment.next).contains(&index));
                let Some(segment) = found.copied() else { return Ok(Appended::NotHeld) };
                let path = self.dir.join(segment.name());
                if inner.offsets.as_ref().is_none_or(|(key, _)| *key != segment.key()) {
                    inner.offsets = Some((segment.key(), segment::offsets(&path)?));
                }
                let offsets = inner.offsets.as_ref().map_or(&[][..], |(_, offsets)| offsets);
                segment::record_at(&path, offsets, segment.first, index)?
            }
        };
        if known == record { Ok(Appended::Known) } else { Err(ArchiveError::Differs { index }) }
    }

    /// Seals the current segment when its last record is in: checksum, fsync, final name.
    fn finish_if_complete(&self, inner: &mut Inner) -> Result<(), ArchiveError> {
        let Some(current) = inner.current.as_mut().filter(|current| current.is_complete()) else { return Ok(()) };
        current.seal()?;
        current.sync(self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))?;
        let segment = current.publish()?;
        sync_dir(&self.dir, self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))?;
        inner.current = None;
        inner.segments.insert(segment.key(), segment);
        inner.durable = segment.next;
        Ok(())
    }

    fn sync_inner(&self, inner: &mut Inner) -> Result<(), ArchiveError> {
        self.finish_if_complete(inner)?;
        let Some(current) = inner.current.as_mut() else { return Ok(()) };
        current.flush()?;
        current.sync(self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))?;
        if current.take_unlisted() {
            sync_dir(&self.dir, self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))?;
        }
        inner.durable = current.segment().next;
        Ok(())
    }

    /// A failed fsync stops the store.
    fn stop(&self, what: &str, error: &io::Error) -> ArchiveError {
        let failure = StoreFailure::Failed { what: what.to_owned(), why: error.to_string() };
        self.fatal.trip(&failure);
        ArchiveError::Store(failure)
    }
}

impl Inner {
    /// All segments in the order of their records, the current one last.
    fn all_segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.segments.values().copied().chain(self.current.as_ref().map(Current::segment))
    }
}
