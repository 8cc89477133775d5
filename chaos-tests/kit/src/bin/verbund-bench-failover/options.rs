//! What can be asked for on the command line.

use clap::Parser;
use verbund_kit::bench::{Data, List};

/// The program's name.
pub const NAME: &str = "verbund-bench-failover";

/// From the loss of a site to all its workloads ready elsewhere: three sites on loopback, kill -9 of daemon and agents.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME)]
pub struct Options {
    /// How many times each case is run; median and maximum are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Numbers of workloads at the site that is lost.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    pub workloads: Vec<usize>,
    /// Where the data goes.
    #[command(flatten)]
    pub data: Data,
    /// Where the results go.
    #[command(flatten)]
    pub list: List,
}
