//! The voter: grants leases by answering, and ends them by stating so. Rules 2, 4, 5, 6, 12, 13.

mod entry;
mod refusal;

use std::collections::BTreeMap;

use verbund_model::resource::{Finding, MembershipId};
use verbund_model::{ClusterName, FederationId, NodeId, SiteName};

use crate::Tick;
use crate::number::{Generation, Incarnation};
use crate::renewal::{Answer, Refused, Renewal};
use crate::statement::Statement;
use crate::view::{OpenLease, View};

use entry::Entry;
pub use refusal::{CannotClose, Closing, Memory, Refusal};

/// In whose name a voter states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoterIdentity {
    /// The federation.
    pub federation: FederationId,
    /// Its generation.
    pub federation_generation: u32,
    /// The node.
    pub node: NodeId,
}

impl VoterIdentity {
    /// The statement that nothing is heard of `site`, in its presence of this number ([`crate::Liveness::unreachable`]).
    #[must_use]
    pub const fn unreachable(&self, site: SiteName, presence: u64, membership: MembershipId) -> Statement {
        self.state(Finding::Unreachable { site, presence }, membership)
    }

    /// The statement that `site` is steadily heard of again, in its absence of this number.
    #[must_use]
    pub const fn returned(&self, site: SiteName, presence: u64, membership: MembershipId) -> Statement {
        self.state(Finding::Returned { site, presence }, membership)
    }

    /// Not public: that a lease has ended, only [`Voter::close`] says.
    const fn state(&self, finding: Finding, membership: MembershipId) -> Statement {
        let Self { federation, federation_generation, node } = *self;
        Statement { federation, federation_generation, finding, membership, node }
    }
}

/// A node's table of leases. Every function looks at the [`View`] first, so that no change of membership, opening or closing
/// is missed; [`Voter::observe`] does it without another purpose, and lets the waits begin as early as they can.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voter {
    identity: VoterIdentity,
    /// Rule 13: nothing is granted or stated any more.
    lost: bool,
    /// Nothing is answered before this index is applied: it may have been when the process ended.
    catch_up: u64,
    /// The effective membership, and since when by the own clock.
    effective: Option<(MembershipId, Tick)>,
    /// Durable: every generation up to this one is refused.
    refused: BTreeMap<ClusterName, Generation>,
    /// Not durable yet, but refused already.
    refusing: BTreeMap<ClusterName, Generation>,
    entries: BTreeMap<ClusterName, Entry>,
}

impl Voter {
    /// A voter whose process starts. `catch_up` is the last index of its log as it was found: whatever was applied before,
    /// and so whatever was closed or registered, lies at or below it, and nothing is answered until as much is applied.
    #[must_use]
    pub fn start(identity: VoterIdentity, memory: Memory, catch_up: u64) -> Self {
        let (lost, refusals) = match memory {
            Memory::Intact(refusals) => (false, refusals),
            Memory::Lost => (true, Vec::new()),
        };
        let mut refused = BTreeMap::new();
        for Refusal { cluster, generation } in refusals {
            let highest: &mut Generation = refused.entry(cluster).or_default();
            *highest = generation.max(*highest);
        }
        Self { identity, lost, catch_up, effective: None, refused, refusing: BTreeMap::new(), entries: BTreeMap::new() }
    }

    /// In whose name it states.
    #[must_use]
    pub const fn identity(&self) -> &VoterIdentity {
        &self.identity
    }

