//! Reading records back, in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use super::segment::{Scan, Segment, Step};

/// The records of a range of indices, read from disk as the iterator goes. Ends after the first error.
pub struct Records {
    segments: VecDeque<(PathBuf, Segment)>,
    open: Option<(PathBuf, Segment, Scan<BufReader<File>>)>,
    next: u64,
    end: u64,
}

impl Records {
    /// `segments` must overlap `range` and be in order.
    pub(super) fn new(segments: Vec<(PathBuf, Segment)>, range: Range<u64>) -> Self {
        Self { segments: segments.into(), open: None, next: range.start, end: range.end }
    }

    fn advance(&mut self) -> Result<Option<(u64, Vec<u8>)>, ArchiveError> {
        while self.next < self.end {
            let Some((path, segment, scan)) = self.open.as_mut() else {
                self.open_next()?;
                continue;
            };
            if self.next >= segment.next {
                self.open = None;
                continue;
            }
            let index = scan.next;
            match scan.step().map_err(ArchiveError::io("reading", path))? {
                Step::Record(_) if index < self.next => {}
                Step::Record(record) => {
                    self.next = index + 1;
                    return Ok(Some((index, record)));
                }
                Step::Finished | Step::End => return Err(damaged(path, &format!("record {index} is missing"))),
                Step::Broken(what) => return Err(damaged(path, what)),
            }
        }
        Ok(None)
    }

    fn open_next(&mut self) -> Result<(), ArchiveError> {
        let missing = |before| ArchiveError::Missing { from: self.next, before };
        let (path, segment) = self.segments.pop_front().ok_or_else(|| missing(self.end))?;
        if segment.first > self.next {
            return Err(missing(segment.first.min(self.end)));
        }
        let scan =
            Scan::open(&path).map_err(ArchiveError::io("opening", &path))?.map_err(|what| damaged(&path, what))?;
        if (scan.first, scan.end) != (segment.first, segment.end) {
            return Err(damaged(&path, "it is named for other records than it says"));
        }
        self.open = Some((path, segment, scan));
        Ok(())
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Vec<u8>), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance().transpose();
        if matches!(item, Some(Err(_))) {
            self.next = self.end;
        }
        item
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}

fn damaged(path: &Path, what: &str) -> ArchiveError {
    ArchiveError::Damaged { path: path.to_path_buf(), what: what.to_owned() }
}
