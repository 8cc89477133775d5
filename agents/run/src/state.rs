//! What the agent's tasks share: holder, desk, what is desired, and what is to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use verbund_agent_core::{Desired, DesiredCopy, DesiredRole, Right, Scopes};
use verbund_agent_link::{Heard, Update};
use verbund_lease::{
    AdoptError, Denied, Epoch, Generation, Gone, Grant, Granted, GuardDesk, Holder, Incarnation, NotYet, Question,
    Read, Terms, Tick,
};
use verbund_model::WorkloadName;

use crate::clock::Clock;
use crate::config::AgentConfig;

/// What the tasks share.
pub(crate) struct Shared {
    pub(crate) config: AgentConfig,
    pub(crate) clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    /// Something is to be looked at.
    pub(crate) work: Notify,
    /// Something is to be told.
    pub(crate) news: Notify,
}

struct Inner {
    started: Tick,
    /// Once the start is registered.
    holder: Option<Holder>,
    desk: GuardDesk,
    desired: Option<Arc<Desired>>,
    scopes: Arc<Scopes>,
    dirty: BTreeSet<WorkloadName>,
    floors: BTreeMap<WorkloadName, u64>,
    /// Whether the lease was held when last looked: a change of it concerns every exclusive workload.
    held: bool,
}

/// What one workload is reconciled with.
pub(crate) struct Wish {
    pub(crate) copy: Option<Arc<DesiredCopy>>,
    pub(crate) desired: Option<Arc<Desired>>,
    pub(crate) scopes: Arc<Scopes>,
    pub(crate) floor: u64,
}

