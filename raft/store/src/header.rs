//! The marker beside the log: which node of which federation this directory belongs to.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory::replace_file;
use crate::failure::OpenError;
use crate::fault::FaultDisk;

/// Whose store this is. Written once, when the store is created, into a marker file and into the log itself; checked at
/// every open.
///
/// The marker makes a lost log visible: a directory with a marker and no log once held a voter's promises, and such a
/// node refuses to start ([`OpenError::LogMissing`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the stored form, [`crate::FORMAT`] for new stores.
    pub format: u32,
    /// The node's id: minted once by the federation, never reused.
    pub node: u64,
    /// The federation's id: SHA-256 of its genesis document.
    pub federation: [u8; 32],
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} of federation {} (format {})", self.node, hex(&self.federation), self.format)
    }
}

impl Header {
    /// Length of [`Header::to_bytes`].
    pub(crate) const BYTES: usize = 4 + 8 + 32;

    /// The fixed form kept inside the log.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.format.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.node.to_le_bytes());
        bytes[12..].copy_from_slice(&self.federation);
        bytes
    }

    /// The reverse of [`Header::to_bytes`]; `None` for any other length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first_chunk::<4>()?;
        let (node, rest) = rest.split_first_chunk::<8>()?;
        let federation = <[u8; 32]>::try_from(rest).ok()?;
        Some(Self { format: u32::from_le_bytes(*format), node: u64::from_le_bytes(*node), federation })
    }

    /// Where the marker lies in a store's directory.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("node.header")
    }

    /// Writes the marker durably. It is text, so that an operator can see whose directory this is.
    pub(crate) fn write(self, dir: &Path, fault: Option<&FaultDisk>) -> Result<(), OpenError> {
        let path = Self::path(dir);
        replace_file(&path, self.to_text().as_bytes(), fault).map_err(OpenError::io("writing", path))
    }

    /// Reads the marker: `None` if there is none, [`OpenError::HeaderDamaged`] if it does not match its checksum.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = Self::path(dir);
        match fs::read(&path) {
            Ok(bytes) => match std::str::from_utf8(&bytes).ok().and_then(Self::from_text) {
                Some(header) => Ok(Some(header)),
                None => Err(OpenError::HeaderDamaged(path)),
            },
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { what: "reading", path, source }),
        }
    }

    /// Fails with [`OpenError::WrongHeader`] unless `found` is what the caller wants.
    pub(crate) fn check(&self, found: &Self, dir: &Path) -> Result<(), OpenError> {
        if self == found {
            return Ok(());
        }
        Err(OpenError::WrongHeader { dir: dir.to_path_buf(), found: found.to_string(), wanted: self.to_string() })
    }

    fn to_text(self) -> String {
        let body = format!("verbund-store {}\nnode {}\nfederation {}\n", self.format, self.node, hex(&self.federation));
        let checksum = crc32fast::hash(body.as_bytes());
        format!("{body}checksum {checksum:08x}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let (body, checksum) = text.split_at_checked(text.find("checksum ")?)?;
        let checksum = checksum.strip_prefix("checksum ")?.strip_suffix('\n')?;
        if checksum.len() != 8 || u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let mut lines = body.lines();
        let format = lines.next()?.strip_prefix("verbund-store ")?.parse().ok()?;
        let node = lines.next()?.strip_prefix("node ")?.parse().ok()?;
        let federation = unhex(lines.next()?.strip_prefix("federation ")?)?;
        lines.next().is_none().then_some(Self { format, node, federation })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { format: 1, node: (7 << 32) | 9, federation: [0xa5; 32] }
    }

    #[test]
    fn both_forms_read_back() {
        assert_eq!(Header::from_bytes(&header().to_bytes()), Some(header()));
        assert_eq!(Header::from_text(&header().to_text()), Some(header()));
    }

    #[test]
    fn golden_text() {
        assert_eq!(
            header().to_text(),
            format!("verbund-store 1\nnode 30064771081\nfederation {}\nchecksum 78cbc307\n", "a5".repeat(32))
        );
    }

    #[test]
    fn every_flipped_bit_of_the_marker_is_noticed() {
        let text = header().to_text().into_bytes();
        for position in 0..text.len() {
            for bit in 0..8 {
                let mut damaged = text.clone();
                damaged[position] ^= 1 << bit;
                let read = std::str::from_utf8(&damaged).ok().and_then(Header::from_text);
                // The case of a hexadecimal digit of the checksum carries nothing.
                assert!(read.is_none() || read == Some(header()), "byte {position} bit {bit}");
            }
        }
    }
}
