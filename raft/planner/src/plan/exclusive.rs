//! Exclusive workloads: never two active copies (design 6, lease.md 8).

use verbund_model::ClusterName;
use verbund_model::resource::{Cause, CopyRole, FenceLevel, Waiting};

use super::draft::Draft;
use crate::report::{Lack, Refused};

/// Plans the one active copy.
pub(super) fn place(draft: &mut Draft<'_, '_>, fence: FenceLevel) -> Result<(), Refused> {
    // More than one is never planned; if a mode was changed from parallel, all but the first are stopped.
    let active = draft.of_role(CopyRole::Active);
    for surplus in active.iter().skip(1) {
        draft.stop(surplus);
    }
    let serving = active.first();
    if let Some(serving) = serving {
        look_after(draft, serving, fence)?;
    } else if draft.request.cause == Cause::Drill {
        return Err(Refused::NotActive);
    } else if draft.is_asked() {
        // While the old copy is being stopped a person may still choose another place, also the old one again.
        aim(draft, None)?;
    }
    let person = draft.waited_for_person() && !draft.may_replace();
    if draft.placement.waiting.is_none() && draft.of_role(CopyRole::Active).is_empty() {
        if person { draft.wait(Waiting::Person) } else { start(draft, fence) }
    }
    Ok(())
}

/// Looks after the copy that is active.
fn look_after(draft: &mut Draft<'_, '_>, serving: &ClusterName, fence: FenceLevel) -> Result<(), Refused> {
    if draft.is_asked() {
        return depart(draft, serving);
    }
    let leased = is_leased(draft, serving);
    if draft.must_leave(serving) {
        draft.stop(serving);
        if !leased && !draft.may_replace() {
            draft.wait(Waiting::Person);
        }
        return Ok(());
    }
    if leased {
        if draft.may_move() && draft.should_leave(serving) {
            move_if_possible(draft, serving);
        }
        return Ok(());
    }
    // Its lease has ended. Where the next generation is open already, it goes on in place: the agent there takes the new
    // epoch only after everything of the old one has ended (lease.md 9 to 11).
    if draft.unfit(serving, &[]).is_none() {
        match running(draft, fence, Some(serving)) {
            Some(cluster) => draft.wait(Waiting::Fence { cluster }),
            None => draft.activate(serving, &[]),
        }
    } else if draft.may_replace() {
        draft.stop(serving);
    } else {
        draft.wait(Waiting::Person);
    }
    Ok(())
}

/// A person wants it elsewhere: a place is found and reserved before anything stops.
fn depart(draft: &mut Draft<'_, '_>, serving: &ClusterName) -> Result<(), Refused> {
    aim(draft, Some(serving))?;
    draft.stop(serving);
    Ok(())
}

/// Reserves the place to which a person wants it moved.
fn aim(draft: &mut Draft<'_, '_>, serving: Option<&ClusterName>) -> Result<(), Refused> {
    let away: Vec<ClusterName> = serving.into_iter().cloned().collect();
    let target = match draft.request.cause {
        Cause::Drill => draft.request.target.clone().or_else(|| standby_that_fits(draft)).ok_or(Refused::NoStandby)?,
        Cause::Relocate => draft.request.target.clone().ok_or(Refused::NoTarget)?,
        Cause::Failback => {
            let home = draft.request.target.clone().or_else(|| draft.placement.home.clone());
            home.ok_or(Refused::NoHome)?
        }
        _ => match draft.request.target.clone() {
            Some(target) => target,
            // Without a serving copy, `start` looks for a place itself and says what it waits for.
            None if serving.is_none() => return Ok(()),
            None => draft.find(&[], &away).ok_or(Refused::NoPlace)?,
        },
    };
    if Some(&target) == serving {
        return Err(Refused::AlreadyThere { cluster: target });
    }
    if let Some(refused) = draft.unfit(&target, &[]) {
        return Err(refused);
    }
    if let Some(other) = draft.placement.target.take_if(|other| *other != target) {
        // The place that was wanted before is free again, if it was reserved for that only.
        if draft.of_role(CopyRole::Standby).len() > 1 {
            draft.drop_standby(&other);
        }
    }
    draft.reserve(&target, &[]);
    draft.placement.target = Some(target);
    Ok(())
}

fn standby_that_fits(draft: &Draft<'_, '_>) -> Option<ClusterName> {
    draft.of_role(CopyRole::Standby).into_iter().find(|standby| draft.unfit(standby, &[]).is_none())
}

/// Its place is not right any more: it leaves if another one is found, which is reserved first. Where that must wait for a
/// window, it is remembered.
fn move_if_possible(draft: &mut Draft<'_, '_>, serving: &ClusterName) {
    if let Some(place) = draft.find(&[], std::slice::from_ref(serving)) {
        if draft.is_held() {
            draft.wait(Waiting::Window);
            return;
        }
        draft.reserve(&place, &[]);
        draft.placement.target = Some(place);
        draft.stop(serving);
    }
}

/// Starts it where it belongs, if every old copy is proven stopped.
fn start(draft: &mut Draft<'_, '_>, fence: FenceLevel) {
    let Some(place) = goal(draft) else {
        let running = running(draft, fence, None);
        draft.wait(running.map_or(Waiting::NotPlaceable, |cluster| Waiting::Fence { cluster }));
        draft.lack(Lack::Active);
        return;
    };
    match running(draft, fence, Some(&place)) {
        Some(cluster) => {
            draft.reserve(&place, &[]);
            draft.wait(Waiting::Fence { cluster });
        }
        None => {
            draft.activate(&place, &[]);
            draft.placement.target = None;
        }
    }
}

/// Where it goes: where a person wants it, if that still fits; a standby; the best place.
fn goal(draft: &mut Draft<'_, '_>) -> Option<ClusterName> {
    if let Some(target) = draft.placement.target.clone() {
        if draft.unfit(&target, &[]).is_none() {
            return Some(target);
        }
        draft.placement.target = None;
    }
    draft.find(&[], &[])
}

/// The first old copy that may still run, but for one at `place` itself: there the new epoch is an activation by the same
/// agent, which ends the old one first (lease.md 11).
fn running(draft: &Draft<'_, '_>, fence: FenceLevel, place: Option<&ClusterName>) -> Option<ClusterName> {
    let old = draft.placement.copies.iter().filter(|copy| copy.role != CopyRole::Standby);
    let mut old = old.filter(|copy| Some(&copy.cluster) != place);
    let by_time = matches!(fence, FenceLevel::Data | FenceLevel::Guard);
    old.find(|copy| !(by_time && has_ended(draft, &copy.cluster, copy.generation))).map(|copy| copy.cluster.clone())
}

/// Whether the lease under which a copy ran has ended.
fn has_ended(draft: &Draft<'_, '_>, cluster: &ClusterName, generation: u64) -> bool {
    let lease = draft.ground.lease(cluster);
    generation > 0 && lease.is_some_and(|(last, open)| last > generation || (last == generation && !open))
}

/// Whether an active copy runs under the open generation.
fn is_leased(draft: &Draft<'_, '_>, cluster: &ClusterName) -> bool {
    let generation = draft.copy(cluster).map(|copy| copy.generation);
    generation.is_some() && generation == draft.ground.open_generation(cluster)
}
