//! How long a workload is away when its site is lost, on real clusters with real containers: from the loss to the first write
//! of a container at the fallback.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde_json::Value;
use verbund_kit::bench::{self, Goal, List, Row, median, number, render};
use verbund_sites::failover::{Loss, measure};
use verbund_sites::{Federation, Guards, Mode, Plan, Sample};

/// The program's name.
const NAME: &str = "verbund-bench-failover-sites";
/// The workload.
const WORKLOAD: &str = "portal";
/// Seconds within which it must write elsewhere, and if the lost site led.
const GOAL: f64 = 5.0;
const GOAL_LED: f64 = 8.0;

/// From the loss of a site to its parallel workload running elsewhere, on real clusters. Needs root.
#[derive(Parser)]
#[command(name = NAME)]
struct Options {
    /// How many times each case is run; median and maximum are shown.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// A JSON list of another benchmark whose rows come first in this one's.
    #[arg(long)]
    with: Option<PathBuf>,
    /// Where the sites keep their data and logs; its path must be short [default: a directory that is removed afterwards].
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Where the results go.
    #[command(flatten)]
    list: List,
}

/// A way to lose a site, whether it led, and the times.
struct Case {
    loss: Loss,
    led: bool,
    took: Vec<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::ended(NAME, run(&Options::parse()).await)
}

async fn run(options: &Options) -> Result<()> {
    let temporary = tempfile::Builder::new().prefix("vbf").tempdir_in("/tmp")?;
    let directory = options.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    println!("starting two clusters and three daemons ...");
    let mut federation = Federation::up(&directory, &Plan::of(3, Guards::Real)).await?;
    let sample = Sample {
        name: WORKLOAD.to_owned(),
        organisation: federation.organisation().to_owned(),
        mode: Mode::Parallel,
        stop_budget: 1_000,
        sink: federation.sink.address(),
    };
    federation.deploy(&sample).await?;
    let mut cases = Vec::new();
    for loss in Loss::ALL {
        for led in [false, true] {
            let mut case = Case { loss, led, took: Vec::new() };
            for number in 1..=options.runs {
                let took = measure(&mut federation, WORKLOAD, loss, led).await?;
                println!("{}, run {number}: {:.1} s", case.name(), took.as_secs_f64());
                case.took.push(took);
            }
            cases.push(case);
        }
    }
    federation.testbed.stop().await?;
    let rows = report(&cases);
    let out = options.list.write(NAME, &rows)?;
    match &options.with {
        Some(with) => join(with, &out),
        None => Ok(()),
    }
}

impl Case {
    fn name(&self) -> String {
        format!("{}{}", self.loss, if self.led { ", the lost site led" } else { "" })
    }
}

/// Prints a table and returns all rows.
fn report(cases: &[Case]) -> Vec<Row> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for case in cases {
        let seconds: Vec<f64> = case.took.iter().map(Duration::as_secs_f64).collect();
        let goal = Goal::Below(if case.led { GOAL_LED } else { GOAL });
        let row = |what: &str, value| {
            let name = format!("from the loss of a site to containers running elsewhere: {what}");
            Row::new(
                &name,
                &format!("1 parallel workload, real clusters, {}", case.name()),
                "s",
                (value, None),
                Some(goal),
            )
        };
        let (middle, most) = (median(seconds.clone()), seconds.into_iter().reduce(f64::max));
        let worst = row("max", most);
        let (wanted, met) = worst.verdict();
        lines.push(vec![
            case.name(),
            case.took.len().to_string(),
            number(middle),
            number(most),
            wanted,
            met.to_owned(),
        ]);
        rows.extend([row("p50", middle), worst]);
    }
    let title = "From the loss of a site to containers running elsewhere, real clusters, seconds";
    println!("{}", render(title, &["", "runs", "p50", "max", "goal", ""], &lines).trim_end());
    rows
}

/// Puts the rows of another list before those in `out`, and prints its path again as the last line.
fn join(with: &std::path::Path, out: &std::path::Path) -> Result<()> {
    let read = |path: &std::path::Path| -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no list of rows", path.display()))
    };
    let mut rows = read(with)?;
    rows.extend(read(out)?);
    ensure!(!rows.is_empty(), "no rows");
    std::fs::write(out, serde_json::to_string_pretty(&rows)? + "\n")?;
    println!("{}", out.canonicalize()?.display());
    Ok(())
}
