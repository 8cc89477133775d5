//! The committed log, and what the state is after each of its entries.

use std::collections::BTreeMap;

use verbund_lease::{Desired, Epoch, Generation, Granted, Incarnation, Leases, MembershipId, OpenLease};
use verbund_model::{ClusterName, WorkloadName};

use crate::case::Case;

pub fn cluster() -> ClusterName {
    "a".parse().unwrap()
}

pub fn workload() -> WorkloadName {
    "w".parse().unwrap()
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    Membership(Tail),
    Blank,
    Open,
    Verdict,
    Register,
    Stop,
    Cancel,
    Receipt,
}

/// A membership entry that is proposed: its log id, and its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tail {
    pub id: MembershipId,
    pub step: usize,
}

/// Where the workload is. It begins here; once elsewhere, it stays there, and counts as running there at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Here(Epoch),
    Stopping(Epoch),
    Elsewhere,
}

/// The state after an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub index: u64,
    pub membership: Tail,
    /// Index of the membership entry before.
    pub previous: u64,
    pub generation: Generation,
    pub lease: Option<Granted>,
    pub incarnation: Incarnation,
    pub epoch: Epoch,
    pub place: Place,
}

impl State {
    pub fn desired(&self) -> Desired {
        let active = match self.place {
            Place::Here(epoch) => BTreeMap::from([(workload(), epoch)]),
            Place::Stopping(_) | Place::Elsewhere => BTreeMap::new(),
        };
        Desired { index: self.index, lease: self.lease, active }
    }

    pub fn leases(&self) -> OneLease {
        OneLease(self.lease.map(|Granted { generation, terms, longest, incarnation, .. }| OpenLease {
            generation,
            terms,
            longest,
            incarnation,
        }))
    }
}

/// The leases of a world with one cluster.
#[derive(Clone, Copy)]
pub struct OneLease(pub Option<OpenLease>);

impl Leases for OneLease {
    fn lease(&self, _: &ClusterName) -> Option<OpenLease> {
        self.0
    }

    fn each(&self, visit: &mut dyn FnMut(&ClusterName, OpenLease)) {
        if let Some(lease) = self.0 {
            visit(&cluster(), lease);
        }
    }
}

/// The state at genesis and after each entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log(pub Vec<State>);

impl Log {
    /// Begins with a membership at index 1 and an open lease at index 2; states before that are never looked at.
    pub fn genesis(case: &Case) -> Self {
        let registered = Incarnation(1);
        let lease = Granted {
            generation: Generation(1),
            opened: 2,
            terms: case.terms,
            longest: case.terms,
            incarnation: registered,
        };
        let id = MembershipId { term: 0, node: 0, index: 1 };
        Self(vec![State {
            index: 2,
            membership: Tail { id, step: 0 },
            previous: 0,
            generation: Generation(1),
            lease: Some(lease),
            incarnation: registered,
            epoch: Epoch(1),
            place: Place::Here(Epoch(1)),
        }])
    }

    pub fn last(&self) -> &State {
        self.0.last().unwrap()
    }

    /// How many states there are; a node that has this many has everything committed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn push(&mut self, entry: Entry, case: &Case, keep_epoch: bool) {
        let mut state = self.last().clone();
        state.index += 1;
        match entry {
            Entry::Membership(tail) => {
                state.previous = state.membership.id.index;
                state.membership = tail;
            }
            Entry::Blank => {}
            Entry::Open => {
                state.generation.0 += 1;
                let (generation, opened, terms) = (state.generation, state.index, case.terms);
                let incarnation = state.incarnation;
                state.lease = Some(Granted { generation, opened, terms, longest: terms, incarnation });
            }
            Entry::Verdict => {
                state.lease = None;
                state.place = Place::Elsewhere;
            }
            Entry::Register => {
                state.incarnation.0 += 1;
                state.lease = state.lease.map(|lease| Granted { incarnation: state.incarnation, ..lease });
            }
            Entry::Stop => state.place = Place::Stopping(state.epoch),
            Entry::Cancel => {
                state.epoch.0 += u64::from(!keep_epoch);
                state.place = Place::Here(state.epoch);
            }
            Entry::Receipt => state.place = Place::Elsewhere,
        }
        self.0.push(state);
    }
}
