//! Verification of an export: a pure function of its bytes.
//!
//! The verifier believes nothing but the anchor. It replays every entry as a replica does, which checks each author's
//! signature and right again, and compares chain and state with what several sites signed:
//!
//! | what was done to the export | what shows it |
//! |---|---|
//! | a byte changed | the record's chain hash, or its replay, or the head's signature, or the last frame |
//! | a record dropped | the gap in the indexes |
//! | a record dropped and the rest numbered and hashed anew | the next head that another site signed |
//! | the tail cut | no end, or no head of a majority at the last index; a cut at a checkpoint: `at_least`, the age |
//! | rewritten by one site | no majority of sites signed any of its heads |

mod error;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Read;

use verbund_identity::{Genesis, Head, SignatureVerifier, SignedHead};
use verbund_machine::{AuditRecord, LogEntry, RecordedEntry, Restore, State};
use verbund_model::resource::{Millis, NodeStanding, Standing};
use verbund_model::{FederationId, NodeId, SiteName};

use super::format::{END, Frame, FrameError, FrameReader, GENESIS, HEAD, RECORD, SNAPSHOT, START};
use crate::t;

pub use error::Bad;

/// What the auditor knows beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The federation that it must be.
    pub federation: Option<FederationId>,
    /// The index that it must reach.
    pub at_least: Option<u64>,
}

/// What the export hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchored {
    /// The genesis document, whose hash is the federation's id.
    Genesis,
    /// A later state, whose head an earlier verification must have given.
    Head(Head),
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The federation.
    pub federation: FederationId,
    /// Its name.
    pub name: SiteName,
    /// What the export hangs on.
    pub anchored: Anchored,
    /// Records that were replayed.
    pub records: u64,
    /// The head at its end, which a majority of sites signed.
    pub head: Head,
    /// The log's time there.
    pub time: Millis,
    /// The sites that signed it.
    pub signed_by: BTreeSet<SiteName>,
    /// How many sites were active.
    pub sites: usize,
    /// Heads that registered nodes signed and that say otherwise although a majority agrees: those nodes diverged.
    pub dissent: Vec<(NodeId, u64)>,
}

/// What is done with each record on the way, and the state before it. What it saw is only true if the verification ends well.
pub type Visit<'a> = &'a mut dyn FnMut(&State, &AuditRecord);

/// Verifies an export. Errors: the first thing that is wrong.
pub fn verify(export: impl Read, options: &Options, verifier: &dyn SignatureVerifier) -> Result<Report, Bad> {
    verify_each(export, options, verifier, &mut |_, _| {})
}

/// Verifies an export and shows each record. Errors: the first thing that is wrong.
pub fn verify_each(
    export: impl Read,
    options: &Options,
    verifier: &dyn SignatureVerifier,
    visit: Visit<'_>,
) -> Result<Report, Bad> {
    let mut frames = FrameReader::new(export).map_err(|e| Bad::Io { reason: e.to_string() })?.ok_or(Bad::NoExport)?;
    let (state, federation) = genesis(next(&mut frames, None)?, options)?;
    let mut replay = Replay::new(state, federation, verifier);
    let mut frame = next(&mut frames, None)?;
    if frame.kind == START {
        frame = replay.restore(frame, &mut frames)?;
    }
    loop {
        match frame.kind {
            RECORD => replay.record(&frame.payload, visit)?,
            HEAD => replay.head(&frame.payload)?,
            END => {
                if frame.payload != frame.before.0 {
                    return Err(Bad::End { after: replay.place() });
                }
                return match frames.next() {
                    Err(FrameError::End) => replay.finish(options),
                    _ => Err(Bad::Trailing),
                };
            }
            kind => return Err(Bad::Frame { kind, after: replay.place() }),
        }
        frame = next(&mut frames, Some(replay.place()))?;
    }
}

fn next<R: Read>(frames: &mut FrameReader<R>, after: Option<u64>) -> Result<Frame, Bad> {
    frames.next().map_err(|error| match error {
        FrameError::End | FrameError::Cut => Bad::Cut { after: after.unwrap_or(0) },
        FrameError::Size(length) => Bad::FrameSize { length, after: after.unwrap_or(0) },
        FrameError::Io(error) => Bad::Io { reason: error.to_string() },
    })
}

fn genesis(frame: Frame, options: &Options) -> Result<(State, FederationId), Bad> {
    let wrong = |reason: String| Bad::Genesis { reason };
    if frame.kind != GENESIS {
        return Err(Bad::Frame { kind: frame.kind, after: 0 });
    }
    let (_, federation) = Genesis::from_bytes(&frame.payload).map_err(|e| wrong(e.to_string()))?;
    if let Some(wanted) = options.federation.filter(|wanted| *wanted != federation) {
        return Err(Bad::Federation { found: federation, wanted });
    }
    Ok((State::from_genesis(&frame.payload).map_err(|e| wrong(e.to_string()))?, federation))
}

/// The state as the records make it, and who vouches for it.
struct Replay<'a> {
    state: State,
    federation: FederationId,
    verifier: &'a dyn SignatureVerifier,
    anchored: Anchored,
    records: u64,
    /// The last index that a majority of sites signed as it is here.
    confirmed: u64,
    /// Sites that signed the head where we are.
    signers: BTreeSet<SiteName>,
    /// Heads that say otherwise: node, index, and the last index confirmed before.
    dissent: Vec<(NodeId, u64, u64)>,
}

impl<'a> Replay<'a> {
    fn new(state: State, federation: FederationId, verifier: &'a dyn SignatureVerifier) -> Self {
        let (signers, dissent) = (BTreeSet::new(), Vec::new());
        let anchored = Anchored::Genesis;
        Self { state, federation, verifier, anchored, records: 0, confirmed: 0, signers, dissent }
    }

