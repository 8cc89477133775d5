//! What can be asked for on the command line.

use std::time::Duration;

use clap::Parser;
use verbund_kit::bench::{Data, List};

use crate::load::Span;

/// The program's name.
pub const NAME: &str = "verbund-bench";

/// Verbund and etcd side by side: three nodes each on loopback, TLS, fsync, 256-byte values, the same kind of client.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME)]
pub struct Options {
    /// About one minute, one round of short runs: for development, its numbers prove nothing.
    #[arg(long)]
    pub quick: bool,
    /// How many rounds; the medians count [default: 3, with --quick 1].
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that each run is measured for [default: 5, with --quick 2].
    #[arg(long)]
    seconds: Option<f64>,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 128, 512])]
    pub clients: Vec<usize>,
    /// Only these loads: single, batched, read, idle.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where the data goes.
    #[command(flatten)]
    pub data: Data,
    /// Where the results go.
    #[command(flatten)]
    pub list: List,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Part {
    /// One signature for each write.
    Single,
    /// Writes signed in batches by their author.
    Batched,
    /// Linearizable reads at a follower.
    Read,
    /// Memory at idle and time from start to serving.
    Idle,
}

impl Options {
    /// Rounds to run.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// How long each run is.
    pub fn span(&self) -> Span {
        let measured = self.seconds.unwrap_or(if self.quick { 2.0 } else { 5.0 });
        Span {
            warm_up: Duration::from_millis(if self.quick { 500 } else { 1000 }),
            measured: Duration::from_secs_f64(measured.clamp(0.5, 600.0)),
        }
    }

    /// Whether a part is wanted.
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
