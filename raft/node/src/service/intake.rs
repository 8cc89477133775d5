//! What a follower looks at before an append reaches Raft: who speaks, stamps, and memberships (formats 8).

use std::sync::Arc;
use std::time::Duration;

use verbund_machine::VetError;
use verbund_model::NodeId;

use crate::alarm::Alarm;
use crate::raft::{AppendEntries, Body, LogId, Raft, StoredMembership, node_of, to_machine};
use crate::refusal::PeerRefusal;
use crate::service::gate::speaks_for;
use crate::shared::{MAX_AHEAD, Shared};
#[cfg(feature = "tamper")]
use crate::tamper::Defence;

/// How long an append with a membership is held until its basis is applied.
const HOLD: Duration = Duration::from_secs(5);

/// The stamp of a command: the first field of a [`verbund_machine::Entry`]. `None` if the bytes are no entry; apply then
/// refuses them.
fn stamp(command: &[u8]) -> Option<u64> {
    verbund_machine::Entry::from_bytes(command).ok().map(|entry| entry.stamp)
}

/// A place in this node's log.
struct Place {
    known: Option<LogId>,
    members: StoredMembership,
}

/// The members that hold just before `index`. A membership at or above it lies in a tail of the log that is about to be
/// overwritten: then it is the one before, which is committed.
fn before<'a>(index: u64, effective: &'a StoredMembership, committed: &'a StoredMembership) -> &'a StoredMembership {
    let is_before = |members: &StoredMembership| members.log_id().as_ref().is_none_or(|id| id.index < index);
    if is_before(effective) { effective } else { committed }
}

/// What becomes of a part that nothing speaks against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Raft may append it.
    Append,
    /// This node's log lacks what comes before it, so its membership can be vetted by nobody yet. Raft sees it without its
    /// entries: that tells the leader to go further back, and appends nothing even if the rest arrives meanwhile.
    Probe,
}

/// Looks at an append and cuts it where Raft must have taken in the first part before the second can be judged: a
/// membership can only be vetted when what lies before it is applied as far as its basis.
pub(crate) struct Intake {
    pub(crate) shared: Arc<Shared>,
    pub(crate) raft: Raft,
    pub(crate) peer: NodeId,
}

impl Intake {
    /// The parts of an append, in order, each beginning with a membership but the first.
    pub(crate) fn parts(request: AppendEntries) -> Vec<AppendEntries> {
        let AppendEntries { vote, prev_log_id, entries, leader_commit } = request;
        let mut parts = vec![AppendEntries { vote, prev_log_id, entries: Vec::new(), leader_commit }];
        for entry in entries {
            let last = parts.len() - 1;
            let begun = !parts[last].entries.is_empty();
            if begun && matches!(entry.payload.body, Body::Membership(_)) {
                let prev_log_id = parts[last].entries.last().map(|entry| entry.log_id);
                parts.push(AppendEntries { vote, prev_log_id, entries: Vec::new(), leader_commit });
            }
            if let Some(part) = parts.last_mut() {
                part.entries.push(entry);
            }
        }
        parts
    }

    /// Whether Raft may see this part. Errors: why not; an alarm was raised where it is due.
    pub(crate) async fn judge(&self, part: &AppendEntries) -> Result<Verdict, PeerRefusal> {
        let leader = NodeId(node_of(&part.vote));
        speaks_for(&self.shared, self.peer, leader)?;
        self.check_stamps(part, leader)?;
        let has_commands = part.entries.iter().any(|entry| matches!(entry.payload.body, Body::Command(_)));
        if has_commands && self.shared.alarms.writes_stopped() && self.defends_fork() {
            return Err(PeerRefusal::WritesStopped);
        }
        self.check_history(part).await?;
        let verdict = self.vet(part, leader).await?;
        if verdict == Verdict::Append {
            self.prepare(part);
        }
        Ok(verdict)
    }

    #[cfg(not(feature = "tamper"))]
    #[allow(clippy::unused_self)]
    fn defends_fork(&self) -> bool {
        true
    }

    #[cfg(feature = "tamper")]
    fn defends_fork(&self) -> bool {
        self.shared.defends(Defence::Fork)
    }

    fn check_stamps(&self, part: &AppendEntries, leader: NodeId) -> Result<(), PeerRefusal> {
        #[cfg(feature = "tamper")]
        if !self.shared.defends(Defence::Stamp) {
            return Ok(());
        }
        let now = self.shared.clock.now();
        for entry in &part.entries {
            let Body::Command(command) = &entry.payload.body else { continue };
            let ahead = stamp(&command.0).unwrap_or(0).saturating_sub(now);
            if ahead > MAX_AHEAD {
                // The entry's own leader stamped it; whoever sends it on is not to blame.
                let node = NodeId(entry.log_id.leader_id.node_id);
                self.shared.raise(Alarm::ClockAhead { node, ahead, seen_by: self.shared.id });
                tracing::warn!(%leader, index = entry.log_id.index, ahead, "refused an append: its stamp is ahead");
                return Err(PeerRefusal::ClockAhead { index: entry.log_id.index, ahead });
            }
        }
        Ok(())
    }

