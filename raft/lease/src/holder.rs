//! The holder: the agent's side of the lease. Rules 1, 2, 3, 8, 9.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::resource::MembershipId;
use verbund_model::{ClusterName, NodeId};

use crate::Tick;
use crate::desired::{Desired, Granted, Read};
use crate::membership::Voters;
use crate::number::{Generation, Incarnation, Nonce};
use crate::renewal::{Answer, Renewal};
use crate::settings::Terms;

pub use error::{AdoptError, AnswerError, NoLease, RenewError};

/// How many memberships are known at a time, and renewals waited for: far more than can be live.
const MEMBERSHIPS: usize = 16;
const RENEWALS: usize = 64;

/// The holder of one cluster's lease, for one start of its agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    cluster: ClusterName,
    incarnation: Incarnation,
    started: Tick,
    superseded: bool,
    /// The desired state's index and lease.
    known: Option<(u64, Option<Granted>)>,
    memberships: BTreeMap<MembershipId, Voters>,
    count: Nonce,
    sent: BTreeMap<Nonce, Sent>,
    lease: Option<(Generation, Tick)>,
    alone_from: Option<Tick>,
}

/// A renewal on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    at: Tick,
    generation: Generation,
    length: u64,
    answers: BTreeMap<MembershipId, BTreeSet<NodeId>>,
}

impl Holder {
    /// A holder that starts: it remembers nothing, whatever an earlier one held (rule 9). `incarnation` is what the log
    /// minted when this start was registered (rule 2): what is read from here on knows it.
    #[must_use]
    pub const fn start(cluster: ClusterName, incarnation: Incarnation, now: Tick) -> Self {
        Self {
            cluster,
            incarnation,
            started: now,
            superseded: false,
            known: None,
            memberships: BTreeMap::new(),
            count: Nonce(0),
            sent: BTreeMap::new(),
            lease: None,
            alone_from: None,
        }
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Which start of the agent this is.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Takes a desired state. The first must come from a linearizable read begun after the start (rule 9), and its lease is
    /// usable because it stands in the same state as all else (rule 8).
    ///
    /// # Errors
    /// [`AdoptError`]; the earlier desired state stays, but for a holder that was superseded, which gives up its lease.
    pub fn adopt(&mut self, desired: &Desired, read: Read) -> Result<(), AdoptError> {
        let fresh = matches!(read, Read::Linearizable { begun } if begun >= self.started);
        if self.known.is_none() && !fresh {
            return Err(AdoptError::NotRead);
        }
        if let Some((known, _)) = self.known
            && desired.index < known
        {
            return Err(AdoptError::Older { index: desired.index, known });
        }
        if let Some(granted) = desired.lease {
            if desired.index < granted.opened {
                return Err(AdoptError::BeforeOpening { index: desired.index, opened: granted.opened });
            }
            self.check_incarnation(granted.incarnation)?;
        }
        let generation = desired.lease.map(|granted| granted.generation);
        self.lease = self.lease.filter(|(held, _)| Some(*held) == generation);
        self.sent.retain(|_, sent| Some(sent.generation) == generation);
        self.known = Some((desired.index, desired.lease));
        Ok(())
    }

    /// Learns the sets of voters of a membership, from the own site's daemon; answers that named it count from then on.
    pub fn know(&mut self, membership: MembershipId, voters: Voters, now: Tick) {
        self.memberships.insert(membership, voters);
        while self.memberships.len() > MEMBERSHIPS {
            let oldest = self.memberships.keys().min_by_key(|id| id.index).copied();
            oldest.map(|id| self.memberships.remove(&id));
        }
        let nonces: Vec<Nonce> = self.sent.keys().copied().collect();
        for nonce in nonces {
            self.count_answers(nonce, now);
        }
    }

    /// A renewal to be sent to every voter **now**: the lease counts from this call (rule 1).
    ///
    /// # Errors
    /// [`RenewError`]: there is nothing to renew.
    pub fn renew(&mut self, now: Tick) -> Result<Renewal, RenewError> {
        if self.superseded {
            return Err(RenewError::Superseded);
        }
        let (_, granted) = self.known.ok_or(RenewError::NotRead)?;
        let Granted { generation, terms, .. } = granted.ok_or(RenewError::NoneOpen)?;
        self.sent.retain(|_, sent| now < sent.until());
        while self.sent.len() >= RENEWALS {
            self.sent.pop_first();
        }
        self.count.0 += 1;
        let sent = Sent { at: now, generation, length: terms.length, answers: BTreeMap::new() };
        self.sent.insert(self.count, sent);
        Ok(Renewal {
            cluster: self.cluster.clone(),
            generation,
            length: terms.length,
            nonce: self.count,
            incarnation: self.incarnation,
        })
    }

    /// Takes a voter's answer, which must have come from that voter. Gives until when the lease is held, if it is.
    ///
    /// # Errors
    /// [`AnswerError`]: it answers nothing that is waited for.
    pub fn answered(&mut self, answer: &Answer, now: Tick) -> Result<Option<Tick>, AnswerError> {
        let Renewal { cluster, generation, length, nonce, incarnation } = &answer.renewal;
        if *cluster != self.cluster || *incarnation != self.incarnation {
            return Err(AnswerError::Foreign);
        }
        let sent = self.sent.get_mut(nonce).ok_or(AnswerError::NotWaitedFor)?;
        if sent.generation != *generation || sent.length != *length {
            return Err(AnswerError::Foreign);
        }
        if sent.answers.len() >= MEMBERSHIPS && !sent.answers.contains_key(&answer.membership) {
            return Err(AnswerError::NotWaitedFor);
        }
        sent.answers.entry(answer.membership).or_default().insert(answer.voter);
        self.count_answers(*nonce, now);
        Ok(self.lease_until().filter(|until| now < *until))
    }

    /// Until when the lease is held. It may be over: see [`Holder::holds`].
    #[must_use]
    pub fn lease_until(&self) -> Option<Tick> {
        self.lease.map(|(_, until)| until)
    }

    /// Whether the lease is held.
    #[must_use]
    pub fn holds(&self, now: Tick) -> bool {
        self.lease_until().is_some_and(|until| now < until)
    }

    /// L and m of the open lease.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        self.known.and_then(|(_, granted)| granted).map(|granted| granted.terms)
    }

