//! Audit exports, read just far enough to say what was applied, and damaged on purpose. Whether an export is *true* is
//! for `verbund audit verify` to say.
//!
//! ```text
//! export = "VERBUNDAUDIT1\n", frames; frame = kind (1 byte), length (u32, big-endian), payload
//! "R"    = the chain's hash after the record (32 bytes), the audit record
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use verbund_identity::{Envelope, Head, SignedHead, sha256};
use verbund_keys::AwsVerifier;
use verbund_machine::{AuditRecord, Entry, LogEntry, LogId, RecordedEntry, State};
use verbund_model::{Accepted, Hash, Outcome};

const MAGIC: &[u8] = b"VERBUNDAUDIT1\n";
/// The kind of the frame with the genesis document.
pub const GENESIS: u8 = b'G';
/// The kind of a frame with a record.
pub const RECORD: u8 = b'R';
/// The kind of a frame with a signed head.
pub const HEAD: u8 = b'H';
/// The kind of the last frame: SHA-256 of everything before it.
pub const END: u8 = b'E';
const CHAIN: usize = 32;

/// A frame: its kind, and where it stands in the export, header included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: u8,
    /// Where it is.
    pub range: Range<usize>,
}

/// The frames of an export.
pub fn frames(export: &[u8]) -> Result<Vec<Frame>> {
    ensure!(export.starts_with(MAGIC), "no audit export");
    let mut frames = Vec::new();
    let mut at = MAGIC.len();
    while at < export.len() {
        let header: &[u8; 5] = export[at..].first_chunk().context("the export ends within a frame's header")?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let end = at + header.len() + length;
        ensure!(end <= export.len(), "the export ends within a frame");
        frames.push(Frame { kind: header[0], range: at..end });
        at = end;
    }
    Ok(frames)
}

/// Where the records stand, in their order.
pub fn record_frames(export: &[u8]) -> Result<Vec<Frame>> {
    Ok(frames(export)?.into_iter().filter(|frame| frame.kind == RECORD).collect())
}

/// The record in a frame.
pub fn record(export: &[u8], frame: &Frame) -> Result<AuditRecord> {
    Ok(AuditRecord::from_bytes(&export[frame.range.start + 5 + CHAIN..frame.range.end])?)
}

/// What an export says was made: for each payload, the indexes at which it changed something.
#[derive(Debug, Default)]
pub struct Applied {
    /// By SHA-256 of the payload.
    pub changes: BTreeMap<Hash, Vec<u64>>,
    /// Index of the last record.
    pub last: u64,
}

impl Applied {
    /// Reads an export.
    pub fn of(export: &[u8]) -> Result<Self> {
        let mut applied = Self::default();
        for frame in record_frames(export)? {
            applied.take(record(export, &frame)?)?;
        }
        Ok(applied)
    }

    fn take(&mut self, record: AuditRecord) -> Result<()> {
        self.last = record.at.index;
        // A repeated envelope leaves a record of its own with the first outcome, which names the first index: no change.
        if let RecordedEntry::Command(bytes) = &record.entry
            && let Some(Outcome::Accepted(Accepted::Changed { version })) = record.outcome
            && version == record.at.index
        {
            let envelope = Envelope::from_bytes(&Entry::from_bytes(bytes)?.envelope)?;
            self.changes.entry(envelope.payload_hash()).or_default().push(version);
        }
        Ok(())
    }
}

/// An export taken apart, to be put together otherwise.
#[derive(Clone, Debug)]
pub struct Parts(pub Vec<Part>);

/// A frame with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: u8,
    /// What it says.
    pub payload: Vec<u8>,
}

impl Parts {
    /// Takes an export apart.
    pub fn of(export: &[u8]) -> Result<Self> {
        let part = |frame: Frame| Part { kind: frame.kind, payload: export[frame.range][5..].to_vec() };
        Ok(Self(frames(export)?.into_iter().map(part).collect()))
    }

    /// The export that these parts make, with a last frame that fits.
    #[must_use]
    pub fn assemble(&self) -> Vec<u8> {
        let mut export = MAGIC.to_vec();
        for part in self.0.iter().filter(|part| part.kind != END) {
            put(&mut export, part.kind, &part.payload);
        }
        let digest = sha256(&export);
        put(&mut export, END, &digest.0);
        export
    }

    /// The genesis document.
    pub fn genesis(&self) -> Result<&[u8]> {
        Ok(&self.0.iter().find(|part| part.kind == GENESIS).context("no genesis document")?.payload)
    }

    /// The records, in their order.
    pub fn records(&self) -> Result<Vec<AuditRecord>> {
        let records = self.0.iter().filter(|part| part.kind == RECORD);
        records.map(|part| Ok(AuditRecord::from_bytes(&part.payload[CHAIN..])?)).collect()
    }

    /// The signed heads.
    pub fn heads(&self) -> Result<Vec<SignedHead>> {
        let heads = self.0.iter().filter(|part| part.kind == HEAD);
        heads.map(|part| Ok(serde_json::from_slice(&part.payload)?)).collect()
    }

    /// The history without the record at `dropped`, every later entry carried out again under the number before its own:
    /// hashes, times and outcomes are those that a federation without that entry would have. `heads` gives the signed
    /// heads behind an index, for the head there. It ends behind the last index that has any.
    pub fn without(&self, dropped: u64, heads: impl Fn(&Head) -> Result<Vec<SignedHead>>) -> Result<Self> {
        let mut state = State::from_genesis(self.genesis()?)?;
        let mut parts = vec![Part { kind: GENESIS, payload: self.genesis()?.to_vec() }];
        let mut whole = parts.len();
        for record in self.records()?.into_iter().filter(|record| record.at.index != dropped) {
            let index = record.at.index - u64::from(record.at.index > dropped);
            let entry = match &record.entry {
                RecordedEntry::Blank => LogEntry::Blank,
                RecordedEntry::Membership { membership, basis } => LogEntry::Membership { membership, basis: *basis },
                RecordedEntry::Command(bytes) => LogEntry::Command(bytes),
            };
            let applied = state.apply(LogId { index, ..record.at }, entry, &AwsVerifier);
            let payload = [&state.head().chain.0[..], &applied.record.to_bytes()].concat();
            parts.push(Part { kind: RECORD, payload });
            for head in heads(&state.head())? {
                parts.push(Part { kind: HEAD, payload: serde_json::to_vec(&head)? });
                whole = parts.len();
            }
        }
        parts.truncate(whole);
        Ok(Self(parts))
    }
}

fn put(export: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    export.push(kind);
    export.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    export.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_and_cuts_noticed() {
        let mut export = MAGIC.to_vec();
        for (kind, payload) in [(b'G', &b"genesis"[..]), (b'R', b"x"), (b'E', b"")] {
            export.push(kind);
            export.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
            export.extend(payload);
        }
        let kinds: Vec<u8> = frames(&export).unwrap().iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, b"GRE");
        assert_eq!(record_frames(&export).unwrap()[0].range.len(), 6);
        assert!(frames(&export[..export.len() - 1]).is_err());
        assert!(frames(b"something else").is_err());
        let parts = Parts::of(&export).unwrap();
        assert_eq!(parts.genesis().unwrap(), b"genesis");
        let whole = parts.assemble();
        assert_eq!(Parts::of(&whole).unwrap().assemble(), whole);
    }
}
