//! Plans and reports as readable text.

use std::fmt::Write as _;

use verbund_model::resource::{Cause, Placement, Waiting};
use verbund_planner::{Lang, Plan, Refused, Report, Score, SiteLoss};

use super::scenario::role;

/// Tells a plan: what becomes of the workload, and why.
pub fn plan(plan: &Plan, cause: &Cause, before: Option<&Placement>, out: &mut String) {
    let placement = &plan.placement;
    writeln!(out, "plan {} ({})", placement.workload, word(cause)).unwrap();
    if let Some(refused) = &plan.report.refused {
        refusal(refused, out);
    } else if !plan.changed {
        writeln!(out, "  unchanged").unwrap();
        assert_eq!(Some(placement), before);
    }
    for copy in &placement.copies {
        write!(out, "  {:<9} {:<12}", role(copy.role), copy.cluster.to_string()).unwrap();
        write!(out, " epoch {} generation {}", copy.epoch, copy.generation).unwrap();
        let chosen = plan.report.choices.iter().rev().find(|choice| choice.cluster == copy.cluster);
        if let Some(choice) = chosen {
            write!(out, "  {}", score(&choice.score)).unwrap();
        }
        writeln!(out).unwrap();
    }
    let waiting = match &placement.waiting {
        None => None,
        Some(Waiting::NotPlaceable) => Some("a place".to_owned()),
        Some(Waiting::Fence { cluster }) => Some(format!("the fence of {cluster}")),
        Some(Waiting::Person) => Some("a person".to_owned()),
        Some(Waiting::Turn) => Some("its turn".to_owned()),
        Some(Waiting::Window) => Some("its window".to_owned()),
    };
    if let Some(waiting) = waiting {
        writeln!(out, "  waiting for {waiting}").unwrap();
    }
    for (what, value) in [("target", &placement.target), ("home", &placement.home)] {
        if let Some(cluster) = value {
            writeln!(out, "  {what} {cluster}").unwrap();
        }
    }
    for lack in &plan.report.lacks {
        writeln!(out, "  lacks {}", word(lack)).unwrap();
    }
    out.push('\n');
}

/// Tells a report of all clusters: each rule that is not kept, in both languages.
pub fn why(report: &Report, out: &mut String) {
    writeln!(out, "why {}: sought is an {} copy", report.workload, role(report.sought)).unwrap();
    for cluster in &report.clusters {
        write!(out, "  {} ({})", cluster.cluster, cluster.site).unwrap();
        if let Some(holds) = cluster.holds {
            write!(out, ", {} there", role(holds)).unwrap();
        }
        match &cluster.score {
            Some(found) => writeln!(out, ": fits, {}", score(found)).unwrap(),
            None => writeln!(out, ": does not fit").unwrap(),
        }
        for tried in &cluster.tried {
            for reason in &tried.reasons {
                assert_eq!((reason.rule(), reason.standard()), (tried.rule, tried.standard.as_str()));
                writeln!(out, "    {} ({})", word(&tried.rule), tried.standard).unwrap();
                writeln!(out, "      {}", reason.text(Lang::De)).unwrap();
                writeln!(out, "      {}", reason.text(Lang::En)).unwrap();
            }
        }
    }
    out.push('\n');
}

/// Tells whether each site can be lost.
pub fn capacity(losses: &[SiteLoss], out: &mut String) {
    for loss in losses {
        let can = if loss.can_be_lost { "can be lost" } else { "CANNOT be lost" };
        writeln!(out, "{} {can}: {} active, {} standby there", loss.site, loss.active, loss.standby).unwrap();
        for (what, names) in [("would not fit", &loss.would_not_fit), ("without standby", &loss.without_standby)] {
            if !names.is_empty() {
                writeln!(out, "  {what}: {}", self::names(names.iter())).unwrap();
            }
        }
    }
    out.push('\n');
}

fn refusal(refused: &Refused, out: &mut String) {
    match refused {
        Refused::Unfit { cluster, reasons } => {
            writeln!(out, "  refused: {cluster} does not fit").unwrap();
            reasons.iter().for_each(|reason| writeln!(out, "    {}", reason.text(Lang::En)).unwrap());
        }
        other => writeln!(out, "  refused: {}", word(other)).unwrap(),
    }
}

fn score(score: &Score) -> String {
    let Score { spread, headroom, locality, price, stability, total } = score;
    format!(
        "score {total} = 2×{spread} spread + 3×{headroom} headroom + 2×{locality} locality + {price} price + 4×{stability} stability"
    )
}

/// Names with commas.
pub fn names<T: ToString>(names: impl Iterator<Item = T>) -> String {
    let all: Vec<String> = names.map(|name| name.to_string()).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
}

/// The word that a value has in JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap().replace('"', "")
}
