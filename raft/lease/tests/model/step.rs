//! What may happen next, and what comes of it.

use std::collections::BTreeSet;

use verbund_lease::{
    Answer, Demand, Epoch, Finding, Grant, Guard, MembershipId, Statement, Stopped, Strictness, count,
};

use crate::agent::Agent;
use crate::case::{Case, Without};
use crate::log::{Entry, Place, Tail, cluster};
use crate::mail::Said;
use crate::node::FEDERATION;
use crate::part::Part;
use crate::quorum::Quorum;
use crate::world::World;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Time passes.
    Tick,
    /// A voter's clock gains a tick.
    Gain { node: usize },
    /// The agent sends a renewal to all voters.
    Renew { agent: usize },
    /// A renewal (by its place among those on their way) arrives at a voter.
    Deliver { renewal: usize, node: usize },
    /// A voter's answer arrives at the agent.
    Take { answer: usize, agent: usize },
    /// The agent reads a state of the log.
    Read { agent: usize, which: usize },
    /// A node proposes the next membership, and has it in its own log.
    Propose { node: usize },
    /// A proposed membership reaches a node.
    AppendTail { node: usize, tail: Tail },
    /// A majority has it: committed.
    CommitTail { tail: Tail },
    /// The next membership is proposed and committed, by these nodes.
    Change { quorum: Quorum },
    /// The next committed entry reaches a node.
    Append { node: usize },
    /// A node applies what it has of the committed log.
    Apply { node: usize },
    /// An entry is proposed and committed, by these nodes.
    Commit { entry: Entry, quorum: Quorum },
    /// A voter is asked to end the lease.
    Close { node: usize },
    /// Its refusal has become durable.
    Persisted { node: usize },
    /// A node's process ends and starts again.
    Crash { node: usize },
    /// A receipt is committed.
    Receive { receipt: usize, quorum: Quorum },
    /// The agent's process ends (or does not) and another starts.
    Restart { quorum: Quorum },
    /// A container's guard asks the agent, which answers at once.
    Ask { agent: usize, epoch: Epoch },
    /// The grant arrives.
    Granted { grant: usize },
    /// The agent signs a receipt.
    Sign { agent: usize },
}

pub fn actions(world: &World, case: &Case, actions: &mut Vec<Action>) {
    if world.now < case.start() + case.ticks {
        actions.push(Action::Tick);
    }
    voters_actions(world, case, actions);
    logs_actions(world, case, actions);
    agents_actions(world, case, actions);
    let left = &world.left;
    let last = world.log.last();
    let mut entry = |entry, allowed: bool| {
        if allowed {
            for quorum in quorums(world, case) {
                actions.push(Action::Commit { entry, quorum });
            }
        }
    };
    entry(Entry::Verdict, left.verdicts > 0 && last.lease.is_some() && !world.mail.statements.is_empty());
    entry(Entry::Blank, left.blanks > 0);
    let refused = case.in_place && world.mail.statements.iter().any(|said| said.generation == last.generation);
    entry(Entry::Open, left.opens > 0 && (last.lease.is_none() || refused));
    entry(Entry::Stop, left.stops > 0 && matches!(last.place, Place::Here(_)));
    entry(Entry::Cancel, left.cancels > 0 && matches!(last.place, Place::Stopping(_)));
    for receipt in 0..world.mail.receipts.len() {
        for quorum in quorums(world, case) {
            actions.push(Action::Receive { receipt, quorum });
        }
    }
}

/// Who has the next entry when it is committed: every majority, or simply all.
fn quorums(world: &World, case: &Case) -> Vec<Quorum> {
    if !case.lag {
        return vec![Quorum::all(case.nodes)];
    }
    Quorum::majorities(&case.plan[world.log.last().membership.step], case.nodes)
}

fn voters_actions(world: &World, case: &Case, actions: &mut Vec<Action>) {
    for (node, it) in world.nodes.iter().enumerate() {
        for renewal in 0..world.mail.renewals.len() {
            actions.push(Action::Deliver { renewal, node });
        }
        if case.left.verdicts > 0 && it.writing.is_none() && it.open(&world.log).is_some() {
            actions.push(Action::Close { node });
        }
        if it.writing.is_some() {
            actions.push(Action::Persisted { node });
        }
        if world.left.crashes > 0 {
            actions.push(Action::Crash { node });
        }
        if world.left.gains > 0 {
            actions.push(Action::Gain { node });
        }
    }
}

