//! Placements for people: what a copy is there for, how it is, what a plan would change.

use verbund_model::WorkloadName;
use verbund_model::local::Weekday;
use verbund_model::resource::{
    CopyPhase, CopyRole, Freeze, Maintenance, PlacedCopy, Placement, Waiting, Window, Workload,
};
use verbund_model::view::Kind;

use super::from_resource;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Paint, Table, Tone, local};
use crate::t;

/// Where a workload runs; `None`: nowhere, and it never did.
pub async fn placement(client: &Client, name: &WorkloadName) -> Result<Option<Placement>, Failure> {
    client.get(Kind::Placement, name.as_str()).await?.map(|read| from_resource(&read.value)).transpose()
}

/// A workload. Errors: there is none.
pub async fn workload(client: &Client, name: &WorkloadName) -> Result<Workload, Failure> {
    match client.get(Kind::Workload, name.as_str()).await? {
        Some(read) => from_resource(&read.value),
        None => Err(super::resource::none(Kind::Workload, name.as_str())),
    }
}

/// What a copy is there for.
#[must_use]
pub fn role(role: CopyRole) -> String {
    match role {
        CopyRole::Active => t!("copy-active"),
        CopyRole::Standby => t!("copy-standby"),
        CopyRole::Stopping => t!("copy-stopping"),
    }
}

/// How a copy is.
#[must_use]
pub fn phase(phase: &CopyPhase) -> String {
    match phase {
        CopyPhase::Pending => t!("phase-pending"),
        CopyPhase::Starting { reason } => t!("phase-starting", reason = reason.as_str()),
        CopyPhase::Ready => t!("phase-ready"),
        CopyPhase::Failed { reason } => t!("phase-failed", reason = reason.as_str()),
    }
}

/// How a copy is, as far as its role lets that matter: of one that is being stopped, what its agent said while it ran says
/// nothing; it counts as running until somebody says that it has stopped.
fn state(copy: &PlacedCopy) -> String {
    match copy.role {
        CopyRole::Stopping => t!("copy-unconfirmed"),
        CopyRole::Active | CopyRole::Standby => phase(&copy.phase),
    }
}

/// What a workload waits for.
#[must_use]
pub fn waiting(waiting: &Waiting) -> String {
    match waiting {
        Waiting::NotPlaceable => t!("waiting-not-placeable"),
        Waiting::Fence { cluster } => t!("waiting-fence", cluster = cluster.to_string()),
        Waiting::Person => t!("waiting-person"),
        Waiting::Turn => t!("waiting-turn"),
        Waiting::Window => t!("waiting-window"),
    }
}

/// When something may be moved as planned, a row for each window and each freeze; none where that is always.
#[must_use]
pub fn maintenance(maintenance: &Maintenance) -> Vec<String> {
    let window = |window: &Window| {
        let day = |day: &Weekday| match day {
            Weekday::Mon => t!("weekday-mon"),
            Weekday::Tue => t!("weekday-tue"),
            Weekday::Wed => t!("weekday-wed"),
            Weekday::Thu => t!("weekday-thu"),
            Weekday::Fri => t!("weekday-fri"),
            Weekday::Sat => t!("weekday-sat"),
            Weekday::Sun => t!("weekday-sun"),
        };
        let days: Vec<String> = window.days.iter().map(day).collect();
        t!("maintenance-window", days = days.join(", "), from = window.from.to_string(), to = window.to.to_string())
    };
    let freeze = |freeze: &Freeze| {
        let (from, to) = (freeze.from.to_string(), freeze.to.to_string());
        t!("maintenance-freeze", from = from, to = to, reason = freeze.reason.as_str())
    };
    maintenance.windows.iter().map(window).chain(maintenance.freezes.iter().map(freeze)).collect()
}

