//! Creating the log, opening it, and copying it to a fresh file after a failure.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, Durability};

use super::database::{self, COMMIT, COMMITTED, Found, HEADER, META, PURGED, RECORDS, RangeError, VOTE, seal};
use super::record::LogRecord;
use super::{LogOptions, Sidecar};
use crate::directory::{sync_dir, sync_file};
use crate::failure::OpenError;
use crate::header::Header;

/// Payload bytes in one transaction of the copy: bounds memory and the size of the fresh file.
const COPY_BYTES: usize = 4 << 20;

/// Creates an empty log durably.
pub(crate) fn create(dir: &Path, header: &Header, options: &LogOptions) -> Result<(), OpenError> {
    let path = database::path(dir);
    let fresh = dir.join("log.redb.new");
    remove_if_there(&fresh)?;
    let database = database::create(&fresh, options)?;
    write_meta(&database, header, None, 0).map_err(|error| refused(&error, dir))?;
    close(database, dir)?;
    swap_in(&fresh, &path, dir, options)?;
    let (sidecar, _) =
        Sidecar::open(dir, options.fault.clone()).map_err(OpenError::io("opening", Sidecar::path(dir)))?;
    sidecar.reset(dir, 0).map_err(OpenError::io("writing", Sidecar::path(dir)))
}

/// Whether there is a log file, be it empty or damaged.
pub(crate) fn exists(dir: &Path) -> Result<bool, OpenError> {
    let path = database::path(dir);
    fs::exists(&path).map_err(OpenError::io("reading", path))
}

/// Whether the log in `dir` is one of `header` that never held a record or a vote.
pub(crate) fn is_unused(dir: &Path, header: &Header, options: &LogOptions) -> Result<bool, OpenError> {
    let database = open_own(&database::path(dir), dir, header, options)?;
    let found = database::scan(&database, dir)?;
    close(database, dir)?;
    Ok(found.last.is_none() && found.vote.is_none() && found.purged.is_none() && found.committed.is_none())
}

/// Opens the log of `header`, copying it to a fresh file first if the last run ended with a failure.
pub(super) fn open_checked(
    dir: &Path,
    header: &Header,
    options: &LogOptions,
) -> Result<(Database, Arc<Sidecar>), OpenError> {
    let path = database::path(dir);
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(OpenError::io("reading", path)(error)),
    };
    if length == 0 {
        return Err(OpenError::LogMissing { node: header.node, dir: dir.to_path_buf() });
    }
    let fresh = dir.join("log.redb.new");
    remove_if_there(&fresh)?;
    let (sidecar, remembered) =
        Sidecar::open(dir, options.fault.clone()).map_err(OpenError::io("opening", Sidecar::path(dir)))?;
    let mut database = open_own(&path, dir, header, options)?;
    let found = database::scan(&database, dir)?;
    if let Some(seen) = remembered.commit.filter(|seen| *seen > found.commit) {
        return Err(OpenError::RolledBack { found: found.commit, seen, dir: dir.to_path_buf() });
    }
    if remembered.copy {
        tracing::warn!(dir = %dir.display(), "the last run ended with a disk failure: copying the log to a fresh file");
        copy(&database, &fresh, dir, header, &found, options)?;
        close(database, dir)?;
        drop_cached_pages(&fresh);
        let copied = open_own(&fresh, dir, header, options)?;
        same(&database::scan(&copied, dir)?, &found, dir)?;
        close(copied, dir)?;
        swap_in(&fresh, &path, dir, options)?;
        sidecar.reset(dir, found.commit).map_err(OpenError::io("writing", Sidecar::path(dir)))?;
        database = open_own(&path, dir, header, options)?;
    }
    Ok((database, Arc::new(sidecar)))
}

fn open_own(path: &Path, dir: &Path, header: &Header, options: &LogOptions) -> Result<Database, OpenError> {
    let database = database::open(path, options)?;
    header.check(&database::header(&database, dir)?, dir)?;
    Ok(database)
}

