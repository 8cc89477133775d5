//! What a follower looks at before an append reaches Raft: who speaks, stamps, and memberships (formats 8).

use std::sync::Arc;
use std::time::Duration;

use verbund_machine::VetError;
use verbund_model::NodeId;

use crate::alarm::Alarm;
use crate::raft::{AppendEntries, Body, Raft, log_id_to_machine, node_of, to_machine};
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
    pub(crate) async fn judge(&self, part: &AppendEntries) -> Result<(), PeerRefusal> {
        let leader = NodeId(node_of(&part.vote));
        speaks_for(&self.shared, self.peer, leader)?;
        self.check_stamps(part, leader)?;
        let has_commands = part.entries.iter().any(|entry| matches!(entry.payload.body, Body::Command(_)));
        if has_commands && self.shared.alarms.writes_stopped() && self.defends_fork() {
            return Err(PeerRefusal::WritesStopped);
        }
        self.vet(part, leader).await?;
        self.prepare(part);
        Ok(())
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

    async fn vet(&self, part: &AppendEntries, leader: NodeId) -> Result<(), PeerRefusal> {
        #[cfg(feature = "tamper")]
        if !self.shared.defends(Defence::Membership) {
            return Ok(());
        }
        // By the cut, only the first entry of a part can be a membership.
        let Some(entry) = part.entries.first() else { return Ok(()) };
        let Body::Membership(proposed) = &entry.payload.body else { return Ok(()) };
        let (basis, index) = (entry.payload.basis, entry.log_id.index);
        let state = self.shared.published.state();
        if state.entries() > 0 && log_id_to_machine(&entry.log_id).index <= state.applied().index {
            return Ok(()); // Sent again; Raft has it and will see whether it is the same.
        }
        if !self.shared.published.wait_for(basis, HOLD).await {
            return Err(PeerRefusal::BasisNotApplied { basis, applied: self.shared.published.index() });
        }
        let effective = self.raft.with_raft_state(|state| (**state.membership_state.effective()).clone()).await;
        let effective = effective.map_err(|e| PeerRefusal::NotAllowed(format!("this node has stopped: {e}")))?;
        if effective.log_id().as_ref() == Some(&entry.log_id) {
            return Ok(());
        }
        let (current, proposed) = (to_machine(effective.membership()), to_machine(proposed));
        match self.shared.published.state().vet_membership(&current, &proposed, basis) {
            Ok(()) => Ok(()),
            Err(VetError::BasisAhead { basis, applied }) => Err(PeerRefusal::BasisNotApplied { basis, applied }),
            Err(error) => {
                let why = error.to_string();
                self.shared.raise(Alarm::ForgedMembership { leader, index, why: why.clone() });
                Err(PeerRefusal::ForgedMembership { index, why })
            }
        }
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
