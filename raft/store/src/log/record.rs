//! A record of the log and its stored form.

use std::fmt;

use bytes::Bytes;

/// The id of a log record: which leader of which term wrote it, and its place.
///
/// It has no order of its own: within one log `index` orders records; how ids of different logs compare is Raft's
/// matter (term first), and the store never needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId {
    /// The leader's term.
    pub term: u64,
    /// The leader's node id.
    pub node: u64,
    /// Position in the log.
    pub index: u64,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@T{}-N{}", self.index, self.term, self.node)
    }
}

impl LogId {
    const BYTES: usize = 24;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.term.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.node.to_le_bytes());
        bytes[16..].copy_from_slice(&self.index.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (term, rest) = bytes.split_first_chunk::<8>()?;
        let (node, rest) = rest.split_first_chunk::<8>()?;
        let index = <[u8; 8]>::try_from(rest).ok()?;
        Some(Self {
            term: u64::from_le_bytes(*term),
            node: u64::from_le_bytes(*node),
            index: u64::from_le_bytes(index),
        })
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its id.
    pub id: LogId,
    /// What it carries: opaque here.
    pub payload: Bytes,
}

impl LogRecord {
    /// Bytes that the stored form has beside the payload.
    pub(crate) const OVERHEAD: usize = 8 + 8 + 4;

    /// The id in a stored form, which is not checked here; `None` if it is too short for one.
    pub(crate) fn id_of(index: u64, bytes: &[u8]) -> Option<LogId> {
        let (term, rest) = bytes.split_first_chunk::<8>()?;
        let (node, rest) = rest.split_first_chunk::<8>()?;
        rest.first_chunk::<4>()?;
        Some(LogId { term: u64::from_le_bytes(*term), node: u64::from_le_bytes(*node), index })
    }

    /// The same record with a payload that owns exactly its own bytes: a slice of a larger receive buffer would keep
    /// all of that buffer in memory for as long as the record is cached.
    pub(crate) fn detached(self) -> Self {
        Self { id: self.id, payload: Bytes::copy_from_slice(&self.payload) }
    }

    /// The stored form: term, node, CRC-32 over index, term, node and payload (all little-endian), payload.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.id.term.to_le_bytes());
        out.extend_from_slice(&self.id.node.to_le_bytes());
        out.extend_from_slice(&checksum(&self.id, &self.payload).to_le_bytes());
        out.extend_from_slice(&self.payload);
    }

    /// The reverse of [`LogRecord::encode`] for the record stored under `index`; `None` if the checksum does not match.
    pub(crate) fn decode(index: u64, bytes: &[u8]) -> Option<Self> {
        let (term, rest) = bytes.split_first_chunk::<8>()?;
        let (node, rest) = rest.split_first_chunk::<8>()?;
        let (stored, payload) = rest.split_first_chunk::<4>()?;
        let id = LogId { term: u64::from_le_bytes(*term), node: u64::from_le_bytes(*node), index };
        if checksum(&id, payload) != u32::from_le_bytes(*stored) {
            return None;
        }
        Some(Self { id, payload: Bytes::copy_from_slice(payload) })
    }
}

fn checksum(id: &LogId, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_a_wrong_index_are_noticed() {
        let record = LogRecord { id: LogId { term: 3, node: 4, index: 5 }, payload: Bytes::from_static(b"payload") };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        assert_eq!(LogRecord::decode(5, &bytes), Some(record));
        assert_eq!(LogRecord::decode(6, &bytes), None);
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                assert_eq!(LogRecord::decode(5, &damaged), None);
            }
        }
    }

    #[test]
    fn golden_bytes() {
        let record = LogRecord { id: LogId { term: 1, node: 2, index: 3 }, payload: Bytes::from_static(b"x") };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        // CRC-32 of the three numbers and the payload, as zlib computes it.
        let checksum = 0xff2bcb8d_u32.to_le_bytes();
        assert_eq!(bytes, [&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0][..], &checksum, b"x"].concat());
    }
}
