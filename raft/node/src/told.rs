//! Members that this node has not heard of, because it was away when they were admitted.
//!
//! Such a node could not come back if one of them led: it would refuse the leader's connection, and so never receive the
//! entries that tell of it. So peers say at each exchange of heads when members last changed, and a node that lacks that
//! change **and does not move** asks the peer who they are. It adds only what its own state does not know, to its
//! transport and nowhere else, and only until its state has caught up or some time has passed.
//!
//! What a lying peer can do with it: have strangers connect. They can show entries, which are checked as from any leader,
//! and a history that differs from the voters', at which this node halts alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use verbund_identity::{SpiffeId, Subject, TrustDomain};
use verbund_machine::State;
use verbund_model::resource::{Address, Der};
use verbund_model::{NodeId, SiteName};
use verbund_tls::{Bundle, Domain, Route};

use crate::heads::Book;
use crate::peers::Peers;
use crate::proto;
use crate::shared::Shared;

/// How long what a peer told holds, if the own state does not catch up.
const HOLDS: Duration = Duration::from_secs(30);
/// The most members that are believed at once.
const MOST: usize = 1024;

/// A member as a peer tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    node: NodeId,
    site: SiteName,
    anchors: Vec<Der>,
    addresses: Vec<Address>,
}

/// What a peer told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    index: u64,
    members: Vec<Member>,
    since: Instant,
}

/// The members of a state, for a peer that asks.
pub(crate) fn members_of(state: &State) -> Vec<Member> {
    let member = |(node, site): (&verbund_machine::Held<_>, &verbund_machine::Held<_>)| {
        let (node, site): (&verbund_model::resource::Node, &verbund_model::resource::Site) = (&node.value, &site.value);
        Member {
            node: node.id,
            site: site.name.clone(),
            anchors: site.anchors.clone(),
            addresses: node.addresses.clone(),
        }
    };
    state.active_nodes().map(member).collect()
}

/// The index of the last change of a site or node.
pub(crate) fn last_change(state: &State) -> u64 {
    let nodes = state.nodes().map(|node| node.version);
    nodes.chain(state.sites().map(|site| site.version)).max().unwrap_or(0)
}

impl Told {
    /// Whether it still adds something to what the state knows.
    pub(crate) fn holds(&self, state: &State) -> bool {
        state.applied().index < self.index && self.since.elapsed() < HOLDS
    }

    /// Adds the trust domains that the state does not know.
    pub(crate) fn add_domains(&self, state: &State, bundle: &mut Bundle) {
        for member in self.unknown(state) {
            if state.site(&member.site).is_none() {
                let anchors = member.anchors.iter().map(|anchor| anchor.0.clone()).collect();
                bundle.domains.insert(domain_of(state, member), Domain { anchors, ..Domain::default() });
            }
        }
    }

    /// Ways to the nodes that the state does not know.
    pub(crate) fn routes<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (NodeId, Route)> + 'a {
        self.unknown(state).map(|member| {
            let id = SpiffeId { trust_domain: domain_of(state, member), subject: Subject::Node(member.node) };
            let addresses = member.addresses.iter().filter_map(|address| address.authority().parse().ok()).collect();
            (member.node, Route { id, addresses })
        })
    }

    fn unknown<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| state.node(&member.node).is_none())
    }
}

fn domain_of(state: &State, member: &Member) -> TrustDomain {
    TrustDomain { site: member.site.clone(), federation: state.federation().value.name.clone() }
}

/// Asks for members when this node lacks a change of them and does not move.
pub(crate) struct CatchUp {
    pub(crate) shared: Arc<Shared>,
    pub(crate) book: Arc<Book>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) interval: Duration,
}

impl CatchUp {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut last = None;
        loop {
            tokio::time::sleep(2 * self.interval).await;
            let applied = self.shared.published.state().applied().index;
            let stuck = last.replace(applied) == Some(applied);
            if stuck && let Some(peer) = self.book.knows_newer_members(applied) {
                self.ask(peer).await;
            }
        }
    }

    async fn ask(&self, peer: NodeId) {
        let request = self.peers.request(peer, proto::MembersRequest {}, Some(Duration::from_secs(5)));
        let reply = match self.peers.heads(peer).members(request).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return tracing::debug!(%peer, %status, "the peer did not tell the members"),
        };
        let members = match serde_json::from_slice::<Vec<Member>>(&reply.members) {
            Ok(members) if members.len() <= MOST => members,
            _ => return tracing::warn!(%peer, "the peer told members that cannot be read"),
        };
        tracing::info!(%peer, index = reply.index, "this node was away while members changed: a peer told it of them");
        self.shared.set_told(Told { index: reply.index, members, since: Instant::now() });
        self.shared.members_changed.notify_one();
    }
}
