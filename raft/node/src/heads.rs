//! Signed heads: who says what about the history, compared each second outside the log (formats 9), and the checkpoints
//! that come of it (formats 10).

mod checkpoint;
mod exchange;
mod findings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use verbund_identity::{Head, SignatureVerifier as _, SignedHead};
use verbund_model::NodeId;

use crate::alarm::Alarm;
use crate::proto;
use crate::ring::STEP;
use crate::shared::Shared;
use crate::told::last_change;
use findings::Findings;

pub(crate) use exchange::Exchange;

/// Heads of one other node that are kept.
const KEPT: usize = 96;
/// The most heads that are looked at in one message.
const MOST: usize = 256;
/// How many of the last multiples get a checkpoint. Under load several of them pass between two exchanges, and members pass
/// them at different times: with the newest alone, no majority would ever speak of the same one.
const MULTIPLES: u64 = 8;

/// Signs this node's heads with its registered key.
pub trait HeadSigner: Send + Sync {
    /// The raw `r ‖ s` signature with low `s` over `message`. Errors: what the custody says; the head is then not sent.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String>;
}

/// How often heads are exchanged, and when checkpoints are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSettings {
    /// Between two exchanges.
    pub interval: Duration,
    /// Indexes of which checkpoints are made: multiples of this.
    pub checkpoint_every: u64,
    /// After how long without a new entry the last one gets a checkpoint.
    pub quiet: Duration,
}

impl Default for HeadSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), checkpoint_every: 4096, quiet: Duration::from_secs(60) }
    }
}

/// What is known of all heads.
pub(crate) struct Book {
    shared: Arc<Shared>,
    signer: Arc<dyn HeadSigner>,
    settings: HeadSettings,
    pages: Mutex<Pages>,
}

struct Pages {
    /// Own heads that are signed, by index.
    own: BTreeMap<u64, SignedHead>,
    /// Other nodes' heads whose signatures hold, by index.
    seen: BTreeMap<NodeId, BTreeMap<u64, SignedHead>>,
    findings: Findings,
    /// By how many milliseconds this node's clock is ahead of another's, as last heard.
    ahead: BTreeMap<NodeId, i64>,
    /// When another was last heard of, and at which index it says that members last changed.
    heard: BTreeMap<NodeId, (Instant, u64)>,
    /// The newest index, and since when it is that.
    newest: (u64, Instant),
    last_checkpoint: Option<u64>,
}

