//! Everything that was sent and may still arrive: late, in any order, twice or never.

use std::collections::BTreeSet;

use verbund_lease::{Answer, Generation, Grant, MembershipId, Renewal, Stopped, Tick};
use verbund_model::NodeId;

/// A signed statement that a generation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    pub node: NodeId,
    pub generation: Generation,
    pub membership: MembershipId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Mail {
    /// With the tick of their sending.
    pub renewals: BTreeSet<(Tick, Renewal)>,
    pub answers: BTreeSet<(Tick, Answer)>,
    pub grants: BTreeSet<(Tick, Grant)>,
    pub statements: BTreeSet<Said>,
    pub receipts: BTreeSet<Stopped>,
}

impl Mail {
    /// Drops what can have no effect but to let voters wait longer: renewals whose lease would be over, and answers to them.
    pub fn forget(&mut self, now: Tick, length: u64) {
        self.renewals.retain(|(sent, _)| now < sent + length);
        self.answers.retain(|(sent, _)| now < sent + length);
        self.grants.retain(|(sent, _)| now < sent + length);
    }
}
