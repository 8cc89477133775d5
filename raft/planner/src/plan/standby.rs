//! The standby: a place with reserved capacity, far enough away.

use verbund_model::ClusterName;
use verbund_model::resource::CopyRole;

use super::draft::Draft;
use crate::report::Lack;

/// Plans the standby beside the active copies.
pub(super) fn place(draft: &mut Draft<'_, '_>) {
    let active = draft.of_role(CopyRole::Active);
    if active.is_empty() {
        hold(draft);
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

/// Without an active copy the standbys stay, for one of them is where the workload will go on: the place that is wanted, and
/// one more if a standby is demanded. Those that may never run it are given back.
fn hold(draft: &mut Draft<'_, '_>) {
    let target = draft.placement.target.clone();
    let mut standbys = draft.of_role(CopyRole::Standby);
    standbys.sort_by_key(|standby| (Some(standby) != target.as_ref(), draft.unfit(standby, &[]).is_some()));
    let mut room = 1 + usize::from(draft.demand.standby.is_some());
    for standby in &standbys {
        if room == 0 || draft.must_leave(standby) {
            draft.drop_copy(standby);
        } else {
            room -= 1;
        }
    }
    if draft.demand.standby.is_some() && draft.of_role(CopyRole::Standby).is_empty() {
        draft.lack(Lack::Standby);
    }
}

/// Whether a standby still does: what is only of the moment does not matter, but that its site is lost does.
fn stays(draft: &Draft<'_, '_>, standby: &ClusterName, active: &[ClusterName]) -> bool {
    let seek = draft.seek(CopyRole::Standby, active, &[]);
    let reasons = draft.ground.reasons(&seek, standby);
    let breaks = |reason: &crate::Reason| !reason.rule().is_momentary();
    !draft.ground.is_lost(standby) && reasons.is_some_and(|reasons| !reasons.iter().any(breaks))
}
