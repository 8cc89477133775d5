//! `verbund drill`: practises a failover to the standby. It says what the plan predicts, performs it, measures until the copy
//! at the standby serves and the old one is gone, and writes down what was seen.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use verbund_model::resource::{CopyPhase, CopyRole, Millis, PlacedCopy, Placement, Waiting, Workload};
use verbund_model::{ClusterName, Command, WorkloadName};

use super::moves;
use super::placing;
use super::progress::{Goal, each_state, settled};
use crate::app::App;
use crate::cli::{Confirm, Drill};
use crate::client::{Client, Move};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say, utc};
use crate::{files, t};

/// What a drill showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    workload: WorkloadName,
    from: Vec<ClusterName>,
    predicted: Predicted,
    began: String,
    /// From the moment at which the drill was logged, in milliseconds; none: it did not come to that.
    stopped_after: Option<u64>,
    ready_after: Option<u64>,
    finished: bool,
    /// The demanded RTO in seconds; 0: none.
    rto: u32,
    within_rto: Option<bool>,
    seen: Vec<Seen>,
}

/// What the plan said before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicted {
    index: u64,
    to: Option<ClusterName>,
    stop_budget: u32,
    copies: Vec<PlacedCopy>,
    waiting: Option<Waiting>,
}

/// One state of the placement, as it was seen here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    after: u64,
    copies: Vec<PlacedCopy>,
    waiting: Option<Waiting>,
}

pub async fn run(app: &App, args: Drill) -> Result<Exit, Failure> {
    let client = app.client()?;
    let name = &args.workload;
    let known = moves::known(&client, name).await?;
    let dry = client.plan_move(name, Move::Drill, None).await?.value;
    let after = dry.plan.placement.clone();
    let from = active(known.1.as_ref());
    let to = after.target.clone().or_else(|| active(Some(&after)).into_iter().find(|cluster| !from.contains(cluster)));
    say(&moves::predicted(&known, &dry));
    let (stop_budget, rto) = (known.0.spec.stop_budget, known.0.spec.rto);
    say(&t!("drill-predicted", stop = crate::output::age(stop_budget.into()), rto = rto));
    let command = Command::StartDrill { workload: name.clone(), emergency: args.urgency.emergency() };
    moves::timely(&dry, &command)?;
    app.confirm(&t!("confirm-drill", workload = name.to_string()), args.confirm.yes)?;
    let about = t!("about-drill", workload = name.to_string());
    let asked = moves::ask(app, &client, name, about, command).await?;
    let (clock, began) = (Instant::now(), crate::client::now());
    let predicted = Predicted { index: dry.index, to, stop_budget, copies: after.copies, waiting: after.waiting };
    let mut report = Report {
        workload: name.clone(),
        from,
        predicted,
        began: utc(began),
        stopped_after: None,
        ready_after: None,
        finished: false,
        rto,
        within_rto: None,
        seen: Vec::new(),
    };
    let each = |placement: &Placement| {
        let elapsed = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report.note(placement, elapsed))
    };
    let watched = tokio::select! {
        ended = each_state(&client, name, asked.version, each) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    let path = args.report.clone().unwrap_or_else(|| default_path(name, began));
    files::create(&path, &serde_json::to_vec_pretty(&report)?).map_err(|error| {
        let reason = crate::words::chain(&error);
        Failure::new(t!("file-unwritable", path = path.display().to_string(), reason = reason))
    })?;
    if watched.is_none() {
        say(&t!("progress-interrupted", command = format!("verbund workload show {name} --watch")));
    }
    app.output.value(&report, || report.screen())?;
    say(&t!("drill-report", path = path.display().to_string()));
    watched.transpose()?;
    if !report.finished {
        return Ok(Exit::Unknown);
    }
    let exit = if report.within_rto == Some(false) { Exit::CheckFailed } else { Exit::Ok };
    offer_failback(app, &client, &known.0, &args).await?;
    Ok(exit)
}

/// Brings it back if that was asked for, or a person who is there wants it; otherwise says how.
async fn offer_failback(app: &App, client: &Client, workload: &Workload, args: &Drill) -> Result<(), Failure> {
    use std::io::IsTerminal as _;
    let wanted = args.failback
        || (!args.confirm.yes && std::io::stdin().is_terminal() && app.confirm(&t!("drill-failback"), false).is_ok());
    if wanted {
        moves::back(app, client, &workload.name, args.urgency.emergency(), &Confirm { yes: true }, false).await?;
    } else {
        say(&t!("drill-failback-later", command = format!("verbund failback {}", workload.name)));
    }
    Ok(())
}

fn active(placement: Option<&Placement>) -> Vec<ClusterName> {
    let copies = placement.map_or(&[][..], |placement| &placement.copies);
    copies.iter().filter(|copy| copy.role == CopyRole::Active).map(|copy| copy.cluster.clone()).collect()
}

