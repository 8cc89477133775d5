//! Following a placement until it is settled. The move goes on whether or not somebody watches.

use verbund_model::WorkloadName;
use verbund_model::resource::{CopyPhase, CopyRole, Placement, Waiting};
use verbund_model::view::{Change as Happened, Kind};

use super::{from_resource, placing};
use crate::app::App;
use crate::client::{Client, Watched};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{local, say};
use crate::t;

/// What counts as the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// What is active is ready; an old copy may still have to stop, as at a lost site.
    Serving,
    /// That, and every old copy is gone.
    Moved,
}

/// Whether the end is reached, and how.
#[must_use]
pub fn settled(placement: &Placement, goal: Goal) -> Option<Exit> {
    let of = |role| placement.copies.iter().filter(move |copy| copy.role == role);
    match placement.waiting {
        Some(Waiting::NotPlaceable) => return Some(Exit::NotPlaceable),
        Some(Waiting::Person) => return Some(Exit::Waiting),
        Some(Waiting::Fence { .. } | Waiting::Turn) => return None,
        // It runs: what waits is a later move.
        Some(Waiting::Window) | None => {}
    }
    let ready = of(CopyRole::Active).all(|copy| copy.phase == CopyPhase::Ready) && of(CopyRole::Active).count() > 0;
    let stopped = of(CopyRole::Stopping).count() == 0;
    (ready && placement.target.is_none() && (stopped || goal == Goal::Serving)).then_some(Exit::Ok)
}

/// Passes each state of a placement to `each`, from an index on, until that says `false` or the placement is gone.
pub async fn each_state(
    client: &Client,
    name: &WorkloadName,
    from: u64,
    mut each: impl FnMut(&Placement) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let on_item = |item| {
        let resource = match item {
            Watched::Resource(resource) => *resource,
            Watched::Change(event) if event.change != Happened::Deleted => event.resource,
            Watched::Change(event) => return Ok(event.resource.metadata.name != name.as_str()),
            Watched::Live => return Ok(true),
        };
        if resource.metadata.name != name.as_str() {
            return Ok(true);
        }
        each(&from_resource(&resource)?)
    };
    client.watch(&[Kind::Placement], Some(from.to_string()), on_item).await
}

/// Shows what becomes of a placement until the goal is reached. Ctrl-C ends the watching only, and tells how to go on with
/// it.
pub async fn follow(app: &App, client: &Client, name: &WorkloadName, from: u64, goal: Goal) -> Result<Exit, Failure> {
    let mut last = String::new();
    let (mut end, mut result) = (None, None);
    let each = |placement: &Placement| {
        let line = placing::line(placement);
        if line != last {
            say(&format!("{}  {line}", local(crate::client::now())));
            if goal == Goal::Serving
                && let Some(hint) = hint(placement)
            {
                say(&hint);
            }
            last = line;
        }
        end = settled(placement, goal);
        result = Some(placement.clone());
        Ok(end.is_none())
    };
    tokio::select! {
        ended = each_state(client, name, from, each) => ended?,
        _ = tokio::signal::ctrl_c() => {
            say(&t!("progress-interrupted", command = format!("verbund workload show {name} --watch")));
            return Ok(Exit::Unknown);
        }
    }
    if let Some(placement) = &result {
        app.output.value(placement, || placing::copies(placement).render())?;
    }
    match end {
        Some(Exit::NotPlaceable) => say(&t!("plan-why", workload = name.to_string())),
        Some(Exit::Waiting) => say(&t!("progress-person", workload = name.to_string())),
        _ => {}
    }
    Ok(end.unwrap_or(Exit::Ok))
}

/// What a person can do about an old copy of which nobody knows whether it runs.
fn hint(placement: &Placement) -> Option<String> {
    let Some(Waiting::Fence { cluster }) = &placement.waiting else { return None };
    let epoch = placement.copies.iter().find(|copy| copy.cluster == *cluster)?.epoch;
    let command = format!("verbund fence confirm {} --cluster {cluster} --epoch {epoch}", placement.workload);
    Some(t!("progress-fence", cluster = cluster.to_string(), command = command))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn placed(copies: &[(&str, &str, Value)], waiting: Value, target: Value) -> Placement {
        let copies: Vec<Value> = copies
            .iter()
            .map(|(cluster, role, phase)| {
                json!({ "cluster": cluster, "role": role, "epoch": 3, "generation": 1, "since": 1, "phase": phase })
            })
            .collect();
        serde_json::from_value(json!({
            "workload": "kfz", "epoch": 3, "copies": copies, "waiting": waiting, "target": target, "cause": "failover",
            "home": null, "change": "chg-1",
        }))
        .unwrap()
    }

    #[test]
    fn the_end_is_when_what_is_active_is_ready_and_nothing_is_on_its_way() {
        let (none, ready) = (Value::Null, json!("ready"));
        let both = |placement: &Placement| (settled(placement, Goal::Serving), settled(placement, Goal::Moved));
        let at = placed(&[("sued", "active", ready.clone())], none.clone(), none.clone());
        assert_eq!(both(&at), (Some(Exit::Ok), Some(Exit::Ok)));
        let old = placed(
            &[("nord", "stopping", ready.clone()), ("sued", "active", ready.clone())],
            none.clone(),
            none.clone(),
        );
        assert_eq!(both(&old), (Some(Exit::Ok), None));
        let starting =
            placed(&[("sued", "active", json!({ "starting": { "reason": "image" } }))], none.clone(), none.clone());
        assert_eq!(both(&starting), (None, None));
        let on_its_way = placed(&[("sued", "active", ready.clone())], none.clone(), json!("ost"));
        assert_eq!(both(&on_its_way), (None, None));
        let fenced = placed(&[("nord", "stopping", ready)], json!({ "fence": { "cluster": "nord" } }), none.clone());
        assert_eq!(both(&fenced), (None, None));
        assert!(hint(&fenced).unwrap().contains("verbund fence confirm kfz --cluster nord --epoch 3"));
        assert_eq!(both(&placed(&[], json!("notPlaceable"), none.clone())).0, Some(Exit::NotPlaceable));
        assert_eq!(both(&placed(&[], json!("person"), none.clone())).1, Some(Exit::Waiting));
        assert_eq!(both(&placed(&[], none.clone(), none)).0, None, "nothing is active");
    }
}
