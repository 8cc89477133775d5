//! What voters state about leases and sites (lease.md 7): whose word counts now, and whether it is enough.

use std::collections::BTreeSet;

use verbund_identity::{SignatureVerifier, is_fixed_form};
use verbund_lease::{CountError, Demand, Statement, Strictness, Voters, count};
use verbund_model::resource::{Finding, MembershipId, Node, NodeStanding, RegisteredKey, SignedFinding};
use verbund_model::{NodeId, Refusal};

use crate::log::LogId;
use crate::object::label;
use crate::state::State;

impl State {
    /// Those of the statements that count for a verdict now, if they are enough for one: each of another voter, under the
    /// membership in force. Whether their signatures hold is for [`State::check_statement`] to say. `None`: too few.
    #[must_use]
    pub fn counted(&self, finding: &Finding, statements: &[SignedFinding]) -> Option<Vec<SignedFinding>> {
        let (membership, in_force) = self.membership();
        let (in_force, voters, mut seen) = (membership_id(in_force), membership.voters(), BTreeSet::new());
        let counts = |signed: &&SignedFinding| signed.membership == in_force && voters.contains(&signed.node);
        let fitting: Vec<SignedFinding> =
            statements.iter().filter(counts).filter(|signed| seen.insert(signed.node)).cloned().collect();
        self.check_count(finding, &fitting).is_ok().then_some(fitting)
    }

    /// That the registered key of the node that it names signed the statement. Errors: [`Refusal::BadSignature`]; there is no
    /// such node, or it may not speak any more.
    pub fn check_statement(
        &self,
        finding: &Finding,
        signed: &SignedFinding,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), Refusal> {
        let key = self.node_key(signed.node)?;
        let message = self.statement(finding, signed).message();
        let holds = is_fixed_form(key.key.algorithm(), &signed.signature.0)
            && verifier.verify(&key.key, &message, &signed.signature.0);
        if holds { Ok(()) } else { Err(Refusal::BadSignature { key: key.id }) }
    }

    /// That all of the statements count, and that they are enough.
    pub(crate) fn check_count(&self, finding: &Finding, statements: &[SignedFinding]) -> Result<(), CountError> {
        let strict = self.timings().value.timings.one_liar;
        self.count_with(finding, statements, if strict { Strictness::OneLiar } else { Strictness::Majority })
    }

    /// The same where no liar is reckoned with.
    pub(crate) fn has_majority(&self, finding: &Finding, statements: &[SignedFinding]) -> bool {
        self.count_with(finding, statements, Strictness::Majority).is_ok()
    }

    fn count_with(
        &self,
        finding: &Finding,
        statements: &[SignedFinding],
        strictness: Strictness,
    ) -> Result<(), CountError> {
        let (membership, in_force) = self.membership();
        let voters = Voters::new(membership.configs.clone());
        let federation = &self.federation().value;
        let demand = Demand {
            federation: federation.id,
            federation_generation: federation.generation,
            finding,
            membership: membership_id(in_force),
            voters: &voters,
            strictness,
        };
        let stated: Vec<Statement> = statements.iter().map(|signed| self.statement(finding, signed)).collect();
        count(&stated, &demand)
    }

    fn statement(&self, finding: &Finding, signed: &SignedFinding) -> Statement {
        let federation = &self.federation().value;
        Statement {
            federation: federation.id,
            federation_generation: federation.generation,
            finding: finding.clone(),
            membership: signed.membership,
            node: signed.node,
        }
    }

    fn node_key(&self, id: NodeId) -> Result<&RegisteredKey, Refusal> {
        let node = self.node(&id).ok_or_else(|| Refusal::NotFound { what: label::<Node>(&id) })?;
        let key = self.key(&node.value.key).ok_or(Refusal::UnknownKey { key: node.value.key })?;
        if node.value.standing == NodeStanding::Removed || key.value.revoked {
            return Err(Refusal::KeyRevoked { key: key.value.id });
        }
        Ok(&key.value)
    }
}

/// How statements name a membership.
pub(crate) const fn membership_id(id: LogId) -> MembershipId {
    MembershipId { term: id.term, node: id.node, index: id.index }
}