/// The copies in one line.
#[must_use]
pub fn line(placement: &Placement) -> String {
    let copy = |copy: &PlacedCopy| {
        let (role, cluster) = (role(copy.role), copy.cluster.to_string());
        match copy.role {
            CopyRole::Standby => t!("copy-line-standby", role = role, cluster = cluster),
            _ => t!("copy-line", role = role, cluster = cluster, epoch = copy.epoch, phase = state(copy)),
        }
    };
    let mut parts: Vec<String> = placement.copies.iter().map(copy).collect();
    parts.extend(placement.waiting.as_ref().map(waiting));
    if parts.is_empty() { t!("copy-none") } else { parts.join("; ") }
}

/// The copies, one a row.
#[must_use]
pub fn copies(placement: &Placement) -> Table {
    let mut table = Table::new(vec![
        t!("column-cluster"),
        t!("column-copy"),
        t!("column-epoch"),
        t!("column-since"),
        t!("column-state"),
    ]);
    for copy in &placement.copies {
        let cells = [copy.cluster.to_string(), role(copy.role), copy.epoch.to_string(), local(copy.since)];
        table.row(cells.into_iter().chain([state(copy)]).collect());
    }
    table
}

/// What a plan would change, one cluster a row: `+` new, `-` gone, `~` another role or epoch, blank as it is.
#[must_use]
pub fn difference(before: Option<&Placement>, after: &Placement, paint: Paint) -> Table {
    let old = before.map_or(&[][..], |placement| &placement.copies);
    let mut names: Vec<_> = old.iter().chain(&after.copies).map(|copy| &copy.cluster).collect();
    names.sort();
    names.dedup();
    let mut table = Table::plain();
    for name in names {
        let of = |copies: &'_ [PlacedCopy]| {
            let found = copies.iter().find(|copy| copy.cluster == *name);
            found.map(|copy| (copy.role, t!("copy-epoch", role = role(copy.role), epoch = copy.epoch)))
        };
        let (mark, text) = match (of(old), of(&after.copies)) {
            (None, Some((_, new))) => (paint.paint(Tone::Good, "+"), new),
            (Some((_, gone)), None) => (paint.paint(Tone::Bad, "-"), gone),
            (Some((_, was)), Some((_, is))) if was != is => (paint.paint(Tone::Warning, "~"), format!("{was} → {is}")),
            (_, same) => (" ".to_owned(), same.map(|(_, text)| text).unwrap_or_default()),
        };
        table.row(vec![mark, name.to_string(), text]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn placed(copies: serde_json::Value) -> Placement {
        let copies: Vec<serde_json::Value> = copies
            .as_array()
            .unwrap()
            .iter()
            .map(|c| json!({ "cluster": c[0], "role": c[1], "epoch": c[2], "generation": 0, "since": 1, "phase": "ready" }))
            .collect();
        serde_json::from_value(json!({
            "workload": "kfz", "epoch": 2, "copies": copies, "waiting": { "fence": { "cluster": "nord" } },
            "target": null, "cause": "failover", "home": null, "change": "chg-1",
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_shows_what_comes_goes_and_changes() {
        let before = placed(json!([["nord", "active", 1], ["ost", "standby", 0], ["west", "standby", 0]]));
        let after = placed(json!([
            ["nord", "stopping", 1],
            ["ost", "active", 2],
            ["sued", "standby", 0],
            ["west", "standby", 0]
        ]));
        let text = difference(Some(&before), &after, Paint::new(false)).render();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("~  nord") && lines[1].starts_with("~  ost"), "{text}");
        assert!(lines[2].starts_with("+  sued") && lines[3].starts_with("   west"), "{text}");
        let text = difference(Some(&after), &before, Paint::new(false)).render();
        assert!(text.lines().any(|line| line.starts_with("-  sued")), "{text}");
        assert!(line(&after).contains(&t!("copy-unconfirmed")) && !line(&before).contains(&t!("copy-unconfirmed")));
        assert!(copies(&after).render().contains(&t!("copy-unconfirmed")));
        assert!(line(&after).contains("nord") && line(&after).contains(&t!("waiting-fence", cluster = "nord")));
    }
}