fn logs_actions(world: &World, case: &Case, actions: &mut Vec<Action>) {
    let (len, next) = (world.log.len(), world.log.last().membership.step + 1);
    for (node, it) in world.nodes.iter().enumerate() {
        if it.len < len && !case.at_once {
            actions.push(Action::Append { node });
        }
        if it.applied < it.len {
            actions.push(Action::Apply { node });
        }
        if it.len < len || next >= case.plan.len() || case.at_once {
            continue;
        }
        if world.left.proposals > 0 && case.leaders.contains(&node) {
            actions.push(Action::Propose { node });
        }
        for &tail in world.proposals.iter().filter(|&&tail| it.tail != Some(tail)) {
            actions.push(Action::AppendTail { node, tail });
        }
    }
    if case.at_once && next < case.plan.len() && world.left.proposals > 0 {
        for quorum in Quorum::majorities(&case.plan[next], case.nodes) {
            actions.push(Action::Change { quorum });
        }
    }
    for &tail in &world.proposals {
        let holds = |node: &&Part<crate::node::Node>| node.tail == Some(tail);
        let held: BTreeSet<_> = world.nodes.iter().filter(holds).map(|node| node.id).collect();
        if case.plan[tail.step].is_majority(&held) {
            actions.push(Action::CommitTail { tail });
        }
    }
}

fn agents_actions(world: &World, case: &Case, actions: &mut Vec<Action>) {
    let newest = world.log.len() - 1;
    for (agent, it) in world.agents.iter().enumerate() {
        if world.left.renewals > 0 {
            actions.push(Action::Renew { agent });
        }
        for answer in 0..world.mail.answers.len() {
            actions.push(Action::Take { answer, agent });
        }
        let from = match it.read {
            // The same state, with another lease.
            Some(read) if case.without == Without::OpeningRead => read,
            Some(read) => read + 1,
            None if case.without == Without::ReadAtStart => 0,
            None => newest,
        };
        for which in from..=newest {
            if case.stale_reads || case.without == Without::ReadAtStart || which == newest {
                actions.push(Action::Read { agent, which });
            }
        }
        if case.guards && world.left.asks > 0 {
            for epoch in 1..=world.epoch().0 {
                actions.push(Action::Ask { agent, epoch: Epoch(epoch) });
            }
        }
        if case.left.stops > 0 {
            actions.push(Action::Sign { agent });
        }
    }
    for grant in 0..world.mail.grants.len() {
        actions.push(Action::Granted { grant });
    }
    if world.left.restarts > 0 {
        let quorums = if case.registers() { quorums(world, case) } else { vec![Quorum::default()] };
        for quorum in quorums {
            actions.push(Action::Restart { quorum });
        }
    }
}

/// The world after `action`; `None` if it cannot happen, or changes nothing.
pub fn next(world: &World, action: &Action, case: &Case) -> Option<World> {
    let mut world = world.clone();
    world.step(action, case)?;
    Some(world)
}

impl World {
    fn step(&mut self, action: &Action, case: &Case) -> Option<()> {
        match *action {
            Action::Tick => self.tick(case),
            Action::Gain { node } => {
                self.left.gains -= 1;
                self.nodes[node].edit(|node| node.ahead += 1);
            }
            Action::Renew { agent } => {
                self.left.renewals -= 1;
                let now = self.now;
                let renewal = self.agents[agent].edit(|agent| agent.renew(now))?;
                self.mail.edit(|mail| mail.renewals.insert((now, renewal)));
            }
            Action::Deliver { renewal, node } => self.deliver(renewal, node, case)?,
            Action::Take { answer, agent } => {
                let (_, answer) = self.mail.answers.iter().nth(answer)?.clone();
                self.take(&answer, agent, case)?;
            }
            Action::Read { agent, which } => {
                let (log, now) = (self.log.clone(), self.now);
                self.agents[agent].edit(|agent| agent.read(which, &log, case, now))?;
            }
            Action::Propose { .. } | Action::AppendTail { .. } | Action::CommitTail { .. } => {
                self.membership(action, case);
            }
            Action::Change { quorum } => {
                let tail = self.propose(0, case);
                self.push(Entry::Membership(tail), quorum, case);
            }
            Action::Append { node } => self.append(node, case),
            Action::Apply { node } => {
                let (log, now) = (self.log.clone(), self.now);
                self.nodes[node].edit(|node| {
                    node.applied = node.len;
                    node.changed(&log, case, now + node.ahead);
                });
            }
            Action::Commit { entry, quorum } => self.commit(entry, quorum, case)?,
            Action::Receive { receipt, quorum } => {
                let receipt = self.mail.receipts.iter().nth(receipt)?.clone();
                self.counts(&receipt)?;
                self.push(Entry::Receipt, quorum, case);
            }
            Action::Close { node } => {
                let (log, now) = (self.log.clone(), self.now);
                let said = self.nodes[node].edit(|node| node.close(&log, case, now + node.ahead));
                self.say(said);
            }
            Action::Persisted { node } => {
                let (log, now) = (self.log.clone(), self.now);
                let said = self.nodes[node].edit(|node| node.persisted(&log, now + node.ahead));
                self.say(said);
            }
            Action::Crash { node } => {
                self.left.crashes -= 1;
                let (log, now) = (self.log.clone(), self.now);
                self.nodes[node].edit(|node| node.crash(&log, case, now + node.ahead));
            }
            Action::Restart { quorum } => self.restart(quorum, case),
            Action::Ask { agent, epoch } => self.ask(agent, epoch, case)?,
            Action::Granted { grant } => {
                let (_, grant) = self.mail.grants.iter().nth(grant)?.clone();
                self.granted(&grant, case)?;
            }
            Action::Sign { agent } => {
                let (log, now) = (self.log.clone(), self.now);
                let receipt = self.agents[agent].edit(|agent| agent.sign(&log, case, now))?;
                self.mail.edit(|mail| mail.receipts.insert(receipt));
            }
        }
        Some(())
    }

