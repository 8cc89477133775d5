//! Where each durable record lies.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::file::{LogFile, Window};
use super::record::{LogId, LogRecord};

/// Where a record's encoded form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's number.
    pub(super) segment: u32,
    /// Bytes of the encoded form.
    pub(super) length: u32,
    /// From where in the file.
    pub(super) offset: u64,
}

/// The places of the records that are durable, and the files they are in. It is changed when a commit has succeeded.
#[derive(Default)]
pub(super) struct Index {
    first: u64,
    places: VecDeque<Place>,
    files: BTreeMap<u32, Arc<LogFile>>,
}

/// Why a range could not be read.
pub(super) enum RangeError {
    /// A record is missing or does not match its checksum.
    Damaged(u64),
    /// The system's answer.
    Io(String),
}

/// A range of records to read, taken out of the index: reading it needs no lock.
pub(super) struct Selection {
    first: u64,
    places: Vec<Place>,
    files: BTreeMap<u32, Arc<LogFile>>,
}

impl Index {
    /// Index of the first record, if there is one.
    pub(super) fn first(&self) -> Option<u64> {
        (!self.places.is_empty()).then_some(self.first)
    }

    /// Index of the record that would follow, if there is one to follow.
    pub(super) fn next(&self) -> Option<u64> {
        self.first().map(|first| first + self.places.len() as u64)
    }

    /// Adds a record that follows; in an empty index any does.
    pub(super) fn push(&mut self, index: u64, place: Place) {
        if self.places.is_empty() {
            self.first = index;
        }
        debug_assert_eq!(self.first + self.places.len() as u64, index);
        self.places.push_back(place);
    }

    /// Forgets the records from `from` on.
    pub(super) fn truncate(&mut self, from: u64) {
        let keep = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.places.truncate(keep);
    }

    /// Forgets the records up to and including `upto`.
    pub(super) fn purge(&mut self, upto: u64) {
        while self.first <= upto && self.places.pop_front().is_some() {
            self.first += 1;
        }
        if self.places.is_empty() {
            self.places.shrink_to_fit();
        }
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
    }

    pub(super) fn add_file(&mut self, number: u32, file: Arc<LogFile>) {
        self.files.insert(number, file);
    }

    /// Numbers of the files below `active` that hold no record any more; they are forgotten.
    pub(super) fn unused(&mut self, active: u32) -> Vec<u32> {
        // Records lie in the order of their indexes, so the first one's file is the oldest that is needed.
        let oldest = self.places.front().map_or(active, |place| place.segment.min(active));
        let kept = self.files.split_off(&oldest);
        std::mem::replace(&mut self.files, kept).into_keys().collect()
    }

    /// What is needed to read the records of `range`, as many as fit in `max_bytes` and at least one.
    pub(super) fn select(&self, range: Range<u64>, max_bytes: usize) -> Selection {
        let skip = usize::try_from(range.start.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut used = 0usize;
        let mut places = Vec::new();
        let missing = range.start < self.first;
        for place in self.places.iter().skip(skip).take(if missing { 0 } else { count }) {
            used = used.saturating_add((place.length as usize).saturating_sub(LogRecord::OVERHEAD));
            if used > max_bytes && !places.is_empty() {
                break;
            }
            places.push(*place);
        }
        let (low, high) = (places.iter().map(|p| p.segment).min(), places.iter().map(|p| p.segment).max());
        let files = low.zip(high).map(|(low, high)| self.files.range(low..=high));
        let files = files.into_iter().flatten().map(|(number, file)| (*number, file.clone())).collect();
        Selection { first: range.start, places, files }
    }

    /// Everything.
    pub(super) fn all(&self) -> Selection {
        self.select(self.first..u64::MAX, usize::MAX)
    }
}

impl Selection {
    /// Calls `take` with each record, in order.
    pub(super) fn each(&self, mut take: impl FnMut(LogRecord) -> Result<(), RangeError>) -> Result<(), RangeError> {
        let io = |error: std::io::Error| RangeError::Io(error.to_string());
        let mut open: Option<(u32, Window<'_>)> = None;
        for (index, place) in (self.first..).zip(&self.places) {
            let file = self.files.get(&place.segment).ok_or(RangeError::Damaged(index))?;
            let window = match &mut open {
                Some((number, window)) if *number == place.segment => window,
                _ => &mut open.insert((place.segment, Window::new(file).map_err(io)?)).1,
            };
            let bytes = window.get(place.offset, place.length as usize).map_err(io)?;
            let record = bytes.and_then(|bytes| LogRecord::decode(index, bytes)).ok_or(RangeError::Damaged(index))?;
            take(record)?;
        }
        Ok(())
    }

    /// The records.
    pub(super) fn read(&self) -> Result<Vec<LogRecord>, RangeError> {
        let mut records = Vec::with_capacity(self.places.len());
        self.each(|record| {
            records.push(record);
            Ok(())
        })?;
        Ok(records)
    }
}

/// The log's last id, for a record that was found.
pub(super) fn id_of(index: &Index) -> Result<Option<LogId>, RangeError> {
    let Some(next) = index.next() else { return Ok(None) };
    let last = next - 1;
    let records = index.select(last..next, usize::MAX).read()?;
    Ok(records.first().map(|record| record.id))
}
