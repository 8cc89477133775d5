//! The redb file: tables, reading, and the check of everything at open.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError, TableDefinition};

use super::LogOptions;
use super::record::{LogId, LogRecord};
use crate::failure::OpenError;
use crate::header::Header;

/// Records by index, in the form of [`LogRecord::encode`].
pub(super) const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// Everything else by name, each with a CRC-32 over name and value in front.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

pub(super) const HEADER: &str = "header";
pub(super) const VOTE: &str = "vote";
pub(super) const COMMITTED: &str = "committed";
pub(super) const PURGED: &str = "purged";
pub(super) const COMMIT: &str = "commit";

/// What a check of the whole log found.
pub(super) struct Found {
    pub(super) first: Option<u64>,
    pub(super) last: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<LogId>,
    pub(super) commit: u64,
}

/// Why a range could not be read.
pub(super) enum RangeError {
    Damaged(u64),
    Database(String),
}

impl<E: Into<redb::Error>> From<E> for RangeError {
    fn from(error: E) -> Self {
        Self::Database(error.into().to_string())
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("log.redb")
}

/// Creates an empty database file. Fails if there is one.
pub(super) fn create(path: &Path, options: &LogOptions) -> Result<Database, OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(OpenError::io("creating", path))?;
    guarded(path, || load(file, options, false))
}

/// Opens a database file and lets redb check every page of it. A panic of redb on a file that makes no sense to it is
/// reported as damage.
pub(super) fn open(path: &Path, options: &LogOptions) -> Result<Database, OpenError> {
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(OpenError::io("opening", path))?;
    guarded(path, || load(file, options, true))
}

fn load(file: File, options: &LogOptions, check: bool) -> Result<Database, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.database_cache_bytes).set_check_integrity_on_open(check);
    match &options.fault {
        Some(disk) => builder.create_with_backend(disk.attach(file).map_err(StorageError::Io)?),
        None => builder.create_with_backend(redb::backends::FileBackend::new(file)?),
    }
}

fn guarded(path: &Path, load: impl FnOnce() -> Result<Database, DatabaseError>) -> Result<Database, OpenError> {
    let dir = path.parent().unwrap_or(path).to_path_buf();
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::Storage(StorageError::Corrupted(what)))) => Err(OpenError::DamagedLog { what, dir }),
        Ok(Err(DatabaseError::Storage(StorageError::Io(source))))
            if source.kind() != std::io::ErrorKind::InvalidData
                && source.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Err(OpenError::Io { what: "reading", path: path.to_path_buf(), source })
        }
        Ok(Err(DatabaseError::Storage(StorageError::Io(source)))) => {
            Err(OpenError::DamagedLog { what: source.to_string(), dir })
        }
        Ok(Err(error @ DatabaseError::UpgradeRequired(_))) => {
            Err(OpenError::DamagedLog { what: error.to_string(), dir })
        }
        Ok(Err(error)) => Err(OpenError::Database { why: error.to_string(), dir }),
        Err(_) => Err(OpenError::DamagedLog { what: "the database makes no sense".to_owned(), dir }),
    }
}

/// The stored form of a value of [`META`].
pub(super) fn seal(name: &str, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(4 + value.len());
    sealed.extend_from_slice(&meta_checksum(name, value).to_le_bytes());
    sealed.extend_from_slice(value);
    sealed
}

fn unseal(name: &str, sealed: &[u8]) -> Option<Bytes> {
    let (stored, value) = sealed.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*stored) == meta_checksum(name, value)).then(|| Bytes::copy_from_slice(value))
}

fn meta_checksum(name: &str, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(value);
    hasher.finalize()
}

/// Reads the header kept inside the log.
pub(super) fn header(database: &Database, dir: &Path) -> Result<Header, OpenError> {
    let value = guarded_scan(dir, || meta(&begin(database, dir)?, HEADER, dir))?;
    value
        .and_then(|value| Header::from_bytes(&value))
        .ok_or_else(|| OpenError::DamagedLog { what: "its header is missing".to_owned(), dir: dir.to_path_buf() })
}

