//! What the excluded do: streams that are open, and a node that dials on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use verbund_kit::Federation;
use verbund_kit::api::Watch;
use verbund_kit::peer::{dial_as, node_identity};
use verbund_model::NodeId;
use verbund_tls::LiveIdentity;

/// Between two handshakes of the excluded with one site.
const DIAL: Duration = Duration::from_millis(100);
/// How long a watch may take to begin.
const BEGIN: Duration = Duration::from_secs(60);

/// Open streams at one site, each with the moment at which it ended.
pub struct Streams(Vec<JoinHandle<Instant>>);

impl Streams {
    /// Opens `count` watches at a site, shared out among the readers, and waits until each has said something.
    pub async fn open(
        federation: &Federation,
        site: usize,
        readers: &[Arc<LiveIdentity>],
        count: usize,
    ) -> Result<Self> {
        let mut all = Vec::with_capacity(count);
        for (number, reader) in readers.iter().enumerate() {
            let mut connection = federation.sites[site].door()?.connect(Some(reader)).await?;
            let share = count / readers.len() + usize::from(number < count % readers.len());
            for _ in 0..share {
                let begin = async {
                    let mut watch = Watch::open(&mut connection, &["sites"]).await?;
                    watch.next().await?;
                    anyhow::Ok(watch)
                };
                let mut watch = tokio::time::timeout(BEGIN, begin).await.context("a watch did not begin")??;
                all.push(tokio::spawn(async move {
                    while watch.next().await.is_ok() {}
                    Instant::now()
                }));
            }
        }
        Ok(Self(all))
    }

    /// Waits until all have ended, and gives when the last one did. Errors: not within `most`.
    pub async fn ended(self, most: Duration) -> Result<Instant> {
        let all = futures::future::try_join_all(self.0);
        let ends = tokio::time::timeout(most, all).await.context("a stream goes on")??;
        ends.into_iter().max().context("there was no stream")
    }

    /// Whether none has ended yet.
    pub fn all_open(&self) -> bool {
        self.0.iter().all(|stream| !stream.is_finished())
    }
}

/// A node of the excluded that dials one site on and on.
pub struct Dialling {
    task: JoinHandle<Dialled>,
    stop: watch::Sender<bool>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dialled {
    /// When a handshake last succeeded.
    pub last: Option<Instant>,
    /// How many did.
    pub succeeded: u32,
    /// How many were refused after the last one that succeeded.
    pub refused: u32,
}

impl Dialling {
    /// Begins.
    pub fn start(federation: &Federation, site: usize, out: usize, node: NodeId) -> Result<Self> {
        let identity = node_identity(&federation.sites[out], node)?;
        let dial = dial_as(&federation.sites[site], &identity)?;
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut dialled = Dialled::default();
            while !*stopped.borrow() {
                match tokio::time::timeout(Duration::from_secs(2), dial()).await {
                    Ok(Ok(())) => {
                        (dialled.last, dialled.refused) = (Some(Instant::now()), 0);
                        dialled.succeeded += 1;
                    }
                    _ => dialled.refused += 1,
                }
                let _ = tokio::time::timeout(DIAL, stopped.changed()).await;
            }
            dialled
        });
        Ok(Self { task, stop })
    }

    /// Stops, and tells what came of it.
    pub async fn stop(self) -> Result<Dialled> {
        self.stop.send_replace(true);
        Ok(self.task.await?)
    }
}
