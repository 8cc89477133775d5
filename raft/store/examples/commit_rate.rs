//! Durable commits per second of the log, for batches of several sizes.
//!
//! `cargo run --release -p verbund-store --example commit_rate [DIRECTORY]`; the directory decides which disk is
//! measured, and what is made in it is removed again.

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use verbund_store::{FORMAT, Header, LogId, LogRecord, Store, StoreOptions};

const PAYLOAD: usize = 300;
const MEASURED: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    println!("batch  commits/s  records/s  p50 us  p99 us");
    for batch in [1u64, 128, 512] {
        let dir = tempfile::tempdir_in(&parent)?;
        let header = Header { format: FORMAT, node: 1, federation: [0; 32] };
        let store = Store::create(dir.path(), header, StoreOptions::default())?;
        let mut next = 0;
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < MEASURED {
            let records = (next..next + batch)
                .map(|index| LogRecord { id: LogId { term: 1, node: 1, index }, payload: vec![0; PAYLOAD].into() })
                .collect();
            let (sender, receiver) = channel();
            let began = Instant::now();
            // The receiver waits right below, so it is there.
            store.log().append(records, Box::new(move |result| drop(sender.send(result))))?;
            receiver.recv()??;
            times.push(began.elapsed());
            next += batch;
        }
        let seconds = start.elapsed().as_secs_f64();
        times.sort_unstable();
        let commits = store.log().stats().commits as f64 / seconds;
        let (p50, p99) = (times[times.len() / 2].as_micros(), times[times.len() * 99 / 100].as_micros());
        println!("{batch:>5}  {commits:>9.0}  {:>9.0}  {p50:>6}  {p99:>6}", next as f64 / seconds);
        store.close()?;
    }
    Ok(())
}
