//! The desk at which the agent answers guards, and from which it knows what may still run. Rules 10 and 11.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verbund_model::{ClusterName, WorkloadName};

use crate::Tick;
use crate::desired::Desired;
use crate::holder::{Holder, NoLease};
use crate::number::{Epoch, Incarnation};
use crate::renewal::{Grant, Question};

/// Why a guard gets no grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Denied {
    /// Another epoch is active here, or none: the container ends at once ([`crate::Guard::denied`]).
    #[error("epoch {epoch} of {workload} is not active here: the container must end")]
    NotHere {
        /// The workload.
        workload: WorkloadName,
        /// The epoch asked for.
        epoch: Epoch,
    },
    /// The agent holds no lease now. The guard asks again; what it was granted before stands.
    #[error("the agent of this cluster holds no lease now: ask again")]
    NoLease,
}

/// How it is known that a workload's containers are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gone {
    /// The kubelet confirmed that its pods are gone, and none can come back (fence level `agent`, or faster at `guard`).
    Confirmed,
    /// Nobody confirmed anything, but each container is under a guard (fence level `guard`), and guards end them.
    Expired,
}

/// What a receipt says. Who applies it counts it only if this epoch is the one that is to stop. Because the log registers
/// incarnations nothing more is needed: a process that was replaced learns of it in the desired state that tells it to stop.
/// Without, a receipt of an older process must not count, and nothing in the log could tell (the model shows what comes of it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stopped {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload.
    pub workload: WorkloadName,
    /// The epoch of the activation that has ended.
    pub epoch: Epoch,
    /// Which start of the agent says so.
    pub incarnation: Incarnation,
}

/// Why a receipt is not signed yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum NotYet {
    /// The desired state wants it here.
    #[error("{workload} is to run here with epoch {epoch}: there is nothing to sign")]
    Wanted {
        /// The workload.
        workload: WorkloadName,
        /// The epoch that is active.
        epoch: Epoch,
    },
    /// No desired state was read since the start.
    #[error("the desired state was not read since the start: read it first")]
    NotRead,
    /// An earlier incarnation may hold a lease and grant: this one was granted none yet.
    #[error("an earlier incarnation of this agent may still grant: renew the lease first")]
    EarlierMayHold,
    /// The same, but it ends then.
    #[error("a lease of an earlier incarnation of this agent may last until tick {until}")]
    EarlierMayGrant {
        /// When to ask again.
        until: Tick,
    },
    /// A guard may still let it run.
    #[error("a container may run by its grant until tick {until}")]
    Granted {
        /// When to ask again.
        until: Tick,
    },
    /// This process must end.
    #[error("a newer incarnation of this agent has started: it signs receipts, this process must end")]
    Superseded,
}

/// One agent's desk, for one start of it, beside its [`Holder`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct GuardDesk {
    /// The index of the desired state, once there is one.
    index: Option<u64>,
    active: BTreeMap<WorkloadName, Epoch>,
    /// Up to this epoch nothing is granted any more.
    stopped: BTreeMap<WorkloadName, Epoch>,
    /// The latest end of any grant, by the own clock.
    ends: BTreeMap<WorkloadName, Tick>,
}

impl GuardDesk {
    /// A desk that has granted nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a desired state that [`Holder::adopt`] took. An epoch that is no longer active is never granted again, even if a
    /// later state should name it: going on after a stop is an activation, with a new epoch (rule 11).
    pub fn adopt(&mut self, desired: &Desired) {
        if self.index.is_some_and(|known| desired.index < known) {
            return;
        }
        self.index = Some(desired.index);
        let before = std::mem::replace(&mut self.active, desired.active.clone());
        for (workload, epoch) in before {
            if self.active.get(&workload) != Some(&epoch) {
                self.stop(&workload, epoch);
            }
        }
    }

    /// Grants nothing to this epoch, and those before it, from here on.
    pub fn stop(&mut self, workload: &WorkloadName, epoch: Epoch) {
        let stopped = self.stopped.entry(workload.clone()).or_default();
        *stopped = epoch.max(*stopped);
    }

    /// Answers a guard, for its workload **and epoch** (rule 10), as long as the lease is held.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn answer(&mut self, question: &Question, holder: &Holder, now: Tick) -> Result<Grant, Denied> {
        let Question { workload, epoch, .. } = question;
        let not_here = || Denied::NotHere { workload: workload.clone(), epoch: *epoch };
        let index = self.index.ok_or(Denied::NoLease)?;
        if self.runs(workload) != Some(*epoch) {
            return Err(not_here());
        }
        let until = holder.may_activate(index, now).map_err(|why| match why {
            NoLease::Superseded | NoLease::NotRead | NoLease::NotLatest { .. } | NoLease::NotHeld => Denied::NoLease,
        })?;
        // The guard counts `remaining` by its own clock, which may be slower: m covers a whole lease of that.
        let margin = holder.terms().map_or(0, |terms| terms.margin);
        let end = self.ends.entry(workload.clone()).or_default();
        *end = until.saturating_add(margin).max(*end);
        Ok(Grant { question: question.clone(), remaining: until.saturating_sub(now) })
    }

    /// The epoch that may run here now.
    #[must_use]
    pub fn runs(&self, workload: &WorkloadName) -> Option<Epoch> {
        let epoch = self.active.get(workload).copied()?;
        let stopped = self.stopped.get(workload).copied().unwrap_or_default();
        (epoch > stopped).then_some(epoch)
    }

    /// Whether "stopped `workload`, `epoch`" may be signed now (rule 11), and what it says then. From a yes on, nothing is
    /// granted to that epoch.
    ///
    /// Also with the kubelet's confirmation, earlier incarnations must have ended: one that still runs and holds a lease
    /// would start again what was confirmed to be gone.
    ///
    /// # Errors
    /// [`NotYet`], with when to ask again where that is known.
    pub fn may_sign_receipt(
        &mut self,
        workload: &WorkloadName,
        epoch: Epoch,
        gone: Gone,
        holder: &Holder,
        now: Tick,
    ) -> Result<Stopped, NotYet> {
        if holder.superseded() {
            return Err(NotYet::Superseded);
        }
        if self.index.is_none() {
            return Err(NotYet::NotRead);
        }
        if let Some(epoch) = self.runs(workload) {
            return Err(NotYet::Wanted { workload: workload.clone(), epoch });
        }
        let earlier = holder.alone_from().ok_or(NotYet::EarlierMayHold)?;
        if now < earlier {
            return Err(NotYet::EarlierMayGrant { until: earlier });
        }
        let until = self.ends.get(workload).copied().unwrap_or_default();
        if gone == Gone::Expired && now < until {
            return Err(NotYet::Granted { until });
        }
        self.stop(workload, epoch);
        let (cluster, incarnation) = (holder.cluster().clone(), holder.incarnation());
        Ok(Stopped { cluster, workload: workload.clone(), epoch, incarnation })
    }
}

#[cfg(test)]
mod tests;