    async fn vet(&self, part: &AppendEntries, leader: NodeId) -> Result<Verdict, PeerRefusal> {
        #[cfg(feature = "tamper")]
        if !self.shared.defends(Defence::Membership) {
            return Ok(Verdict::Append);
        }
        // By the cut, only the first entry of a part can be a membership.
        let Some(entry) = part.entries.first() else { return Ok(Verdict::Append) };
        let Body::Membership(proposed) = &entry.payload.body else { return Ok(Verdict::Append) };
        if self.lacks_previous(part).await? {
            return Ok(Verdict::Probe);
        }
        let (basis, index) = (entry.payload.basis, entry.log_id.index);
        if self.at(index).await?.known == Some(entry.log_id) {
            return Ok(Verdict::Append); // Sent again: it was vetted when it came first, and stays as it is.
        }
        if !self.shared.published.wait_for(basis, HOLD).await {
            return Err(PeerRefusal::BasisNotApplied { basis, applied: self.shared.published.index() });
        }
        let current = to_machine(self.at(index).await?.members.membership());
        match self.shared.published.state().vet_membership(&current, &to_machine(proposed), basis) {
            Ok(()) => Ok(Verdict::Append),
            Err(VetError::BasisAhead { basis, applied }) => Err(PeerRefusal::BasisNotApplied { basis, applied }),
            Err(error) => {
                let why = error.to_string();
                self.shared.raise(Alarm::ForgedMembership { leader, index, why: why.clone() });
                Err(PeerRefusal::ForgedMembership { index, why })
            }
        }
    }

    /// Whether the entry before this part is not in this node's log. A leader finds out how far a follower's log goes by
    /// trying, from the middle.
    async fn lacks_previous(&self, part: &AppendEntries) -> Result<bool, PeerRefusal> {
        let Some(previous) = part.prev_log_id else { return Ok(false) };
        let state = self.shared.published.state();
        if state.entries() > 0 && previous.index <= state.applied().index {
            return Ok(false); // Applied, and perhaps purged.
        }
        Ok(self.at(previous.index).await?.known != Some(previous))
    }

    /// What this node's log has at `index`, and who are members just before it. Asked in Raft's own queue, so that every
    /// part that was let through before counts.
    async fn at(&self, index: u64) -> Result<Place, PeerRefusal> {
        let place = self.raft.with_raft_state(move |raft| {
            let members = &raft.membership_state;
            Place {
                known: raft.log_ids.get(index),
                members: before(index, members.effective(), members.committed()).clone(),
            }
        });
        place.await.map_err(|e| PeerRefusal::NotAllowed(format!("this node has stopped: {e}")))
    }

    /// What is applied is committed and never becomes another entry. Raft takes that for granted; this node looks.
    async fn check_history(&self, part: &AppendEntries) -> Result<(), PeerRefusal> {
        let applied = self.shared.published.state();
        let again = |index: u64| applied.entries() > 0 && index <= applied.applied().index;
        for entry in part.entries.iter().take_while(|entry| again(entry.log_id.index)) {
            let index = entry.log_id.index;
            if self.at(index).await?.known.is_some_and(|known| known != entry.log_id) {
                let why = format!("the entry {} would overwrite a committed one at index {index}", entry.log_id);
                return Err(PeerRefusal::NotAllowed(why));
            }
        }
        Ok(())
    }

    /// Signatures are checked while the entries travel through log and commit.
    fn prepare(&self, part: &AppendEntries) {
        let commands = part.entries.iter().filter_map(|entry| match &entry.payload.body {
            Body::Command(command) => Some(command.0.clone()),
            Body::Blank | Body::Membership(_) => None,
        });
        let commands: Vec<_> = commands.collect();
        if !commands.is_empty() {
            self.shared.helpers.ahead(commands);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::codec::log_id;
    use crate::raft::{Command, Entry, Membership, Payload, Vote};
    use std::collections::BTreeSet;

    fn members(index: u64) -> StoredMembership {
        let voters = vec![BTreeSet::from([index])];
        StoredMembership::new(Some(log_id(1, 1, index)), Membership::new_with_defaults(voters, []))
    }

    #[test]
    fn a_tail_that_is_overwritten_does_not_count() {
        let (effective, committed) = (members(20), members(10));
        assert_eq!(before(21, &effective, &committed), &effective);
        // Another entry comes at 20, or below it: what stands there goes.
        assert_eq!(before(20, &effective, &committed), &committed);
        assert_eq!(before(15, &effective, &committed), &committed);
        let none = StoredMembership::default();
        assert_eq!(before(0, &none, &none), &none);
    }

    #[test]
    fn an_append_is_cut_before_each_membership() {
        let entry = |index, body| Entry { log_id: log_id(1, 1, index), payload: Payload { body, basis: 0 } };
        let command = |index| entry(index, Body::Command(Command(bytes::Bytes::new())));
        let membership = |index| entry(index, Body::Membership(members(1).membership().clone()));
        let leader_id = openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 };
        let request = |entries| AppendEntries {
            vote: Vote { leader_id, committed: true },
            prev_log_id: Some(log_id(1, 1, 4)),
            entries,
            leader_commit: Some(log_id(1, 1, 3)),
        };
        let parts = Intake::parts(request(vec![command(5), command(6), membership(7), command(8), membership(9)]));
        let lengths: Vec<_> = parts.iter().map(|part| part.entries.len()).collect();
        assert_eq!(lengths, [2, 2, 1]);
        let previous: Vec<_> = parts.iter().map(|part| part.prev_log_id.as_ref().unwrap().index).collect();
        assert_eq!(previous, [4, 6, 8]);
        assert!(parts.iter().all(|part| part.leader_commit == Some(log_id(1, 1, 3))));
        // A heartbeat and a lone membership stay as they are.
        assert_eq!(Intake::parts(request(vec![])).len(), 1);
        assert_eq!(Intake::parts(request(vec![membership(5)])).len(), 1);
    }
}
