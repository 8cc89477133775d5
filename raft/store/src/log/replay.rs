//! Reading the whole log when it is opened, and telling a torn end from damage.
//!
//! A commit is written only after the one before it is durable. So where a commit does not match its checksum, and a later
//! one does, an acknowledged commit is damaged. What nothing valid follows was never acknowledged: the power went while it
//! was written. (That the disk damaged the very last commit, acknowledged as it was, shows by the commit number in
//! `log.state`; only a power loss that takes the newest of those numbers too leaves the two alike.)

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::batch::{ALIGN, Frame, HEADER, Head, each_frame};
use super::file::{LogFile, Window};
use super::index::{Index, Place, RangeError, id_of};
use super::record::LogId;
use super::segment::{self, BLOCK, Block};
use crate::failure::OpenError;
use crate::fault::FaultDisk;
use crate::header::Header;

/// What the log holds beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) purged: Option<LogId>,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<LogId>,
}

/// Where the log ends.
pub(super) struct End {
    pub(super) block: Block,
    pub(super) file: Arc<LogFile>,
    pub(super) length: u64,
    /// Where the next commit goes.
    pub(super) at: u64,
    /// CRC-32 of the last commit.
    pub(super) previous: u32,
    /// Whether a commit that was never acknowledged lies behind the end.
    pub(super) torn: bool,
}

/// What a check of the whole log found.
pub(super) struct Found {
    pub(super) index: Index,
    pub(super) last: Option<LogId>,
    pub(super) values: Values,
    pub(super) commit: u64,
    pub(super) end: End,
    /// Files that count no more: older than a copy, or left over from a purge.
    pub(super) stale: Vec<u32>,
}

/// One file, open.
struct Segment {
    block: Block,
    file: Arc<LogFile>,
}

fn damaged(what: impl Into<String>, dir: &Path) -> OpenError {
    OpenError::DamagedLog { what: what.into(), dir: dir.to_path_buf() }
}

/// Reads and checks everything. Changes nothing.
///
/// # Errors
/// [`OpenError::LogMissing`], [`OpenError::WrongHeader`], [`OpenError::Damaged`], [`OpenError::DamagedLog`], or the
/// system's answer.
pub(super) fn scan(dir: &Path, header: &Header, fault: Option<&FaultDisk>) -> Result<Found, OpenError> {
    let mut numbers = segment::numbers(dir)?;
    let mut segments = Vec::new();
    let mut from_reset = false;
    if all_empty(dir, &numbers)? {
        return Err(OpenError::LogMissing { node: header.node, dir: dir.to_path_buf() });
    }
    // From the newest down to the one behind which nothing counts.
    while let Some(number) = numbers.pop() {
        let segment = open(dir, number, header, fault)?;
        from_reset = begins_anew(&segment, dir)?;
        segments.push(segment);
        if from_reset || numbers.last().is_some_and(|below| below + 1 != number) {
            break;
        }
    }
    segments.reverse();
    let mut replay = Replay { index: Index::default(), values: Values::default(), next: None, from_reset };
    let last = segments.len().saturating_sub(1);
    let mut end = None;
    for (place, segment) in segments.into_iter().enumerate() {
        end = Some(replay.segment(segment, place == last, dir)?);
    }
    let end = end.ok_or_else(|| damaged("it has no files", dir))?;
    replay.finish(end, numbers, dir)
}

