//! Whether this node was given up. The log does not tell it: nobody lets a node in that was removed, so that it would go on
//! as a voter that finds no quorum. While nobody leads here, the other members are asked, as a stranger asks them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use verbund_identity::TrustDomain;
use verbund_machine::State;
use verbund_model::{NodeId, SiteName};
use verbund_node::NodeHandle;
use verbund_tls::{Address, Dialer, Pin, Pinned};

use crate::context::API_NETWORK;
use crate::join::client::was_removed;

/// How often it is asked, and how long nobody may lead before it is: an election is over sooner.
const EVERY: Duration = Duration::from_secs(5);

/// Who said that this node was given up, once somebody did. A removal is for ever, and so is this.
#[derive(Clone, Default)]
pub struct GivenUp(Arc<Mutex<Option<SiteName>>>);

impl GivenUp {
    /// The site that said so.
    #[must_use]
    pub fn said_by(&self) -> Option<SiteName> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, site: SiteName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(site);
    }
}

/// Asks until somebody says so, or the daemon stops. What is said is shown, and stops nothing: one member alone could lie.
pub async fn run(node: NodeHandle, dialer: Dialer, given_up: GivenUp, mut stop: watch::Receiver<bool>) {
    while given_up.said_by().is_none() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let seen = node.status();
        if seen.age.is_some_and(|age| age < EVERY) {
            continue;
        }
        let (state, _) = node.read_stale();
        for (site, addresses, pinned) in members(&state, seen.node) {
            // Who does not answer, or does not know, says nothing.
            if was_removed(&dialer, &addresses, &pinned, seen.node).await.unwrap_or(false) {
                tracing::error!(node = %seen.node, %site, "this node was given up for ever: the site returns with a new one (verbund node add)");
                given_up.note(site);
                break;
            }
        }
    }
}

/// The other members that accept connections, and how each is known.
pub fn members(state: &State, me: NodeId) -> Vec<(SiteName, Vec<Address>, Pinned)> {
    let federation = &state.federation().value.name;
    let mut all = Vec::new();
    for (node, site) in state.active_nodes().filter(|(node, _)| node.value.id != me) {
        let for_peers = node.value.addresses.iter().filter(|address| address.network != API_NETWORK);
        let addresses: Vec<Address> = for_peers.filter_map(|address| address.authority().parse().ok()).collect();
        if addresses.is_empty() {
            continue;
        }
        let domain = TrustDomain { site: site.value.name.clone(), federation: federation.clone() };
        for anchor in &site.value.anchors {
            if let Ok(pin) = Pin::of_certificate(&anchor.0) {
                let pinned = Pinned { pin, domain: Some(domain.clone()) };
                all.push((site.value.name.clone(), addresses.clone(), pinned));
            }
        }
    }
    all
}
