//! The demo on real clusters: two sites with Kubernetes and a third that votes, a Fachverfahren with a fallback, and what to
//! type to lose its site. Shows where it runs, live, until Ctrl-C.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use verbund_sites::{Federation, Guards, Mode, Plan, Sample, Writing};

/// The Fachverfahren.
const NAME: &str = "melderegister";
/// Between two looks at the sink.
const LOOK: Duration = Duration::from_millis(100);

/// A federation with real Kubernetes clusters on this machine. Needs root.
#[derive(Parser)]
#[command(name = "verbund-demo-kubernetes")]
struct Options {
    /// Where the sites keep their data and logs; its path must be short.
    #[arg(long, env = "VERBUND_DEMO_KUBERNETES_DIR", default_value = "/var/lib/verbund-demo")]
    directory: PathBuf,
    /// Shows everything once, loses the site by itself, and ends.
    #[arg(long, env = "VERBUND_DEMO_EXIT", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1,
        require_equals = true, default_value = "false", default_missing_value = "true")]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    println!("1. Two sites start, each with a Kubernetes cluster of its own, and a third that votes");
    let plan = Plan::of(3, Guards::Real);
    let up = Federation::up(&options.directory, &plan);
    let mut federation = tokio::select! {
        up = up => up?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    println!("2. A Fachverfahren that may never run twice is applied, with a fallback at least 200 km away");
    let sample = Sample {
        name: NAME.to_owned(),
        organisation: federation.organisation().to_owned(),
        mode: Mode::Exclusive("guard"),
        stop_budget: 1_000,
        sink: federation.sink.address(),
    };
    let shown = async {
        federation.deploy(&sample).await?;
        print!("{}", federation.desk().run(&["--context", "mitte", "get", "placements", NAME])?);
        anyhow::Ok(())
    };
    tokio::select! {
        shown = shown => shown?,
        _ = tokio::signal::ctrl_c() => return federation.testbed.stop().await,
    }
    next(options, &federation)?;
    let ended = if options.once { lose(&mut federation).await } else { follow(&federation).await };
    println!("\nstopping everything that was started here");
    federation.testbed.stop().await?;
    ended
}

/// What to type.
fn next(options: &Options, federation: &Federation) -> Result<()> {
    let program = std::env::current_exe()?.with_file_name("verbund-testbed");
    let (testbed, directory) = (program.display(), options.directory.display());
    let command = federation.desk().command(&[]);
    let verbund = format!(
        "HOME={} VERBUND_PASSPHRASE_SOURCE=file:{} {}",
        federation.desk().path("").display(),
        federation.desk().passphrase_file().display(),
        command.get_program().to_string_lossy(),
    );
    println!("\nIt runs. In another terminal, as root:");
    println!("  alias verbund='{verbund}' testbed='{testbed} --directory {directory}'");
    println!("  verbund --context sued why {NAME}              # why it runs where it runs");
    println!("  verbund --context mitte drill {NAME}           # practise its failover, with a report");
    for site in federation.kit.sites.iter().filter(|site| !site.clusters.is_empty()) {
        let name = &site.name;
        println!("  testbed cut-off {name:<6} # cut {name} off from all others; below you see what becomes of it");
    }
    println!("  testbed heal              # mend it");
    println!("  KUBECONFIG={} kubectl get pods -A", federation.cluster(0)?.kubeconfig().display());
    println!("Ctrl-C stops everything.\n\nWho writes to the sink, which accepts everybody:");
    Ok(())
}

/// Prints who begins and who ends to write, until Ctrl-C.
async fn follow(federation: &Federation) -> Result<()> {
    let mut told = BTreeSet::new();
    loop {
        tell(&federation.sink.writings(), &mut told);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Cuts the site of the Fachverfahren off and waits until it runs at the other.
async fn lose(federation: &mut Federation) -> Result<()> {
    let victim = federation.settled(NAME).await?;
    let (name, begin) = (federation.name(victim).to_owned(), federation.sink.now());
    println!("{name} is cut off from all others");
    federation.testbed.cut_off(&name)?;
    let to = federation.cluster_name(federation.fallback_of(victim)?)?;
    let first = federation.first_write(NAME, &to, begin).await?;
    let mut told = BTreeSet::new();
    tell(&federation.sink.writings(), &mut told);
    println!("it runs at {to} after {:.1} s", (first - begin).as_secs_f64());
    print!("{}", federation.desk().run(&["--context", "sued", "get", "placements", NAME])?);
    Ok(())
}

fn tell(writings: &[Writing], told: &mut BTreeSet<(usize, bool)>) {
    for (number, writing) in writings.iter().enumerate() {
        let Writing { cluster, epoch, first, .. } = writing;
        if told.insert((number, false)) {
            println!("  {:>7.1} s  {cluster}, epoch {epoch}: writes", first.as_secs_f64());
        }
        if let Some(ended) = writing.ended
            && told.insert((number, true))
        {
            println!("  {:>7.1} s  {cluster}, epoch {epoch}: has ended", ended.as_secs_f64());
        }
    }
}
