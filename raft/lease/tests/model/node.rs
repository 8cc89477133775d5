//! A node: its log, and the crate's voter on it, with what a case leaves out of the voter's rules.

use verbund_lease::{
    Answer, Closing, Generation, Incarnation, Memory, OpenLease, Refusal, Renewal, Statement, Tick, View, Voter,
    VoterIdentity,
};
use verbund_model::{FederationId, NodeId};

use crate::case::{Case, Without};
use crate::log::{Log, OneLease, State, Tail, cluster};

pub const FEDERATION: FederationId = FederationId(verbund_model::Hash([0; 32]));

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub id: NodeId,
    /// How many of the committed entries are in its log.
    pub len: usize,
    /// A membership entry after them that may never be committed.
    pub tail: Option<Tail>,
    /// How many entries it applied.
    pub applied: usize,
    pub voter: Voter,
    /// A refusal on its way to the disk.
    pub writing: Option<Refusal>,
    /// What its clock has gained.
    pub ahead: u64,
    /// Registration left out: the newest incarnation that it remembers to have answered.
    newest: Incarnation,
}

/// A look at a node's log and state that lives long enough for a [`View`].
struct Look {
    leases: OneLease,
    effective: Tail,
    previous: u64,
    applied: u64,
}

impl Look {
    fn view(&self) -> View<'_> {
        View { applied: self.applied, effective: self.effective.id, previous: self.previous, leases: &self.leases }
    }
}

impl Node {
    pub fn new(id: NodeId, log: &Log, now: Tick) -> Self {
        let identity = VoterIdentity { federation: FEDERATION, federation_generation: 0, node: id };
        let voter = Voter::start(identity, Memory::Intact(Vec::new()), 0);
        let mut node = Self {
            id,
            len: log.len(),
            tail: None,
            applied: log.len(),
            voter,
            writing: None,
            ahead: 0,
            newest: Incarnation(0),
        };
        node.observe(log, now);
        node
    }

    fn state<'a>(&self, log: &'a Log) -> &'a State {
        &log.0[self.applied - 1]
    }

    fn look(&self, log: &Log) -> Look {
        let last = &log.0[self.len - 1];
        let (effective, previous) = match self.tail {
            Some(tail) => (tail, last.membership.id.index),
            None => (last.membership, last.previous),
        };
        let state = self.state(log);
        Look { leases: state.leases(), effective, previous, applied: state.index }
    }

    fn observe(&mut self, log: &Log, now: Tick) {
        let look = self.look(log);
        self.voter.observe(&look.view(), now);
    }

    /// After its log or state changed.
    pub fn changed(&mut self, log: &Log, case: &Case, now: Tick) {
        // Rule 6 left out: the membership counts as effective since ever.
        let at = if case.without == Without::WaitAtChange { 0 } else { now };
        self.observe(log, at);
    }

    pub fn crash(&mut self, log: &Log, case: &Case, now: Tick) {
        let refusals = if case.without == Without::Durability { Vec::new() } else { self.voter.refusals().collect() };
        let last = log.0[self.len - 1].index + u64::from(self.tail.is_some());
        let catch_up = if case.without == Without::CatchUp { 0 } else { last };
        self.voter = Voter::start(*self.voter.identity(), Memory::Intact(refusals), catch_up);
        self.writing = None;
        self.newest = Incarnation(0);
        if case.lag {
            self.applied = 1;
        }
        let at = if case.without == Without::WaitAtStart { 0 } else { now };
        self.observe(log, at);
    }

    pub fn answer(&mut self, renewal: &Renewal, log: &Log, case: &Case, now: Tick) -> Option<Answer> {
        let mut look = self.look(log);
        let mut asked = renewal.clone();
        match case.without {
            Without::Applied => look.previous = 0,
            Without::Closed => {
                let incarnation = look.leases.0.map_or(renewal.incarnation, |lease| lease.incarnation);
                let (generation, terms) = (renewal.generation, case.terms);
                look.leases = OneLease(Some(OpenLease { generation, terms, longest: terms, incarnation }));
            }
            Without::Incarnations => {
                asked.incarnation = look.leases.0.map_or(Incarnation(0), |lease| lease.incarnation);
            }
            Without::Registration => {
                if renewal.incarnation < self.newest {
                    return None;
                }
                let incarnation = renewal.incarnation;
                look.leases = OneLease(look.leases.0.map(|lease| OpenLease { incarnation, ..lease }));
            }
            _ => {}
        }
        let answer = self.voter.answer(&asked, &look.view(), now).ok()?;
        if case.without == Without::Registration {
            self.newest = renewal.incarnation;
        }
        Some(Answer { renewal: renewal.clone(), ..answer })
    }

    /// The open generation in its state.
    pub fn open(&self, log: &Log) -> Option<Generation> {
        self.state(log).lease.map(|lease| lease.generation)
    }

    /// Tries to state the end of the generation that is open in its state.
    pub fn close(&mut self, log: &Log, case: &Case, now: Tick) -> Option<Statement> {
        let (look, generation) = (self.look(log), self.open(log)?);
        if case.without == Without::WaitAnew && self.voter.refusals().any(|refusal| refusal.generation >= generation) {
            // The wait after the change left out: asked as if at the end of time, on a copy.
            let closing = self.voter.clone().close(&cluster(), generation, &look.view(), Tick::MAX / 2);
            return statement(closing.ok()?);
        }
        match self.voter.close(&cluster(), generation, &look.view(), now).ok()? {
            Closing::MustPersist(refusal) if case.slow_disk => {
                self.writing = Some(refusal);
                None
            }
            Closing::MustPersist(refusal) => statement(self.voter.persisted(&refusal, &look.view(), now).ok()?),
            closing @ Closing::Statement(_) => statement(closing),
        }
    }

    pub fn persisted(&mut self, log: &Log, now: Tick) -> Option<Statement> {
        let refusal = self.writing.take()?;
        let look = self.look(log);
        statement(self.voter.persisted(&refusal, &look.view(), now).ok()?)
    }
}

fn statement(closing: Closing) -> Option<Statement> {
    match closing {
        Closing::Statement(statement) => Some(statement),
        Closing::MustPersist(_) => None,
    }
}
