//! One process of the cluster's agent: the crate's holder and desk, with what a case leaves out of their rules.

use std::collections::{BTreeMap, BTreeSet};

use verbund_lease::{
    Answer, Desired, Gone, Grant, GuardDesk, Holder, Incarnation, MembershipId, Nonce, Question, Read, Renewal,
    Stopped, Tick, Voters,
};
use verbund_model::NodeId;

use crate::case::{Case, Without};
use crate::log::{Log, Place, State, cluster, workload};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    pub holder: Holder,
    pub desk: GuardDesk,
    /// Which state it read last.
    pub read: Option<usize>,
    pub started: Tick,
    /// Rule 1 left out: what answered, to count it again from now.
    answers: BTreeMap<Nonce, BTreeSet<NodeId>>,
    /// Rule 9 left out: a lease from before the start.
    pub remembered: Tick,
}

impl Agent {
    pub fn start(incarnation: Incarnation, now: Tick) -> Self {
        Self {
            holder: Holder::start(cluster(), incarnation, now),
            desk: GuardDesk::new(),
            read: None,
            started: now,
            answers: BTreeMap::new(),
            remembered: 0,
        }
    }

    /// Reads the state after the `which`-th entry. `None` if that changed nothing.
    pub fn read(&mut self, which: usize, log: &Log, case: &Case, now: Tick) -> Option<()> {
        let state = &log.0[which];
        let read = if self.read.is_none() { Read::Linearizable { begun: now } } else { Read::Followed };
        let desired = self.desired(state, log, case);
        if case.without == Without::NewEpoch && self.forgets_stop(state) {
            self.desk = GuardDesk::new();
        }
        match self.holder.adopt(&desired, read) {
            Ok(()) => {
                let mut desired = desired;
                if case.without == Without::Epochs {
                    // The desk hears of no stop.
                    desired.active = BTreeMap::from([(workload(), state.epoch)]);
                }
                self.desk.adopt(&desired);
                self.read = Some(which);
                Some(())
            }
            Err(_) => self.holder.superseded().then_some(()),
        }
    }

    fn desired(&self, state: &State, log: &Log, case: &Case) -> Desired {
        let mut desired = state.desired();
        if matches!(case.without, Without::Registration | Without::ReadAtStart) {
            // No number stands there, or it is not looked at.
            let incarnation = self.holder.incarnation();
            desired.lease = desired.lease.map(|lease| verbund_lease::Granted { incarnation, ..lease });
        }
        if case.without == Without::OpeningRead {
            desired.lease = log.last().lease.map(|lease| verbund_lease::Granted { opened: 0, ..lease });
        }
        desired
    }

    fn forgets_stop(&self, state: &State) -> bool {
        matches!(state.place, Place::Here(epoch) if self.desk.runs(&workload()) != Some(epoch))
    }

    pub fn renew(&mut self, now: Tick) -> Option<Renewal> {
        self.holder.renew(now).ok()
    }

    /// Takes an answer, once the sets of the membership that it names are known.
    pub fn take(
        &mut self,
        answer: &Answer,
        voters: &dyn Fn(MembershipId) -> Voters,
        first: MembershipId,
        case: &Case,
        now: Tick,
    ) -> Option<()> {
        let mut answer = answer.clone();
        if case.without == Without::OneMembership {
            answer.membership = first;
        }
        let mut known = voters(answer.membership);
        if case.without == Without::BothMajorities {
            known = Voters::uniform(known.configs.into_iter().flatten());
        }
        self.holder.know(answer.membership, known, now);
        if case.without == Without::OwnSend {
            return self.take_late(&answer, now);
        }
        self.holder.answered(&answer, now).ok().map(|_| ())
    }

    /// As if the renewal had been sent when its last answer came.
    fn take_late(&mut self, answer: &Answer, now: Tick) -> Option<()> {
        if answer.renewal.incarnation != self.holder.incarnation() {
            return None;
        }
        let nodes = self.answers.entry(answer.renewal.nonce).or_default();
        nodes.insert(answer.voter);
        let nodes = nodes.clone();
        let renewal = self.holder.renew(now).ok()?;
        for voter in nodes {
            let again = Answer { renewal: renewal.clone(), voter, membership: answer.membership };
            self.holder.answered(&again, now).ok();
        }
        Some(())
    }

    pub fn grant(&mut self, question: &Question, now: Tick) -> Option<Grant> {
        self.desk.answer(question, &self.holder, now).ok()
    }

    /// Signs a receipt for the stop that it read of.
    pub fn sign(&mut self, log: &Log, case: &Case, now: Tick) -> Option<Stopped> {
        let Place::Stopping(epoch) = log.0[self.read?].place else { return None };
        let (gone, at) = match case.without {
            Without::GrantsEnd => (Gone::Confirmed, now),
            Without::EarlierGrants if self.started > 0 => (Gone::Expired, Tick::MAX / 2),
            _ => (Gone::Expired, now),
        };
        if case.without == Without::Epochs {
            let mut desk = self.desk.clone();
            desk.adopt(&log.0[self.read?].desired());
            return desk.may_sign_receipt(&workload(), epoch, gone, &self.holder, at).ok();
        }
        self.desk.may_sign_receipt(&workload(), epoch, gone, &self.holder, at).ok()
    }

    /// Whether it may run the workload on its own word (no guards).
    pub fn active(&self, log: &Log, now: Tick) -> bool {
        let Some(which) = self.read else { return false };
        let state = &log.0[which];
        let held = self.holder.may_activate(state.index, now).is_ok() || now < self.remembered;
        held && matches!(state.place, Place::Here(_))
    }
}
