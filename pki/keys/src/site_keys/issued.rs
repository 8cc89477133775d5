//! What the site's CAs issued and is still valid, so that one can be found again to be revoked. Public data, one JSON
//! object a line, in `issued.jsonl` beside the keys; written by the daemon alone.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use verbund_model::KeyId;

use super::SiteKeysError;
use crate::certificate::{Certificate, CertificateError};
use crate::files::{self, FileError};

const FILE: &str = "issued.jsonl";
/// The most bytes of the file: some 200,000 certificates.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// After so many new lines the file is written anew without those that ran out.
const TIDY_AFTER: usize = 4096;

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issued {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// Its SPIFFE id.
    pub name: String,
    /// The id of its key.
    pub key: KeyId,
    /// The id of the key of the CA that issued it.
    pub ca: KeyId,
    /// Its last valid second, Unix time.
    pub not_after: i64,
}

impl Issued {
    /// What is noted of `certificate`, which `ca` issued. Errors: [`CertificateError`].
    pub fn of(certificate: &Certificate, ca: KeyId) -> Result<Self, CertificateError> {
        let info = certificate.info()?;
        let unknown =
            || CertificateError::Form { reason: "its key or name is of no kind that is issued here".to_owned() };
        Ok(Self {
            serial: hex(&info.serial),
            name: info.spiffe_id.as_ref().ok_or_else(unknown)?.to_string(),
            key: info.key_id.ok_or_else(unknown)?,
            ca,
            not_after: info.not_after.unix_timestamp(),
        })
    }
}

/// A serial number as people see it.
#[must_use]
pub fn hex(serial: &[u8]) -> String {
    use std::fmt::Write as _;
    serial.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The other way round; with or without colons, in any case, as `openssl` prints it. `None`: no serial number.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if digits.is_empty() || digits.len() > 40 || digits.len() % 2 == 1 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct IssuedLog {
    path: PathBuf,
    lines: usize,
}

impl IssuedLog {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, lines: 0 }
    }

    pub(super) fn path_in(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// Notes a certificate, before it is given out: one that nobody can find could not be revoked.
    pub(super) fn note(&mut self, issued: &Issued, now: OffsetDateTime) -> Result<(), SiteKeysError> {
        let io =
            |source: io::Error| SiteKeysError::File(FileError::Io { verb: "write", path: self.path.clone(), source });
        // Strings and numbers only: nothing in there can fail to serialise.
        let line = serde_json::to_string(issued).unwrap_or_default() + "\n";
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).mode(files::PUBLIC).open(&self.path).map_err(io)?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(io)?;
        self.lines += 1;
        if self.lines >= TIDY_AFTER {
            self.lines = 0;
            let valid = read_issued(&self.path)?.into_iter().filter(|issued| issued.not_after >= now.unix_timestamp());
            let text: String = valid.map(|issued| serde_json::to_string(&issued).unwrap_or_default() + "\n").collect();
            files::replace(&self.path, text.as_bytes(), files::PUBLIC)?;
        }
        Ok(())
    }
}

/// Everything that is noted, in the order of issuing. A line that was not written to its end is passed over: what it
/// stood for was not given out.
pub(super) fn read_issued(path: &Path) -> Result<Vec<Issued>, SiteKeysError> {
    let bytes = match files::read_public(path, MAX_FILE) {
        Err(error) if error.is_missing() => return Ok(Vec::new()),
        other => other?,
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_come_back_in_whatever_way_they_are_written() {
        assert_eq!(hex(&[0x4a, 0x00, 0xff]), "4a00ff");
        assert_eq!(from_hex("4a00ff"), Some(vec![0x4a, 0x00, 0xff]));
        assert_eq!(from_hex("4A:00:FF"), Some(vec![0x4a, 0x00, 0xff]));
        for bad in ["", "4", "4g", ":", &"ab".repeat(21)] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
