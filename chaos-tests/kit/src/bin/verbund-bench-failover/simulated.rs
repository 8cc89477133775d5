//! The cases on simulated clusters: three sites with one each, within their agents.

mod cluster;
mod records;

use std::path::Path;

use anyhow::Result;

use crate::case::Case;
use crate::options::Options;
use cluster::{Cluster, Lost};

/// Seconds within which up to so many workloads must be ready elsewhere.
const GOALS: [(usize, f64); 2] = [(100, 6.0), (1000, 10.0)];

/// Runs all cases in one federation, the smallest first.
pub async fn run(options: &Options, directory: &Path) -> Result<Vec<Case>> {
    let mut cluster = Cluster::start(directory).await?;
    let mut numbers = options.workloads.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let mut all = Vec::new();
    for workloads in numbers.into_iter().filter(|number| *number > 0) {
        for leads in [false, true] {
            let mut runs = Vec::new();
            for number in 1..=options.runs {
                let run = cluster.lose(workloads, leads).await?;
                match &run {
                    Ok(lost) => eprintln!("{}, run {number}: {:.2?}", what(workloads, leads), lost.ready),
                    Err(void) => eprintln!("{}, run {number}: VOID: {void}", what(workloads, leads)),
                }
                runs.push(run);
            }
            all.push((workloads, leads, runs));
        }
    }
    let records = cluster.records().await?;
    let case = |(workloads, leads, runs): (usize, bool, Vec<Result<Lost, String>>)| Case {
        on: "simulated clusters",
        what: what(workloads, leads),
        goal: GOALS.iter().find(|(most, _)| workloads <= *most).map(|(_, seconds)| *seconds),
        runs: runs.into_iter().map(|run| records.judge(&run?)).collect(),
    };
    Ok(all.into_iter().map(case).collect())
}

fn what(workloads: usize, leads: bool) -> String {
    let workloads = if workloads == 1 { "1 workload".to_owned() } else { format!("{workloads} workloads") };
    format!("{workloads}, {}", if leads { "the site that leads" } else { "a site that does not lead" })
}
