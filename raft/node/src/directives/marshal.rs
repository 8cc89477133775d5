//! Takes directives and receipts from wherever they come, and lets directives take effect.

use std::sync::{Arc, Mutex, PoisonError};

use verbund_identity::directive::{self, Directive, DirectiveError};
use verbund_identity::receipt::MAX_RECEIPT;
use verbund_identity::{Receipt, SignatureVerifier as _, SignedReceipt};
use verbund_model::resource::{Millis, NodeStanding, SignedDirective};
use verbund_model::{Hash, NodeId, SiteName};

use super::depot::{Depot, MOST, Unanswered};
use super::message::MOST_IN_MESSAGE;
use super::refused::NotTaken;
use super::spread::Spread;
use crate::heads::HeadSigner;
use crate::proto::DirectivesMessage;
use crate::shared::Shared;
use crate::transport::Transport;

/// After how many milliseconds a receipt that is missing is made: the custody failed, or the node ended in between.
const OVERDUE: Millis = 3_000;

/// What became of a directive that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The hash that names it.
    pub hash: Hash,
    /// Whether it was new here.
    pub is_new: bool,
}

/// What a peer said that no honest peer says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Rubbish(String);

/// The marshal.
pub(crate) struct Marshal {
    pub(crate) shared: Arc<Shared>,
    pub(crate) transport: Arc<Transport>,
    pub(crate) spread: Arc<Spread>,
    pub(crate) signer: Arc<dyn HeadSigner>,
    /// The site of this node.
    pub(crate) site: SiteName,
    /// Held while receipts are made, so that there is one for each directive.
    pub(crate) answering: Mutex<()>,
}

impl Marshal {
    fn depot(&self) -> &Depot {
        &self.shared.depot
    }

    /// Takes a directive: verifies it, makes it durable, tells the peers, closes what it closes, and answers with a receipt.
    /// When this returns it is in effect here. Errors: [`NotTaken`].
    pub(crate) async fn take(
        self: &Arc<Self>,
        from: Option<NodeId>,
        signed: SignedDirective,
    ) -> Result<Taken, NotTaken> {
        let hash = Directive::hash_of(&signed);
        if self.depot().holds(&hash) {
            // Another one may be at it just now: whoever brought it relies on that it is done.
            if !self.depot().is_in_effect(&hash) {
                self.enforce();
            }
            return Ok(Taken { hash, is_new: false });
        }
        let state = self.shared.published.state();
        let federation = state.federation().value.clone();
        let directive = match Directive::verify(&signed, &federation, &*self.shared.verifier) {
            Ok(directive) => directive,
            Err(DirectiveError::WrongSet { found, current }) if found > current => {
                self.depot().put_aside(from, signed);
                return Err(NotTaken::Ahead { found, known: current });
            }
            Err(error) => {
                let refused = NotTaken::Invalid(error);
                if !refused.is_rubbish() {
                    self.depot().decline(hash);
                }
                return Err(refused);
            }
        };
        if self.depot().is_full() {
            return Err(NotTaken::Full { most: MOST });
        }
        let heard = self.shared.clock.now();
        let (marshal, number, told) = (self.clone(), directive.number, signed.clone());
        // Not to be dropped half done by a caller that goes away.
        let work = tokio::spawn(async move {
            let held = {
                let marshal = marshal.clone();
                tokio::task::spawn_blocking(move || marshal.depot().hold(directive, signed, &federation, heard)).await
            };
            let is_new = match held {
                Ok(Ok(is_new)) => is_new,
                Ok(Err(error)) => return Err(NotTaken::Disk { why: error.to_string() }),
                Err(error) => return Err(NotTaken::Disk { why: error.to_string() }),
            };
            if is_new {
                // On their way while this node closes its own.
                marshal.spread.tell(&told, from);
                let closed = marshal.enforce();
                tracing::warn!(directive = %hash, number, closed, "a directive has taken effect here");
                marshal.answer().await;
            }
            Ok(Taken { hash, is_new })
        });
        work.await.unwrap_or_else(|error| Err(NotTaken::Disk { why: error.to_string() }))
    }

    /// Closes what the directives close that are held. Gives how many connections that were. Must be called within a tokio
    /// runtime.
    fn enforce(&self) -> usize {
        let fresh = self.depot().not_in_effect();
        let closed = self.transport.follow();
        self.depot().note_effect(&fresh, closed as u64);
        closed
    }

    /// Makes a receipt of every directive in effect that has none of this node yet.
    pub(crate) async fn answer(self: &Arc<Self>) {
        let marshal = self.clone();
        // The custody may take its time.
        let answered = tokio::task::spawn_blocking(move || marshal.sign_receipts()).await;
        if answered.is_err() {
            tracing::error!("making a receipt panicked");
        }
    }

