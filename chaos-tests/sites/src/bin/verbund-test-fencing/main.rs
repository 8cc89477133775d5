//! Hurts the site of an exclusive workload in every way, many times, and says whether two copies ever wrote at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use verbund_kit::federation::COORDINATOR;
use verbund_sites::fencing::{Counted, Fault, Report, run};
use verbund_sites::{Federation, Guards, Mode, Plan, Sample};
use verbund_testbed::may_run;

/// The workload.
const NAME: &str = "register";
/// What may be added to lease and margin until the workload serves elsewhere.
const ACTIVATION: Duration = Duration::from_secs(2);
/// How often the whole federation is made anew after something broke, before it is given up.
const MOST_BROKEN: usize = 3;

/// Never two: an exclusive workload of level `guard` on real clusters, under faults. Needs root.
#[derive(Parser)]
#[command(name = "verbund-test-fencing")]
struct Options {
    /// How many runs, spread evenly over the faults.
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// What decides every choice; printed, to run the same again.
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves out the control: a federation without the guard, in which an overlap must be seen.
    #[arg(long)]
    without_control: bool,
    /// Where the sites keep their data and logs; a directory that is removed afterwards if not given. Its path must be short.
    #[arg(long)]
    directory: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match act(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(options: &Options) -> Result<()> {
    if !may_run("the fencing test")? {
        return Ok(());
    }
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}; the same again: verbund-test-fencing --runs {} --seed {seed}", options.runs);
    let temporary = tempfile::Builder::new().prefix("vtf").tempdir_in("/tmp")?;
    let directory = options.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    let (report, bound) = guarded(options, &directory, seed).await?;
    print!("\n{}", report.table(bound));
    if !options.without_control {
        control(&directory, seed).await.context("the control")?;
    }
    judge(&report, bound)
}

/// All runs with the guard, and the bound that was in force.
async fn guarded(options: &Options, directory: &Path, seed: u64) -> Result<(Report, Duration)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut report = Report::default();
    let mut broken = Vec::new();
    let mut bound = Duration::ZERO;
    while report.runs.len() < options.runs {
        let mut federation = up(&directory.join(broken.len().to_string()), Guards::Real).await?;
        let (lease, margin) = federation.timings()?;
        bound = Duration::from_millis(lease + margin) + ACTIVATION;
        println!("lease {lease} ms + margin {margin} ms + 2 s = {:.1} s", bound.as_secs_f64());
        while report.runs.len() < options.runs {
            let fault = Fault::ALL[report.runs.len() % Fault::ALL.len()];
            match run(&mut federation, NAME, fault, &mut random).await {
                Ok(run) => {
                    println!("{:>4}  {}", report.runs.len() + 1, line(&run));
                    report.runs.push(run);
                }
                Err(error) => {
                    println!("      {fault}: broken off: {error:#}");
                    // What was seen so far counts all the same.
                    let seen = verbund_sites::overlaps(&federation.sink.writings(), federation.sink.now());
                    ensure!(seen.is_empty(), "overlaps before it broke off: {seen:#?}");
                    broken.push(format!("{fault}: {error:#}"));
                    break;
                }
            }
        }
        federation.testbed.stop().await?;
        ensure!(broken.len() <= MOST_BROKEN, "broken off too often: {broken:#?}");
    }
    println!("broken off: {}", broken.len());
    Ok((report, bound))
}

async fn up(directory: &Path, guards: Guards) -> Result<Federation> {
    println!("starting two clusters and five daemons ...");
    let mut federation = Federation::up(directory, &Plan::of(5, guards)).await?;
    // A site that is heard again counts soon, so that the next run can begin. Nothing of fencing depends on it.
    federation.desk().run(&["--context", COORDINATOR, "timings", "set", "--returned-after", "3s", "--yes"])?;
    let sample = Sample {
        name: NAME.to_owned(),
        organisation: federation.organisation().to_owned(),
        mode: Mode::Exclusive("guard"),
        stop_budget: 1_000,
        sink: federation.sink.address(),
    };
    federation.deploy(&sample).await?;
    Ok(federation)
}

fn line(run: &verbund_sites::fencing::Run) -> String {
    let seconds =
        |time: Option<Duration>| time.map_or("never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
    let counted = match &run.counted {
        Counted::Yes => String::new(),
        Counted::No(why) => format!("  not counted: {why}"),
    };
    let overlap = if run.overlaps.is_empty() { "" } else { "  OVERLAP" };
    let (ended, elsewhere) = (seconds(run.ended), seconds(run.elsewhere));
    format!("{:<34} at {}: old ended {ended}, elsewhere {elsewhere}{counted}{overlap}", run.fault, run.from)
}

/// The same without the guard: the sink must see two.
async fn control(directory: &Path, seed: u64) -> Result<()> {
    let mut federation = up(&directory.join("c"), Guards::LeftOut).await?;
    let mut random = StdRng::seed_from_u64(seed);
    let seen = run(&mut federation, NAME, Fault::AgentKilled, &mut random).await?;
    federation.testbed.stop().await?;
    let longest = seen.overlaps.iter().map(|overlap| overlap.length).max();
    let longest = longest.context("with the guard left out no overlap was seen: this test proves nothing")?;
    println!("control: with the guard left out two copies wrote at the same time for {:.1} s", longest.as_secs_f64());
    Ok(())
}

fn judge(report: &Report, bound: Duration) -> Result<()> {
    for run in &report.runs {
        ensure!(run.overlaps.is_empty(), "{}: two at the same time: {:#?}", run.fault, run.overlaps);
    }
    let tried = report.runs.len();
    let missing: Vec<String> = Fault::ALL
        .into_iter()
        .filter(|fault| tried >= Fault::ALL.len() && report.counted(*fault) == 0)
        .map(|fault| fault.to_string())
        .collect();
    if !missing.is_empty() {
        bail!("VOID: no run counts of: {}", missing.join("; "));
    }
    let counted: usize = Fault::ALL.into_iter().map(|fault| report.counted(fault)).sum();
    println!("{tried} runs, {counted} counted, {} overlaps", report.overlaps());
    let late = report.late(bound);
    ensure!(late.is_empty(), "{} runs took longer than {:.1} s", late.len(), bound.as_secs_f64());
    Ok(())
}
