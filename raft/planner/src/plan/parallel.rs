//! Parallel workloads: several active copies, each at a site of its own.

use verbund_model::ClusterName;
use verbund_model::resource::{Cause, CopyPhase, CopyRole, Waiting};

use super::draft::Draft;
use crate::report::{Lack, Refused};

/// Plans the active copies.
pub(super) fn place(draft: &mut Draft<'_, '_>, wanted: usize) -> Result<(), Refused> {
    forget_removed(draft);
    let lost = !dead(draft).is_empty();
    leave_forbidden(draft);
    if draft.is_asked() {
        depart(draft)?;
    } else {
        arrive(draft);
    }
    let held = !draft.may_replace() && (draft.waited_for_person() || (lost && !draft.waited_for_place()));
    replace_and_fill(draft, wanted, held);
    if draft.may_move() && draft.placement.target.is_none() {
        // One that leaves may make room for another one: at most so often as there are copies.
        let mut rounds = wanted;
        while rounds > 0 && move_misplaced(draft) {
            rounds -= 1;
        }
    }
    stop_surplus(draft, wanted);
    Ok(())
}

/// Copies at clusters that were removed: nobody is left to stop them. Nor at excluded sites: nobody there is believed.
/// What ran there under a lease, before the workload became a parallel one, is not forgotten: it may become exclusive
/// again.
fn forget_removed(draft: &mut Draft<'_, '_>) {
    let all: Vec<ClusterName> = draft.placement.copies.iter().map(|copy| copy.cluster.clone()).collect();
    for cluster in all {
        let excluded = |site| draft.ground.inventory.is_excluded(site);
        let unleased = || draft.copy(&cluster).is_some_and(|copy| copy.generation == 0);
        if draft.site_of(&cluster).is_none_or(|site| excluded(site) && unleased()) {
            draft.drop_copy(&cluster);
        }
    }
}

/// Copies whose place may not run them any more.
fn leave_forbidden(draft: &mut Draft<'_, '_>) {
    for cluster in draft.of_role(CopyRole::Active) {
        if draft.must_leave(&cluster) {
            stop_lost(draft, &cluster);
        }
    }
}

/// Active copies at sites that are there.
fn live(draft: &Draft<'_, '_>) -> Vec<ClusterName> {
    let active = draft.of_role(CopyRole::Active);
    active.into_iter().filter(|cluster| !draft.ground.is_lost(cluster)).collect()
}

/// Active copies at sites that are lost.
fn dead(draft: &Draft<'_, '_>) -> Vec<ClusterName> {
    let active = draft.of_role(CopyRole::Active);
    active.into_iter().filter(|cluster| draft.ground.is_lost(cluster)).collect()
}

/// A person wants a copy elsewhere. A relocation starts the new copy first and stops the old one when the new one is ready; a
/// failover stops it at once.
fn depart(draft: &mut Draft<'_, '_>) -> Result<(), Refused> {
    let called_off = call_off(draft);
    let dead = dead(draft);
    let target = match draft.request.cause {
        Cause::Drill => {
            let standbys = draft.of_role(CopyRole::Standby);
            draft.request.target.clone().or_else(|| standbys.first().cloned()).ok_or(Refused::NoStandby)?
        }
        Cause::Relocate => draft.request.target.clone().ok_or(Refused::NoTarget)?,
        Cause::Failback => {
            let home = draft.request.target.clone().or_else(|| draft.placement.home.clone());
            home.ok_or(Refused::NoHome)?
        }
        _ => match draft.request.target.clone() {
            Some(target) => target,
            // What was lost is replaced below; without a loss, the copy that leaves is the one that is least ready.
            None if !dead.is_empty() || live(draft).is_empty() => return Ok(()),
            None => {
                let others = others_than(draft, &leaving(draft, None));
                draft.find(&others, &draft.of_role(CopyRole::Active)).ok_or(Refused::NoPlace)?
            }
        },
    };
    if called_off.as_ref() == Some(&target) {
        let reasons = draft.misfits(&target).unwrap_or_default();
        return if reasons.is_empty() { Ok(()) } else { Err(Refused::Unfit { cluster: target, reasons }) };
    }
    if draft.copy(&target).is_some_and(|copy| copy.role == CopyRole::Active) {
        return Err(Refused::AlreadyThere { cluster: target });
    }
    let Some(from) = dead.first().cloned().or_else(|| leaving(draft, Some(&target))) else {
        return Err(Refused::NotActive);
    };
    let others = others_than(draft, &Some(from.clone()));
    if let Some(refused) = draft.unfit(&target, &others) {
        return Err(refused);
    }
    draft.activate(&target, &others);
    if draft.request.cause == Cause::Failover || dead.contains(&from) {
        draft.stop(&from);
        draft.placement.target = None;
    } else {
        draft.placement.home = Some(from);
        draft.placement.target = Some(target);
    }
    Ok(())
}