    /// What must be durable: every refusal that [`Voter::persisted`] took. For copying a store.
    pub fn refusals(&self) -> impl Iterator<Item = Refusal> + '_ {
        self.refused.iter().map(|(cluster, &generation)| Refusal { cluster: cluster.clone(), generation })
    }

    /// Takes note of the log and state as they are (rule 6): after a start, a change of the effective membership (also by
    /// truncation) and an opening, the lease counts as granted at `now`. To be called at each of these, at once: a later
    /// call only lets voters wait longer.
    pub fn observe(&mut self, view: &View<'_>, now: Tick) {
        self.see_membership(view, now);
        self.entries.retain(|cluster, _| view.leases.lease(cluster).is_some());
        view.leases.each(&mut |cluster, lease| self.see_lease(cluster, lease, now));
    }

    /// Answers a renewal, or says why not. An answer binds: from `now` on, and for L + m, nothing is stated about this lease.
    ///
    /// # Errors
    /// [`Refused`]; nothing was granted then.
    pub fn answer(&mut self, renewal: &Renewal, view: &View<'_>, now: Tick) -> Result<Answer, Refused> {
        if self.lost {
            return Err(Refused::Lost);
        }
        self.see_membership(view, now);
        // Rule 4: who did not apply what came before its effective membership may not know that it was committed, and may
        // grant under a membership that others have left behind.
        let needed = view.previous.max(self.catch_up);
        if view.applied < needed {
            return Err(Refused::Behind { needed, applied: view.applied });
        }
        let lease = self.open(&renewal.cluster, renewal.generation, view, now)?;
        if self.refuses(&renewal.cluster, renewal.generation) {
            return Err(Refused::Ended { generation: renewal.generation });
        }
        check_incarnation(renewal.incarnation, lease.incarnation)?;
        let allowed = self.entry(&renewal.cluster, lease, now).allowed(now);
        if renewal.length > allowed.length {
            return Err(Refused::TooLong { asked: renewal.length, allowed: allowed.length });
        }
        self.entry(&renewal.cluster, lease, now).grant(now);
        Ok(Answer { renewal: renewal.clone(), voter: self.identity.node, membership: view.effective })
    }

    /// Tries to state that a generation has ended (rule 5). A first success only says what to make durable; from then on the
    /// generation is refused, and once it is durable, [`Voter::persisted`] gives the statement. Asked again, for instance
    /// under a new membership, an already durable refusal gives it at once, if enough time has passed under that one.
    ///
    /// # Errors
    /// [`CannotClose`]; for [`CannotClose::Waiting`] ask again then.
    pub fn close(
        &mut self,
        cluster: &ClusterName,
        generation: Generation,
        view: &View<'_>,
        now: Tick,
    ) -> Result<Closing, CannotClose> {
        if self.lost {
            return Err(CannotClose::Lost);
        }
        self.see_membership(view, now);
        let lease = self.open(cluster, generation, view, now).map_err(|refused| match refused {
            Refused::NotOpen { asked, open } => CannotClose::NotOpen { asked, open },
            _ => CannotClose::Lost,
        })?;
        let since = self.effective.map_or(now, |(_, since)| since);
        let until = self.entry(cluster, lease, now).granted_until().max(since.saturating_add(lease.longest.hold()));
        if now < until {
            return Err(CannotClose::Waiting { until });
        }
        if self.refused.get(cluster).is_some_and(|&highest| highest >= generation) {
            let finding = Finding::LeaseEnded { cluster: cluster.clone(), generation: generation.0 };
            return Ok(Closing::Statement(self.identity.state(finding, view.effective)));
        }
        self.refusing.insert(cluster.clone(), generation);
        Ok(Closing::MustPersist(Refusal { cluster: cluster.clone(), generation }))
    }

    /// Takes note that `refusal` is durable, and states what it stands for.
    ///
    /// # Errors
    /// [`CannotClose`] if the membership or the generation has changed meanwhile; the refusal stays.
    pub fn persisted(&mut self, refusal: &Refusal, view: &View<'_>, now: Tick) -> Result<Closing, CannotClose> {
        let highest = self.refused.entry(refusal.cluster.clone()).or_default();
        *highest = refusal.generation.max(*highest);
        if self.refusing.get(&refusal.cluster).is_some_and(|&refusing| refusing <= refusal.generation) {
            self.refusing.remove(&refusal.cluster);
        }
        self.close(&refusal.cluster, refusal.generation, view, now)
    }

    fn refuses(&self, cluster: &ClusterName, generation: Generation) -> bool {
        let reaches =
            |table: &BTreeMap<ClusterName, Generation>| table.get(cluster).is_some_and(|&to| to >= generation);
        reaches(&self.refused) || reaches(&self.refusing)
    }

    fn see_membership(&mut self, view: &View<'_>, now: Tick) {
        if self.effective.is_none_or(|(id, _)| id != view.effective) {
            self.effective = Some((view.effective, now));
        }
    }

    fn see_lease(&mut self, cluster: &ClusterName, lease: OpenLease, now: Tick) {
        match self.entries.get_mut(cluster) {
            Some(entry) if entry.generation() == lease.generation => entry.see(lease, now),
            _ => {
                self.entries.insert(cluster.clone(), Entry::new(lease, now));
            }
        }
    }

    /// The open lease, if `generation` is the open one.
    fn open(
        &mut self,
        cluster: &ClusterName,
        generation: Generation,
        view: &View<'_>,
        now: Tick,
    ) -> Result<OpenLease, Refused> {
        let open = view.leases.lease(cluster);
        match open {
            Some(lease) => self.see_lease(cluster, lease, now),
            None => {
                self.entries.remove(cluster);
            }
        }
        open.filter(|lease| lease.generation == generation)
            .ok_or(Refused::NotOpen { asked: generation, open: open.map(|lease| lease.generation) })
    }

    fn entry(&mut self, cluster: &ClusterName, lease: OpenLease, now: Tick) -> &mut Entry {
        self.entries.entry(cluster.clone()).or_insert_with(|| Entry::new(lease, now))
    }
}

/// Rule 2: the registered incarnation, and no other. That the applied state never goes back, not even with a restart, is the
/// catch-up's and rule 4's work: whoever answered a newer one has its registration applied, or will before it answers again.
fn check_incarnation(asked: Incarnation, registered: Incarnation) -> Result<(), Refused> {
    if asked < registered {
        return Err(Refused::Superseded { asked, newest: registered });
    }
    if asked > registered || registered == Incarnation(0) {
        return Err(Refused::Unregistered { asked, registered });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
