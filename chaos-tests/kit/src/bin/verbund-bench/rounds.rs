//! The order of things: seeds, idle, then rounds in which the two sides alternate.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use verbund_kit::process::{Usage, usage_of};

use crate::load::{Operation, Run, Span, drive};
use crate::options::{Options, Part};
use crate::ours::checks_per_entry;
use crate::{etcd, ours, workload};

/// Whose numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Verbund.
    Ours,
    /// etcd. Its writes have no signatures: the single ones are the peer of both.
    Peer,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Results {
    /// The runs of each load, by part, clients and side.
    pub runs: BTreeMap<(Part, usize, Side), Vec<Run>>,
    /// Memory of each process before any load.
    pub idle: BTreeMap<Side, Vec<Usage>>,
    /// Memory and time of each process after all load.
    pub loaded: BTreeMap<Side, Vec<Usage>>,
    /// From start to serving, before any load and after it.
    pub starts: [Vec<Duration>; 2],
}

/// Both sides, and what came of them so far.
pub struct Rounds {
    options: Options,
    ours: ours::Cluster,
    peer: etcd::Cluster,
    results: Results,
}

/// How long both sides are left alone before their idle memory is read.
const REST: Duration = Duration::from_secs(3);

impl Rounds {
    /// Two sides that run.
    pub fn new(options: Options, ours: ours::Cluster, peer: etcd::Cluster) -> Self {
        Self { options, ours, peer, results: Results::default() }
    }

    /// What came of it.
    pub fn into_results(self) -> Results {
        self.results
    }

    /// Runs everything that is wanted.
    pub async fn run(&mut self) -> Result<()> {
        let idle = self.options.wants(Part::Idle);
        if idle {
            tokio::time::sleep(REST).await;
            self.results.idle = self.usage()?;
            self.starts(0).await?;
        }
        self.seed().await.context("writing the keys that are read")?;
        for round in 0..self.options.rounds() {
            for clients in self.options.clients.clone() {
                self.round(round, clients).await?;
            }
        }
        self.results.loaded = self.usage()?;
        if idle {
            self.starts(1).await?;
        }
        Ok(())
    }

    /// All loads with so many clients; the side that begins changes from round to round.
    async fn round(&mut self, round: usize, clients: usize) -> Result<()> {
        for turn in 0..2 {
            let side = if (round + turn).is_multiple_of(2) { Side::Ours } else { Side::Peer };
            for part in [Part::Single, Part::Batched, Part::Read] {
                let wanted = match side {
                    Side::Ours => self.options.wants(part),
                    // One run of etcd's writes is the peer of both of ours.
                    Side::Peer if part == Part::Single => self.options.wants(part) || self.options.wants(Part::Batched),
                    Side::Peer => part == Part::Read && self.options.wants(part),
                };
                if wanted {
                    let run = self.one(part, side, clients).await?;
                    eprintln!("round {} {side:?} {part:?} {clients}: {}", round + 1, summary(&run));
                    self.results.runs.entry((part, clients, side)).or_default().push(run);
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, part: Part, side: Side, clients: usize) -> Result<Run> {
        let (span, connections) = (self.options.span(), workload::connections(clients));
        let servers = self.pids(side)?;
        match (side, part) {
            (Side::Peer, Part::Read) => {
                drive(self.peer.at_follower(connections).await?.gets(clients), span, &servers).await
            }
            (Side::Peer, _) => drive(self.peer.at_leader(connections).await?.puts(clients), span, &servers).await,
            (Side::Ours, Part::Read) => drive(self.ours.readers(clients).await?, span, &servers).await,
            (Side::Ours, Part::Batched) => {
                let clients = self.ours.batched(clients).await?;
                self.counted(clients, span, &servers).await
            }
            (Side::Ours, _) => {
                let clients = self.ours.singles(clients).await?;
                self.counted(clients, span, &servers).await
            }
        }
    }

    async fn counted<O: Operation>(&self, clients: Vec<O>, span: Span, servers: &[u32]) -> Result<Run> {
        let before = self.ours.counts().await?;
        let run = drive(clients, span, servers).await?;
        let after = self.ours.counts().await?;
        Ok(Run { checks: checks_per_entry(&before, &after), ..run })
    }

    /// Writes the keys that will be read, at both sides.
    async fn seed(&mut self) -> Result<()> {
        let clients = self.ours.singles(workload::SEEDERS).await?;
        write_all(clients).await?;
        let peer = self.peer.at_leader(workload::connections(workload::SEEDERS)).await?;
        write_all(peer.puts(workload::SEEDERS)).await
    }

    async fn starts(&mut self, when: usize) -> Result<()> {
        for _ in 0..if self.options.quick { 1 } else { 3 } {
            let took = self.ours.start_to_serving().await?;
            self.results.starts[when].push(took);
        }
        Ok(())
    }

    fn pids(&mut self, side: Side) -> Result<Vec<u32>> {
        match side {
            Side::Ours => self.ours.pids(),
            Side::Peer => Ok(self.peer.pids()),
        }
    }

    fn usage(&mut self) -> Result<BTreeMap<Side, Vec<Usage>>> {
        let mut all = BTreeMap::new();
        for side in [Side::Ours, Side::Peer] {
            let usage = self.pids(side)?.into_iter().map(usage_of).collect::<Result<Vec<_>>>()?;
            all.insert(side, usage);
        }
        Ok(all)
    }
}

/// Each client writes all of its keys once.
async fn write_all<O: Operation>(clients: Vec<O>) -> Result<()> {
    let own = workload::KEYS / clients.len() as u64;
    let write = |mut client: O| async move {
        for number in 0..own {
            client.run(number).await?;
        }
        anyhow::Ok(())
    };
    let tasks: Vec<_> = clients.into_iter().map(|client| tokio::spawn(write(client))).collect();
    ensure!(!tasks.is_empty(), "nobody to write");
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn summary(run: &Run) -> String {
    match &run.void {
        None => format!("{:.0}/s, p50 {:.2} ms, p99 {:.2} ms", run.rate, run.p50, run.p99),
        Some(why) => format!("VOID: {why}"),
    }
}
