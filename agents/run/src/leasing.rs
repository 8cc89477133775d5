//! Holding the lease: renewals go out at an interval, answers count as they come.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::state::Shared;
use crate::uplink::Uplink;

/// How many renewals may be on their way.
const MOST: usize = 16;

/// Renews for ever. Each renewal is heard on its own, so that a slow one does not keep the next.
pub(crate) async fn renew<U: Uplink>(shared: Arc<Shared>, uplink: U) {
    let mut ticks = tokio::time::interval(shared.config.renew);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if running.len() < MOST && let Some(renewal) = shared.renewal() {
                    let (shared, uplink) = (shared.clone(), uplink.clone());
                    running.spawn(async move {
                        let patience = Duration::from_millis(renewal.length);
                        let heard = tokio::time::timeout(patience, hear(&shared, &uplink, &renewal)).await;
                        if heard.is_err() {
                            tracing::debug!("a renewal was not answered while it counted");
                        }
                    });
                }
            }
            Some(_) = running.join_next() => {}
            () = ended(&shared) => shared.look_at_the_lease(),
        }
    }
}

async fn hear<U: Uplink>(shared: &Shared, uplink: &U, renewal: &verbund_lease::Renewal) {
    let mut answers = match uplink.renew(renewal).await {
        Ok(answers) => answers,
        Err(error) => return tracing::debug!(%error, "a renewal did not go out"),
    };
    while let Some(heard) = answers.next().await {
        match heard {
            Ok(heard) => shared.hear(heard),
            Err(error) => return tracing::debug!(%error, "no more answers to a renewal"),
        }
    }
}

/// Waits until the lease that is held now has ended.
async fn ended(shared: &Shared) {
    match shared.lease_until() {
        Some(until) => {
            let rest = until.saturating_sub(shared.clock.tick());
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
        None => std::future::pending().await,
    }
}
