//! Who should vote (formats 8): a pure function of the state.

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::resource::{Land, Standing};
use verbund_model::{NodeId, OrgName};

use crate::state::State;

/// The most voters.
pub const MAX_VOTERS: usize = 5;

/// Who should vote, and what is not as it should be about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterPlan {
    /// The voters: an odd number up to [`MAX_VOTERS`], each of another organisation.
    pub voters: BTreeSet<NodeId>,
    /// What the members do not allow for.
    pub warnings: Vec<VoterWarning>,
}

/// What an operator should know about the voters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoterWarning {
    /// No node could vote.
    #[error("no site has an active node: nobody can vote")]
    NoNode,
    /// The loss of one organisation ends the quorum.
    #[error(
        "only {organisations} organisation(s) have an active node: with fewer than 3, the loss of one stops all writes"
    )]
    TooFewOrganisations {
        /// How many organisations have an active node.
        organisations: usize,
    },
    /// An even number of organisations: one of them has no vote.
    #[error(
        "{organisations} organisations have an active node, so only {voters} of them vote: one more adds two voters"
    )]
    EvenOrganisations {
        /// How many organisations have an active node.
        organisations: usize,
        /// How many voters there are.
        voters: usize,
    },
    /// All voters stand in one Land.
    #[error("all voters stand in {land}: its loss stops all writes")]
    SingleLand {
        /// The Land.
        land: Land,
    },
}

/// A node that could vote.
#[derive(Clone, Debug)]
struct Candidate {
    node: NodeId,
    organisation: OrgName,
    land: Land,
    votes_now: bool,
    /// Its site was found lost, and nothing that hangs on the voters as they are is pending.
    gone: bool,
}

/// The plan for a state: the largest odd number up to [`MAX_VOTERS`] with one voter for an organisation. Who is there goes
/// before whose site was found lost, so that a lost voter is replaced as soon as another candidate is there; who votes already
/// goes before who does not; then Länder that have fewer voters; then the lower id. Where two Länder are possible, one is
/// not enough, even if a present voter has to go for it.
#[must_use]
pub fn voter_plan(state: &State) -> VoterPlan {
    let candidates = candidates(state);
    let organisations: BTreeSet<&OrgName> = candidates.iter().map(|c| &c.organisation).collect();
    let possible = organisations.len();
    let size = possible.min(MAX_VOTERS);
    let size = if size.is_multiple_of(2) { size.saturating_sub(1) } else { size };
    let mut chosen = choose(&candidates, size);
    spread(&candidates, &mut chosen);
    VoterPlan { warnings: warnings(possible, &chosen), voters: chosen.iter().map(|c| c.node).collect() }
}

fn candidates(state: &State) -> Vec<Candidate> {
    // While two sets of voters stand, the later is where the change is going.
    let voting = state.membership().0.configs.last();
    let settled = !is_verdict_pending(state);
    let candidate = |(node, site): (&crate::Held<verbund_model::resource::Node>, &crate::Held<_>)| {
        let site: &verbund_model::resource::Site = &site.value;
        Candidate {
            node: node.value.id,
            organisation: site.organisation.clone(),
            land: site.land,
            votes_now: voting.is_some_and(|voters| voters.contains(&node.value.id)),
            gone: settled && state.is_lost(&site.name),
        }
    };
    state.active_nodes().map(candidate).collect()
}

/// Whether a verdict is pending: its workloads are not all planned, or a lease of a lost or excluded site has yet to be
/// ended by the voters as they are. A change of voters would start their wait anew (lease.md 14).
fn is_verdict_pending(state: &State) -> bool {
    let open = |cluster| state.lease(&cluster).is_some_and(|lease| lease.value.open);
    let mut lost = state.presences().filter(|presence| presence.value.lost).map(|presence| &presence.value.site);
    let mut excluded =
        state.sites().filter(|site| site.value.standing == Standing::Excluded).map(|site| &site.value.name);
    let mut is_open = |site| state.clusters_of(site).any(open);
    state.pending_verdicts().next().is_some() || lost.any(&mut is_open) || excluded.any(is_open)
}

fn choose(candidates: &[Candidate], size: usize) -> Vec<&Candidate> {
    let mut chosen: Vec<&Candidate> = Vec::with_capacity(size);
    let mut lands: BTreeMap<Land, usize> = BTreeMap::new();
    while chosen.len() < size {
        let free = candidates.iter().filter(|c| chosen.iter().all(|other| other.organisation != c.organisation));
        let best = free.min_by_key(|c| (c.gone, !c.votes_now, lands.get(&c.land).copied().unwrap_or(0), c.node));
        let Some(best) = best else { break };
        *lands.entry(best.land).or_default() += 1;
        chosen.push(best);
    }
    chosen
}

/// If all chosen stand in one Land and a candidate in another exists, the lowest such candidate takes a place: that of its
/// own organisation's voter, or else of the highest id.
fn spread<'a>(candidates: &'a [Candidate], chosen: &mut [&'a Candidate]) {
    let Some(land) = single_land(chosen).filter(|_| chosen.len() > 1) else { return };
    let elsewhere = candidates.iter().filter(|c| c.land != land && !c.gone);
    let Some(other) = elsewhere.min_by_key(|c| c.node) else { return };
    let own = chosen.iter().position(|c| c.organisation == other.organisation);
    let highest = chosen.iter().enumerate().max_by_key(|(_, c)| c.node).map(|(position, _)| position);
    if let Some(place) = own.or(highest).and_then(|position| chosen.get_mut(position)) {
        *place = other;
    }
}

fn single_land(chosen: &[&Candidate]) -> Option<Land> {
    let land = chosen.first()?.land;
    chosen.iter().all(|c| c.land == land).then_some(land)
}

fn warnings(organisations: usize, chosen: &[&Candidate]) -> Vec<VoterWarning> {
    let mut warnings = Vec::new();
    match organisations {
        0 => warnings.push(VoterWarning::NoNode),
        1 | 2 => warnings.push(VoterWarning::TooFewOrganisations { organisations }),
        4 => warnings.push(VoterWarning::EvenOrganisations { organisations, voters: chosen.len() }),
        _ => {}
    }
    if let Some(land) = single_land(chosen) {
        warnings.push(VoterWarning::SingleLand { land });
    }
    warnings
}
