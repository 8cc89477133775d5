//! What nodes say to each other about directives, and how much of it at once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use verbund_identity::SignedReceipt;
use verbund_model::Hash;
use verbund_model::resource::SignedDirective;

use super::depot::Depot;
use crate::proto::{DirectivesMessage, ReceiptDigest, json};

/// The most bytes of one message.
pub(crate) const MAX_EXCHANGE: usize = 2 * 1024 * 1024;
/// The most bytes of directives and receipts in one message; what does not fit goes with the next exchange.
const BUDGET: usize = MAX_EXCHANGE / 2;
/// The most directives, receipts or hashes that are looked at in one message.
pub(super) const MOST_IN_MESSAGE: usize = 4096;

/// What this node holds, for a peer that is asked for what this node lacks.
pub(super) fn asking(depot: &Depot) -> DirectivesMessage {
    DirectivesMessage { asks: true, ..knowing(depot) }
}

/// What this node holds.
fn knowing(depot: &Depot) -> DirectivesMessage {
    let bytes = |hash: Hash| Bytes::copy_from_slice(&hash.0);
    let digest = |(directive, digest)| ReceiptDigest { directive: bytes(directive), digest: bytes(digest) };
    DirectivesMessage {
        known: depot.known().into_iter().map(bytes).collect(),
        digests: depot.receipt_digests().into_iter().map(digest).collect(),
        ..DirectivesMessage::default()
    }
}

/// What a peer lacks that said what it holds, and what this node holds itself.
pub(crate) fn answering(depot: &Depot, asked: &DirectivesMessage) -> DirectivesMessage {
    DirectivesMessage { asks: false, ..lacking(depot, asked, knowing(depot)) }
}

/// What a peer lacks that said what it holds. `None`: nothing.
pub(super) fn completing(depot: &Depot, said: &DirectivesMessage) -> Option<DirectivesMessage> {
    let message = lacking(depot, said, DirectivesMessage::default());
    (!message.directives.is_empty() || !message.receipts.is_empty()).then_some(message)
}

fn lacking(depot: &Depot, said: &DirectivesMessage, mut message: DirectivesMessage) -> DirectivesMessage {
    let known: BTreeSet<Hash> = said.known.iter().take(MOST_IN_MESSAGE).filter_map(|bytes| hash(bytes)).collect();
    let digests = said.digests.iter().take(MOST_IN_MESSAGE);
    let digests: BTreeMap<Hash, Hash> =
        digests.filter_map(|one| Some((hash(&one.directive)?, hash(&one.digest)?))).collect();
    let mut room = BUDGET;
    fill(&mut message.directives, depot.directives_beyond(&known).iter().map(json), &mut room);
    fill(&mut message.receipts, depot.receipts_beyond(&known, &digests).iter().map(json), &mut room);
    message
}

fn fill(into: &mut Vec<Bytes>, from: impl Iterator<Item = Bytes>, room: &mut usize) {
    for bytes in from {
        if bytes.len() > *room {
            return;
        }
        *room -= bytes.len();
        into.push(bytes);
    }
}

/// One directive, for everybody at once.
pub(super) fn telling(signed: &SignedDirective) -> DirectivesMessage {
    DirectivesMessage { directives: vec![json(signed)], ..DirectivesMessage::default() }
}

/// One receipt, for everybody at once.
pub(super) fn answered(signed: &SignedReceipt) -> DirectivesMessage {
    DirectivesMessage { receipts: vec![json(signed)], ..DirectivesMessage::default() }
}

fn hash(bytes: &[u8]) -> Option<Hash> {
    Some(Hash(bytes.try_into().ok()?))
}