    fn tick(&mut self, case: &Case) {
        self.now += 1;
        let now = self.now;
        if !matches!(case.without, Without::OwnSend | Without::GuardsOwnSend) {
            self.mail.edit(|mail| mail.forget(now, case.terms.length));
        }
        // A guard whose deadline has passed has exited; another container may be started in its place.
        let over = |guard: &Guard| guard.deadline() > 0 && now >= guard.deadline();
        if self.guards.iter().any(over) {
            self.guards.edit(|guards| {
                for (before, guard) in guards.iter_mut().enumerate().filter(|(_, guard)| over(guard)) {
                    *guard = Self::guard(Epoch(before as u64 + 1));
                }
            });
        }
    }

    fn deliver(&mut self, renewal: usize, node: usize, case: &Case) -> Option<()> {
        let (log, now) = (self.log.clone(), self.now);
        let (sent, renewal) = self.mail.renewals.iter().nth(renewal)?.clone();
        let answer = self.nodes[node].edit(|node| node.answer(&renewal, &log, case, now + node.ahead))?;
        if case.delays {
            self.mail.edit(|mail| mail.answers.insert((sent, answer)));
            return Some(());
        }
        for agent in 0..self.agents.len() {
            self.take(&answer, agent, case);
        }
        Some(())
    }

    fn take(&mut self, answer: &Answer, agent: usize, case: &Case) -> Option<()> {
        let (now, first, voters) = (self.now, self.log.0[0].membership.id, self.voters(answer.membership, case));
        let mut agent_after = self.agents[agent].clone();
        agent_after.edit(|agent| agent.take(answer, &|_| voters.clone(), first, case, now))?;
        self.agents[agent] = agent_after;
        Some(())
    }

