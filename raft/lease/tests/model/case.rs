//! What a check explores: its bounds, and the rule that it leaves out, if any.

use std::collections::BTreeSet;

use verbund_lease::{Terms, Voters};
use verbund_model::NodeId;

use crate::step::Action;
use crate::world::World;

/// How one of the rules is left out. Only here, in the model: the crate itself has no such switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Nothing is left out.
    Nothing,
    /// 1: the holder counts from the last answer's receipt.
    OwnSend,
    /// 1: the guard counts from the grant's receipt.
    GuardsOwnSend,
    /// 2: voters do not look at incarnations.
    Incarnations,
    /// 2: the log registers no incarnations: each agent takes the next number, and voters refuse what is older than the newest
    /// that they remember to have answered.
    Registration,
    /// 3: the holder does not look at the membership that answers name.
    OneMembership,
    /// 3: a majority of all voters of a joint membership together is enough.
    BothMajorities,
    /// 4: voters answer whatever they have applied.
    Applied,
    /// 4: voters answer for a generation that is closed in what they applied.
    Closed,
    /// 5: the refusal is not durable.
    Durability,
    /// 5: who refuses already states at once under a new membership.
    WaitAnew,
    /// 6: a voter that starts does not take leases for granted.
    WaitAtStart,
    /// 6: nor does one whose membership changed.
    WaitAtChange,
    /// 7: statements count under any membership.
    Membership,
    /// 7: statements count under any membership of the same sets.
    LogId,
    /// 8: a verdict counts for whatever generation is open.
    VerdictsGeneration,
    /// 8: a new generation is used with an old desired state.
    OpeningRead,
    /// 9: a lease found from before the start is believed.
    Oblivion,
    /// 9: the desired state is not read anew after the start.
    ReadAtStart,
    /// 9: what the agent granted before the start is taken for over.
    EarlierGrants,
    /// 10: the agent answers guards for the lease alone.
    Epochs,
    /// 11: the receipt does not wait for the grants' ends.
    GrantsEnd,
    /// 11: cancelling a stop keeps the epoch.
    NewEpoch,
    /// Not in the table: a restarted voter answers before it caught up with what it may have applied.
    CatchUp,
    /// Not in the table: no margin, although a clock runs fast.
    Margin,
}

/// Bounds and possibilities.
#[derive(Clone, Debug)]
pub struct Case {
    pub without: Without,
    pub terms: Terms,
    /// How many ticks pass.
    pub ticks: u64,
    /// The memberships that the log goes through, by their sets of voters.
    pub plan: Vec<Voters>,
    pub nodes: usize,
    /// Which nodes may propose a membership.
    pub leaders: Vec<usize>,
    /// Entries reach and are applied by nodes one by one; else by all at once.
    pub lag: bool,
    /// A membership is proposed and committed in one event, by any majority, not node by node; who is not part of it has the
    /// log as it was until it is part of a later entry's majority.
    pub at_once: bool,
    /// A new generation may take the place of one that a voter refuses (rule 14); else it is opened after a verdict only.
    pub in_place: bool,
    /// The agent reads any state since its last, not only the newest.
    pub stale_reads: bool,
    /// Answers and grants arrive later than they were given, in any order, or never.
    pub delays: bool,
    /// A refusal becomes durable some time after it was made.
    pub slow_disk: bool,
    /// Containers run by grants of guards; else they run while the agent holds the lease.
    pub guards: bool,
    /// An agent that is replaced may run on.
    pub zombie: bool,
    pub left: Left,
    /// At most this many events; 0: as many as there can be.
    pub depth: usize,
    /// Which events are looked at: all, but for directed searches.
    pub only: fn(&World, &Action) -> bool,
}

/// How often each thing may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Left {
    pub renewals: u8,
    pub proposals: u8,
    pub crashes: u8,
    pub restarts: u8,
    pub verdicts: u8,
    pub blanks: u8,
    pub opens: u8,
    pub stops: u8,
    pub cancels: u8,
    pub asks: u8,
    /// How many ticks a voter's clock may gain on the others'.
    pub gains: u8,
}

pub fn sets(sets: &[&[u64]]) -> Voters {
    let set = |nodes: &&[u64]| nodes.iter().copied().map(NodeId).collect::<BTreeSet<_>>();
    Voters::new(sets.iter().map(set).collect())
}

impl Case {
    /// Three voters, a lease of two ticks, nothing else allowed yet.
    pub fn new() -> Self {
        Self {
            without: Without::Nothing,
            terms: Terms { length: 2, margin: 0 },
            ticks: 2,
            plan: vec![sets(&[&[0, 1, 2]])],
            nodes: 3,
            leaders: vec![0],
            lag: false,
            at_once: false,
            in_place: false,
            stale_reads: false,
            delays: false,
            slow_disk: false,
            guards: false,
            zombie: false,
            left: Left::default(),
            depth: 0,
            only: |_, _| true,
        }
    }

    /// One of three voters is replaced, with a joint step.
    pub fn replace_one() -> Self {
        let plan = vec![sets(&[&[0, 1, 2]]), sets(&[&[0, 1, 2], &[0, 1, 3]]), sets(&[&[0, 1, 3]])];
        Self { plan, nodes: 4, lag: true, ..Self::new() }
    }

    /// Two of three voters are replaced together.
    pub fn replace_two() -> Self {
        let plan = vec![sets(&[&[0, 1, 2]]), sets(&[&[0, 1, 2], &[2, 3, 4]]), sets(&[&[2, 3, 4]])];
        Self { plan, nodes: 5, lag: true, ..Self::new() }
    }

    /// A voter is removed and added again.
    pub fn remove_and_add() -> Self {
        let three: &[u64] = &[0, 1, 2];
        let other: &[u64] = &[0, 1, 3];
        let plan = vec![sets(&[three]), sets(&[three, other]), sets(&[other]), sets(&[other, three]), sets(&[three])];
        Self { plan, nodes: 4, lag: true, ..Self::new() }
    }

    /// The same with the rule kept that it leaves out.
    pub fn kept(&self) -> Self {
        let margin = if self.without == Without::Margin { u64::from(self.left.gains) } else { self.terms.margin };
        Self { without: Without::Nothing, terms: Terms { margin, ..self.terms }, ..self.clone() }
    }

    /// When the world begins: whatever was granted before has ended.
    pub const fn start(&self) -> u64 {
        self.terms.length + self.terms.margin
    }

    /// Whether the log registers each start of the agent.
    pub fn registers(&self) -> bool {
        self.without != Without::Registration
    }
}
