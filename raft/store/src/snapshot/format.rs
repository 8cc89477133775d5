//! The form of a snapshot file.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `VBSNAP01` |
//! | 8 + 8 + 8 | term, node, index of the last record (little-endian, as everything here) |
//! | 4 + n | length and bytes of the membership |
//! | … | the state |
//! | 8 | length of the state |
//! | 32 | SHA-256 of all bytes before |

use crate::log::LogId;

pub(super) const MAGIC: &[u8; 8] = b"VBSNAP01";
/// Bytes before the membership.
pub(super) const FIXED: usize = 8 + 24 + 4;
/// Bytes after the state.
pub(super) const TRAILER: usize = 8 + 32;
/// A membership is a few ids; this bounds what a hostile file can make a reader allocate.
pub(super) const MAX_MEMBERSHIP: usize = 1 << 20;

/// Everything before the state. The membership must not exceed [`MAX_MEMBERSHIP`].
pub(super) fn head(last: LogId, membership: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FIXED + membership.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&last.to_bytes());
    // At most 1 MiB by the caller's check.
    bytes.extend_from_slice(&(membership.len() as u32).to_le_bytes());
    bytes.extend_from_slice(membership);
    bytes
}

/// Reads the fixed part: the last record's id and the length of the membership.
pub(super) fn parse_fixed(bytes: &[u8; FIXED]) -> Result<(LogId, usize), &'static str> {
    if &bytes[..8] != MAGIC {
        return Err("it does not begin as a snapshot of this format");
    }
    let last = LogId::from_bytes(&bytes[8..32]).ok_or("its id is incomplete")?;
    let length = u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]) as usize;
    if length > MAX_MEMBERSHIP {
        return Err("its membership is too long");
    }
    Ok((last, length))
}
