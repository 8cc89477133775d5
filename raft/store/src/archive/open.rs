//! Opening the archive: finding the segments, and cutting a torn end.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::current::Current;
use super::segment::{Scan, Segment, Step, parse_name};
use super::{ArchiveError, ArchiveOptions, Inner, checkpoint};
use crate::directory::{make_dir, sync_dir};
use crate::failure::OpenError;
use crate::fault::FaultDisk;

/// Loads what is in `dir` (created if missing).
///
/// The segment that was being written is written again into a fresh file up to its last whole record: that cuts a torn
/// end, and after a failed fsync it does not rest on a page cache that may show what the disk lost.
pub(super) fn load(dir: &Path, options: &ArchiveOptions, fault: Option<&FaultDisk>) -> Result<Inner, OpenError> {
    make_dir(dir, fault).map_err(OpenError::io("creating", dir))?;
    checkpoint::make_dir(dir, fault).map_err(OpenError::io("creating", dir))?;
    let mut inner = Inner::default();
    for (first, end, finished) in list(dir)? {
        let segment = if finished { finished_segment(dir, first, end)? } else { unfinished(dir, first, end)? };
        inner.segments.insert(segment.key(), segment);
    }
    let Some(last) = inner.segments.last_entry().map(|entry| *entry.get()) else { return Ok(inner) };
    inner.next = Some(last.next);
    inner.durable = last.next;
    if last.sha256.is_none() {
        inner.segments.remove(&last.key());
        rewrite(&mut inner, dir, &last, fault)?;
    }
    if inner.segments.values().any(|segment| segment.end % options.segment_records.max(1) != 0) {
        tracing::warn!(dir = %dir.display(), "the archive was written with another segment size");
    }
    Ok(inner)
}

/// The segment files; what interrupted writes left is removed.
fn list(dir: &Path) -> Result<Vec<(u64, u64, bool)>, OpenError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(OpenError::io("listing", dir))? {
        let path = entry.map_err(OpenError::io("listing", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(&path).map_err(OpenError::io("removing", &path))?;
            continue;
        }
        found.extend(path.file_name().and_then(|name| name.to_str()).and_then(parse_name));
    }
    Ok(found)
}

fn finished_segment(dir: &Path, first: u64, end: u64) -> Result<Segment, OpenError> {
    let mut segment = Segment { first, next: end + 1, end, sha256: Some([0; 32]) };
    let path = dir.join(segment.name());
    let mut sha256 = [0; 32];
    let read = File::open(&path).and_then(|mut file| {
        file.seek(SeekFrom::End(-32))?;
        file.read_exact(&mut sha256)
    });
    read.map_err(OpenError::io("reading", path))?;
    segment.sha256 = Some(sha256);
    Ok(segment)
}

/// Counts the whole records of an unfinished segment.
fn unfinished(dir: &Path, first: u64, end: u64) -> Result<Segment, OpenError> {
    let mut segment = Segment { first, next: first, end, sha256: None };
    let path = dir.join(segment.name());
    each_whole_record(&path, |_| Ok(())).map(|count| segment.next = first + count)?;
    Ok(segment)
}

/// Writes the whole records of the last segment into a fresh file of the same name.
fn rewrite(inner: &mut Inner, dir: &Path, last: &Segment, fault: Option<&FaultDisk>) -> Result<(), OpenError> {
    let path = dir.join(last.name());
    let failed = |error: ArchiveError| OpenError::Io {
        what: "writing again",
        path: path.clone(),
        source: io::Error::other(error.to_string()),
    };
    let mut current = Current::create_as(dir, "current.new", last.first, last.end).map_err(failed)?;
    each_whole_record(&path, |record| current.push(record).map_err(failed))?;
    current.flush().map_err(failed)?;
    current.sync(fault).map_err(OpenError::io("syncing", &path))?;
    current.take_name().map_err(OpenError::io("replacing", &path))?;
    sync_dir(dir, fault).map_err(OpenError::io("syncing", dir))?;
    current.take_unlisted();
    inner.current = Some(current);
    Ok(())
}

/// Calls `take` with each record up to the first that is not whole, and counts them.
fn each_whole_record(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), OpenError>) -> Result<u64, OpenError> {
    let mut count = 0;
    let Ok(mut scan) = Scan::open(path).map_err(OpenError::io("reading", path))? else {
        tracing::warn!(path = %path.display(), "an archive segment without a whole beginning is begun again");
        return Ok(0);
    };
    loop {
        match scan.step().map_err(OpenError::io("reading", path))? {
            Step::Record(record) => {
                take(&record)?;
                count += 1;
            }
            Step::Finished | Step::End => return Ok(count),
            Step::Broken(what) => {
                tracing::warn!(path = %path.display(), what, records = count, "the archive's torn end was cut");
                return Ok(count);
            }
        }
    }
}
