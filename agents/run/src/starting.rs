//! Registering that this agent has started: the log mints the number of the start, and voters renew the lease for the newest
//! start alone (lease.md 2).

use std::time::Duration;

use verbund_lease::Incarnation;
use verbund_model::{Accepted, Command, Outcome};

use crate::author::Author;
use crate::state::Shared;
use crate::uplink::Uplink;

/// How long to wait before another try, and at most.
const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(2);

/// Registers this start, however long that takes. Until then nothing exclusive is started here.
pub(crate) async fn register<U: Uplink>(shared: &Shared, author: &mut Author<U>) {
    let command = Command::RegisterStart { cluster: shared.config.cluster.clone() };
    let mut wait = FIRST;
    loop {
        match author.submit_once(&command).await {
            Ok(Outcome::Accepted(Accepted::Changed { version })) => {
                tracing::info!(incarnation = version, "this start is registered");
                return shared.registered(Incarnation(version));
            }
            Ok(outcome) => tracing::warn!(?outcome, "the federation does not register this start; it is tried again"),
            Err(error) => tracing::info!(%error, "this start is not registered yet; it is tried again"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MOST);
    }
}
