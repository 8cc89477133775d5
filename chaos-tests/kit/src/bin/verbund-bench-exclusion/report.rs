//! From runs to a table and rows.

use std::time::Duration;

use verbund_kit::bench::{Goal, Row, number, percentile, render};

use crate::options::Options;
use crate::run::Cut;

/// Seconds within which the excluded are to be cut off.
const GOAL: f64 = 0.5;

/// Prints a table and returns all rows. If a run is void, so are the numbers: one from what is left would be a chosen one.
pub fn print(options: &Options, runs: &[Result<Cut, String>]) -> Vec<Row> {
    let Options { sites, streams, delayed, delay, .. } = options;
    let case = format!("{sites} sites, {streams} streams at each, {delayed} links later by {delay} ms");
    let good: Option<Vec<&Cut>> = runs.iter().map(|run| run.as_ref().ok()).collect();
    let of = |value: &dyn Fn(&Cut) -> Vec<Duration>| -> Option<Vec<f64>> {
        let all = good.as_ref()?.iter().flat_map(|cut| value(cut)).map(|took| took.as_secs_f64()).collect::<Vec<_>>();
        (!all.is_empty()).then_some(all)
    };
    let connected = of(&|cut| cut.connected.clone());
    let whole = of(&|cut| cut.connected.iter().max().copied().into_iter().collect());
    let late = of(&|cut| vec![cut.late]);
    let recorded = of(&|cut| vec![cut.recorded]);
    let measured = [
        ("from the last signature to the cut at one connected site", connected, true),
        ("from the last signature to the cut at every connected site", whole, true),
        ("from learning late to the cut at that site", late, true),
        ("from the last signature to the log's record, every receipt there", recorded, false),
    ];
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (what, values, has_goal) in measured {
        let at = |share| values.clone().and_then(|values| percentile(values, share));
        let (p50, p99) = (at(0.5), at(0.99));
        let goal = has_goal.then_some(Goal::Below(GOAL));
        rows.push(Row::new(&format!("{what}: p50"), &case, "s", (p50, None), goal));
        let worst = Row::new(&format!("{what}: p99"), &case, "s", (p99, None), goal);
        let (wanted, met) = worst.verdict();
        lines.push(vec![what.to_owned(), number(p50), number(p99), wanted, met.to_owned()]);
        rows.push(worst);
    }
    let title = format!("Exclusion: {case}; {} runs, seconds", runs.len());
    println!("{}", render(&title, &["", "p50", "p99", "goal", ""], &lines).trim_end());
    for (number, why) in runs.iter().enumerate().filter_map(|(at, run)| Some((at + 1, run.as_ref().err()?))) {
        println!("VOID: run {number}: {why}");
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn cut(millis: &[u64], late: u64) -> Result<Cut, String> {
        let connected = millis.iter().map(|millis| Duration::from_millis(*millis)).collect();
        Ok(Cut { connected, late: Duration::from_millis(late), recorded: Duration::from_secs(3) })
    }

    #[test]
    fn a_void_run_voids_all_and_the_worst_site_counts() {
        let options = Options::parse_from(["bench"]);
        let met = |runs: &[_]| print(&options, runs).iter().map(|row| row.met).collect::<Vec<_>>();
        let good = [cut(&[100, 200], 30), cut(&[120, 480], 40)];
        assert_eq!(met(&good), [[Some(true); 6].as_slice(), &[None, None]].concat());
        let slow = [cut(&[100, 200], 30), cut(&[120, 501], 40)];
        assert_eq!(met(&slow)[1..4], [Some(false), Some(true), Some(false)]);
        let void = [cut(&[100], 30), Err("no stream".to_owned())];
        assert_eq!(met(&void), [[Some(false); 6].as_slice(), &[None, None]].concat());
    }
}
