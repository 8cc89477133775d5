//! What can be asked for on the command line.

use std::time::Duration;

use clap::Parser;
use verbund_kit::bench::{Data, List};

/// The program's name.
pub const NAME: &str = "verbund-bench-exclusion";

/// From a directive's last signature to the last closed stream and the last handshake of the excluded, at every connected site.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME)]
pub struct Options {
    /// How many sites are excluded, one after the other.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// How many sites stay.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(3..=50))]
    pub sites: u16,
    /// How many streams of the excluded are open at each site.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=120))]
    pub streams: u16,
    /// How many sites are behind links that take their time.
    #[arg(long, default_value_t = 5)]
    pub delayed: usize,
    /// By how many milliseconds these are later, each way.
    #[arg(long, default_value_t = 150)]
    pub delay: u64,
    /// Where the data goes.
    #[command(flatten)]
    pub data: Data,
    /// Where the results go.
    #[command(flatten)]
    pub list: List,
}

impl Options {
    /// By how much the slow links are later.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }
}
