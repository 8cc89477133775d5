//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Whole sites with real Kubernetes clusters on this machine. Needs root.
#[derive(Debug, Parser)]
#[command(name = "verbund-testbed")]
pub(crate) struct Options {
    /// Where the sites keep their data and logs.
    #[arg(long, global = true, env = "VERBUND_TESTBED_DIR", default_value = "/var/lib/verbund-testbed")]
    pub(crate) directory: PathBuf,
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Starts sites, and leaves them running.
    Up {
        /// How many, 1 to 5.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
        sites: u8,
        /// What they are called, instead of a number of them.
        #[arg(conflicts_with = "sites")]
        names: Vec<String>,
    },
    /// Stops them and removes everything of them but the logs.
    Down {
        /// Also those in other directories.
        #[arg(long)]
        all: bool,
    },
    /// Shows what runs.
    Status,
    /// Opens a shell inside a site, with kubectl set up.
    Shell {
        /// The site.
        site: String,
    },
    /// Cuts the link between two sites.
    Cut {
        /// One site.
        a: String,
        /// The other.
        b: String,
    },
    /// Cuts a site off from all others.
    CutOff {
        /// The site.
        site: String,
    },
    /// Loses a share of the packets, in one direction.
    Lose {
        /// Where they come from.
        from: String,
        /// Where they go to.
        to: String,
        /// 0 to 100.
        percent: f64,
    },
    /// Mends every link.
    Heal,
    /// Ends everything in a site at once.
    PowerOff {
        /// The site.
        site: String,
    },
    /// Starts a site's cluster again on what is on its disk.
    PowerOn {
        /// The site.
        site: String,
    },
}
