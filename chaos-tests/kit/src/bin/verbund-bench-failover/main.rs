//! How long workloads are away when a site is lost: from `kill -9` of its daemon and its agents until all its workloads are
//! ready elsewhere, through signed, replicated entries with statements of a majority of voters. At the end of the run the
//! audit export must verify, and each move must have its record with its verdict. The last line is the path of a JSON list of
//! all rows.

mod case;
mod options;
mod report;
mod simulated;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use verbund_kit::bench;

use options::{NAME, Options};

#[tokio::main]
async fn main() -> ExitCode {
    bench::ended(NAME, run(&Options::parse()).await)
}

async fn run(options: &Options) -> Result<()> {
    let directory = options.data.directory(NAME)?;
    let cases = simulated::run(options, directory.path()).await?;
    let rows = report::print(&cases);
    options.list.write(NAME, &rows).map(drop)
}
