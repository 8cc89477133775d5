//! Following what is desired.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use verbund_agent_core::Driver;
use verbund_agent_link::LinkError;
use verbund_lease::{AdoptError, Incarnation};
use verbund_model::WorkloadName;

use crate::agent::AgentError;
use crate::state::Shared;
use crate::uplink::{Updates as _, Uplink};

/// How long to wait before another try, and at most.
const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(2);

/// Watches, and begins anew whenever the watch ends. Errors: [`AgentError::Superseded`].
pub(crate) async fn watch<D: Driver, U: Uplink>(
    shared: Arc<Shared>,
    driver: Arc<D>,
    uplink: U,
) -> Result<(), AgentError> {
    let mut wait = FIRST;
    loop {
        match once(&shared, &*driver, &uplink, &mut wait).await {
            Ended::Superseded(own) => return Err(AgentError::Superseded(own)),
            Ended::Link(error) => {
                tracing::info!(%error, "the watch on the desired state has ended; it is begun anew");
            }
            Ended::Adopt(error) => tracing::warn!(%error, "a desired state was not taken; it is read anew"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MOST);
    }
}

enum Ended {
    Superseded(Incarnation),
    Link(LinkError),
    Adopt(AdoptError),
}

async fn once<D: Driver, U: Uplink>(shared: &Shared, driver: &D, uplink: &U, wait: &mut Duration) -> Ended {
    let have = have(shared, driver).await;
    // The read begins after this: the daemon cannot begin it before it is asked (lease.md 9).
    let begun = shared.clock.tick();
    let mut watch = match uplink.watch(shared.config.cluster.clone(), &have).await {
        Ok(watch) => watch,
        Err(error) => return Ended::Link(error),
    };
    loop {
        let update = match watch.next().await {
            Ok(update) => update,
            Err(error) => return Ended::Link(error),
        };
        let (first, index) = (update.first, update.desired.index);
        match shared.adopt(update, begun) {
            Ok(()) => {
                *wait = FIRST;
                tracing::debug!(index, first, "a desired state");
                if first {
                    shared.mark_all(have.iter().cloned());
                }
            }
            Err(AdoptError::Superseded { own, .. }) => return Ended::Superseded(own),
            Err(error) => return Ended::Adopt(error),
        }
    }
}

/// The workloads of which something is there. While the cluster does not answer, those that were wanted.
async fn have<D: Driver>(shared: &Shared, driver: &D) -> BTreeSet<WorkloadName> {
    match driver.present().await {
        Ok(present) => present,
        Err(error) => {
            tracing::warn!(%error, "the cluster does not say what is there");
            shared.desired().map(|desired| desired.workloads.keys().cloned().collect()).unwrap_or_default()
        }
    }
}