fn default_path(name: &WorkloadName, began: Millis) -> PathBuf {
    let stamp: String = utc(began).chars().filter(char::is_ascii_alphanumeric).collect();
    PathBuf::from(format!("drill-{name}-{stamp}.json"))
}

impl Report {
    /// Takes note of a state. Whether there is more to wait for.
    fn note(&mut self, placement: &Placement, after: u64) -> bool {
        let line = placing::line(placement);
        let is_new =
            self.seen.last().is_none_or(|last| last.copies != placement.copies || last.waiting != placement.waiting);
        if is_new {
            say(&format!("{:>8}  {line}", format!("+{after} ms")));
            let (copies, waiting) = (placement.copies.clone(), placement.waiting.clone());
            self.seen.push(Seen { after, copies, waiting });
        }
        let moved = |copy: &&PlacedCopy| copy.role == CopyRole::Active && !self.from.contains(&copy.cluster);
        let left = !placement.copies.iter().any(|copy| {
            copy.role == CopyRole::Stopping
                || copy.role == CopyRole::Active && self.from.len() == 1 && self.from.contains(&copy.cluster)
        });
        let ready = placement.copies.iter().filter(moved).any(|copy| copy.phase == CopyPhase::Ready);
        if left && self.stopped_after.is_none() {
            self.stopped_after = Some(after);
        }
        if ready && self.ready_after.is_none() {
            self.ready_after = Some(after);
            self.within_rto = (self.rto > 0).then(|| after <= u64::from(self.rto) * 1_000);
        }
        match settled(placement, Goal::Moved) {
            Some(Exit::Ok) if left && ready => {
                self.finished = true;
                false
            }
            Some(Exit::NotPlaceable | Exit::Waiting) => false,
            _ => true,
        }
    }

    fn screen(&self) -> String {
        let time = |after: Option<u64>| after.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let mut table = Table::plain();
        table.row(vec![t!("drill-began"), crate::output::local_of(&self.began)]);
        table.row(vec![t!("drill-stopped"), time(self.stopped_after)]);
        table.row(vec![t!("drill-ready"), time(self.ready_after)]);
        let verdict = match self.within_rto {
            None => t!("drill-no-rto"),
            Some(true) => t!("drill-within", seconds = self.rto),
            Some(false) => t!("drill-missed", seconds = self.rto),
        };
        table.row(vec![t!("drill-rto"), verdict]);
        table.render()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn placed(copies: &[(&str, &str, &str)], waiting: Value) -> Placement {
        let copies: Vec<Value> = copies
            .iter()
            .map(|(cluster, role, phase)| {
                json!({ "cluster": cluster, "role": role, "epoch": 2, "generation": 1, "since": 1, "phase": phase })
            })
            .collect();
        serde_json::from_value(json!({
            "workload": "kfz", "epoch": 2, "copies": copies, "waiting": waiting, "target": null, "cause": "drill",
            "home": null, "change": "chg-1",
        }))
        .unwrap()
    }

    fn report(rto: u32) -> Report {
        Report {
            workload: "kfz".parse().unwrap(),
            from: vec!["nord".parse().unwrap()],
            predicted: Predicted { index: 1, to: None, stop_budget: 1, copies: vec![], waiting: None },
            began: utc(0),
            stopped_after: None,
            ready_after: None,
            finished: false,
            rto,
            within_rto: None,
            seen: vec![],
        }
    }

    #[test]
    fn the_time_runs_until_the_standby_serves() {
        let mut report = report(2);
        let fence = json!({ "fence": { "cluster": "nord" } });
        assert!(report.note(&placed(&[("nord", "stopping", "ready"), ("sued", "standby", "ready")], fence), 10));
        assert!(report.note(&placed(&[("sued", "active", "pending")], Value::Null), 700));
        assert!(report.note(&placed(&[("sued", "active", "pending")], Value::Null), 800));
        assert!(!report.note(&placed(&[("sued", "active", "ready")], Value::Null), 1_500));
        assert_eq!((report.stopped_after, report.ready_after), (Some(700), Some(1_500)));
        assert_eq!((report.within_rto, report.finished, report.seen.len()), (Some(true), true, 3));
        assert!(report.screen().contains("1500 ms"));
    }

    #[test]
    fn one_that_takes_too_long_or_stays_where_it_is_does_not_pass() {
        let mut late = report(1);
        assert!(!late.note(&placed(&[("sued", "active", "ready")], Value::Null), 1_001));
        assert_eq!(late.within_rto, Some(false));
        let mut stays = report(0);
        assert!(stays.note(&placed(&[("nord", "active", "ready")], Value::Null), 5));
        assert_eq!((stays.stopped_after, stays.ready_after, stays.finished), (None, None, false));
    }

    #[test]
    fn the_report_has_a_name_of_its_own() {
        let path = default_path(&"kfz".parse().unwrap(), 1_790_000_000_000);
        assert_eq!(path.to_str().unwrap(), "drill-kfz-20260921T141320000Z.json");
    }
}