impl Shared {
    pub(crate) fn new(config: AgentConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let started = clock.tick();
        let inner = Inner {
            started,
            holder: None,
            desk: GuardDesk::new(),
            desired: None,
            scopes: Arc::default(),
            dirty: BTreeSet::new(),
            floors: BTreeMap::new(),
            held: false,
        };
        Arc::new(Self { config, clock, inner: Mutex::new(inner), work: Notify::new(), news: Notify::new() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held: the machines of the lease do not.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the number under which this start was registered: a lease can be asked for from now on.
    pub(crate) fn registered(&self, incarnation: Incarnation) {
        let now = self.clock.tick();
        self.inner().holder = Some(Holder::start(self.config.cluster.clone(), incarnation, now));
    }

    /// Takes a desired state; `begun` is when the watch was asked for. Errors: [`AdoptError`].
    pub(crate) fn adopt(&self, update: Update, begun: Tick) -> Result<(), AdoptError> {
        let mut inner = self.inner();
        let desired = leased(&update.desired);
        let read = if update.first { Read::Linearizable { begun } } else { Read::Followed };
        inner.holder.as_mut().ok_or(AdoptError::NotRead)?.adopt(&desired, read)?;
        inner.desk.adopt(&desired);
        let before = inner.desired.take();
        let gone = before.iter().flat_map(|before| before.workloads.keys());
        let gone: Vec<_> = gone.filter(|name| !update.desired.workloads.contains_key(*name)).cloned().collect();
        inner.dirty.extend(update.changed);
        inner.dirty.extend(gone);
        let lease = |desired: &Desired| desired.lease.map(|lease| lease.generation);
        if before.as_ref().is_none_or(|before| {
            lease(before) != lease(&update.desired) || before.cluster_kinds != update.desired.cluster_kinds
        }) {
            inner.dirty.extend(update.desired.workloads.keys().cloned());
        }
        inner.desired = Some(Arc::new(update.desired));
        drop(inner);
        self.work.notify_one();
        Ok(())
    }

    /// Takes what was heard of a renewal.
    pub(crate) fn hear(&self, heard: Heard) {
        let now = self.clock.tick();
        let mut inner = self.inner();
        // What is heard answers a renewal, which only a holder sends.
        let Some(holder) = &mut inner.holder else { return };
        match heard {
            Heard::Membership(membership) => holder.know(membership.id, membership.voters, now),
            Heard::Answer(answer) => {
                if let Err(error) = holder.answered(&answer, now) {
                    tracing::debug!(voter = %answer.voter, %error, "an answer does not count");
                }
            }
            Heard::Refused(refusal) => {
                tracing::debug!(voter = %refusal.voter, why = %refusal.why, "a voter refused a renewal");
            }
        }
        drop(inner);
        self.look_at_the_lease();
    }

    /// A renewal to be sent now, if there is one.
    pub(crate) fn renewal(&self) -> Option<verbund_lease::Renewal> {
        let now = self.clock.tick();
        self.inner().holder.as_mut()?.renew(now).map_err(|error| tracing::trace!(%error, "nothing to renew")).ok()
    }

    /// Whether the lease is still as it was: if not, every exclusive workload is looked at.
    pub(crate) fn look_at_the_lease(&self) {
        let now = self.clock.tick();
        let mut inner = self.inner();
        let held = inner.holder.as_ref().is_some_and(|holder| holder.holds(now));
        if held != inner.held {
            inner.held = held;
            tracing::info!(held, "the lease of this cluster");
            inner.mark_exclusive();
            drop(inner);
            self.work.notify_one();
        }
    }

    /// When the lease ends, if it is held.
    pub(crate) fn lease_until(&self) -> Option<Tick> {
        let now = self.clock.tick();
        self.inner().holder.as_ref()?.lease_until().filter(|until| now < *until)
    }

    /// What the lease lets exclusive copies do now.
    pub(crate) fn right(&self) -> Right {
        let now = self.clock.tick();
        let inner = self.inner();
        let holder = inner.holder.as_ref();
        if holder.is_some_and(Holder::superseded) {
            return Right::None;
        }
        if let Some(desired) = &inner.desired
            && let Some(holder) = holder
            && holder.may_activate(desired.index, now).is_ok()
            && let Some(lease) = desired.lease
        {
            return Right::Held { generation: lease.generation };
        }
        let grace = u64::try_from(self.config.start_grace.as_millis()).unwrap_or(u64::MAX);
        let grace = holder.and_then(Holder::terms).map_or(grace, |terms| terms.length);
        let never = holder.and_then(Holder::lease_until).is_none();
        if never && now < inner.started.saturating_add(grace) { Right::Starting } else { Right::None }
    }

    /// Has these looked at.
    pub(crate) fn mark_all(&self, names: impl IntoIterator<Item = WorkloadName>) {
        self.inner().dirty.extend(names);
        self.work.notify_one();
    }

    /// Takes what is to be looked at.
    pub(crate) fn take_dirty(&self) -> BTreeSet<WorkloadName> {
        std::mem::take(&mut self.inner().dirty)
    }

    pub(crate) fn desired(&self) -> Option<Arc<Desired>> {
        self.inner().desired.clone()
    }

    pub(crate) fn set_scopes(&self, scopes: Scopes) {
        let mut inner = self.inner();
        if *inner.scopes != scopes {
            inner.scopes = Arc::new(scopes);
            let names: Vec<_> = inner.desired.iter().flat_map(|desired| desired.workloads.keys()).cloned().collect();
            inner.dirty.extend(names);
            drop(inner);
            self.work.notify_one();
        }
    }

    pub(crate) fn wish(&self, workload: &WorkloadName) -> Wish {
        let inner = self.inner();
        Wish {
            copy: inner.desired.as_ref().and_then(|desired| desired.workloads.get(workload).cloned()),
            desired: inner.desired.clone(),
            scopes: inner.scopes.clone(),
            floor: inner.floors.get(workload).copied().unwrap_or(0),
        }
    }

    /// Nothing below this epoch is carried out any more.
    pub(crate) fn raise_floor(&self, workload: &WorkloadName, floor: u64) {
        let mut inner = self.inner();
        let known = inner.floors.entry(workload.clone()).or_default();
        *known = floor.max(*known);
    }

    /// Answers a guard.
    pub(crate) fn answer(&self, question: &Question) -> Result<Grant, Denied> {
        let now = self.clock.tick();
        let inner = &mut *self.inner();
        let holder = inner.holder.as_ref().ok_or(Denied::NoLease)?;
        inner.desk.answer(question, holder, now)
    }

    /// Whether a receipt may be signed; from a yes on nothing of that epoch runs here again (lease.md 11).
    pub(crate) fn may_sign(&self, workload: &WorkloadName, epoch: u64, gone: Gone) -> Result<(), NotYet> {
        let now = self.clock.tick();
        let inner = &mut *self.inner();
        let holder = inner.holder.as_ref().ok_or(NotYet::NotRead)?;
        inner.desk.may_sign_receipt(workload, Epoch(epoch), gone, holder, now).map(drop)
    }
}

impl Inner {
    fn mark_exclusive(&mut self) {
        let copies = self.desired.iter().flat_map(|desired| desired.workloads.values());
        let exclusive = copies.filter(|copy| copy.is_exclusive()).map(|copy| copy.workload.clone());
        self.dirty.extend(exclusive.collect::<Vec<_>>());
    }
}

/// The part of a desired state on which the lease hangs.
fn leased(desired: &Desired) -> verbund_lease::Desired {
    let granted = desired.lease.map(|lease| Granted {
        generation: Generation(lease.generation),
        opened: lease.opened,
        terms: Terms { length: lease.length, margin: lease.margin },
        longest: Terms { length: lease.longest_length, margin: lease.longest_margin },
        incarnation: Incarnation(lease.incarnation),
    });
    let is_active = |copy: &&Arc<DesiredCopy>| {
        let here = desired.lease.is_some_and(|lease| lease.generation == copy.generation);
        copy.role == DesiredRole::Active && copy.is_exclusive() && here
    };
    let active = desired.workloads.values().filter(is_active);
    let active = active.map(|copy| (copy.workload.clone(), Epoch(copy.epoch))).collect();
    verbund_lease::Desired { index: desired.index, lease: granted, active }
}
