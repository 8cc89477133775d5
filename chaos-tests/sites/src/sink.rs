//! What containers write to: on the machine itself, so that a site that is cut off still reaches it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::interval::Writing;

/// Lines longer than this come from nobody we know.
const LONGEST: u64 = 1024;

/// Accepts every write, of everybody, and remembers who wrote when.
///
/// A container holds one connection and sends lines `workload epoch cluster pod uptime`. The kernel ends the connection when
/// the container's last process ends, so the end of a connection is the end of the container.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    start: Instant,
    writings: Arc<Mutex<Vec<Writing>>>,
    // Aborts with the value.
    _tasks: JoinSet<()>,
}

impl Sink {
    /// Listens at an address of this machine, on a port of its own.
    pub async fn listen(host: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((host, 0)).await.with_context(|| format!("listening at {host}"))?;
        let address = listener.local_addr()?;
        let (start, writings) = (Instant::now(), Arc::<Mutex<Vec<Writing>>>::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, start, writings.clone()));
        Ok(Self { address, start, writings, _tasks: tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The time now, counted from its start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// All that was written so far, in the order of first writes.
    #[must_use]
    pub fn writings(&self) -> Vec<Writing> {
        lock(&self.writings).clone()
    }

    /// What was written of one workload.
    #[must_use]
    pub fn of(&self, workload: &str) -> Vec<Writing> {
        self.writings().into_iter().filter(|writing| writing.workload == workload).collect()
    }
}

async fn accept(listener: TcpListener, start: Instant, writings: Arc<Mutex<Vec<Writing>>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(record(stream, start, writings.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn record(stream: TcpStream, start: Instant, writings: Arc<Mutex<Vec<Writing>>>) {
    let mut lines = BufReader::new(stream);
    let mut own = None;
    let mut line = String::new();
    // Whatever ends the stream ends the writing.
    while let Ok(1..=LONGEST) = lines.read_line(&mut line).await.map(|length| length as u64) {
        let now = start.elapsed();
        note(&writings, &mut own, &line, now);
        line.clear();
    }
    if let Some(own) = own {
        lock(&writings)[own].ended = Some(start.elapsed());
    }
}

/// Notes one line; the first of a connection makes its entry.
fn note(writings: &Mutex<Vec<Writing>>, own: &mut Option<usize>, line: &str, now: Duration) {
    let mut writings = lock(writings);
    if let Some(own) = *own {
        let writing = &mut writings[own];
        writing.last = now;
        writing.writes += 1;
        return;
    }
    let mut fields = line.split_whitespace().map(str::to_owned);
    let (Some(workload), Some(epoch), Some(cluster), Some(pod)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return;
    };
    let Ok(epoch) = epoch.parse() else { return };
    *own = Some(writings.len());
    writings.push(Writing { workload, epoch, cluster, pod, first: now, last: now, ended: None, writes: 1 });
}

fn lock(writings: &Mutex<Vec<Writing>>) -> MutexGuard<'_, Vec<Writing>> {
    writings.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use verbund_testbed::until;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_one_writing_and_its_end_is_seen() -> Result<()> {
        let sink = Sink::listen(Ipv4Addr::LOCALHOST).await?;
        let mut stream = TcpStream::connect(sink.address()).await?;
        stream.write_all(b"register 7 nord pod-1 12.5\nregister 7 nord pod-1 12.7\n").await?;
        until("two writes", || async {
            anyhow::ensure!(sink.of("register").first().is_some_and(|writing| writing.writes == 2));
            Ok(())
        })
        .await?;
        let seen = sink.of("register");
        assert_eq!((seen.len(), seen[0].epoch, seen[0].cluster.as_str(), seen[0].ended), (1, 7, "nord", None));
        drop(stream);
        until("its end", || async {
            anyhow::ensure!(sink.of("register")[0].ended.is_some());
            Ok(())
        })
        .await?;
        Ok(())
    }

    #[tokio::test]
    async fn what_is_no_line_of_ours_is_passed_over() -> Result<()> {
        let sink = Sink::listen(Ipv4Addr::LOCALHOST).await?;
        let mut stream = TcpStream::connect(sink.address()).await?;
        stream.write_all(b"\nregister x nord pod\nregister 1 nord pod-1 1\n").await?;
        until("the third line", || async {
            anyhow::ensure!(sink.writings().len() == 1);
            Ok(())
        })
        .await?;
        Ok(())
    }
}
