//! What can be asked for on the command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use verbund_kit::bench;

/// The program's name.
pub const NAME: &str = "verbund-bench-failover";

/// From the loss of a site to all its workloads ready elsewhere: three sites on loopback, kill -9 of daemon and agents.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME)]
pub struct Options {
    /// How many times each case is run; median and maximum are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Only the cases on simulated clusters. They are all cases that there are.
    #[arg(long)]
    pub simulated: bool,
    /// Numbers of workloads at the site that is lost.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    pub workloads: Vec<usize>,
    /// Where the sites put their data: not a RAM disk [default: beside this program].
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Where the JSON list goes [default: bench/verbund-bench-failover.json beside this program's directory].
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Options {
    /// Where the JSON list goes.
    pub fn out(&self) -> Result<PathBuf> {
        self.out.clone().map_or_else(|| bench::usual_out(NAME), Ok)
    }
}
