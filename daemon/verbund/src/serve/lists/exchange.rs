//! Lists from node to node, as strangers: who calls shows no certificate, who answers is known by its anchor, and each list
//! proves itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::routing::post;
use axum::{Json, Router};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use verbund_identity::TrustDomain;
use verbund_model::resource::Der;
use verbund_model::{KeyId, SiteName};
use verbund_node::NodeHandle;
use verbund_tls::{Address, Dialer, HeldList, Pinned};

use super::Lists;
use crate::join::client::{JoinError, exchange_lists};
use crate::join::limiter::Limiter;
use crate::join::protocol::{JoinRefusal, MAX_MESSAGE};
use crate::serve::standing::members;

/// Between two rounds with every other node, while nothing new is known here.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// Between two rounds while some node could not be reached.
const AGAIN: Duration = Duration::from_secs(15);
/// Calls in a window, from one address and in all.
const WINDOW: Duration = Duration::from_secs(10);
const PER_ADDRESS: u32 = 50;
const IN_ALL: u32 = 200;
/// The most bytes of DER in one message: in base64 they stay below the message's limit.
const MAX_DER: usize = 600 * 1024;
/// The most lists of one message, and numbers in it.
const MOST: usize = 512;

/// A list with what proves it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BroughtList {
    /// The site of its CA.
    pub site: SiteName,
    /// The CA's certificate.
    pub issuer: Der,
    /// The list.
    pub list: Der,
}

/// What one node says to another, and what that answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListsMessage {
    /// The number of the newest list of each CA that the sender knows.
    pub held: BTreeMap<KeyId, u64>,
    /// Lists that the other does not know, as far as the sender can tell.
    pub lists: Vec<BroughtList>,
}

#[derive(Clone)]
struct Answering {
    lists: Arc<Lists>,
    limiter: Arc<Mutex<Limiter>>,
}

/// The route, beside those of the join protocol. Each request carries its source address as an extension.
pub fn router(lists: Arc<Lists>) -> Router {
    let limiter = Limiter::new(WINDOW, PER_ADDRESS, IN_ALL, Instant::now());
    Router::new()
        .route("/revocations/v1/exchange", post(answer))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
        .with_state(Answering { lists, limiter: Arc::new(Mutex::new(limiter)) })
}

async fn answer(
    State(answering): State<Answering>,
    Extension(source): Extension<IpAddr>,
    Json(message): Json<ListsMessage>,
) -> Result<Json<ListsMessage>, JoinRefusal> {
    {
        // A panic while the lock was held leaves counters, never half a decision: they can be used on.
        let mut limiter = answering.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = limiter.admit(source, Instant::now());
        admitted.map_err(|left| JoinRefusal::TooMany { seconds: left.as_secs() + 1 })?;
    }
    if message.lists.len() > MOST || message.held.len() > MOST {
        return Err(JoinRefusal::Malformed { reason: format!("more than {MOST} lists") });
    }
    for brought in &message.lists {
        take(&answering.lists, brought);
    }
    Ok(Json(missing(&answering.lists.all(), &message.held)))
}

fn take(lists: &Lists, brought: &BroughtList) {
    let domain = TrustDomain { site: brought.site.clone(), federation: lists.own.federation.clone() };
    if let Err(error) = super::super::start::waiting(|| lists.take(&domain, &brought.list.0, &brought.issuer.0)) {
        // Two nodes may know two lists, and strangers may send anything.
        tracing::debug!(%domain, %error, "a revocation list that was brought was not taken");
    }
}

/// What is held here, and of it what one who holds `there` lacks, as much as fits into a message.
fn missing(here: &[HeldList], there: &BTreeMap<KeyId, u64>) -> ListsMessage {
    let mut message = ListsMessage::default();
    let mut room = MAX_DER;
    for held in here {
        message.held.insert(held.list.issuer, held.list.number);
        let known = there.get(&held.list.issuer).is_some_and(|number| *number >= held.list.number);
        let size = held.der.len() + held.issuer.len();
        if !known && size <= room && message.lists.len() < MOST {
            room -= size;
            let (issuer, list) = (Der(held.issuer.clone()), Der(held.der.clone()));
            message.lists.push(BroughtList { site: held.domain.site.clone(), issuer, list });
        }
    }
    message
}

/// Who calls.
pub struct Exchange {
    /// What is known here.
    pub lists: Arc<Lists>,
    /// Who the others are.
    pub node: NodeHandle,
    /// How they are reached.
    pub dialer: Dialer,
}

impl Exchange {
    /// Exchanges lists with every node that accepts connections: at once when one is new here, else now and then. Until `stop`.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changed = self.lists.subscribe();
        loop {
            changed.mark_unchanged();
            let all = self.round().await;
            let pause = if all { EVERY } else { AGAIN }.mul_f64(rand::rng().random_range(0.75..1.25));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The sender lives in `lists`, which this holds.
                _ = changed.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Gives whether every site that can be reached at all was.
    async fn round(&self) -> bool {
        let me = self.node.status().node;
        let (state, _) = self.node.read_stale();
        let mut failed = BTreeSet::new();
        let mut reached = BTreeSet::new();
        for (site, addresses, pinned) in members(&state, me) {
            // A site may have several anchors, of which its node shows one.
            let place = (site, addresses.clone());
            if reached.contains(&place) {
                continue;
            }
            match self.meet(&addresses, &pinned).await {
                Ok(()) => {
                    failed.remove(&place);
                    reached.insert(place);
                }
                Err(error) => {
                    tracing::debug!(site = %place.0, %error, "no exchange of revocation lists");
                    failed.insert(place);
                }
            }
        }
        failed.is_empty()
    }

    async fn meet(&self, addresses: &[Address], pinned: &Pinned) -> Result<(), JoinError> {
        // What the other has is known after the first answer; what it lacks is sent with the second.
        let asking = ListsMessage { lists: Vec::new(), ..missing(&self.lists.all(), &BTreeMap::new()) };
        let reply = exchange_lists(&self.dialer, addresses, pinned, &asking).await?;
        for brought in reply.lists.iter().take(MOST) {
            take(&self.lists, brought);
        }
        let telling = missing(&self.lists.all(), &reply.held);
        if !telling.lists.is_empty() {
            exchange_lists(&self.dialer, addresses, pinned, &telling).await?;
        }
        Ok(())
    }
}
