//! How a node is doing, put together from all its parts.

use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use verbund_machine::{Held, voter_plan};
use verbund_model::NodeId;
use verbund_model::resource::{Node, Site};

use super::{Inner, NodeHandle};
use crate::status::{Connection, PeerStatus, Role, Status};

impl NodeHandle {
    /// How the node is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let Inner { shared, raft, trust, book, .. } = &*self.0;
        let state = shared.published.state();
        let age = self.age();
        let metrics = raft.metrics().borrow_watched().clone();
        let membership = crate::raft::to_machine(metrics.membership_config.membership());
        let voters = membership.voters();
        let ahead = book.ahead();
        let heard = book.heard();
        let peer = |(node, site): (&Held<Node>, &Held<_>)| {
            let site: &Site = &site.value;
            let id = node.value.id;
            let matched =
                metrics.replication.as_ref().and_then(|all| all.get(&id.0)).map(|at| at.map_or(0, |at| at.index));
            PeerStatus {
                node: id,
                site: site.name.clone(),
                votes: voters.contains(&id),
                matched,
                lag: matched.map(|at| metrics.last_log_index.unwrap_or(0).saturating_sub(at)),
                clock_ahead: ahead.get(&id).copied(),
                heard: heard.get(&id).map(|(ago, _)| *ago),
                signed: heard.get(&id).and_then(|(_, index)| *index),
            }
        };
        let peers = state.active_nodes().filter(|(node, _)| node.value.id != shared.id).map(peer).collect();
        let connection = |peer: Arc<verbund_tls::Peer>| Connection {
            peer: peer.id.clone(),
            direction: peer.direction,
            remote: peer.remote,
        };
        Status {
            node: shared.id,
            role: role(&metrics),
            leader: metrics.current_leader.map(NodeId),
            term: metrics.current_term,
            last: metrics.last_log_index,
            committed: metrics.local_committed.map(|id| id.index),
            head: state.head(),
            snapshot: metrics.snapshot.map(|id| id.index),
            purged: metrics.purged.map(|id| id.index),
            age,
            voters: membership.configs,
            learners: membership.learners,
            warnings: voter_plan(&state).warnings,
            peers,
            alarms: shared.alarms.all(),
            writes_stopped: shared.alarms.writes_stopped(),
            connections: trust.connections().into_iter().map(connection).collect(),
            free_bytes: shared.disk.free_bytes(),
            low_disk: shared.disk.is_low(),
        }
    }
}

fn role(metrics: &openraft::RaftMetrics<crate::raft::Types>) -> Role {
    use openraft::ServerState;
    if metrics.running_state.is_err() {
        return Role::Stopped;
    }
    match metrics.state {
        ServerState::Leader => Role::Leader,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::Stopped,
    }
}