impl Book {
    pub(crate) fn new(shared: Arc<Shared>, signer: Arc<dyn HeadSigner>, settings: HeadSettings) -> Self {
        let pages = Pages {
            own: BTreeMap::new(),
            seen: BTreeMap::new(),
            findings: Findings::default(),
            ahead: BTreeMap::new(),
            heard: BTreeMap::new(),
            newest: (0, Instant::now()),
            last_checkpoint: None,
        };
        Self { shared, signer, settings, pages: Mutex::new(pages) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs a head of this node. A failing custody is logged; there is no head then.
    fn sign(&self, head: Head) -> Option<SignedHead> {
        let (federation, generation, node) = (self.shared.federation, self.shared.generation, self.shared.id);
        match self.signer.sign(&SignedHead::message(&federation, generation, &head, node)) {
            Ok(signature) => Some(SignedHead { federation, generation, head, node, signature }),
            Err(error) => {
                tracing::error!(%error, "the node's key did not sign its head");
                None
            }
        }
    }

    /// Signs what is due: the newest head, and the newest of the marks. May block on the custody.
    fn sign_due(&self) {
        let Some(newest) = self.shared.ring.newest() else { return };
        let wanted = self.marks(newest.index);
        for index in wanted.iter().copied() {
            if self.pages().own.contains_key(&index) {
                continue;
            }
            let Some(signed) = self.shared.ring.at(index).and_then(|head| self.sign(head)) else { continue };
            self.pages().own.insert(index, signed);
        }
        let mut pages = self.pages();
        pages.own.retain(|index, _| wanted.contains(index) || index + 8 * STEP > newest.index);
        prune(&mut pages.own);
        if pages.newest.0 != newest.index {
            pages.newest = (newest.index, Instant::now());
        }
    }

    /// Of which indexes this node tells its head when `newest` is the last: that one, the last that everybody keeps, and the
    /// last multiples that want a checkpoint.
    fn marks(&self, newest: u64) -> BTreeSet<u64> {
        let multiples = self.multiples(newest);
        multiples.chain([newest, newest - newest % STEP]).filter(|index| *index > 0).collect()
    }

    /// The last multiples up to `newest` that want a checkpoint, the newest first.
    fn multiples(&self, newest: u64) -> impl Iterator<Item = u64> + use<> {
        let every = self.settings.checkpoint_every.max(1);
        let last = newest / every;
        (last.saturating_sub(MULTIPLES - 1)..=last).rev().map(move |count| count * every).filter(|index| *index > 0)
    }

    /// What this node tells others.
    pub(crate) fn message(&self) -> proto::HeadsMessage {
        let pages = self.pages();
        let newest = pages.own.keys().next_back().copied().unwrap_or(0);
        let wanted = self.marks(newest);
        let own = pages.own.iter().rev().filter(|(index, _)| wanted.contains(index)).map(|(_, head)| proto::json(head));
        let own = own.collect();
        let mut relayed = Vec::new();
        for heads in pages.seen.values() {
            let marks = heads.iter().rev().filter(|(index, _)| index.is_multiple_of(STEP)).take(1);
            let newest = heads.iter().next_back();
            relayed.extend(newest.into_iter().chain(marks).map(|(_, head)| proto::json(head)));
        }
        for head in pages.findings.proofs() {
            relayed.push(proto::json(head));
        }
        relayed.truncate(MOST);
        drop(pages);
        let members = last_change(&self.shared.published.state());
        let directives = self.shared.depot.digest().0.to_vec().into();
        let message = proto::HeadsMessage { own, relayed, clock: self.shared.clock.now(), members, directives };
        #[cfg(feature = "tamper")]
        let message = self.tampered(message);
        message
    }

    #[cfg(feature = "tamper")]
    fn tampered(&self, mut message: proto::HeadsMessage) -> proto::HeadsMessage {
        if let Some(head) = self.shared.tamper.other_head(self.shared.ring.newest()) {
            message.own = self.sign(head).iter().map(proto::json).collect();
        }
        message
    }

    /// Looks at what a peer says.
    pub(crate) fn take(&self, from: NodeId, message: &proto::HeadsMessage) {
        let own_clock = i64::try_from(self.shared.clock.now()).unwrap_or(i64::MAX);
        let clock = i64::try_from(message.clock).unwrap_or(i64::MAX);
        let mut pages = self.pages();
        pages.ahead.insert(from, own_clock.saturating_sub(clock));
        pages.heard.insert(from, (Instant::now(), message.members));
        drop(pages);
        for (bytes, is_own) in message
            .own
            .iter()
            .map(|bytes| (bytes, true))
            .chain(message.relayed.iter().map(|bytes| (bytes, false)))
            .take(MOST)
        {
            let Ok(head) = serde_json::from_slice::<SignedHead>(bytes) else { continue };
            if is_own && head.node != from {
                continue;
            }
            if self.is_signed(from, &head) {
                self.note(head);
            }
        }
        self.judge();
    }

    /// Whether the head is of this federation and its node's registered key signed it.
    fn is_signed(&self, from: NodeId, head: &SignedHead) -> bool {
        if head.federation != self.shared.federation || head.generation != self.shared.generation {
            return false;
        }
        let state = self.shared.published.state();
        let Some(node) = state.node(&head.node) else { return false };
        let Some(key) = state.key(&node.value.key).filter(|key| !key.value.revoked) else { return false };
        let signed = self.shared.verifier.verify(&key.value.key, &head.signed_message(), &head.signature);
        if !signed {
            self.shared.raise(Alarm::ForgedHead { from, node: head.node });
        }
        signed
    }

    /// Enters a head and compares it with what the same node said before.
    fn note(&self, head: SignedHead) {
        if head.node == self.shared.id {
            return;
        }
        let mut pages = self.pages();
        let heads = pages.seen.entry(head.node).or_default();
        match heads.get(&head.head.index) {
            Some(known) if known.head != head.head => {
                let alarm = Alarm::Equivocation { one: Box::new(known.clone()), other: Box::new(head.clone()) };
                pages.findings.keep_proof(&head);
                drop(pages);
                self.shared.raise(alarm);
                self.compare(&head);
            }
            Some(_) => {}
            None => {
                heads.insert(head.head.index, head);
                prune(heads);
            }
        }
    }

    /// Compares one head with this node's own history, if both know the index.
    fn compare(&self, head: &SignedHead) -> bool {
        let Some(own) = self.shared.ring.at(head.head.index) else { return false };
        self.shared.counters.heads_compared.add(1);
        self.pages().findings.note(head, own == head.head);
        true
    }

    /// Compares all that can be compared by now, and draws the conclusions.
    fn judge(&self) {
        let due: Vec<SignedHead> = {
            let pages = self.pages();
            let undecided = |node: &NodeId, index: &u64| !pages.findings.knows(*node, *index);
            pages
                .seen
                .iter()
                .flat_map(|(node, heads)| heads.iter().filter(|(index, _)| undecided(node, index)))
                .map(|(_, head)| head.clone())
                .collect()
        };
        for head in &due {
            self.compare(head);
        }
        self.conclude();
    }

    fn conclude(&self) {
        let state = self.shared.published.state();
        let voters = state.membership().0.voters();
        let me = self.shared.id;
        let differing = self.pages().findings.differing();
        if differing.is_empty() {
            return;
        }
        let i_vote = voters.contains(&me);
        for head in &differing {
            let index = head.head.index;
            if !voters.contains(&head.node) {
                self.shared.raise(Alarm::LearnerDiffers { node: head.node, index });
            } else if i_vote {
                let own = self.shared.ring.at(index).and_then(|own| self.sign(own));
                if let Some(own) = own {
                    self.fork(index, own, head.clone());
                }
            } else if let Some(other) = self.pages().findings.agreeing_voter(&voters, index) {
                self.fork(index, other, head.clone());
            }
        }
        let against: Vec<NodeId> = differing.iter().map(|h| h.node).filter(|node| voters.contains(node)).collect();
        if !i_vote && against.len() * 2 > voters.len() {
            let own = differing.iter().find_map(|head| self.shared.ring.at(head.head.index));
            if let Some(own) = own {
                self.shared.raise(Alarm::Diverged { own, voters: against });
            }
        }
    }

    fn fork(&self, index: u64, one: SignedHead, other: SignedHead) {
        #[cfg(feature = "tamper")]
        if !self.shared.defends(crate::tamper::Defence::Fork) {
            return;
        }
        self.shared.raise(Alarm::Fork { index, one: Box::new(one), other: Box::new(other) });
    }

    /// By how much this node's clock is ahead of the others', as last heard.
    pub(crate) fn ahead(&self) -> BTreeMap<NodeId, i64> {
        self.pages().ahead.clone()
    }

    /// How long ago the others were heard of, and the newest index of which they signed a head.
    pub(crate) fn heard(&self) -> BTreeMap<NodeId, (Duration, Option<u64>)> {
        let pages = self.pages();
        let newest = |node: &NodeId| pages.seen.get(node)?.keys().next_back().copied();
        pages.heard.iter().map(|(node, (at, _))| (*node, (at.elapsed(), newest(node)))).collect()
    }

    /// Somebody who knows of a change of members after `applied`.
    pub(crate) fn knows_newer_members(&self, applied: u64) -> Option<NodeId> {
        let pages = self.pages();
        let newest = pages.heard.iter().max_by_key(|(_, (_, members))| *members);
        newest.filter(|(_, (_, members))| *members > applied).map(|(node, _)| *node)
    }

    /// The newest signed head of this node.
    pub(crate) fn newest_own(&self) -> Option<SignedHead> {
        self.pages().own.values().next_back().cloned()
    }

    /// Forgets what was found, after an operator has looked.
    pub(crate) fn clear(&self) {
        let mut pages = self.pages();
        pages.findings = Findings::default();
        pages.seen.clear();
    }
}

/// Keeps the newest, and of the older ones the marks.
fn prune(heads: &mut BTreeMap<u64, SignedHead>) {
    while heads.len() > KEPT {
        let newest = heads.keys().rev().nth(KEPT / 2).copied().unwrap_or(u64::MAX);
        let plain = heads.keys().find(|index| **index < newest && !index.is_multiple_of(STEP)).copied();
        let Some(index) = plain.or_else(|| heads.keys().next().copied()) else { return };
        heads.remove(&index);
    }
}
