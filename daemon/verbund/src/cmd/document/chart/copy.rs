//! A chart's private copy, and the digest of what is in it. Nothing is followed out of the chart, and nothing is without a
//! bound.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::t;

/// Files of a chart.
const MAX_FILES: usize = 2_000;
/// Bytes of a chart.
const MAX_BYTES: u64 = 16 << 20;
/// How deep its directories lie.
const MAX_DEPTH: usize = 16;

/// A chart that nobody else changes.
pub struct Copied {
    /// The directory or the packed file.
    pub path: PathBuf,
    /// `sha256:` and the hash: of the packed file as it is; of a directory over its files' paths and contents.
    pub digest: String,
}

/// Copies the chart at `source` into `desk`. Errors: there is none, it is too large, or it has something in it that is
/// neither a file nor a directory.
pub fn into(source: &Path, desk: &Path) -> Result<Copied, String> {
    let kind = fs::symlink_metadata(source).map_err(|error| unreadable(source, &error))?;
    if kind.is_file() {
        let mut left = MAX_BYTES;
        let bytes = contents(source, &mut left)?;
        let path = desk.join("chart.tgz");
        fs::write(&path, &bytes).map_err(|error| unreadable(&path, &error))?;
        return Ok(Copied { path, digest: text(&Sha256::digest(&bytes)) });
    }
    let (mut files, mut left) = (BTreeMap::new(), MAX_BYTES);
    gather(source, "", &mut files, &mut left, 0)?;
    let path = desk.join("chart");
    let mut hash = Sha256::new();
    for (name, bytes) in &files {
        for part in [name.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let to = path.join(name);
        let made = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&to, bytes));
        made.map_err(|error| unreadable(&to, &error))?;
    }
    Ok(Copied { path, digest: text(&hash.finalize()) })
}

fn text(hash: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(hash))
}

/// Every file below a directory, by its path in it.
fn gather(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
    left: &mut u64,
    depth: usize,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(t!("chart-deep", path = directory.display().to_string(), most = MAX_DEPTH));
    }
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        let at = entry.path();
        let name = entry.file_name().into_string().map_err(|_| t!("chart-name", path = at.display().to_string()))?;
        let name = format!("{prefix}{name}");
        // That of the entry itself: a link is not followed.
        let kind = entry.file_type().map_err(|error| unreadable(&at, &error))?;
        if kind.is_symlink() {
            return Err(t!("chart-link", path = at.display().to_string()));
        } else if kind.is_dir() {
            gather(&at, &format!("{name}/"), files, left, depth + 1)?;
        } else if kind.is_file() {
            if files.len() >= MAX_FILES {
                return Err(t!("chart-many", most = MAX_FILES));
            }
            files.insert(name, contents(&at, left)?);
        } else {
            return Err(t!("chart-special", path = at.display().to_string()));
        }
    }
    Ok(())
}

/// What is in a file, as far as there is room.
fn contents(path: &Path, left: &mut u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(|error| unreadable(path, &error))?;
    file.take(*left + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| t!("chart-large", most = MAX_BYTES >> 20))?;
    Ok(bytes)
}

/// Opens a file, unless it has become a link since it was looked at.
fn open(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    t!("chart-unreadable", path = path.display().to_string(), reason = error.to_string())
}
