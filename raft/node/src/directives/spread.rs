//! Telling peers: each directive at once, and with every peer what the other lacks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use verbund_identity::SignedReceipt;
use verbund_model::NodeId;
use verbund_model::resource::SignedDirective;

use super::marshal::Marshal;
use super::message::{answered, asking, completing, telling};
use crate::peers::Peers;
use crate::proto::DirectivesMessage;
use crate::shared::Shared;

/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who tells.
pub(crate) struct Spread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
    /// With whom there is an exchange under way.
    pub(crate) busy: Mutex<BTreeSet<NodeId>>,
    /// Who takes what peers answer.
    pub(crate) marshal: OnceLock<Weak<Marshal>>,
}

impl Spread {
    /// Every other member that no directive excludes.
    pub(crate) fn others(&self) -> Vec<NodeId> {
        let state = self.shared.published.state();
        let depot = &self.shared.depot;
        let others = state.active_nodes().filter(|(node, _)| node.value.id != self.shared.id);
        let trusted = others.filter(|(node, site)| !depot.distrusts_node(node.value.id, &site.value.name));
        trusted.map(|(node, _)| node.value.id).collect()
    }

    /// Tells every peer of a directive, but the one that brought it. Nobody is waited for.
    pub(super) fn tell(self: &Arc<Self>, signed: &SignedDirective, from: Option<NodeId>) {
        self.send(&telling(signed), from);
    }

    /// Tells every peer of this node's receipt. Nobody is waited for.
    pub(super) fn answer(self: &Arc<Self>, signed: &SignedReceipt) {
        self.send(&answered(signed), None);
    }

    fn send(self: &Arc<Self>, message: &DirectivesMessage, but: Option<NodeId>) {
        for peer in self.others().into_iter().filter(|peer| Some(*peer) != but) {
            let (spread, message) = (self.clone(), message.clone());
            tokio::spawn(async move {
                if let Err(why) = spread.call(peer, message).await {
                    // It is told with the next exchange.
                    tracing::debug!(%peer, why, "a peer was not told of a directive or receipt at once");
                }
            });
        }
    }

    async fn call(&self, peer: NodeId, message: DirectivesMessage) -> Result<DirectivesMessage, String> {
        let request = self.peers.request(peer, message, Some(PATIENCE));
        let mut client = self.peers.directives(peer);
        match tokio::time::timeout(PATIENCE, client.exchange(request)).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) => Err(status.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Asks a peer for what this node lacks, and tells it what it lacks. `true`: it answered.
    pub(super) async fn meet(&self, peer: NodeId) -> bool {
        let Some(marshal) = self.marshal.get().and_then(Weak::upgrade) else { return false };
        if !self.busy().insert(peer) {
            return false;
        }
        let met = self.exchange(&marshal, peer).await;
        self.busy().remove(&peer);
        met.inspect_err(|why| tracing::debug!(%peer, why, "no exchange of directives")).is_ok()
    }

    async fn exchange(&self, marshal: &Arc<Marshal>, peer: NodeId) -> Result<(), String> {
        let reply = self.call(peer, asking(&self.shared.depot)).await?;
        marshal.take_all(peer, &reply).await.map_err(|rubbish| rubbish.to_string())?;
        match completing(&self.shared.depot, &reply) {
            Some(message) => self.call(peer, message).await.map(drop),
            None => Ok(()),
        }
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, BTreeSet<NodeId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meets whoever connected just now, or holds something else, until it is dropped.
    pub(crate) async fn run(self: Arc<Self>, mut due: mpsc::Receiver<NodeId>) {
        while let Some(peer) = due.recv().await {
            if !self.others().contains(&peer) {
                continue;
            }
            let spread = self.clone();
            tokio::spawn(async move { spread.meet(peer).await });
        }
    }
}
