//! A node that was away asks a majority of sites for directives before it lets anybody in: whoever was excluded meanwhile
//! may be the first to dial.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use verbund_model::{NodeId, SiteName};

use super::spread::Spread;
use crate::raft::Raft;
use crate::shared::Shared;

/// Before a peer that did not answer is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// The asking.
pub(crate) struct Hearing {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spread: Arc<Spread>,
    pub(crate) raft: Raft,
    /// The site of this node.
    pub(crate) site: SiteName,
    /// How long a majority is waited for.
    pub(crate) limit: Duration,
}

impl Hearing {
    /// Asks until a majority of the active sites has answered, this one counted, or the time is over: a site that is alone
    /// goes on with what it knows. Until then the node lets no peer in and stands for no election.
    pub(crate) async fn run(self) {
        self.raft.runtime_config().elect(false);
        let heard = tokio::time::timeout(self.limit, self.majority()).await;
        match heard {
            Ok(()) => tracing::info!("a majority of sites told its directives: this node lets peers in"),
            Err(_) => tracing::warn!(
                waited = ?self.limit,
                "no majority of sites told its directives: this node goes on with those that it knows"
            ),
        }
        self.shared.open.send_replace(true);
        self.raft.runtime_config().elect(true);
    }

    async fn majority(&self) {
        let mut sites = self.sites();
        let mut answered: BTreeSet<SiteName> = [self.site.clone()].into();
        let mut asked: FuturesUnordered<_> = sites.keys().map(|node| self.ask(*node)).collect();
        while !is_majority(&sites, &answered) {
            let Some(node) = asked.next().await else { return std::future::pending().await };
            answered.extend(sites.get(&node).cloned());
            // What was heard may have changed who counts.
            let left = self.sites();
            answered.retain(|site| *site == self.site || left.values().any(|other| other == site));
            sites.retain(|node, _| left.contains_key(node));
        }
    }

    /// The other nodes that count, and their sites.
    fn sites(&self) -> BTreeMap<NodeId, SiteName> {
        let others: BTreeSet<NodeId> = self.spread.others().into_iter().collect();
        let state = self.shared.published.state();
        let nodes = state.active_nodes().filter(|(node, _)| others.contains(&node.value.id));
        nodes.map(|(node, site)| (node.value.id, site.value.name.clone())).collect()
    }

    async fn ask(&self, node: NodeId) -> NodeId {
        while !self.spread.meet(node).await {
            tokio::time::sleep(AGAIN).await;
        }
        node
    }
}

fn is_majority(sites: &BTreeMap<NodeId, SiteName>, answered: &BTreeSet<SiteName>) -> bool {
    let all: BTreeSet<&SiteName> = sites.values().chain(answered).collect();
    answered.len() * 2 > all.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(names: &[&str]) -> BTreeMap<NodeId, SiteName> {
        (2..).map(NodeId).zip(names.iter().map(|name| SiteName::new(*name).unwrap())).collect()
    }

    fn answered(names: &[&str]) -> BTreeSet<SiteName> {
        names.iter().map(|name| SiteName::new(*name).unwrap()).collect()
    }

    #[test]
    fn the_own_site_counts_and_every_site_once() {
        assert!(is_majority(&sites(&[]), &answered(&["a"])), "alone");
        assert!(!is_majority(&sites(&["b"]), &answered(&["a"])));
        assert!(is_majority(&sites(&["b"]), &answered(&["a", "b"])));
        assert!(is_majority(&sites(&["b", "c"]), &answered(&["a", "b"])));
        assert!(!is_majority(&sites(&["b", "c", "d"]), &answered(&["a", "b"])));
        // Two nodes of one site are one voice, and a second node of the own site none.
        assert!(is_majority(&sites(&["b", "b", "c"]), &answered(&["a", "b"])));
        assert!(is_majority(&sites(&["a", "a"]), &answered(&["a"])));
    }
}
