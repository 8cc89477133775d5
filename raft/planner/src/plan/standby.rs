//! The standby: a place with reserved capacity, far enough away.

use verbund_model::ClusterName;
use verbund_model::resource::CopyRole;

use super::draft::Draft;
use crate::report::Lack;

/// Plans the standby beside the active copies. Without an active copy the standbys stay as they are: one of them is where it
/// will go on.
pub(super) fn place(draft: &mut Draft<'_, '_>) {
    let active = draft.of_role(CopyRole::Active);
    if active.is_empty() {
        if draft.demand.standby.is_some() && draft.of_role(CopyRole::Standby).is_empty() {
            draft.lack(Lack::Standby);
        }
        return;
    }
    let mut kept = None;
    for standby in draft.of_role(CopyRole::Standby) {
        if kept.is_none() && draft.demand.standby.is_some() && stays(draft, &standby, &active) {
            kept = Some(standby);
        } else {
            draft.drop_copy(&standby);
        }
    }
    if draft.demand.standby.is_none() || kept.is_some() {
        return;
    }
    let held: Vec<ClusterName> = draft.placement.copies.iter().map(|copy| copy.cluster.clone()).collect();
    let seek = draft.seek(CopyRole::Standby, &active, &held);
    match draft.ground.best(&seek).map(|(cluster, _)| cluster.clone()) {
        Some(place) => draft.reserve(&place, &active),
        None => draft.lack(Lack::Standby),
    }
}

/// Whether a standby still does: what is only of the moment does not matter, but that its site is lost does.
fn stays(draft: &Draft<'_, '_>, standby: &ClusterName, active: &[ClusterName]) -> bool {
    let seek = draft.seek(CopyRole::Standby, active, &[]);
    let reasons = draft.ground.reasons(&seek, standby);
    let breaks = |reason: &crate::Reason| !reason.rule().is_momentary();
    !draft.ground.is_lost(standby) && reasons.is_some_and(|reasons| !reasons.iter().any(breaks))
}
