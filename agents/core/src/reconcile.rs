//! What is wanted, what is there, and the lease: what is to be done for one workload.

mod activate;
mod fence;
mod seen;

use std::collections::BTreeSet;

use verbund_model::WorkloadName;
use verbund_model::resource::CopyPhase;

use crate::action::{Act, Action, Why};
use crate::base;
use crate::desired::{DesiredCopy, DesiredRole};
use crate::facts::Facts;
use crate::object::ObjectKey;
use crate::observed::{NamespaceState, ObservedCopy};
use crate::render::{Context, render};
use crate::secret;

pub use fence::{SETTLE, is_quiet};

/// What the lease lets an exclusive copy do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// The lease is held in this generation, and the desired state at hand is the last one, read or followed since a
    /// linearizable read in this run of the agent, at or after the entry that opened it (lease.md 8 and 9).
    Held {
        /// The generation.
        generation: u64,
    },
    /// The agent has only just started, and had no time yet to renew: what runs is left as it is, nothing begins.
    Starting,
    /// It is not held.
    None,
}

/// What an agent knows beside what is desired and observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The lease.
    pub right: Right,
    /// For how long [`is_quiet`] has held for this workload without interruption, in milliseconds.
    pub quiet: u64,
    /// The lowest epoch that may still be carried out, as far as this run of the agent knows: one that it carried out, or
    /// the one after the last that it signed a receipt for. The cluster may say more.
    pub floor: u64,
}

/// What is to be done for one workload now, in this order; if one thing fails, those after it wait for the next time.
///
/// `desired` is `None` if the federation's word on it is not known: then nothing begins, and what is exclusive is fenced
/// once the lease is gone. `Report` and `SignReceipt` come each time; who carries them out tells the federation changes only.
#[must_use]
pub fn reconcile(
    workload: &WorkloadName,
    desired: Option<&DesiredCopy>,
    observed: &ObservedCopy,
    given: Given,
    context: &Context<'_>,
) -> Vec<Action> {
    let mut work = Work { workload, actions: Vec::new() };
    match desired {
        None => work.unknown(observed, given),
        Some(copy) => {
            work.copy(copy, observed, given, context);
            // What is reported leaves the site.
            for action in work.actions.iter_mut().filter(|_| !copy.secrets.is_empty()) {
                if let Act::Report { phase: CopyPhase::Starting { reason } | CopyPhase::Failed { reason }, .. } =
                    &mut action.act
                {
                    *reason = secret::redact(reason, &copy.secrets);
                }
            }
        }
    }
    work.actions
}

/// The keys of the objects that a driver should look for even where they are not ours.
#[must_use]
pub fn keys(copy: &DesiredCopy, context: &Context<'_>) -> BTreeSet<ObjectKey> {
    let wanted = render(copy, context).unwrap_or_default();
    wanted.into_iter().map(|wanted| wanted.object.key.clone()).collect()
}

/// The actions of one workload, as they come together.
struct Work<'a> {
    workload: &'a WorkloadName,
    actions: Vec<Action>,
}

