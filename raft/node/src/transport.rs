//! Trust and routes follow the applied state, and the directives that it does not know yet: whoever is admitted, moved,
//! removed or excluded there is so here at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use verbund_identity::{SpiffeId, Subject, TrustDomain};
use verbund_machine::State;
use verbund_model::resource::NodeStanding;
use verbund_model::{NodeId, SiteName};
use verbund_tls::{Address, Bundle, Domain, Keeper, Lines, Route, Trust};

use crate::peers::Peers;
use crate::shared::Shared;

/// How often open connections are judged again.
const REVIEW: Duration = Duration::from_secs(60);

/// The trust bundle that `state` gives. Revocation lists are no part of the state: those of `current` are kept.
#[must_use]
pub fn bundle_of(state: &State, current: &Bundle) -> Bundle {
    let federation = &state.federation().value.name;
    let domain_of = |site: &verbund_model::SiteName| TrustDomain { site: site.clone(), federation: federation.clone() };
    let domains = state.sites().map(|site| {
        let name = domain_of(&site.value.name);
        let before = current.domains.get(&name);
        let domain = Domain {
            anchors: site.value.anchors.iter().map(|anchor| anchor.0.clone()).collect(),
            // CAs that the site took out: nothing below them counts.
            refused_keys: site.value.retired.clone(),
            crls: before.map(|domain| domain.crls.clone()).unwrap_or_default(),
        };
        (name, domain)
    });
    let removed = state.nodes().filter(|node| node.value.standing == NodeStanding::Removed);
    let distrust = state.distrust();
    Bundle {
        // Rises with every entry, and is above that of the state before the first.
        sequence: state.applied().index + 1,
        domains: domains.collect(),
        excluded_sites: distrust.sites,
        excluded_ids: removed
            .map(|node| SpiffeId { trust_domain: domain_of(&node.value.site), subject: Subject::Node(node.value.id) })
            .collect(),
        refused_keys: current.refused_keys.union(&distrust.keys).copied().collect(),
    }
}

/// How the other active nodes are reached, as `state` has it. Of several addresses those of `networks` count; where that
/// is empty, all of them.
#[must_use]
pub fn routes_of(state: &State, me: NodeId, networks: &BTreeSet<String>) -> BTreeMap<NodeId, Route> {
    let federation = &state.federation().value.name;
    let others = state.nodes().filter(|node| node.value.id != me && node.value.standing == NodeStanding::Active);
    let route = |node: &verbund_machine::Held<verbund_model::resource::Node>| {
        let trust_domain = TrustDomain { site: node.value.site.clone(), federation: federation.clone() };
        let usable = node.value.addresses.iter().filter(|a| networks.is_empty() || networks.contains(&a.network));
        // What the model calls well-formed, the transport can parse.
        let addresses = usable.filter_map(|address| address.authority().parse::<Address>().ok()).collect();
        Route { id: SpiffeId { trust_domain, subject: Subject::Node(node.value.id) }, addresses }
    };
    others.map(|node| (node.value.id, route(node))).collect()
}

/// Keeps trust, routes and reverse connections as the state has them.
pub(crate) struct Transport {
    pub(crate) shared: Arc<Shared>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) lines: Lines,
    pub(crate) peers: Arc<Peers>,
    pub(crate) networks: BTreeSet<String>,
    /// Whether this node accepts nothing inbound, so that it keeps reverse connections to all others.
    pub(crate) accepts_nothing: bool,
    /// The site of this node.
    pub(crate) site: SiteName,
    /// The number of the bundle that the node was started with.
    pub(crate) given: u64,
    /// The reverse connections that are kept. Held while trust and routes are changed, so that one change follows another.
    pub(crate) keepers: Mutex<BTreeMap<NodeId, Keeper>>,
}

impl Transport {
    /// Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.follow();
            tokio::select! {
                () = self.shared.members_changed.notified() => {}
                // Certificates and revocation lists run out without any change of the state.
                () = tokio::time::sleep(REVIEW) => {
                    self.trust.review();
                }
            }
        }
    }

    fn keepers(&self) -> MutexGuard<'_, BTreeMap<NodeId, Keeper>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings trust and routes up to the state and the directives. When this returns, nothing of whom they exclude is connected
    /// any more. Gives how many connections were closed. Must be called within a tokio runtime.
    pub(crate) fn follow(&self) -> usize {
        let mut keepers = self.keepers();
        let state = self.shared.published.state();
        let current = self.trust.bundle();
        let told = self.shared.told(&state);
        let mut bundle = bundle_of(&state, &current);
        if let Some(told) = &told {
            told.add_domains(&state, &mut bundle);
        }
        self.shared.depot.add_to(&mut bundle, &self.site);
        // A joiner is given trust and routes that are ahead of its own state; they hold until it has caught up. What a directive
        // excludes is out all the same.
        let behind = bundle.sequence < self.given;
        let same = Bundle { sequence: current.sequence, ..bundle.clone() } == current;
        if behind && !same {
            tracing::debug!(sequence = current.sequence, "this node's state is behind the trust that it was given");
            let mut bundle = current.clone();
            self.shared.depot.add_to(&mut bundle, &self.site);
            let closed = self.install(bundle, &current);
            self.keep(&mut keepers, &self.lines_known(&state));
            return closed;
        }
        let closed = self.install(bundle, &current);
        let mut routes = routes_of(&state, self.shared.id, &self.networks);
        if let Some(told) = &told {
            routes.extend(told.routes(&state).filter(|(node, _)| *node != self.shared.id));
        }
        routes.retain(|node, route| !self.shared.depot.distrusts_node(*node, &route.id.trust_domain.site));
        let known: BTreeSet<NodeId> = routes.keys().copied().collect();
        self.peers.forget(|node| known.contains(&node));
        self.lines.set_routes(routes);
        self.keep(&mut keepers, &known);
        closed
    }

    /// Installs a bundle, if it says something else than `current`. Gives how many connections that closed.
    fn install(&self, mut bundle: Bundle, current: &Bundle) -> usize {
        let sequence = std::mem::replace(&mut bundle.sequence, current.sequence);
        if bundle == *current {
            return 0;
        }
        bundle.sequence = sequence.max(current.sequence + 1);
        match self.trust.set_bundle(bundle) {
            Ok(applied) => {
                let closed = applied.closed.len();
                tracing::info!(sequence = applied.sequence, closed, "trust follows the state and the directives");
                closed
            }
            Err(error) => {
                tracing::error!(%error, "the trust bundle was not installed");
                0
            }
        }
    }

    /// Closes the connections of a node that says what no honest node says. It may dial again.
    pub(crate) fn hang_up(&self, node: NodeId, why: &str) {
        let of_node = |id: &SpiffeId| id.subject == Subject::Node(node);
        let ids: BTreeSet<SpiffeId> =
            self.trust.connections().iter().map(|peer| peer.id.clone()).filter(of_node).collect();
        for id in ids {
            self.trust.hang_up(&id, why);
        }
    }

    fn lines_known(&self, state: &State) -> BTreeSet<NodeId> {
        state.nodes().map(|node| node.value.id).filter(|node| self.lines.route(*node).is_some()).collect()
    }

    fn keep(&self, keepers: &mut BTreeMap<NodeId, Keeper>, known: &BTreeSet<NodeId>) {
        if !self.accepts_nothing {
            return;
        }
        keepers.retain(|node, _| known.contains(node));
        for node in known {
            keepers.entry(*node).or_insert_with(|| self.lines.keep_reverse(*node));
        }
    }
}
