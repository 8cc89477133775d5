//! How long the excluded stay connected: from the last signature of a directive to the last closed stream and the last handshake
//! that succeeded, at every site that is connected. Some links take their time, the excluded site dials on all the while, and one
//! site learns of it late: its time counts from when it learned. The last line is the path of a JSON list of all rows.

mod excluded;
mod options;
mod report;
mod run;

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
    let runs = run::all(options, directory.path()).await?;
    let rows = report::print(options, &runs);
    options.list.write(NAME, &rows).map(drop)
}
