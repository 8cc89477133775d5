//! Carrying out one committed entry.

use verbund_identity::SignatureVerifier;
use verbund_model::resource::Millis;
use verbund_model::{Outcome, Refusal};

use crate::alarm::Alarm;
use crate::event::StateEvent;
use crate::log::{LogEntry, LogId};
use crate::record::{AuditRecord, RecordedEntry};
use crate::state::State;
use crate::tables::Target;
use crate::voters::voter_plan;

/// What came of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The answer to the author; none for entries that no author signed.
    pub outcome: Option<Outcome>,
    /// The log's time from here on.
    pub time: Millis,
    /// What changed, in order.
    pub events: Vec<StateEvent>,
    /// The record for the archive. The chain has it already.
    pub record: AuditRecord,
    /// What must wake somebody.
    pub alarm: Option<Alarm>,
}

impl State {
    /// Carries out the entry at `at`. Total: whatever the bytes are, there is an answer, and the same one on every replica.
    /// The caller applies each committed entry once and in order.
    pub fn apply(&mut self, at: LogId, entry: LogEntry<'_>, verifier: &dyn SignatureVerifier) -> Applied {
        let next = self.progress.time.saturating_add(1);
        match entry {
            LogEntry::Blank => self.close(at, next, RecordedEntry::Blank, None),
            LogEntry::Membership { membership, basis } => {
                let single = self.single().clone();
                let moved = single.membership.configs != membership.configs;
                let membership_id = if moved { at } else { single.membership_id };
                let membership = membership.clone();
                let changed = crate::tables::Single { membership: membership.clone(), membership_id, ..single };
                self.tables.single.put((), changed);
                self.remember_plan(at.index);
                self.close(at, next, RecordedEntry::Membership { membership, basis }, None)
            }
            LogEntry::Command(bytes) => {
                let _ = verifier;
                let refused = Outcome::Refused(Refusal::NotEnabled { what: "commands".to_owned() });
                self.close(at, next, RecordedEntry::Command(bytes.to_vec()), Some(refused))
            }
        }
    }

    fn remember_plan(&mut self, index: u64) {
        let plan = voter_plan(self).voters;
        let last = self.tables.targets.iter().next_back().map(|(_, target)| &target.0);
        if last != Some(&plan) {
            self.tables.targets.put(index, Target(plan));
        }
    }

    fn close(&mut self, at: LogId, time: Millis, entry: RecordedEntry, outcome: Option<Outcome>) -> Applied {
        let record = AuditRecord { at, time, entry, outcome: outcome.clone() };
        self.progress.chain = record.chain(&self.progress.chain);
        self.progress.applied = at;
        self.progress.time = time;
        self.progress.entries = self.progress.entries.saturating_add(1);
        Applied { outcome, time, events: Vec::new(), record, alarm: None }
    }
}