    /// Whether what the desired state at `index` calls active may be started and go on now; gives until when. `index` must be
    /// that of the last desired state adopted: an agent that acts on an older one acts against what it knows.
    ///
    /// # Errors
    /// [`NoLease`].
    pub fn may_activate(&self, index: u64, now: Tick) -> Result<Tick, NoLease> {
        if self.superseded {
            return Err(NoLease::Superseded);
        }
        let (known, _) = self.known.ok_or(NoLease::NotRead)?;
        if index != known {
            return Err(NoLease::NotLatest { index, known });
        }
        self.lease_until().filter(|until| now < *until).ok_or(NoLease::NotHeld)
    }

    /// From when no earlier incarnation of this agent can hold a lease: L + m after this one was first granted it, since a
    /// majority refuses the earlier ones from then on. `None` as long as it was granted none.
    #[must_use]
    pub const fn alone_from(&self) -> Option<Tick> {
        self.alone_from
    }

    /// Whether a newer incarnation was registered: this process must end.
    #[must_use]
    pub const fn superseded(&self) -> bool {
        self.superseded
    }

    fn check_incarnation(&mut self, registered: Incarnation) -> Result<(), AdoptError> {
        let own = self.incarnation;
        if registered > own {
            self.superseded = true;
            self.lease = None;
            self.sent.clear();
            return Err(AdoptError::Superseded { own, registered });
        }
        if registered < own {
            return Err(AdoptError::Unregistered { own, registered });
        }
        Ok(())
    }

    /// Rule 3: a majority of one membership, of answers that named it.
    fn count_answers(&mut self, nonce: Nonce, now: Tick) {
        let Some(sent) = self.sent.get(&nonce) else { return };
        let granted = |(id, nodes)| self.memberships.get(id).is_some_and(|voters| voters.is_majority(nodes));
        let until = sent.until();
        if now >= until || !sent.answers.iter().any(granted) {
            return;
        }
        let generation = sent.generation;
        let before = self.lease.filter(|(held, _)| *held == generation).map_or(0, |(_, until)| until);
        self.lease = Some((generation, until.max(before)));
        self.sent.retain(|&other, _| other > nonce);
        if self.alone_from.is_none() {
            let longest = self.known.and_then(|(_, granted)| granted).map_or(0, |granted| granted.longest.hold());
            self.alone_from = Some(now.saturating_add(longest));
        }
    }
}

impl Sent {
    const fn until(&self) -> Tick {
        self.at.saturating_add(self.length)
    }
}

#[cfg(test)]
mod tests;
