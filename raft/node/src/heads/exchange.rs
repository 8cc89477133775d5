//! The loop that exchanges heads, watches clocks and makes checkpoints.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use verbund_model::NodeId;

use super::Book;
use crate::alarm::Alarm;
use crate::peers::Peers;
use crate::raft::Raft;
use crate::shared::{MAX_AHEAD, Shared};

/// The loop.
pub(crate) struct Exchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) book: Arc<Book>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) raft: Raft,
}

impl Exchange {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let interval = self.book.settings.interval;
        let mut resigned = false;
        loop {
            tokio::time::sleep(interval).await;
            let book = self.book.clone();
            if tokio::task::spawn_blocking(move || book.sign_due()).await.is_err() {
                tracing::error!("signing this node's heads panicked");
            }
            self.with_all(interval).await;
            self.book.judge();
            let book = self.book.clone();
            if tokio::task::spawn_blocking(move || book.make_checkpoint()).await.is_err() {
                tracing::error!("making a checkpoint panicked");
            }
            resigned = self.watch_clock(resigned).await;
            if self.shared.disk.refresh() {
                self.shared.raise(Alarm::LowDisk { free: self.shared.disk.free_bytes() });
            }
        }
    }

    async fn with_all(&self, interval: Duration) {
        let state = self.shared.published.state();
        let others = state.active_nodes().map(|(node, _)| node.value.id).filter(|node| *node != self.shared.id);
        let timeout = interval.clamp(Duration::from_millis(500), Duration::from_secs(2));
        join_all(others.map(|node| self.with(node, timeout))).await;
    }

    async fn with(&self, node: NodeId, timeout: Duration) {
        let request = self.peers.request(node, self.book.message(), Some(timeout));
        let mut client = self.peers.heads(node);
        match tokio::time::timeout(timeout, client.exchange(request)).await {
            Ok(Ok(reply)) => {
                self.book.take(node, reply.get_ref());
                if reply.get_ref().directives != self.shared.depot.digest().0.as_slice() {
                    self.shared.meet(node);
                }
            }
            Ok(Err(status)) => tracing::debug!(peer = %node, %status, "no exchange of heads"),
            Err(_) => tracing::debug!(peer = %node, "no exchange of heads in time"),
        }
    }

    /// A leader whose clock is ahead of most followers' resigns, and stands for no election until it no longer is
    /// (formats 5). Gives whether it has resigned.
    async fn watch_clock(&self, resigned: bool) -> bool {
        let voters = self.shared.published.state().membership().0.voters();
        let others: Vec<NodeId> = voters.into_iter().filter(|voter| *voter != self.shared.id).collect();
        let ahead = self.book.ahead();
        let limit = i64::try_from(MAX_AHEAD).unwrap_or(i64::MAX);
        let behind: Vec<(NodeId, i64)> = others
            .iter()
            .filter_map(|node| ahead.get(node).map(|ahead| (*node, *ahead)))
            .filter(|(_, ahead)| *ahead > limit)
            .collect();
        let too_far = !others.is_empty() && behind.len() * 2 > others.len();
        if too_far {
            for (seen_by, ahead) in &behind {
                let ahead = u64::try_from(*ahead).unwrap_or(0);
                self.shared.raise(Alarm::ClockAhead { node: self.shared.id, ahead, seen_by: *seen_by });
            }
            let leads = self.raft.current_leader().await == Some(self.shared.id.0);
            // Without heartbeats the others elect; whoever leads then is followed as usual.
            self.raft.runtime_config().elect(false);
            self.raft.runtime_config().heartbeat(!leads);
            return true;
        }
        if resigned {
            self.raft.runtime_config().elect(true);
            self.raft.runtime_config().heartbeat(true);
        }
        false
    }
}
