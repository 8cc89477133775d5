//! Directives between the API and the node, and how one is drawn up.

use std::collections::{BTreeMap, BTreeSet};

use verbund_api::port::{Awaited, DirectiveView, Drawn, TakeError, Wanted};
use verbund_identity::directive::SCHEMA;
use verbund_identity::{Directive, SignatureVerifier};
use verbund_machine::{Impact, State};
use verbund_model::resource::{Millis, Order, SignedDirective};
use verbund_model::{Hash, NodeId, Refusal, SiteName};
use verbund_node::{HeldDirective, NodeHandle, NotTaken};

/// The most keys of users that an order names, so that the directive keeps its size; the others are distrusted where the log
/// records it.
const ROOM: usize = 1_000;

/// The directive of an exclusion that follows `after`, or the last one that the log has recorded, and what it would do. Errors:
/// there is no such member, or it was excluded already.
pub fn draw_up(
    state: &State,
    wanted: &Wanted,
    after: Option<(u64, Hash)>,
    now: Millis,
) -> Result<Drawn<Impact>, Refusal> {
    let (order, what, accept_quorum_loss) = match wanted {
        Wanted::ExcludeSite { site, reason, accept_quorum_loss } => {
            (state.exclude_site_order(site, reason), format!("site {site} among the members"), *accept_quorum_loss)
        }
        Wanted::ExcludeOrganisation { organisation, reason, accept_quorum_loss } => (
            state.exclude_organisation_order(organisation, reason, ROOM),
            format!("organisation {organisation} among the members"),
            *accept_quorum_loss,
        ),
    };
    let order: Order = order.ok_or(Refusal::NotFound { what })?;
    let recorded = state.directives().map(|one| (one.value.number, one.value.hash));
    let federation = &state.federation().value;
    let (number, predecessor) = recorded.chain(after).max().unwrap_or((0, federation.id.0));
    let impact = state.impact(&order, now);
    let directive = Directive {
        v: SCHEMA,
        federation: federation.id,
        generation: federation.generation,
        number: number + 1,
        predecessor,
        coordinator_set_version: federation.coordinators.version,
        issued: now,
        order,
        accept_quorum_loss,
    };
    // The rules of its form, which a reason may break.
    let checked = Directive::from_payload(&directive.to_payload());
    checked.map_err(|error| Refusal::Invalid { field: "reason".to_owned(), reason: error.to_string() })?;
    Ok(Drawn { directive, impact })
}

/// Takes a directive and tells who has answered by then.
pub async fn take(node: &NodeHandle, signed: &[u8]) -> Result<DirectiveView, TakeError> {
    let taken = node.take_directive(signed).await.map_err(|error| match error {
        NotTaken::Invalid(error) => TakeError::Invalid(error),
        NotTaken::Ahead { found, known } => TakeError::Ahead { found, known },
        NotTaken::Full { .. } | NotTaken::Disk { .. } => TakeError::Failed { reason: error.to_string() },
    })?;
    let lost = || TakeError::Failed { reason: "the node holds it no more".to_owned() };
    views(node).into_iter().find(|view| view.hash == taken.hash).ok_or_else(lost)
}

/// All that the node holds, by number.
pub fn views(node: &NodeHandle) -> Vec<DirectiveView> {
    let state = node.read_stale().0;
    let held = node.directives();
    let out: BTreeSet<SiteName> = held.iter().filter(|one| !one.recorded).flat_map(sites).collect();
    held.into_iter().map(|one| view(&state, &out, one)).collect()
}

/// The directives in force here that the log could record now: they count under the coordinators of the state, and what they
/// follow is recorded.
pub fn recordable(node: &NodeHandle, verifier: &dyn SignatureVerifier) -> BTreeMap<Hash, SignedDirective> {
    let state = node.read_stale().0;
    let federation = &state.federation().value;
    let open = node.directives().into_iter().filter(|held| !held.recorded);
    let follows = |held: &HeldDirective| {
        let before = state.directive(&held.directive.predecessor).map(|before| before.value.number + 1);
        held.directive.number == 1 || before == Some(held.directive.number)
    };
    let counts = |held: &HeldDirective| Directive::verify(&held.signed, federation, verifier).is_ok();
    open.filter(|held| follows(held) && counts(held)).map(|held| (held.hash, held.signed)).collect()
}

fn sites(held: &HeldDirective) -> Vec<SiteName> {
    held.directive.order.sites().into_iter().map(|out| out.site).collect()
}

fn view(state: &State, out: &BTreeSet<SiteName>, held: HeldDirective) -> DirectiveView {
    let own: Vec<SiteName> = sites(&held);
    let answered: BTreeSet<NodeId> = held.receipts.iter().map(|signed| signed.receipt.node).collect();
    let awaited = state.active_nodes().filter(|(node, site)| {
        let site = &site.value.name;
        !answered.contains(&node.value.id) && !out.contains(site) && !own.contains(site)
    });
    let awaited = awaited.map(|(node, site)| Awaited { site: site.value.name.clone(), node: node.value.id }).collect();
    let HeldDirective { hash, directive, signed, heard, receipts, recorded } = held;
    DirectiveView {
        hash,
        number: directive.number,
        coordinator_set_version: directive.coordinator_set_version,
        issued: directive.issued,
        order: directive.order,
        accept_quorum_loss: directive.accept_quorum_loss,
        heard,
        recorded,
        receipts,
        awaited,
        signed,
    }
}