/// Reads and checks everything: each record's checksum, that none is missing, and the values beside them.
pub(super) fn scan(database: &Database, dir: &Path) -> Result<Found, OpenError> {
    guarded_scan(dir, || {
        let transaction = begin(database, dir)?;
        let id = |name| -> Result<Option<LogId>, OpenError> {
            let Some(value) = meta(&transaction, name, dir)? else { return Ok(None) };
            LogId::from_bytes(&value).map(Some).ok_or_else(|| damaged(name, dir))
        };
        let purged = id(PURGED)?;
        let commit = meta(&transaction, COMMIT, dir)?.ok_or_else(|| damaged(COMMIT, dir))?;
        let commit = <[u8; 8]>::try_from(&commit[..]).map_err(|_| damaged(COMMIT, dir))?;
        let mut found = Found {
            first: None,
            last: None,
            purged,
            vote: meta(&transaction, VOTE, dir)?,
            committed: id(COMMITTED)?,
            commit: u64::from_le_bytes(commit),
        };
        each_record(&transaction, 0..=u64::MAX, |record| {
            let expected = found.last.or(purged).map(|id| id.index + 1);
            if let Some(expected) = expected.filter(|expected| *expected != record.id.index) {
                return Err(RangeError::Damaged(expected));
            }
            found.first.get_or_insert(record.id.index);
            found.last = Some(record.id);
            Ok(true)
        })
        .map_err(|error| match error {
            RangeError::Damaged(index) => OpenError::Damaged { index, dir: dir.to_path_buf() },
            RangeError::Database(what) => OpenError::DamagedLog { what, dir: dir.to_path_buf() },
        })?;
        Ok(found)
    })
}

/// Calls `take` with each record of the range, in order, until it returns `false`.
pub(super) fn each_record(
    transaction: &ReadTransaction,
    range: impl std::ops::RangeBounds<u64>,
    mut take: impl FnMut(LogRecord) -> Result<bool, RangeError>,
) -> Result<(), RangeError> {
    let table = transaction.open_table(RECORDS)?;
    for entry in table.range(range)? {
        let (key, value) = entry?;
        let record = LogRecord::decode(key.value(), value.value()).ok_or(RangeError::Damaged(key.value()))?;
        if !take(record)? {
            break;
        }
    }
    Ok(())
}

/// The records of a range in which none may be missing: as many as fit in `max_bytes`, and at least one.
pub(super) fn read(
    transaction: &ReadTransaction,
    range: Range<u64>,
    max_bytes: usize,
) -> Result<Vec<LogRecord>, RangeError> {
    let mut records = Vec::new();
    let mut used = 0usize;
    let mut full = false;
    let whole = catch_unwind(AssertUnwindSafe(|| {
        each_record(transaction, range.clone(), |record| {
            let expected = range.start + records.len() as u64;
            if record.id.index != expected {
                return Err(RangeError::Damaged(expected));
            }
            used = used.saturating_add(record.payload.len());
            full = used > max_bytes && !records.is_empty();
            if !full {
                records.push(record);
            }
            Ok(!full)
        })
    }));
    whole.map_err(|_| RangeError::Database("the database makes no sense".to_owned()))??;
    let next = range.start + records.len() as u64;
    if !full && next < range.end {
        return Err(RangeError::Damaged(next));
    }
    Ok(records)
}

/// One value of [`META`]; `None` if it was never written.
pub(super) fn meta(transaction: &ReadTransaction, name: &str, dir: &Path) -> Result<Option<Bytes>, OpenError> {
    let failed = |error: redb::Error| OpenError::DamagedLog { what: error.to_string(), dir: dir.to_path_buf() };
    let table = transaction.open_table(META).map_err(|error| failed(error.into()))?;
    match table.get(name).map_err(|error| failed(error.into()))? {
        Some(sealed) => unseal(name, sealed.value()).map(Some).ok_or_else(|| damaged(name, dir)),
        None => Ok(None),
    }
}

pub(super) fn begin(database: &Database, dir: &Path) -> Result<ReadTransaction, OpenError> {
    database.begin_read().map_err(|error| OpenError::Database { why: error.to_string(), dir: dir.to_path_buf() })
}

fn guarded_scan<T>(dir: &Path, scan: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    catch_unwind(AssertUnwindSafe(scan)).unwrap_or_else(|_| {
        Err(OpenError::DamagedLog { what: "the database makes no sense".to_owned(), dir: dir.to_path_buf() })
    })
}

fn damaged(name: &str, dir: &Path) -> OpenError {
    OpenError::DamagedLog { what: format!("its {name} does not match its checksum"), dir: dir.to_path_buf() }
}