fn all_empty(dir: &Path, numbers: &[u32]) -> Result<bool, OpenError> {
    for number in numbers {
        let path = segment::path(dir, *number);
        let length = std::fs::metadata(&path).map_err(OpenError::io("reading", path))?.len();
        if length > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn open(dir: &Path, number: u32, header: &Header, fault: Option<&FaultDisk>) -> Result<Segment, OpenError> {
    let path = segment::path(dir, number);
    let file = LogFile::open(&path, fault).map_err(OpenError::io("opening", &path))?;
    let mut window = Window::new(&file).map_err(OpenError::io("reading", &path))?;
    let bytes = window.get(0, BLOCK).map_err(OpenError::io("reading", &path))?;
    let block = bytes.and_then(Block::from_bytes).filter(|block| block.number == number);
    let block = block.ok_or_else(|| damaged(format!("the beginning of {}", path.display()), dir))?;
    header.check(&block.header, dir)?;
    Ok(Segment { block, file: Arc::new(file) })
}

/// Whether a file's first commit says that nothing before it counts.
fn begins_anew(segment: &Segment, dir: &Path) -> Result<bool, OpenError> {
    let mut window = Window::new(&segment.file).map_err(OpenError::io("reading", dir))?;
    let first = commit_at(&mut window, BLOCK as u64, segment.block.salt).map_err(OpenError::io("reading", dir))?;
    let Some((_, whole)) = first else {
        // A file gets its name when its first commit is durable.
        return Err(damaged(format!("the first commit of its file {}", segment.block.number), dir));
    };
    let mut reset = false;
    let told = each_frame(whole, |frame| {
        reset |= frame == Frame::Reset;
        Ok::<_, OpenError>(())
    })?;
    told.map(|()| reset).ok_or_else(|| damaged("a commit makes no sense", dir))
}

/// The commit at an offset (header and frames), if a valid one is there.
fn commit_at<'a>(window: &'a mut Window<'_>, at: u64, salt: u64) -> std::io::Result<Option<(Head, &'a [u8])>> {
    let Some(head) = window.get(at, HEADER)?.and_then(Head::read) else { return Ok(None) };
    let whole = window.get(at, HEADER + head.frames)?;
    Ok(whole.filter(|whole| head.matches(salt, whole)).map(|whole| (head, whole)))
}

struct Replay {
    index: Index,
    values: Values,
    /// Number of the next commit, and the CRC-32 that it must name; not known before the first.
    next: Option<(u64, u32)>,
    from_reset: bool,
}

impl Replay {
    fn segment(&mut self, segment: Segment, is_last: bool, dir: &Path) -> Result<End, OpenError> {
        let Segment { block, file } = segment;
        let reading = || OpenError::io("reading", segment::path(dir, block.number));
        let mut window = Window::new(&file).map_err(reading())?;
        let length = window.length();
        let mut at = BLOCK as u64;
        while let Some((head, whole)) = commit_at(&mut window, at, block.salt).map_err(reading())? {
            if self.next.is_some_and(|next| next != (head.commit, head.previous)) {
                let what = format!("commit {} does not follow the one before it", head.commit);
                return Err(damaged(what, dir));
            }
            self.commit(block.number, at, whole, dir)?;
            self.next = Some((head.commit + 1, head.checksum()));
            at += head.stored_length();
        }
        let torn = is_last && self.torn(&mut window, at, block.salt, dir)?;
        self.index.add_file(block.number, file.clone());
        let previous = self.next.map_or(0, |(_, previous)| previous);
        Ok(End { block, file, length, at, previous, torn })
    }

    /// Whether anything lies behind the end. Errors: something valid does.
    fn torn(&self, window: &mut Window<'_>, at: u64, salt: u64, dir: &Path) -> Result<bool, OpenError> {
        let mut torn = false;
        for place in (at..window.length()).step_by(ALIGN) {
            let count = ALIGN.min(usize::try_from(window.length() - place).unwrap_or(ALIGN));
            let bytes = window.get(place, count).map_err(OpenError::io("reading", dir))?;
            if bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0)) {
                continue;
            }
            torn = true;
            if let Some((head, _)) = commit_at(window, place, salt).map_err(OpenError::io("reading", dir))? {
                let wanted = self.next.map_or(0, |(commit, _)| commit);
                return Err(damaged(format!("commit {wanted} is damaged, but commit {} is there", head.commit), dir));
            }
        }
        Ok(torn)
    }

    fn commit(&mut self, segment: u32, begins: u64, whole: &[u8], dir: &Path) -> Result<(), OpenError> {
        let told = each_frame(whole, |frame| {
            match frame {
                Frame::Append { id, at, length } => {
                    let place = Place { segment, length, offset: begins + at };
                    self.append(id.index, place, dir)?;
                }
                Frame::Vote(vote) => self.values.vote = Some(vote),
                Frame::Truncate { from } => self.index.truncate(from),
                Frame::Purge { upto } => {
                    self.index.purge(upto.index);
                    self.values.purged = Some(upto);
                }
                Frame::Committed(id) => self.values.committed = Some(id),
                Frame::Reset => {
                    self.index.clear();
                    self.values = Values::default();
                }
            }
            Ok(())
        })?;
        told.ok_or_else(|| damaged("a commit makes no sense", dir))
    }

    fn append(&mut self, index: u64, place: Place, dir: &Path) -> Result<(), OpenError> {
        match self.index.next() {
            // Records before may have been in a file that a purge removed; whether they are needed shows at the end.
            Some(next) if index > next && !self.from_reset => self.index.clear(),
            Some(next) if index != next => return Err(OpenError::Damaged { index: next, dir: dir.to_path_buf() }),
            _ => {}
        }
        self.index.push(index, place);
        Ok(())
    }

    fn finish(mut self, end: End, stale: Vec<u32>, dir: &Path) -> Result<Found, OpenError> {
        let purged = self.values.purged;
        if purged.is_none() && !self.from_reset {
            return Err(damaged("its first file is missing", dir));
        }
        if let Some(purged) = purged {
            self.index.purge(purged.index);
            let missing = self.index.first().is_some_and(|first| first != purged.index + 1);
            if missing {
                return Err(OpenError::Damaged { index: purged.index + 1, dir: dir.to_path_buf() });
            }
        }
        let last = id_of(&self.index).map_err(|error| range_error(error, dir))?;
        // There is a first commit: no file is without one.
        let commit = self.next.map_or(0, |(next, _)| next.saturating_sub(1));
        Ok(Found { index: self.index, last, values: self.values, commit, end, stale })
    }
}

/// What a failed read means for who opens the log.
pub(super) fn range_error(error: RangeError, dir: &Path) -> OpenError {
    match error {
        RangeError::Damaged(index) => OpenError::Damaged { index, dir: dir.to_path_buf() },
        RangeError::Io(why) => damaged(why, dir),
    }
}