/// A person wants something else while a copy is being relocated: the new copy stops, and the old one, which is given back,
/// stays.
fn call_off(draft: &mut Draft<'_, '_>) -> Option<ClusterName> {
    let target = draft.placement.target.take()?;
    let home = draft.placement.home.clone()?;
    let active = |cluster| draft.copy(cluster).is_some_and(|copy| copy.role == CopyRole::Active);
    if !active(&home) || !active(&target) {
        return None;
    }
    draft.stop(&target);
    draft.placement.home = Some(home.clone());
    Some(home)
}

/// The live copy that leaves for `target`: the one at its site, one that is not ready, the last by name. Never one that this
/// plan activated.
fn leaving(draft: &Draft<'_, '_>, target: Option<&ClusterName>) -> Option<ClusterName> {
    let live: Vec<ClusterName> = live(draft).into_iter().filter(|cluster| !draft.is_new(cluster)).collect();
    let site = target.and_then(|target| draft.site_of(target));
    let ready = |cluster: &ClusterName| draft.copy(cluster).is_some_and(|copy| copy.phase == CopyPhase::Ready);
    let same_site = live.iter().find(|cluster| site.is_some() && draft.site_of(cluster) == site);
    same_site.or_else(|| live.iter().find(|cluster| !ready(cluster))).or(live.last()).cloned()
}

fn others_than(draft: &Draft<'_, '_>, leaving: &Option<ClusterName>) -> Vec<ClusterName> {
    live(draft).into_iter().filter(|cluster| Some(cluster) != leaving.as_ref()).collect()
}

/// A relocation is done when the new copy is ready, or off when it is no longer there.
fn arrive(draft: &mut Draft<'_, '_>) {
    let Some(target) = draft.placement.target.clone() else { return };
    let arrived = draft.copy(&target).filter(|copy| copy.role == CopyRole::Active && !draft.ground.is_lost(&target));
    match arrived.map(|copy| copy.phase == CopyPhase::Ready) {
        Some(false) => return,
        Some(true) => {
            let home = draft.placement.home.clone();
            let left = home.filter(|home| draft.copy(home).is_some_and(|copy| copy.role == CopyRole::Active));
            if let Some(left) = left {
                draft.stop(&left);
            }
        }
        None => {
            call_off(draft);
        }
    }
    draft.placement.target = None;
}

/// Replaces what was lost and adds what is missing, unless that is held back until a person speaks. A lost copy stays active
/// until there is another one: its site goes on with it if it is only cut off (I14).
fn replace_and_fill(draft: &mut Draft<'_, '_>, wanted: usize, held: bool) {
    let mut dead = dead(draft);
    while staying(draft).len() < wanted {
        if held {
            draft.wait(Waiting::Person);
            return;
        }
        // Not at the site of a copy that is being left behind either: the relocation may yet be called off.
        let live = live(draft);
        let avoid = draft.of_role(CopyRole::Active);
        let Some(place) = draft.find(&live, &avoid) else {
            draft.wait(Waiting::NotPlaceable);
            draft.lack(Lack::Active);
            return;
        };
        draft.activate(&place, &live);
        if !dead.is_empty() {
            stop_lost(draft, &dead.remove(0));
        }
    }
    dead.iter().for_each(|cluster| stop_lost(draft, cluster));
}

/// Live copies but for the one that a relocation under way leaves behind.
fn staying(draft: &Draft<'_, '_>) -> Vec<ClusterName> {
    let left = draft.placement.target.as_ref().and(draft.placement.home.as_ref());
    live(draft).into_iter().filter(|cluster| Some(cluster) != left).collect()
}

/// Stops a copy that was lost. A relocation under way still knows what it leaves behind.
fn stop_lost(draft: &mut Draft<'_, '_>, cluster: &ClusterName) {
    let left = draft.placement.target.as_ref().and(draft.placement.home.clone());
    draft.stop(cluster);
    if left.is_some() {
        draft.placement.home = left;
    }
}

/// Moves copies whose place is not right any more, where another one is found; where that must wait for a window, it is
/// remembered. Whether any moved.
fn move_misplaced(draft: &mut Draft<'_, '_>) -> bool {
    let mut moved = false;
    for cluster in live(draft) {
        if !draft.should_leave(&cluster) {
            continue;
        }
        let others = others_than(draft, &Some(cluster.clone()));
        if let Some(place) = draft.find(&others, &live(draft)) {
            if draft.is_held() {
                draft.wait_for_window();
                return false;
            }
            draft.activate(&place, &others);
            draft.stop(&cluster);
            moved = true;
        }
    }
    moved
}

/// Stops what is too much, first at lost sites; a copy that waits for its successor is not.
fn stop_surplus(draft: &mut Draft<'_, '_>, wanted: usize) {
    let home = draft.placement.home.clone();
    let moving = draft.placement.target.is_some();
    let (mut live, mut dead) = (live(draft).len(), dead(draft));
    while live + dead.len() > wanted + usize::from(moving) {
        let last = if moving { None } else { leaving(draft, None) };
        let Some(surplus) = dead.pop().or(last) else { break };
        live -= usize::from(!draft.ground.is_lost(&surplus));
        draft.stop(&surplus);
        // It was not moved: there is nothing to go back to.
        draft.placement.home.clone_from(&home);
    }
}
