//! The form of an audit export.
//!
//! ```text
//! export  = magic, frame "G", [frame "S", frame "N"…], (frame "R" | frame "H")…, frame "E"
//! magic   = "VERBUNDAUDIT1\n"
//! frame   = kind (1 byte), length (u32, big-endian), payload
//! "G"     genesis document, byte for byte
//! "S"     where an export that does not begin at the genesis begins: the head there (JSON)
//! "N"     one record of the snapshot of the state at that head (verbund-machine's)
//! "R"     the chain's hash after the record (32 bytes), the audit record (verbund-machine's)
//! "H"     a signed head (JSON) for the index of the last "R" (or "S") before it
//! "E"     SHA-256 of everything before this frame
//! ```
//!
//! The last frame finds accidents. What protects against forgery is the chain, and the heads that several sites signed.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};
use verbund_identity::{Head, SignedHead};
use verbund_machine::AuditRecord;
use verbund_model::Hash;

/// How an export begins.
pub const MAGIC: &[u8] = b"VERBUNDAUDIT1\n";
/// The most bytes of a frame: a record of the largest entry, with room.
pub const MAX_FRAME: usize = 1 << 20;

pub(super) const GENESIS: u8 = b'G';
pub(super) const START: u8 = b'S';
pub(super) const SNAPSHOT: u8 = b'N';
pub(super) const RECORD: u8 = b'R';
pub(super) const HEAD: u8 = b'H';
pub(super) const END: u8 = b'E';

/// Writes an export.
pub struct ExportWriter<W> {
    out: W,
    digest: Sha256,
    chain: Hash,
}

impl<W: Write> ExportWriter<W> {
    /// Begins an export at the genesis.
    pub fn from_genesis(out: W, genesis: &[u8]) -> io::Result<Self> {
        let chain = verbund_machine::chain_start(genesis);
        let mut writer = Self { out, digest: Sha256::new(), chain };
        writer.put(MAGIC)?;
        writer.frame(GENESIS, &[genesis])?;
        Ok(writer)
    }

    /// Begins an export at a later state, where the archive no longer reaches back to the genesis: `head` is its head, `snapshot` the records of its snapshot
    /// (`verbund_machine::State::records`).
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no archive is pruned yet; the form is fixed and its reading is tested")
    )]
    pub fn from_snapshot(
        out: W,
        genesis: &[u8],
        head: &Head,
        snapshot: impl Iterator<Item = Vec<u8>>,
    ) -> io::Result<Self> {
        let mut writer = Self::from_genesis(out, genesis)?;
        writer.frame(START, &[&serde_json::to_vec(head)?])?;
        for record in snapshot {
            writer.frame(SNAPSHOT, &[&record])?;
        }
        writer.chain = head.chain;
        Ok(writer)
    }

    /// Adds the next record. Its bytes are those of the archive. Errors: also for bytes that are no record.
    pub fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let record = AuditRecord::from_bytes(bytes).map_err(io::Error::other)?;
        self.chain = record.chain(&self.chain);
        let chain = self.chain;
        self.frame(RECORD, &[&chain.0, bytes])
    }

    /// Adds a signed head for the index of the last record.
    pub fn head(&mut self, head: &SignedHead) -> io::Result<()> {
        self.frame(HEAD, &[&serde_json::to_vec(head)?])
    }

    /// Ends the export; without this it is no whole one.
    pub fn finish(mut self) -> io::Result<W> {
        let digest: [u8; 32] = self.digest.clone().finalize().into();
        self.frame(END, &[&digest])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MAX_FRAME {
            return Err(io::Error::other(format!("a frame of {length} bytes, more than {MAX_FRAME}")));
        }
        // At most MAX_FRAME, so it fits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.put(&[kind])?;
        self.put(&length.to_be_bytes())?;
        parts.iter().try_for_each(|part| self.put(part))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

/// A frame that was read.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
    /// SHA-256 of everything before the frame.
    pub(super) before: Hash,
}

/// Why no frame was read.
pub(super) enum FrameError {
    /// The export ends.
    End,
    /// It ends within a frame.
    Cut,
    /// It says that a frame is larger than any is.
    Size(u32),
    /// It cannot be read.
    Io(io::Error),
}

/// Reads frames.
pub(super) struct FrameReader<R> {
    input: R,
    digest: Sha256,
}

impl<R: Read> FrameReader<R> {
    /// Reads the beginning; `None` if it is another.
    pub(super) fn new(mut input: R) -> Result<Option<Self>, io::Error> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => Ok(Some(Self { input, digest: Sha256::new_with_prefix(MAGIC) })),
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn next(&mut self) -> Result<Frame, FrameError> {
        let before = Hash(self.digest.clone().finalize().into());
        let mut header = [0; 5];
        let mut filled = 0;
        while filled < header.len() {
            match self.input.read(&mut header[filled..]).map_err(FrameError::Io)? {
                0 if filled == 0 => return Err(FrameError::End),
                0 => return Err(FrameError::Cut),
                n => filled += n,
            }
        }
        let [kind, length @ ..] = header;
        let length = u32::from_be_bytes(length);
        let size = usize::try_from(length).ok().filter(|size| *size <= MAX_FRAME).ok_or(FrameError::Size(length))?;
        let mut payload = vec![0; size];
        self.input.read_exact(&mut payload).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError::Cut,
            _ => FrameError::Io(error),
        })?;
        self.digest.update(header);
        self.digest.update(&payload);
        Ok(Frame { kind, payload, before })
    }
}
