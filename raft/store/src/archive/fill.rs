//! Filling what is missing: records that a peer sent for a range that this node got as a snapshot.

use std::ops::Range;

use super::current::Current;
use super::{Archive, ArchiveError};
use crate::directory::sync_dir;

/// Under which name a part is written until it is whole and synced; what a crash leaves of it is removed at the next
/// start.
const PART: &str = "fill.new";

impl Archive {
    /// The ranges that are not here: before the first record (a log begins with index 0 or 1), and between it and the last.
    pub fn gaps(&self) -> Vec<Range<u64>> {
        let first = self.inner().all_segments().next().map(|segment| segment.first);
        let before = first.filter(|first| *first > 1).map(|first| 0..first);
        before.into_iter().chain(self.missing()).collect()
    }

    /// Puts records where none are: `records` begin at index `first` and lie within one of [`Archive::gaps`]. That they
    /// belong to the chain is for the caller to verify, before. Durable when it returns.
    ///
    /// # Errors
    /// [`ArchiveError::OutOfOrder`] if they do not lie within a gap; nothing was added then.
    pub fn fill(&self, first: u64, records: &[Vec<u8>]) -> Result<(), ArchiveError> {
        self.fatal.check()?;
        let next = first + records.len() as u64;
        let gaps = self.gaps();
        if !gaps.iter().any(|gap| gap.start <= first && next <= gap.end) {
            let expected = gaps.first().map_or(0, |gap| gap.start);
            return Err(ArchiveError::OutOfOrder { expected, found: first });
        }
        let mut rest = records;
        let mut index = first;
        while !rest.is_empty() {
            let room = usize::try_from(self.end_of(index) - index + 1).unwrap_or(usize::MAX);
            let (part, later) = rest.split_at(room.min(rest.len()));
            self.put_part(index, part)?;
            index += part.len() as u64;
            rest = later;
        }
        sync_dir(&self.dir, self.fault.as_ref()).map_err(|error| self.stop("syncing the archive", &error))
    }

    /// Writes records of one segment as a file of their own.
    fn put_part(&self, first: u64, records: &[Vec<u8>]) -> Result<(), ArchiveError> {
        let end = self.end_of(first);
        let mut inner = self.inner();
        let mut part = Current::create_as(&self.dir, PART, first, end)?;
        for record in records {
            part.push(record)?;
        }
        let whole = first == self.start_of(end) && part.is_complete();
        if whole {
            part.seal()?
        } else {
            part.flush()?
        }
        part.sync(self.fault.as_ref()).map_err(|error| self.stop("filling a gap", &error))?;
        let segment = if whole {
            part.publish()?
        } else {
            part.take_name().map_err(|error| self.stop("filling a gap", &error))?;
            part.into_segment()
        };
        inner.segments.insert(segment.key(), segment);
        Ok(())
    }
}
