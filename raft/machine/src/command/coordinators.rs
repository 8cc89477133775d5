//! What takes m of n coordinators: one proposes, the others approve, and the m-th approval carries it out.

use std::collections::BTreeSet;

use verbund_identity::key_id;
use verbund_model::resource::{
    Action, Admission, CoordinatorSet, Federation, KeyOwner, Node, NodeStanding, Policy, Proposal, RegisteredKey,
};
use verbund_model::{Accepted, Algorithm, Hash, KeyId, NodeId, PublicKey, Refusal};

use crate::act::{Act, Decision, check_key, conflict, invalid, within};
use crate::limits::{MAX_COORDINATORS, MAX_DOCUMENT, MAX_POLICIES};
use crate::object::label;
use crate::tables::Single;

/// Where approvals stand.
pub(crate) enum Count {
    /// Not enough yet.
    Waiting(Accepted),
    /// The m-th is here.
    Enough,
}

impl Act<'_> {
    /// Counts the approvals of keys that are coordinators now.
    pub(crate) fn count(&self, subject: Hash, approvals: &BTreeSet<KeyId>) -> Count {
        let coordinators = &self.federation().coordinators;
        let have = coordinators.keys.iter().filter(|key| approvals.contains(&key_id(key))).count();
        let (have, need) = (u32::try_from(have).unwrap_or(u32::MAX), coordinators.threshold);
        if have >= need { Count::Enough } else { Count::Waiting(Accepted::Waiting { subject, have, need }) }
    }

    pub(crate) fn propose(&mut self, action: &Action) -> Decision {
        let hash = self.author.payload;
        self.absent::<Proposal>(&hash)?;
        self.check_action(action)?;
        let proposal = Proposal {
            hash,
            action: action.clone(),
            coordinator_set_version: self.federation().coordinators.version,
            approvals: BTreeSet::from([self.author.key]),
            done: false,
        };
        self.settle(proposal)
    }

    pub(crate) fn approve(&mut self, subject: &Hash) -> Decision {
        if self.state.find::<Admission>(subject).is_some() {
            return self.approve_admission(subject);
        }
        let what = || format!("admission or proposal {subject}");
        let found = self.state.find::<Proposal>(subject).ok_or_else(|| Refusal::NotFound { what: what() })?;
        if found.value.done || found.value.approvals.contains(&self.author.key) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let (made, current) = (found.value.coordinator_set_version, self.federation().coordinators.version);
        if made != current {
            return Err(conflict(format!(
                "the proposal is void: it was made under coordinator set {made}, and {current} is in force"
            )));
        }
        let mut proposal = found.value.clone();
        proposal.approvals.insert(self.author.key);
        self.check_action(&proposal.action)?;
        self.settle(proposal)
    }

    /// Keeps the proposal, and carries it out if enough agree. The action was checked.
    fn settle(&mut self, mut proposal: Proposal) -> Decision {
        match self.count(proposal.hash, &proposal.approvals) {
            Count::Waiting(waiting) => {
                self.put(proposal);
                Ok(waiting)
            }
            Count::Enough => {
                proposal.done = true;
                let action = proposal.action.clone();
                self.put(proposal);
                self.carry_out(action);
                Ok(self.changed())
            }
        }
    }

    fn check_action(&self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::SetPolicy { name, document } => {
                within("the document", document.len() as u64, MAX_DOCUMENT)?;
                let new = u64::from(self.state.policy(name).is_none());
                within("the number of policies", self.state.tables.policies.len() as u64 + new, MAX_POLICIES)
            }
            Action::DeletePolicy { name } => self.existing::<Policy>(name).map(|_| ()),
            Action::ReplaceVoter { lost } => self.check_lost(*lost),
            Action::SetCoordinators { keys, threshold } => self.check_coordinators(keys, *threshold),
            Action::SetTimings { timings } => super::timings::check_timings(timings),
            Action::SwitchOn { format } => self.check_format(*format),
        }
    }

    fn check_lost(&self, lost: NodeId) -> Result<(), Refusal> {
        let node = &self.existing::<Node>(&lost)?.value;
        if node.standing == NodeStanding::Removed {
            return Err(conflict(format!("{} was removed already", label::<Node>(&lost))));
        }
        self.keep_a_voter(node)
    }

    fn check_coordinators(&self, keys: &[PublicKey], threshold: u32) -> Result<(), Refusal> {
        within("the number of coordinators", keys.len() as u64, MAX_COORDINATORS)?;
        let set = CoordinatorSet { version: 0, keys: keys.to_vec(), threshold };
        if !set.is_sound() {
            let n = keys.len();
            let reason = format!("{threshold} of {n}: wanted are n distinct keys and a threshold m with n/2 < m ≤ n");
            return Err(invalid("action.setCoordinators", reason));
        }
        let present = &self.federation().coordinators.keys;
        for key in keys.iter().filter(|key| !present.contains(key)) {
            self.fresh_key("action.setCoordinators.keys", key, Algorithm::P384)?;
        }
        keys.iter().try_for_each(|key| check_key("action.setCoordinators.keys", key, Algorithm::P384))
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::SetPolicy { name, document } => self.put(Policy { name, document }),
            Action::DeletePolicy { name } => self.delete::<Policy>(&name),
            Action::ReplaceVoter { lost } => self.retire(lost),
            Action::SetCoordinators { keys, threshold } => self.set_coordinators(keys, threshold),
            Action::SetTimings { timings } => self.set_timings(timings),
            Action::SwitchOn { format } => self.switch_on(format),
        }
    }

    fn check_format(&self, format: u32) -> Result<(), Refusal> {
        let current = self.state.single().format;
        if current.checked_add(1) == Some(format) {
            return Ok(());
        }
        let reason = format!("found {format}, allowed is the one after {current}, which is switched on");
        Err(invalid("action.switchOn.format", reason))
    }

    fn switch_on(&mut self, format: u32) {
        let single = self.state.single().clone();
        self.state.tables.single.put((), Single { format, ..single });
    }

    fn set_coordinators(&mut self, keys: Vec<PublicKey>, threshold: u32) {
        let federation = self.federation().clone();
        let old = &federation.coordinators;
        for key in old.keys.iter().filter(|key| !keys.contains(key)) {
            self.revoke(&key_id(key));
        }
        for key in keys.iter().filter(|key| !old.keys.contains(key)) {
            let id = key_id(key);
            self.put(RegisteredKey { id, key: key.clone(), owner: KeyOwner::Coordinator, revoked: false });
        }
        let coordinators = CoordinatorSet { version: old.version.saturating_add(1), keys, threshold };
        self.put(Federation { coordinators, ..federation });
    }
}