    /// The index of the last record.
    fn place(&self) -> u64 {
        self.state.head().index
    }

    /// Takes the state in which the export begins; gives the frame behind it.
    fn restore<R: Read>(&mut self, start: Frame, frames: &mut FrameReader<R>) -> Result<Frame, Bad> {
        let wrong = |reason: String| Bad::Start { reason };
        let Ok(head) = serde_json::from_slice::<Head>(&start.payload) else {
            return Err(Bad::Frame { kind: start.kind, after: 0 });
        };
        let mut restore = Restore::new();
        let behind = loop {
            let frame = next(frames, Some(head.index))?;
            if frame.kind != SNAPSHOT {
                break frame;
            }
            restore.push(&frame.payload).map_err(|e| wrong(e.to_string()))?;
        };
        let state = restore.finish().map_err(|e| wrong(e.to_string()))?;
        if state.genesis() != self.state.genesis() {
            return Err(wrong(t!("why-other-state")));
        }
        if state.head() != head || state.recompute_hash() != head.state {
            return Err(wrong(t!("why-head-state")));
        }
        self.state = state;
        self.anchored = Anchored::Head(head);
        self.confirmed = head.index;
        Ok(behind)
    }

    fn record(&mut self, payload: &[u8], visit: Visit<'_>) -> Result<(), Bad> {
        self.leave();
        let index = self.place() + 1;
        let bad = |reason: &str| Bad::Record { index, reason: reason.to_owned() };
        let (chain, bytes) = payload.split_at_checked(32).ok_or_else(|| bad(&t!("why-short")))?;
        let record = AuditRecord::from_bytes(bytes).map_err(|e| bad(&e.to_string()))?;
        // The first entry of a log may have index 0 or 1.
        let first = self.state.entries() == 0 && record.at.index <= 1;
        if record.at.index != index && !first {
            return Err(Bad::Missing { wanted: index, found: record.at.index });
        }
        let index = record.at.index;
        let bad = |reason: &str| Bad::Record { index, reason: reason.to_owned() };
        if record.to_bytes() != bytes {
            return Err(bad(&t!("why-form")));
        }
        if record.chain(&self.state.head().chain).0 != *chain {
            return Err(bad(&t!("why-hash")));
        }
        visit(&self.state, &record);
        let entry = match &record.entry {
            RecordedEntry::Blank => LogEntry::Blank,
            RecordedEntry::Membership { membership, basis } => LogEntry::Membership { membership, basis: *basis },
            RecordedEntry::Command(bytes) => LogEntry::Command(bytes),
        };
        let applied = self.state.apply(record.at, entry, self.verifier);
        if applied.record != record {
            return Err(bad(&t!("why-replay")));
        }
        self.records += 1;
        Ok(())
    }

    /// Before going on from an index: who agreed on it?
    fn leave(&mut self) {
        if self.has_majority() {
            self.confirmed = self.place();
        }
        self.signers.clear();
    }

    fn active_sites(&self) -> BTreeSet<&SiteName> {
        self.state.sites().filter(|s| s.value.standing != Standing::Excluded).map(|s| &s.value.name).collect()
    }

    fn has_majority(&self) -> bool {
        let active = self.active_sites();
        let signed = self.signers.iter().filter(|site| active.contains(site)).count();
        signed * 2 > active.len()
    }

    fn head(&mut self, payload: &[u8]) -> Result<(), Bad> {
        let index = self.place();
        let bad = |node, reason: &str| Bad::Head { node, index, reason: reason.to_owned() };
        let signed: SignedHead = serde_json::from_slice(payload).map_err(|e| bad(None, &e.to_string()))?;
        let node = Some(signed.node);
        if serde_json::to_vec(&signed).ok().as_deref() != Some(payload) {
            return Err(bad(node, &t!("why-form")));
        }
        let generation = self.state.federation().value.generation;
        if signed.federation != self.federation || signed.generation != generation {
            return Err(bad(node, &t!("why-generation")));
        }
        if signed.head.index != index {
            return Err(bad(node, &t!("why-index")));
        }
        let known = self.state.node(&signed.node).ok_or_else(|| bad(node, &t!("why-no-node")))?;
        let key = self.state.key(&known.value.key).ok_or_else(|| bad(node, &t!("why-no-key")))?;
        if !self.verifier.verify(&key.value.key, &signed.signed_message(), &signed.signature) {
            return Err(bad(node, &t!("why-signature")));
        }
        let counts = known.value.standing == NodeStanding::Active && !key.value.revoked;
        if signed.head != self.state.head() {
            self.dissent.push((signed.node, index, self.confirmed));
        } else if counts {
            self.signers.insert(known.value.site.clone());
        }
        Ok(())
    }

    fn finish(self, options: &Options) -> Result<Report, Bad> {
        let head = self.state.head();
        if !self.has_majority() {
            return Err(match self.dissent.first() {
                Some((node, index, confirmed)) => Bad::Rewritten { from: confirmed + 1, to: *index, node: *node },
                None => Bad::Unsigned {
                    from: self.confirmed + 1,
                    to: head.index,
                    signed: self.signers.len(),
                    sites: self.active_sites().len(),
                },
            });
        }
        if let Some(wanted) = options.at_least.filter(|wanted| *wanted > head.index) {
            return Err(Bad::TooShort { ends: head.index, wanted });
        }
        let sites = self.active_sites().len();
        Ok(Report {
            federation: self.federation,
            name: self.state.federation().value.name.clone(),
            anchored: self.anchored,
            records: self.records,
            head,
            time: self.state.time(),
            signed_by: self.signers,
            sites,
            dissent: self.dissent.into_iter().map(|(node, index, _)| (node, index)).collect(),
        })
    }
}
