//! Carrying out one committed entry.

use verbund_identity::SignatureVerifier;
use verbund_model::Outcome;
use verbund_model::resource::Millis;

use crate::act::Act;
use crate::alarm::Alarm;
use crate::authenticate::entry_refusal;
use crate::entry::Entry;
use crate::event::StateEvent;
use crate::limits::MAX_TARGETS;
use crate::log::{LogEntry, LogId, Membership};
use crate::record::{AuditRecord, RecordedEntry};
use crate::state::State;
use crate::tables::{Single, Target};
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
    /// Formats were switched on that this build does not know: nothing more may be applied, nor anything of this entry be
    /// kept. The node halts, and goes on from before this entry when it is updated.
    pub unknown_format: Option<u32>,
}

/// The latest formats and behaviour that this build knows. Whatever comes later is switched on through the log first
/// ([`verbund_model::resource::Action::SwitchOn`]); until then every build refuses it in the same words, so that nobody can
/// halt a federation with bytes of a version that does not exist.
pub const FORMAT: u32 = 1;

impl State {
    /// Carries out the entry at `at`. Total: whatever the bytes are, there is an answer, and the same one on every replica.
    /// The caller applies each committed entry once and in order.
    pub fn apply(&mut self, at: LogId, entry: LogEntry<'_>, verifier: &dyn SignatureVerifier) -> Applied {
        let next = self.progress.time;
        match entry {
            LogEntry::Blank => self.close(at, next, RecordedEntry::Blank, None),
            LogEntry::Membership { membership, basis } => {
                self.set_membership(at, membership.clone());
                let entry = RecordedEntry::Membership { membership: membership.clone(), basis };
                self.close(at, next, entry, None)
            }
            LogEntry::Command(bytes) => self.command(at, bytes, verifier),
        }
    }

    fn set_membership(&mut self, at: LogId, membership: Membership) {
        let before = self.single();
        let moved = before.membership.configs != membership.configs;
        let membership_id = if moved { at } else { before.membership_id };
        let after = Single { membership, membership_id, ..before.clone() };
        self.tables.single.put((), after);
        self.remember_plan(at.index);
    }

    fn command(&mut self, at: LogId, bytes: &[u8], verifier: &dyn SignatureVerifier) -> Applied {
        let next = self.progress.time;
        let (now, author) = match Entry::from_bytes(bytes) {
            Ok(entry) => (entry.stamp.max(next), self.authenticate(&entry.envelope, verifier)),
            Err(error) => (next, Err(entry_refusal(error))),
        };
        let entry = RecordedEntry::Command(bytes.to_vec());
        match author {
            Ok(author) => {
                let mut act = Act::new(self, verifier, &author, now, at.index);
                let outcome = act.answer();
                let (moved, made_up, forked, events) = (act.moved_voters(), act.made_up, act.forked, act.events);
                let alarm = Alarm::of_author(at, &author.owner, &outcome).filter(|_| made_up);
                let alarm = alarm.or(forked.map(|number| Alarm::ForkedDirectives { at, number }));
                if moved {
                    self.remember_plan(at.index);
                }
                let unknown_format = Some(self.single().format).filter(|format| *format > FORMAT);
                Applied { events, unknown_format, alarm, ..self.close(at, now, entry, Some(outcome)) }
            }
            Err(refusal) => {
                let alarm = Alarm::of(at, &refusal);
                Applied { alarm, ..self.close(at, now, entry, Some(Outcome::Refused(refusal))) }
            }
        }
    }

    fn remember_plan(&mut self, index: u64) {
        let plan = voter_plan(self).voters;
        let last = self.tables.targets.iter().next_back().map(|(_, target)| &target.0);
        if last != Some(&plan) {
            self.tables.targets.put(index, Target(plan));
            while self.tables.targets.len() > MAX_TARGETS {
                let Some(oldest) = self.tables.targets.iter().next().map(|(index, _)| *index) else { break };
                self.tables.targets.take(&oldest);
            }
        }
    }

    fn close(&mut self, at: LogId, time: Millis, entry: RecordedEntry, outcome: Option<Outcome>) -> Applied {
        let record = AuditRecord { at, time, entry, outcome: outcome.clone() };
        self.progress.chain = record.chain(&self.progress.chain);
        self.progress.applied = at;
        self.progress.time = time;
        self.progress.entries = self.progress.entries.saturating_add(1);
        Applied { outcome, time, events: Vec::new(), record, alarm: None, unknown_format: None }
    }
}