    fn membership(&mut self, action: &Action, case: &Case) {
        let (log, now) = (self.log.clone(), self.now);
        match *action {
            Action::Propose { node } => {
                let tail = self.propose(node, case);
                self.proposals.push(tail);
                self.membership(&Action::AppendTail { node, tail }, case);
            }
            Action::AppendTail { node, tail } => self.nodes[node].edit(|node| {
                node.tail = Some(tail);
                node.changed(&log, case, now + node.ahead);
            }),
            Action::CommitTail { tail } => {
                self.log.edit(|log| log.push(Entry::Membership(tail), case, false));
                self.proposals.clear();
                let log = self.log.clone();
                for node in &mut self.nodes {
                    if node.tail == Some(tail) {
                        node.edit(|node| {
                            node.tail = None;
                            node.len += 1;
                            node.changed(&log, case, now + node.ahead);
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// The next membership of the plan, with a log id that was never used.
    fn propose(&mut self, node: usize, case: &Case) -> Tail {
        let used = u64::from(case.left.proposals - self.left.proposals) + 1;
        self.left.proposals -= 1;
        let last = self.log.last();
        let id = MembershipId { term: used, node: node as u64, index: last.index + 1 };
        Tail { id, step: last.membership.step + 1 }
    }

    fn append(&mut self, node: usize, case: &Case) {
        let (log, now) = (self.log.clone(), self.now);
        self.nodes[node].edit(|node| {
            node.tail = None;
            node.len += 1;
            node.changed(&log, case, now + node.ahead);
        });
    }

    fn commit(&mut self, entry: Entry, quorum: Quorum, case: &Case) -> Option<()> {
        match entry {
            Entry::Verdict => {
                self.left.verdicts -= 1;
                self.verdict(case)?;
            }
            Entry::Blank => self.left.blanks -= 1,
            Entry::Open => self.left.opens -= 1,
            Entry::Stop => self.left.stops -= 1,
            Entry::Cancel => self.left.cancels -= 1,
            Entry::Receipt | Entry::Register | Entry::Membership(_) => {}
        }
        self.push(entry, quorum, case);
        Some(())
    }

    fn push(&mut self, entry: Entry, quorum: Quorum, case: &Case) {
        self.log.edit(|log| log.push(entry, case, case.without == Without::NewEpoch));
        self.proposals.clear();
        let (log, now) = (self.log.clone(), self.now);
        for node in quorum.nodes() {
            self.nodes[node].edit(|node| {
                node.tail = None;
                node.len = log.len();
                if !case.lag {
                    node.applied = log.len();
                }
                node.changed(&log, case, now + node.ahead);
            });
        }
    }

    /// Whether the leader, which has every statement ever made, can make a verdict of some of them.
    fn verdict(&self, case: &Case) -> Option<()> {
        let last = self.log.last();
        let finding = |generation| Finding::LeaseEnded { cluster: cluster(), generation };
        let (in_force, voters) = (last.membership.id, &case.plan[last.membership.step]);
        let generation = last.lease?.generation;
        let mut nodes = BTreeSet::new();
        let mut statements = Vec::new();
        for said in &self.mail.statements {
            let mut membership = said.membership;
            let same_sets = self.voters(membership, case) == *voters;
            if case.without == Without::Membership || (case.without == Without::LogId && same_sets) {
                membership = in_force;
            }
            let named = if case.without == Without::VerdictsGeneration { generation } else { said.generation };
            if membership == in_force && named == generation && voters.contains(said.node) && nodes.insert(said.node) {
                let (node, finding) = (said.node, finding(named.0));
                statements.push(Statement {
                    federation: FEDERATION,
                    federation_generation: 0,
                    finding,
                    membership,
                    node,
                });
            }
        }
        let demand = Demand {
            federation: FEDERATION,
            federation_generation: 0,
            finding: &finding(generation.0),
            membership: in_force,
            voters,
            strictness: Strictness::Majority,
        };
        count(&statements, &demand).ok()
    }

    /// Whether apply counts a receipt: of the stop that is under way.
    fn counts(&self, receipt: &Stopped) -> Option<()> {
        (self.log.last().place == Place::Stopping(receipt.epoch)).then_some(())
    }

    fn say(&mut self, statement: Option<Statement>) {
        let Some(Statement { finding: Finding::LeaseEnded { generation, .. }, membership, node, .. }) = statement
        else {
            return;
        };
        let said = Said { node, generation: verbund_lease::Generation(generation), membership };
        if !self.mail.statements.contains(&said) {
            self.mail.edit(|mail| mail.statements.insert(said));
        }
    }

    fn restart(&mut self, quorum: Quorum, case: &Case) {
        self.left.restarts -= 1;
        let used = u64::from(case.left.restarts - self.left.restarts) + 1;
        let incarnation = verbund_lease::Incarnation(used);
        if case.registers() {
            self.push(Entry::Register, quorum, case);
        }
        let before = self.agents.last().cloned();
        let mut agent = Agent::start(incarnation, self.now);
        if case.without == Without::Oblivion
            && let Some(before) = &before
            && before.holder.holds(self.now)
        {
            agent.remembered = self.now + case.terms.length;
            agent.read = before.read;
        }
        self.agents.retain(|_| case.zombie);
        self.agents.push(Part::new(agent));
    }

    fn ask(&mut self, agent: usize, epoch: Epoch, case: &Case) -> Option<()> {
        self.left.asks -= 1;
        let now = self.now;
        let question = self.guards.edit(|guards| {
            while guards.len() < epoch.0 as usize {
                guards.push(Self::guard(Epoch(guards.len() as u64 + 1)));
            }
            guards[epoch.0 as usize - 1].ask(now)
        });
        let grant = self.agents[agent].edit(|agent| agent.grant(&question, now))?;
        if case.delays {
            self.mail.edit(|mail| mail.grants.insert((now, grant)));
            return Some(());
        }
        self.granted(&grant, case)
    }

    fn granted(&mut self, grant: &Grant, case: &Case) -> Option<()> {
        let now = self.now;
        let mut grant = grant.clone();
        self.guards.edit(|guards| {
            let guard = guards.get_mut(grant.question.epoch.0 as usize - 1)?;
            if case.without == Without::GuardsOwnSend {
                // Counted from the receipt: as if it had been asked just now.
                grant.question = guard.ask(now);
            }
            guard.granted(&grant).ok()?;
            guard.advice(now);
            Some(())
        })
    }
}