/// Writes everything that `found` describes into a new database. Each record's checksum was checked by the read.
fn copy(
    from: &Database,
    path: &Path,
    dir: &Path,
    header: &Header,
    found: &Found,
    options: &LogOptions,
) -> Result<(), OpenError> {
    let to = database::create(path, options)?;
    write_meta(&to, header, Some(found), found.commit).map_err(|error| refused(&error, dir))?;
    let transaction = database::begin(from, dir)?;
    let mut batch = Vec::new();
    let mut bytes = 0;
    database::each_record(&transaction, 0..=u64::MAX, |record| {
        bytes += record.payload.len();
        batch.push(record);
        if bytes >= COPY_BYTES {
            write_records(&to, &batch)?;
            batch.clear();
            bytes = 0;
        }
        Ok(true)
    })
    .and_then(|()| write_records(&to, &batch).map_err(RangeError::from))
    .map_err(|error| match error {
        RangeError::Damaged(index) => OpenError::Damaged { index, dir: dir.to_path_buf() },
        RangeError::Database(why) => OpenError::Database { why, dir: dir.to_path_buf() },
    })?;
    close(to, dir)
}

fn write_meta(database: &Database, header: &Header, found: Option<&Found>, commit: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    {
        transaction.open_table(RECORDS)?;
        let mut meta = transaction.open_table(META)?;
        let mut put = |name: &str, value: &[u8]| meta.insert(name, &seal(name, value)[..]).map(|_| ());
        put(HEADER, &header.to_bytes())?;
        put(COMMIT, &commit.to_le_bytes())?;
        if let Some(found) = found {
            found.vote.as_ref().map_or(Ok(()), |vote| put(VOTE, vote))?;
            found.committed.map_or(Ok(()), |id| put(COMMITTED, &id.to_bytes()))?;
            found.purged.map_or(Ok(()), |id| put(PURGED, &id.to_bytes()))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn write_records(database: &Database, records: &[LogRecord]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    {
        let mut table = transaction.open_table(RECORDS)?;
        let mut encoded = Vec::new();
        for record in records {
            record.encode(&mut encoded);
            table.insert(record.id.index, &encoded[..])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Fails unless the copy holds what the original did.
fn same(copied: &Found, original: &Found, dir: &Path) -> Result<(), OpenError> {
    let key =
        |found: &Found| (found.first, found.last, found.purged, found.vote.clone(), found.committed, found.commit);
    if key(copied) == key(original) {
        return Ok(());
    }
    Err(OpenError::DamagedLog { what: "its copy reads back differently".to_owned(), dir: dir.to_path_buf() })
}

/// Puts a finished file in the place of another, durably.
fn swap_in(fresh: &Path, path: &Path, dir: &Path, options: &LogOptions) -> Result<(), OpenError> {
    let fault = options.fault.as_ref();
    let file = File::open(fresh).map_err(OpenError::io("opening", fresh))?;
    sync_file(&file, fault).map_err(OpenError::io("syncing", fresh))?;
    fs::rename(fresh, path).map_err(OpenError::io("replacing", path))?;
    sync_dir(dir, fault).map_err(OpenError::io("syncing", dir))
}

/// Asks the system to forget its copy of the file, so that the check reads what the disk has. Only a request: without
/// it the check is weaker, but nothing is wrong.
fn drop_cached_pages(path: &Path) {
    if let Ok(file) = File::open(path) {
        let asked = file.sync_all().map_err(|error| error.to_string()).and_then(|()| {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).map_err(|error| error.to_string())
        });
        if let Err(error) = asked {
            tracing::debug!(error, "the page cache could not be dropped before the check");
        }
    }
}

fn close(database: Database, dir: &Path) -> Result<(), OpenError> {
    database.close().map_err(|error| OpenError::Database { why: error.to_string(), dir: dir.to_path_buf() })
}

fn refused(error: &redb::Error, dir: &Path) -> OpenError {
    OpenError::Database { why: error.to_string(), dir: dir.to_path_buf() }
}

fn remove_if_there(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::io("removing", path)(error)),
        _ => Ok(()),
    }
}
