//! What every part of a node reads and notes: identity, published state, alarms, counts. No part of Raft itself.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc, watch};
use tonic::Status;
use verbund_identity::Envelope;
use verbund_machine::{Entry, State};
use verbund_model::resource::Millis;
use verbund_model::{FederationId, NodeId};
use verbund_store::{Archive, DiskWatch};
use verbund_tls::Service;

use crate::alarm::{Alarm, Alarms};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::directives::Depot;
use crate::events::Feed;
use crate::inquiry::Inquiries;
use crate::published::Published;
use crate::refusal::PeerRefusal;
use crate::repeats::Repeats;
use crate::ring::Ring;
#[cfg(feature = "tamper")]
use crate::tamper::Tamper;
use crate::told::Told;
use crate::verifier::{CachedVerifier, Check, Helpers};

/// How far ahead of the own clock a stamp may be (design 4).
pub(crate) const MAX_AHEAD: Millis = 30_000;

pub(crate) struct Shared {
    pub(crate) id: NodeId,
    pub(crate) federation: FederationId,
    pub(crate) generation: u32,
    pub(crate) published: Published,
    pub(crate) verifier: Arc<CachedVerifier>,
    pub(crate) helpers: Helpers,
    pub(crate) alarms: Alarms,
    pub(crate) ring: Ring,
    pub(crate) feed: Arc<Feed>,
    pub(crate) counters: Arc<Counters>,
    /// Which refused calls were logged lately.
    pub(crate) refused: Repeats,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) archive: Arc<Archive>,
    pub(crate) disk: Arc<DiskWatch>,
    /// Who answers what other nodes ask, once there is somebody.
    pub(crate) inquiries: OnceLock<Arc<dyn Inquiries>>,
    /// Rung when sites or nodes changed, or the state jumped.
    pub(crate) members_changed: Notify,
    /// Rung when enough bytes were applied for a snapshot.
    pub(crate) snapshot_due: Notify,
    /// The directives that this node holds.
    pub(crate) depot: Depot,
    /// Whether peers are let in: not before a node that was away has heard which directives there are.
    pub(crate) open: watch::Sender<bool>,
    /// With whom directives are to be exchanged.
    pub(crate) meet: mpsc::Sender<NodeId>,
    /// What a peer told of members that the state does not know yet.
    pub(crate) told: Mutex<Option<Told>>,
    #[cfg(feature = "tamper")]
    pub(crate) tamper: Tamper,
}

impl Shared {
    pub(crate) fn set_told(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// What a peer told, as long as it holds.
    pub(crate) fn told(&self, state: &State) -> Option<Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref().is_some_and(|told| !told.holds(state)) {
            *told = None;
        }
        told.clone()
    }

    /// Has directives exchanged with a peer soon. If there is no room for it, the next exchange of heads asks again.
    pub(crate) fn meet(&self, peer: NodeId) {
        let _ = self.meet.try_send(peer);
    }

    /// Whether peers are let in.
    pub(crate) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Counts a refused call of a peer, and logs it if the same was not logged lately. Gives the answer to it.
    pub(crate) fn refuse(&self, refusal: &PeerRefusal, service: Service) -> Status {
        self.counters.calls_refused.add(1);
        if let Some(before) = self.refused.due(&format!("{service:?} {refusal}"), Instant::now()) {
            tracing::warn!(%refusal, ?service, before, "refused a peer's call; the same again is counted, and logged once a minute");
        }
        refusal.status()
    }

    pub(crate) fn raise(&self, alarm: Alarm) {
        self.alarms.raise(alarm, self.clock.now());
    }

    /// The latest format that this build knows; in a test build, the one that its test pretends.
    #[cfg(feature = "tamper")]
    pub(crate) fn known_format(&self) -> u32 {
        self.tamper.known_format()
    }

    /// The latest format that this build knows.
    #[cfg(not(feature = "tamper"))]
    #[allow(clippy::unused_self, reason = "a test build asks its switches")]
    pub(crate) const fn known_format(&self) -> u32 {
        verbund_machine::FORMAT
    }

    /// Whether a defence is in force. Always, but in a test build whose test switched it off.
    #[cfg(feature = "tamper")]
    pub(crate) fn defends(&self, defence: crate::tamper::Defence) -> bool {
        self.tamper.defends(defence)
    }
}

/// The signature check that a command will need when it is applied, if its author's key is known already.
pub(crate) fn check_of(state: &State, command: &[u8]) -> Option<Check> {
    let entry = Entry::from_bytes(command).ok()?;
    let envelope = Envelope::from_bytes(&entry.envelope).ok()?;
    let registered = state.key(&envelope.key)?;
    let signed = envelope.signed()?;
    let (message, signature) = (signed.message, signed.signature.to_vec());
    Some(Check { key: registered.value.key.clone(), message, signature })
}
