//! Verbund and etcd side by side, in one run, by the same kind of client: three nodes each on loopback, TLS on every
//! connection, fsync on, 256-byte values, at most 16 connections, the same number of outstanding requests. Rounds of the
//! two alternate; medians count. The last line is the path of a JSON list of all rows.

mod etcd;
mod load;
mod options;
mod ours;
mod report;
mod rounds;
mod table;
mod workload;

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;

use options::Options;

/// `statfs` type of a RAM disk (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("verbund-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let parent = match &options.dir {
        Some(directory) => directory.clone(),
        None => options::directory_of_this_program()?,
    };
    let kind = rustix::fs::statfs(&parent).with_context(|| format!("looking at {}", parent.display()))?.f_type;
    ensure!(kind != TMPFS, "{} is a RAM disk, where fsync costs nothing: name another with --dir", parent.display());
    let directory = tempfile::Builder::new().prefix("verbund-bench-").tempdir_in(&parent)?;
    let peer = etcd::Cluster::start(&directory.path().join("etcd")).await?;
    let ours = ours::Cluster::start(&directory.path().join("verbund")).await?;
    println!("Verbund beside etcd {}: {} rounds of {:?}", peer.version, options.rounds(), options.span().measured);
    let mut rounds = rounds::Rounds::new(options.clone(), ours, peer);
    rounds.run().await?;
    let rows = report::print(&rounds.into_results());
    let out = options.out()?;
    table::write_rows(&out, &rows)?;
    println!("\n{}", out.canonicalize()?.display());
    Ok(())
}