impl Work<'_> {
    fn push(&mut self, act: Act, why: Why) {
        self.actions.push(Action { workload: self.workload.clone(), act, why });
    }

    fn report(&mut self, epoch: u64, phase: CopyPhase) {
        self.push(Act::Report { epoch, phase }, Why::Observed);
    }

    /// Nobody has said what is wanted: the namespace itself says whether it must be fenced.
    fn unknown(&mut self, observed: &ObservedCopy, given: Given) {
        let NamespaceState::Ours(namespace) = &observed.namespace else { return };
        let facts = Facts::read(&namespace.live);
        if facts.is_exclusive() && given.right == Right::None {
            self.fence(&facts, None, observed, &Why::NoLease);
        }
    }

    fn copy(&mut self, copy: &DesiredCopy, observed: &ObservedCopy, given: Given, context: &Context<'_>) {
        let facts = match &observed.namespace {
            NamespaceState::Foreign => {
                let reason = format!("the namespace {} exists and is not Verbund's", copy.workload);
                if !matches!(copy.role, DesiredRole::Gone { .. }) {
                    self.report(copy.epoch, CopyPhase::Failed { reason });
                }
                return;
            }
            NamespaceState::Ours(namespace) => Some(Facts::read(&namespace.live)),
            NamespaceState::Absent | NamespaceState::Terminating => None,
        };
        match copy.role {
            DesiredRole::Active => self.active(copy, facts.as_ref(), observed, given, context),
            DesiredRole::Standby => self.standby(copy, facts.as_ref(), observed, context),
            DesiredRole::Stopping => self.stopping(copy, facts.as_ref(), observed, given, context),
            DesiredRole::Gone { deleted } => self.gone(deleted, facts.as_ref(), observed),
        }
    }

    fn active(
        &mut self,
        copy: &DesiredCopy,
        facts: Option<&Facts>,
        observed: &ObservedCopy,
        given: Given,
        context: &Context<'_>,
    ) {
        // An older epoch is never carried out, and one that was stopped is over (lease.md 11).
        let seen = facts.map_or(0, |facts| facts.epoch).max(given.floor);
        if copy.epoch < seen || facts.is_some_and(|facts| facts.stopped >= copy.epoch && facts.stopped > 0) {
            return;
        }
        if copy.is_exclusive() {
            match given.right {
                Right::Held { generation } if generation == copy.generation => {}
                Right::Starting => {
                    if facts.is_some_and(|facts| facts.epoch == copy.epoch && !facts.fenced) {
                        self.look(copy, observed, context);
                    }
                    return;
                }
                Right::Held { .. } | Right::None => {
                    if let Some(facts) = facts {
                        self.fence(facts, Some((copy, context)), observed, &Why::NoLease);
                    }
                    let reason = "stopped: this cluster does not hold the lease for it".to_owned();
                    self.report(copy.epoch, CopyPhase::Failed { reason });
                    return;
                }
            }
            // What an earlier epoch left here ends before this one begins.
            let old = |pod: &crate::ObservedPod| !pod.ended && pod.epoch > 0 && pod.epoch < copy.epoch;
            if let Some(facts) = facts
                && (observed.pods.iter().any(old) || (facts.epoch < copy.epoch && !facts.fenced))
            {
                self.fence(facts, Some((copy, context)), observed, &Why::Changed);
                let reason = "what an earlier epoch left is still to end".to_owned();
                self.report(copy.epoch, CopyPhase::Starting { reason });
                return;
            }
        }
        self.activate(copy, facts, observed, context);
    }

    fn standby(&mut self, copy: &DesiredCopy, facts: Option<&Facts>, observed: &ObservedCopy, context: &Context<'_>) {
        // Nothing of it runs: what does is stopped first.
        if let Some(facts) = facts
            && (!fence::is_fenced(facts, observed) || !observed.pods.is_empty())
        {
            self.fence(facts, Some((copy, context)), observed, &Why::Standby);
            if !fence::is_gone(observed) {
                let reason = "what ran here is still to end".to_owned();
                self.report(copy.epoch, CopyPhase::Starting { reason });
                return;
            }
        }
        self.activate(copy, facts, observed, context);
    }

    fn stopping(
        &mut self,
        copy: &DesiredCopy,
        facts: Option<&Facts>,
        observed: &ObservedCopy,
        given: Given,
        context: &Context<'_>,
    ) {
        let Some(facts) = facts else {
            // There is no namespace: whatever was in it is gone with it.
            if observed.namespace == NamespaceState::Absent && observed.pods.is_empty() {
                self.push(Act::SignReceipt { epoch: copy.epoch }, Why::Stopping);
            }
            return;
        };
        self.fence(facts, Some((copy, context)), observed, &Why::Stopping);
        let quiet = !copy.is_exclusive() || given.quiet >= SETTLE;
        if !is_quiet(observed) || !quiet {
            return;
        }
        if facts.stopped < copy.epoch {
            let facts = Facts { stopped: copy.epoch, fenced: true, ..facts.clone() };
            let object = std::sync::Arc::new(base::namespace(&facts));
            self.push(Act::MarkStopped { object }, Why::Stopping);
        } else {
            self.push(Act::SignReceipt { epoch: copy.epoch }, Why::Stopping);
        }
    }

    fn gone(&mut self, deleted: bool, facts: Option<&Facts>, observed: &ObservedCopy) {
        if let Some(facts) = facts {
            self.fence(facts, None, observed, &Why::Gone);
            if !fence::is_gone(observed) {
                return;
            }
        }
        // What has moved away may have left its data here: its volumes stay, in its closed namespace, until it is deleted.
        let keeps = !deleted;
        let ours = seen::Seen::of(self.workload.as_str(), observed);
        let objects = ours.in_order_of_removal(|key| !(keeps && key.kind.kind == "PersistentVolumeClaim"));
        if !objects.is_empty() {
            self.push(Act::Prune { objects }, Why::Gone);
        } else if facts.is_some() && !keeps {
            self.push(Act::Prune { objects: vec![base::namespace_key(self.workload.as_str())] }, Why::Gone);
        }
    }
}

#[cfg(test)]
mod tests;
