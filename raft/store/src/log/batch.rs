//! The stored form of one commit: a header, and frames that say in order what it changes.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `Vbat` |
//! | 4 | CRC-32 over the segment's salt, everything behind this field, and all frames |
//! | 4 | length of the frames |
//! | 8 | number of the commit |
//! | 4 | the CRC-32 of the commit before |
//! | … | frames: kind (1), length (4), content |
//! | … | zeros up to the next multiple of [`ALIGN`] |
//!
//! Numbers are little-endian. A commit begins in a sector of its own, so that a torn write damages no earlier one. The salt
//! is random and never leaves the node: nobody who can write payloads can write what would pass for a commit.

use bytes::Bytes;

use super::record::{LogId, LogRecord};
use super::replay::Values;

/// Where commits begin: at multiples of this.
pub(super) const ALIGN: usize = 512;
/// Bytes before the frames.
pub(super) const HEADER: usize = 24;
const MAGIC: &[u8; 4] = b"Vbat";

const APPEND: u8 = 1;
const VOTE: u8 = 2;
const TRUNCATE: u8 = 3;
const PURGE: u8 = 4;
const COMMITTED: u8 = 5;
const RESET: u8 = 6;

/// Builds one commit. Reused, so that its memory is.
#[derive(Default)]
pub(super) struct BatchWriter {
    bytes: Vec<u8>,
    record: Vec<u8>,
}

impl BatchWriter {
    /// Begins a new commit.
    pub(super) fn begin(&mut self) {
        // One very large commit must not hold its memory for ever.
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        self.bytes.resize(HEADER, 0);
        self.record.shrink_to(1 << 20);
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.push(kind);
        // Records are far smaller than 4 GiB.
        self.bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
    }

    /// A record. Returns where its [`LogRecord::encode`]d form stands within the commit, and its length.
    pub(super) fn append(&mut self, record: &LogRecord) -> (u64, u32) {
        let mut encoded = std::mem::take(&mut self.record);
        record.encode(&mut encoded);
        self.frame(APPEND, &[&record.id.index.to_le_bytes(), &encoded]);
        let at = (self.bytes.len() - encoded.len()) as u64;
        let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
        self.record = encoded;
        (at, length)
    }

    pub(super) fn vote(&mut self, vote: &[u8]) {
        self.frame(VOTE, &[vote]);
    }

    /// Removes the records from `from` on.
    pub(super) fn truncate(&mut self, from: u64) {
        self.frame(TRUNCATE, &[&from.to_le_bytes()]);
    }

    pub(super) fn purge(&mut self, upto: LogId) {
        self.frame(PURGE, &[&upto.to_bytes()]);
    }

    pub(super) fn committed(&mut self, id: LogId) {
        self.frame(COMMITTED, &[&id.to_bytes()]);
    }

    /// Says that nothing before this commit counts.
    pub(super) fn reset(&mut self) {
        self.frame(RESET, &[]);
    }

    /// What an earlier file says, so that it is not needed any more.
    pub(super) fn restate(&mut self, values: &Values) {
        if let Some(purged) = values.purged {
            self.purge(purged);
        }
        if let Some(vote) = &values.vote {
            self.vote(vote);
        }
        if let Some(committed) = values.committed {
            self.committed(committed);
        }
    }

    /// Bytes that the commit will take, as it is now.
    pub(super) fn stored_length(&self) -> u64 {
        self.bytes.len().next_multiple_of(ALIGN) as u64
    }

    /// The finished commit, and its CRC-32 for the one that follows.
    pub(super) fn finish(&mut self, salt: u64, commit: u64, previous: u32) -> (&[u8], u32) {
        let frames = u32::try_from(self.bytes.len() - HEADER).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(MAGIC);
        self.bytes[8..12].copy_from_slice(&frames.to_le_bytes());
        self.bytes[12..20].copy_from_slice(&commit.to_le_bytes());
        self.bytes[20..24].copy_from_slice(&previous.to_le_bytes());
        let checksum = checksum(salt, &self.bytes[8..]);
        self.bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        (&self.bytes, checksum)
    }
}

fn checksum(salt: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// The header of a commit, not yet known to be true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    checksum: u32,
    /// Length of the frames.
    pub(super) frames: usize,
    /// Number of the commit.
    pub(super) commit: u64,
    /// The CRC-32 of the commit before.
    pub(super) previous: u32,
}

impl Head {
    /// Reads a header; `None` if there is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let (frames, rest) = rest.split_first_chunk::<4>()?;
        let (commit, rest) = rest.split_first_chunk::<8>()?;
        let previous = rest.first_chunk::<4>()?;
        (magic == MAGIC).then_some(Self {
            checksum: u32::from_le_bytes(*checksum),
            frames: u32::from_le_bytes(*frames) as usize,
            commit: u64::from_le_bytes(*commit),
            previous: u32::from_le_bytes(*previous),
        })
    }

    /// Whether `whole` (header and frames) is what was written.
    pub(super) fn matches(&self, salt: u64, whole: &[u8]) -> bool {
        whole.get(8..).is_some_and(|bytes| checksum(salt, bytes) == self.checksum)
    }

    /// For the header of the commit that follows.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Bytes that the commit takes.
    pub(super) fn stored_length(&self) -> u64 {
        (HEADER + self.frames).next_multiple_of(ALIGN) as u64
    }
}

