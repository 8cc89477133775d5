//! Three sites, each a process of the binary under test.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use verbund_kit::api::{Connection, log_in};
use verbund_kit::{Author, Federation, Session, Settings};

use super::batcher::{Batched, batched};
use super::lanes::{Lane, open, open_sessions};
use super::metrics::{Counts, counts};
use super::read::Get;
use super::write::Single;
use crate::workload;

/// Sites, as many as the peer has members.
const SITES: usize = 3;
/// How long a restarted daemon may take to answer.
const BACK: Duration = Duration::from_secs(60);

/// A running federation.
pub struct Cluster {
    federation: Federation,
    author: Author,
    sessions: Vec<Arc<Session>>,
    lanes: Vec<Arc<Lane>>,
    at: Option<usize>,
}

impl Cluster {
    /// Founds a federation below `directory`, by the command line, and grows it to three sites.
    pub async fn start(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let settings = Settings { extra: "log: {level: warn}".to_owned(), ..Settings::default() };
        let mut federation = Federation::found(settings, Some(directory)).await?;
        federation.grow(SITES).await?;
        let author = federation.new_provider("bench")?;
        Ok(Self { federation, author, sessions: Vec::new(), lanes: Vec::new(), at: None })
    }

    /// Process ids of the daemons.
    pub fn pids(&mut self) -> Result<Vec<u32>> {
        self.federation.sites.iter_mut().map(|site| Ok(site.process()?.pid())).collect()
    }

    /// What the daemons count.
    pub async fn counts(&self) -> Result<Vec<Counts>> {
        let mut all = Vec::new();
        for site in &self.federation.sites {
            all.push(counts(site.metrics_port).await?);
        }
        Ok(all)
    }

    /// Clients that sign each write by itself, at the leader.
    pub async fn singles(&mut self, clients: usize) -> Result<Vec<Single>> {
        let lanes = self.lanes_at_leader(clients).await?;
        let author = &self.author;
        let client = |client: usize| Single {
            lane: lanes[client % lanes.len()].clone(),
            author: author.clone(),
            client,
            clients,
        };
        Ok((0..clients).map(client).collect())
    }

    /// Clients of one author who signs in batches, at the leader.
    pub async fn batched(&mut self, clients: usize) -> Result<Vec<Batched>> {
        let lanes = self.lanes_at_leader(clients).await?;
        Ok(batched(&self.author, &lanes, clients))
    }

    /// Clients that read at a follower.
    pub async fn readers(&self, clients: usize) -> Result<Vec<Get>> {
        let leader = self.federation.leader(0)?;
        let door = self.federation.sites[(leader + 1) % SITES].door()?;
        let identity = log_in(door, &self.author).await?;
        let mut connections = Vec::new();
        for _ in 0..workload::connections(clients) {
            connections.push(door.connect(Some(&identity)).await?);
        }
        let connection = |client: usize| connections[client % connections.len()].clone();
        Ok((0..clients).map(|client| Get { connection: connection(client), client, clients }).collect())
    }

    async fn lanes_at_leader(&mut self, clients: usize) -> Result<Vec<Arc<Lane>>> {
        let leader = self.federation.leader(0)?;
        let door = self.federation.sites[leader].door()?;
        if self.sessions.is_empty() {
            self.sessions = open_sessions(door, &self.author).await?;
        }
        if self.at != Some(leader) || self.lanes.iter().any(|lane| lane.stream.is_closed()) {
            self.lanes = open(door, &self.author, &self.sessions).await?;
            self.at = Some(leader);
        }
        Ok(self.lanes[..workload::connections(clients)].to_vec())
    }

    /// Stops a follower cleanly, starts it again, and measures from its start to its first stale read.
    pub async fn start_to_serving(&mut self) -> Result<Duration> {
        let site = (self.federation.leader(0)? + 1) % SITES;
        let door = self.federation.sites[site].door()?.clone();
        let identity = log_in(&door, &self.author).await?;
        self.federation.sites[site].terminate()?;
        let desk = self.federation.desk.clone();
        let start = Instant::now();
        self.federation.sites[site].launch(&desk)?;
        loop {
            let read = async {
                let mut connection: Connection = door.connect(Some(&identity)).await?;
                connection.get("/v1/catalogue?consistency=stale&limit=1").await
            };
            match read.await {
                Ok(answer) if answer.status.is_success() => break,
                Ok(answer) if start.elapsed() > BACK => bail!("still {} after {BACK:?}", answer.status),
                Err(error) if start.elapsed() > BACK => return Err(error).context(self.federation.logs()),
                _ => {
                    self.federation.sites[site].process()?.expect_running()?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
        let took = start.elapsed();
        self.federation.settle().await?;
        Ok(took)
    }
}
