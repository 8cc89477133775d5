//! The whole world at one moment.

use verbund_lease::{Epoch, Guard, Incarnation, MembershipId, Tick, Voters};
use verbund_model::NodeId;

use crate::agent::Agent;
use crate::case::{Case, Left};
use crate::log::{Log, Place, Tail, workload};
use crate::mail::Mail;
use crate::node::Node;
use crate::part::Part;

#[derive(Clone, Debug, PartialEq, Hash)]
pub struct World {
    pub now: Tick,
    pub log: Part<Log>,
    /// Memberships that may become the log's next entry.
    pub proposals: Vec<Tail>,
    pub nodes: Vec<Part<Node>>,
    /// The last one is the newest.
    pub agents: Vec<Part<Agent>>,
    pub mail: Part<Mail>,
    /// The containers' guards, by epoch from 1.
    pub guards: Part<Vec<Guard>>,
    pub left: Left,
}

impl World {
    /// The workload runs here under epoch 1; the agent was granted a lease at tick 0, which has just ended.
    pub fn begin(case: &Case) -> Self {
        let log = Log::genesis(case);
        let mut nodes: Vec<Node> = (0..case.nodes).map(|id| Node::new(NodeId(id as u64), &log, 0)).collect();
        let mut agent = Agent::start(Incarnation(1), 0);
        agent.read(0, &log, case, 0).unwrap();
        let renewal = agent.renew(0).unwrap();
        let first = log.last().membership.id;
        let voters = |_| case.plan[0].clone();
        for node in &mut nodes[..3] {
            let answer = node.answer(&renewal, &log, case, 0).unwrap();
            agent.take(&answer, &voters, first, case, 0).ok_or(()).ok();
        }
        Self {
            now: case.start(),
            log: Part::new(log),
            proposals: Vec::new(),
            nodes: nodes.into_iter().map(Part::new).collect(),
            agents: vec![Part::new(agent)],
            mail: Part::new(Mail::default()),
            guards: Part::new(Vec::new()),
            left: case.left,
        }
    }

    /// Whether the workload may run at the other cluster. It is taken to start there the moment that the log allows it.
    pub fn elsewhere(&self) -> bool {
        self.log.last().place == Place::Elsewhere
    }

    /// Whether it may still run, and write, here.
    pub fn here(&self, case: &Case) -> bool {
        if case.guards {
            return self.guards.iter().any(|guard| self.now < guard.deadline());
        }
        self.agents.iter().any(|agent| agent.active(&self.log, self.now))
    }

    /// The sets of voters of a membership that was ever proposed.
    pub fn voters(&self, id: MembershipId, case: &Case) -> Voters {
        case.plan[self.step_of(id).unwrap_or(0)].clone()
    }

    fn step_of(&self, id: MembershipId) -> Option<usize> {
        let committed = self.log.0.iter().map(|state| state.membership);
        let held = self.nodes.iter().filter_map(|node| node.tail);
        committed.chain(held).chain(self.proposals.iter().copied()).find(|tail| tail.id == id).map(|tail| tail.step)
    }

    /// The newest epoch that runs or ran here.
    pub fn epoch(&self) -> Epoch {
        self.log.last().epoch
    }

    pub fn guard(epoch: Epoch) -> Guard {
        Guard::new(workload(), epoch, 0, 0)
    }
}
