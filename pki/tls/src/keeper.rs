//! Reverse connections, kept open by the side that accepts nothing inbound: it dials, and serves on what it dialled.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use verbund_model::NodeId;

use crate::alpn::Alpn;
use crate::line::Line;
use crate::lines::Lines;
use crate::switch::Switch;

/// A connection that ended younger than this ended badly, so that the next one waits.
const SETTLED: Duration = Duration::from_secs(5);

/// How reverse connections are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepSettings {
    /// Connections that stand ready, unused, for the peer to take.
    pub spares: usize,
    /// Connections to one peer, used and unused.
    pub most: usize,
    /// An unused connection is replaced at about this age: proxies and firewalls drop what is silent.
    pub refresh: Duration,
    /// The wait after the first failure; doubles with each further one.
    pub backoff: Duration,
    /// The longest wait.
    pub backoff_most: Duration,
}

impl Default for KeepSettings {
    fn default() -> Self {
        Self {
            spares: 1,
            most: 8,
            refresh: Duration::from_secs(45),
            backoff: Duration::from_millis(100),
            backoff_most: Duration::from_secs(3),
        }
    }
}

/// Keeps reverse connections to one node open until it is dropped; then those that are unused are closed.
#[derive(Debug)]
pub struct Keeper(AbortHandle);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeper {
    pub(crate) fn start(lines: Lines, node: NodeId) -> Self {
        Self(tokio::spawn(Work::new(lines, node).run()).abort_handle())
    }
}

struct Kept {
    switch: Arc<Switch>,
    since: Instant,
    stale_at: Instant,
}

impl Kept {
    fn is_spare(&self) -> bool {
        !self.switch.is_used() && !self.switch.is_ended()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.switch.retire("the reverse connection is no longer needed");
    }
}

struct Work {
    lines: Lines,
    node: NodeId,
    settings: KeepSettings,
    kept: Vec<Kept>,
    changed: Arc<Notify>,
    failures: u32,
    not_before: Instant,
}

impl Work {
    fn new(lines: Lines, node: NodeId) -> Self {
        let settings = lines.0.settings.keep;
        let (changed, not_before) = (Arc::default(), Instant::now());
        Self { lines, node, settings, kept: Vec::new(), changed, failures: 0, not_before }
    }

    async fn run(mut self) {
        let mut routes = self.lines.0.routes.subscribe();
        loop {
            self.prune();
            let now = Instant::now();
            let fresh = |kept: &&Kept| kept.is_spare() && now < kept.stale_at;
            let spares = self.kept.iter().filter(fresh).count();
            let used = self.kept.iter().filter(|kept| kept.switch.is_used()).count();
            let wanted = spares < self.settings.spares && spares + used < self.settings.most;
            if !wanted {
                // Only now, when a fresh one stands ready.
                self.kept.retain(|kept| !kept.is_spare() || now < kept.stale_at);
            } else if now >= self.not_before {
                self.add().await;
                continue;
            }
            let spares = self.kept.iter().filter(|kept| kept.is_spare());
            let wake = if wanted { Some(self.not_before) } else { spares.map(|kept| kept.stale_at).min() };
            tokio::select! {
                () = self.changed.notified() => {}
                // The sender lives in `lines`, which we hold.
                _ = routes.changed() => (self.failures, self.not_before) = (0, Instant::now()),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Forgets what ended, and notes whether it ended badly.
    fn prune(&mut self) {
        let ended = |kept: &mut Kept| kept.switch.is_ended();
        for kept in self.kept.extract_if(.., ended).collect::<Vec<_>>() {
            if kept.since.elapsed() < SETTLED {
                self.fail();
            } else {
                self.failures = 0;
            }
        }
    }

    async fn add(&mut self) {
        let error = match self.lines.route(self.node) {
            None => format!("no route to the node {}", self.node),
            Some(route) => match self.lines.dial(&route, Alpn::Reverse).await {
                Ok(line) => return self.keep(line).await,
                Err(error) => error.to_string(),
            },
        };
        self.fail();
        if self.failures == 1 {
            tracing::warn!(node = %self.node, %error, "no reverse connection; trying again");
        } else {
            tracing::debug!(node = %self.node, %error, failures = self.failures, "still no reverse connection");
        }
    }

    async fn keep(&mut self, line: Line) {
        let since = Instant::now();
        let switch = line.switch().clone();
        switch.observe(self.changed.clone());
        let stale_at = since + self.settings.refresh.mul_f64(rand::rng().random_range(0.75..1.25));
        // Nobody serves any more: the line ends, which shows in its switch.
        let _ = self.lines.0.peers.send(line).await;
        self.kept.push(Kept { switch, since, stale_at });
        tracing::debug!(node = %self.node, "a reverse connection stands ready");
    }

    fn fail(&mut self) {
        let doubled = self.settings.backoff.saturating_mul(1 << self.failures.min(16));
        let wait = doubled.min(self.settings.backoff_most).mul_f64(rand::rng().random_range(0.5..1.0));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + wait;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
