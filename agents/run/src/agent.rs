//! The agent as a whole.

use std::sync::Arc;

use verbund_agent_core::Driver;
use verbund_keys::Signer;
use verbund_lease::Incarnation;

use crate::author::{Author, SessionStore};
use crate::clock::Clock;
use crate::config::AgentConfig;
use crate::guards::GuardService;
use crate::reconciling::Reconciler;
use crate::reporting::{self, Outbox};
use crate::state::Shared;
use crate::uplink::Uplink;
use crate::{leasing, starting, watching};

/// Why an agent ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Another process runs as this cluster's agent.
    #[error("another start of this cluster's agent is newer than this one ({0}): this process ends, only one may run")]
    Superseded(Incarnation),
}

/// What an agent works with.
pub struct Parts<D, U> {
    /// The cluster.
    pub driver: Arc<D>,
    /// The way to the site's daemons.
    pub uplink: U,
    /// The agent's registered key (P-256).
    pub signer: Arc<dyn Signer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where its session is kept.
    pub sessions: SessionStore,
}

/// The agent of one cluster.
pub struct Agent<D, U> {
    shared: Arc<Shared>,
    parts: Parts<D, U>,
}

impl<D: Driver, U: Uplink> Agent<D, U> {
    /// An agent that starts now: it remembers no lease (lease.md 9), and registers its start before it asks for one. Guards are
    /// given the agent's public key.
    #[must_use]
    pub fn new(mut config: AgentConfig, parts: Parts<D, U>) -> Self {
        use std::fmt::Write as _;
        config.settings.guard_key = parts.signer.public_key().point().iter().fold(String::new(), |mut text, byte| {
            // Writing into a text does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Self { shared: Shared::new(config, parts.clock.clone()), parts }
    }

    /// Answers guards from now on, also while the agent runs.
    #[must_use]
    pub fn guards(&self) -> GuardService {
        GuardService(self.shared.clone())
    }

    /// Whether the lease is held now.
    #[must_use]
    pub fn holds_lease(&self) -> bool {
        self.shared.lease_until().is_some()
    }

    /// Runs until it is dropped. What was applied stays; leases and grants run out by themselves.
    ///
    /// Errors: [`AgentError`]: this process must end.
    pub async fn run(self) -> Result<(), AgentError> {
        let Self { shared, parts: Parts { driver, uplink, signer, clock, sessions } } = self;
        let outbox = Outbox::new(shared.clone());
        let mut author = Author::new(uplink.clone(), signer, clock, sessions);
        let reconciler = Reconciler::new(shared.clone(), driver.clone(), outbox.clone());
        let measuring = reporting::measure(shared.clone(), driver.clone(), outbox.clone());
        let registered = async move {
            starting::register(&shared, &mut author).await;
            tokio::select! {
                ended = watching::watch(shared.clone(), driver, uplink.clone()) => ended,
                () = leasing::renew(shared.clone(), uplink) => Ok(()),
                () = reporting::report(shared.clone(), outbox, author) => Ok(()),
            }
        };
        tokio::select! {
            ended = registered => ended,
            // Also an agent that cannot register looks at what runs: it is fenced when no lease can be held any more.
            () = reconciler.run() => Ok(()),
            () = measuring => Ok(()),
        }
    }
}
