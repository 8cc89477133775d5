//! An audit export, carried out again: which entry moved what, and that each move had its cause on record. Whether the export
//! is *true* is for `verbund audit verify` to say.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use verbund_keys::AwsVerifier;
use verbund_machine::{LogEntry, Object, RecordedEntry, State};
use verbund_model::resource::{Cause, CopyRole, Finding, Millis, Mode, Placement, Verdict};
use verbund_model::{ClusterName, NodeId, WorkloadName};

use crate::audit::Parts;

/// One activation of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Log index of the entry that made it.
    pub index: u64,
    /// The workload.
    pub workload: WorkloadName,
    /// Where to.
    pub cluster: ClusterName,
    /// Its epoch.
    pub epoch: u64,
    /// What made it, as the placement says.
    pub cause: Cause,
    /// The log's time when it was made.
    pub time: Millis,
}

/// What an export says when it is carried out again.
pub struct Replay {
    /// The state behind its last record.
    pub state: State,
    /// All activations, in order.
    pub moves: Vec<Move>,
    /// Where in `moves` those of each workload are.
    of: BTreeMap<WorkloadName, Vec<usize>>,
    /// All verdicts, by log index.
    pub verdicts: BTreeMap<u64, Verdict>,
}

impl Replay {
    /// Carries out an export from the beginning. Errors: an outcome is another than the recorded one; an exclusive workload
    /// has two active copies; an epoch does not rise.
    pub fn of(export: &[u8]) -> Result<Self> {
        let parts = Parts::of(export)?;
        let state = State::from_genesis(parts.genesis()?)?;
        let mut replay = Self { state, moves: Vec::new(), of: BTreeMap::new(), verdicts: BTreeMap::new() };
        let mut epochs: BTreeMap<WorkloadName, u64> = BTreeMap::new();
        for record in parts.records()? {
            let entry = match &record.entry {
                RecordedEntry::Blank => LogEntry::Blank,
                RecordedEntry::Membership { membership, basis } => LogEntry::Membership { membership, basis: *basis },
                RecordedEntry::Command(bytes) => LogEntry::Command(bytes),
            };
            let applied = replay.state.apply(record.at, entry, &AwsVerifier);
            let index = record.at.index;
            ensure!(applied.outcome == record.outcome, "entry {index} comes to {:?} now", applied.outcome);
            for event in applied.events {
                match event.object {
                    Object::Placement(held) => replay.note((index, record.time), &held.value, &mut epochs)?,
                    Object::Verdict(held) => {
                        // Later changes say only that less of it remains.
                        replay.verdicts.entry(held.value.index).or_insert_with(|| held.value.clone());
                    }
                    _ => {}
                }
            }
        }
        Ok(replay)
    }

    fn note(
        &mut self,
        (index, time): (u64, Millis),
        placement: &Placement,
        epochs: &mut BTreeMap<WorkloadName, u64>,
    ) -> Result<()> {
        let name = &placement.workload;
        let before = epochs.insert(name.clone(), placement.epoch).unwrap_or(0);
        ensure!(placement.epoch >= before, "the epoch of {name} fell from {before} at entry {index}");
        let active = placement.copies.iter().filter(|copy| copy.role == CopyRole::Active);
        let exclusive = self.state.workload(name).is_some_and(|w| matches!(w.value.spec.mode, Mode::Exclusive { .. }));
        ensure!(!exclusive || active.clone().count() <= 1, "two active copies of {name} at entry {index}");
        for copy in active.filter(|copy| copy.epoch > before) {
            self.of.entry(name.clone()).or_default().push(self.moves.len());
            self.moves.push(Move {
                index,
                workload: name.clone(),
                cluster: copy.cluster.clone(),
                epoch: copy.epoch,
                cause: placement.cause.clone(),
                time,
            });
        }
        Ok(())
    }

    /// The activations of a workload, in order.
    pub fn moves_of(&self, workload: &str) -> impl Iterator<Item = &Move> + use<'_> {
        let name = WorkloadName::new(workload).ok();
        let places = name.and_then(|name| self.of.get(&name)).map_or(&[][..], Vec::as_slice);
        places.iter().map(|at| &self.moves[*at])
    }

    /// The finding that a move rests on, if its cause is a verdict. Errors: there is none on record, or too few distinct
    /// voters stated it.
    pub fn finding(&self, moved: &Move, voters: usize) -> Result<Option<&Finding>> {
        let Cause::Verdict { index } = moved.cause else { return Ok(None) };
        let verdict = self.verdicts.get(&index).with_context(|| format!("{moved:?} rests on no verdict on record"))?;
        ensure!(index <= moved.index, "{moved:?} came before its verdict");
        let mut by: Vec<NodeId> = verdict.by.iter().map(|signed| signed.node).collect();
        by.sort_unstable();
        by.dedup();
        if by.len() <= voters / 2 {
            bail!("verdict {index} has statements of {} of {voters} voters", by.len());
        }
        Ok(Some(&verdict.finding))
    }
}
