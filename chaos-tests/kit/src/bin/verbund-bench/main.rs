//! Verbund and etcd side by side, in one run, by the same kind of client: three nodes each on loopback, TLS on every
//! connection, fsync on, 256-byte values, at most 16 connections, the same number of outstanding requests. Rounds of the
//! two alternate; medians count. The last line is the path of a JSON list of all rows.

mod etcd;
mod load;
mod options;
mod ours;
mod report;
mod rounds;
mod workload;

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
    let peer = etcd::Cluster::start(&directory.path().join("etcd")).await?;
    let ours = ours::Cluster::start(&directory.path().join("verbund")).await?;
    println!("Verbund beside etcd {}: {} rounds of {:?}", peer.version, options.rounds(), options.span().measured);
    let mut rounds = rounds::Rounds::new(options.clone(), ours, peer);
    rounds.run().await?;
    let rows = report::print(&rounds.into_results());
    options.list.write(NAME, &rows).map(drop)
}