    fn sign_receipts(&self) {
        let _one_at_a_time = self.answering.lock().unwrap_or_else(PoisonError::into_inner);
        for Unanswered { hash: directive, heard, lines } in self.depot().unanswered(self.shared.id, &self.site) {
            let receipt = Receipt {
                federation: self.shared.federation,
                directive,
                site: self.site.clone(),
                node: self.shared.id,
                heard,
                done: self.shared.clock.now(),
                lines,
            };
            match self.signer.sign(&receipt.message()) {
                Ok(signature) => {
                    let signed = SignedReceipt { receipt, signature };
                    if self.depot().add_receipt(signed.clone()) {
                        self.spread.answer(&signed);
                    }
                }
                Err(error) => {
                    tracing::error!(%directive, %error, "the node's key did not sign its receipt; it is tried again");
                }
            }
        }
    }

    /// Takes a receipt. `false`: there is nothing to enter. Errors: its signature is not its node's.
    fn take_receipt(&self, signed: SignedReceipt) -> Result<bool, Rubbish> {
        let receipt = &signed.receipt;
        if receipt.federation != self.shared.federation {
            return Err(Rubbish(format!("a receipt is of federation {}", receipt.federation)));
        }
        if !self.depot().holds(&receipt.directive) || self.depot().has_receipt(&receipt.directive, receipt.node) {
            return Ok(false);
        }
        let state = self.shared.published.state();
        // Who is not known here yet may be known to the peer.
        let Some(node) = state.node(&receipt.node) else { return Ok(false) };
        let Some(key) = state.key(&node.value.key) else { return Ok(false) };
        let is_out = self.depot().distrusts_node(receipt.node, &receipt.site);
        if is_out || key.value.revoked || node.value.standing != NodeStanding::Active || node.value.site != receipt.site
        {
            return Ok(false);
        }
        if !self.shared.verifier.verify(&key.value.key, &receipt.message(), &signed.signature) {
            return Err(Rubbish(format!("a receipt in the name of node {} is not signed by it", receipt.node)));
        }
        Ok(self.depot().add_receipt(signed))
    }

    /// Takes what a peer says. Errors: it said what no honest peer says; what came before that was taken.
    pub(crate) async fn take_all(self: &Arc<Self>, from: NodeId, said: &DirectivesMessage) -> Result<(), Rubbish> {
        let counts = [said.directives.len(), said.receipts.len(), said.known.len(), said.digests.len()];
        if counts.iter().any(|count| *count > MOST_IN_MESSAGE) {
            return self.refuse(from, Rubbish(format!("a message has more than {MOST_IN_MESSAGE} parts")));
        }
        for bytes in &said.directives {
            let taken = match directive::from_file(bytes) {
                Ok(signed) => self.take(Some(from), signed).await,
                Err(error) => Err(NotTaken::Invalid(error)),
            };
            match taken {
                Ok(_) => {}
                Err(error) if error.is_rubbish() => {
                    return self.refuse(from, Rubbish(format!("a directive does not count: {error}")));
                }
                Err(error) => tracing::info!(peer = %from, %error, "a directive was not taken"),
            }
        }
        for bytes in &said.receipts {
            let signed = serde_json::from_slice(bytes).ok().filter(|_| bytes.len() <= MAX_RECEIPT);
            let taken = match signed {
                Some(signed) => self.take_receipt(signed),
                None => Err(Rubbish("a receipt cannot be read".to_owned())),
            };
            if let Err(rubbish) = taken {
                return self.refuse(from, rubbish);
            }
        }
        Ok(())
    }

    fn refuse(&self, from: NodeId, rubbish: Rubbish) -> Result<(), Rubbish> {
        self.shared.counters.directives_refused.add(1);
        tracing::warn!(peer = %from, %rubbish, "a peer brought a directive or receipt that proves nothing: its lines are closed");
        self.transport.hang_up(from, &rubbish.to_string());
        Err(rubbish)
    }

    /// Keeps up with the state: what was kept aside is tried again, receipts that failed are made, and all is written. Runs
    /// until it is dropped.
    pub(crate) async fn keep_up(self: Arc<Self>) {
        let mut changed = self.shared.depot.subscribe();
        let mut version = 0;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let current = self.shared.published.state().federation().value.coordinators.version;
            if current != version {
                version = current;
                for (from, signed) in self.depot().take_aside() {
                    if let Err(error) = self.take(from, signed).await {
                        tracing::info!(%error, "a directive that was kept aside was not taken");
                    }
                }
            }
            // One that is being taken just now is answered by who takes it.
            let past = self.shared.clock.now().saturating_sub(OVERDUE);
            let unanswered = self.depot().unanswered(self.shared.id, &self.site);
            if unanswered.iter().any(|one| one.heard < past) {
                self.answer().await;
            }
            if changed.has_changed().unwrap_or(false) {
                changed.mark_unchanged();
                let marshal = self.clone();
                let written = tokio::task::spawn_blocking(move || marshal.depot().write_receipts()).await;
                if written.is_err() {
                    tracing::error!("writing receipts panicked");
                }
            }
        }
    }
}