/// One change of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A record's id, where its encoded form stands within the commit, and its length.
    Append { id: LogId, at: u64, length: u32 },
    /// A vote.
    Vote(Bytes),
    /// The records from here on are gone.
    Truncate { from: u64 },
    /// The records up to here are gone.
    Purge { upto: LogId },
    /// The committed id.
    Committed(LogId),
    /// Nothing before counts.
    Reset,
}

/// Calls `take` with each frame of a commit (header and frames), in order. `None` if they make no sense.
pub(super) fn each_frame<E>(whole: &[u8], mut take: impl FnMut(Frame) -> Result<(), E>) -> Result<Option<()>, E> {
    let mut at = HEADER;
    while at < whole.len() {
        let Some((frame, next)) = frame_at(whole, at) else { return Ok(None) };
        take(frame)?;
        at = next;
    }
    Ok(Some(()))
}

fn frame_at(whole: &[u8], at: usize) -> Option<(Frame, usize)> {
    let (kind, rest) = whole.get(at..)?.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    let next = at + 5 + content.len();
    let number = || content.try_into().ok().map(u64::from_le_bytes);
    let frame = match *kind {
        APPEND => {
            let (index, encoded) = content.split_first_chunk::<8>()?;
            let id = LogRecord::id_of(u64::from_le_bytes(*index), encoded)?;
            Frame::Append { id, at: (at + 13) as u64, length: u32::try_from(encoded.len()).ok()? }
        }
        VOTE => Frame::Vote(Bytes::copy_from_slice(content)),
        TRUNCATE => Frame::Truncate { from: number()? },
        PURGE => Frame::Purge { upto: LogId::from_bytes(content)? },
        COMMITTED => Frame::Committed(LogId::from_bytes(content)?),
        RESET if content.is_empty() => Frame::Reset,
        _ => return None,
    };
    Some((frame, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u64) -> LogId {
        LogId { term: 1, node: 2, index }
    }

    fn sample(writer: &mut BatchWriter) -> (u64, u32) {
        writer.begin();
        writer.reset();
        writer.vote(b"v");
        writer.truncate(9);
        writer.purge(id(3));
        writer.committed(id(4));
        writer.append(&LogRecord { id: id(5), payload: Bytes::from_static(b"x") })
    }

    #[test]
    fn frames_read_back_in_order() {
        let mut writer = BatchWriter::default();
        let (at, length) = sample(&mut writer);
        let (bytes, checksum) = writer.finish(7, 11, 13);
        assert_eq!(bytes.len() % ALIGN, 0);
        let head = Head::read(bytes).unwrap();
        assert_eq!((head.commit, head.previous, head.checksum()), (11, 13, checksum));
        let whole = &bytes[..HEADER + head.frames];
        assert!(head.matches(7, whole));
        assert!(!head.matches(8, whole), "another segment's");
        let mut frames = Vec::new();
        each_frame(whole, |frame| {
            frames.push(frame);
            Ok::<_, ()>(())
        })
        .unwrap()
        .unwrap();
        let expected = [
            Frame::Reset,
            Frame::Vote(Bytes::from_static(b"v")),
            Frame::Truncate { from: 9 },
            Frame::Purge { upto: id(3) },
            Frame::Committed(id(4)),
            Frame::Append { id: id(5), at, length },
        ];
        assert_eq!(frames, expected);
        let encoded = &bytes[at as usize..at as usize + length as usize];
        assert_eq!(LogRecord::decode(5, encoded).unwrap().payload, Bytes::from_static(b"x"));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut writer = BatchWriter::default();
        sample(&mut writer);
        let whole = writer.finish(7, 11, 13).0.to_vec();
        let head = Head::read(&whole).unwrap();
        let used = HEADER + head.frames;
        for position in 0..used {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[position] ^= 1 << bit;
                let valid = Head::read(&damaged)
                    .is_some_and(|head| damaged.get(..HEADER + head.frames).is_some_and(|all| head.matches(7, all)));
                assert!(!valid, "byte {position} bit {bit}");
            }
        }
    }

    #[test]
    fn golden_bytes() {
        let mut writer = BatchWriter::default();
        writer.begin();
        writer.vote(b"v");
        let (bytes, _) = writer.finish(1, 2, 3);
        // CRC-32 of the salt and of everything behind the checksum, as zlib computes it.
        let mut expected = b"Vbat".to_vec();
        expected.extend(0x69b8_0b0f_u32.to_le_bytes());
        expected.extend([6, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 1, 0, 0, 0, b'v']);
        expected.resize(ALIGN, 0);
        assert_eq!(bytes, expected);
    }
}
