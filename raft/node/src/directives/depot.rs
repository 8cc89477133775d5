//! The directives and receipts that this node holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use verbund_identity::directive::{Directive, Distrust};
use verbund_identity::{SignatureVerifier, SignedReceipt, sha256};
use verbund_machine::State;
use verbund_model::resource::{Federation, Millis, SignedDirective};
use verbund_model::{FederationId, Hash, KeyId, NodeId, SiteName};
use verbund_tls::Bundle;

use super::file::Folder;

/// The most directives that are held.
pub(super) const MOST: usize = 1024;
/// How many directives of a set of coordinators that is not known yet are kept for each who brings some.
const ASIDE: usize = 4;
/// How many of those who bring some are remembered.
const BRINGERS: usize = 32;
/// How many hashes of directives that do not count here are remembered, so that peers need not send them again.
const DECLINED: usize = 64;

/// A directive as this node holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDirective {
    /// The hash that names it.
    pub hash: Hash,
    /// What it says.
    pub directive: Directive,
    /// Its bytes and signatures.
    pub signed: SignedDirective,
    /// When this node heard of it, by its own clock.
    pub heard: Millis,
    /// The receipts of nodes, this one's among them.
    pub receipts: Vec<SignedReceipt>,
    /// Whether the log has recorded it, as far as this node has applied it.
    pub recorded: bool,
}

/// A directive of which a receipt is due.
pub(super) struct Unanswered {
    pub(super) hash: Hash,
    pub(super) heard: Millis,
    pub(super) lines: u64,
}

#[derive(Debug)]
struct Page {
    directive: Directive,
    signed: SignedDirective,
    heard: Millis,
    receipts: BTreeMap<NodeId, SignedReceipt>,
    /// Whether everything that it closes is closed.
    in_effect: bool,
    /// How many connections that were.
    lines: u64,
}

#[derive(Debug, Default)]
struct Pages {
    held: BTreeMap<Hash, Page>,
    /// Of coordinators that are not known yet, by who brought them (`None`: a person).
    aside: BTreeMap<Option<NodeId>, VecDeque<SignedDirective>>,
    declined: VecDeque<Hash>,
    /// What all of them distrust. Nothing ever takes anything out.
    distrust: Distrust,
}

impl Pages {
    fn hold(&mut self, hash: Hash, page: Page) {
        self.distrust.add(&page.directive.order);
        self.held.insert(hash, page);
    }
}

/// The depot.
#[derive(Debug)]
pub(crate) struct Depot {
    folder: Folder,
    pages: Mutex<Pages>,
    /// Rises with every directive and receipt.
    changed: watch::Sender<u64>,
}

impl Depot {
    /// Opens the directory and takes up what an earlier run held, verified again. Errors: the system's.
    pub(crate) fn open(dir: &Path, federation: &FederationId, verifier: &dyn SignatureVerifier) -> io::Result<Self> {
        let folder = Folder::open(dir)?;
        let mut pages = Pages::default();
        for (directive, stored, receipts) in folder.read(federation, verifier)? {
            let receipts = receipts.into_iter().map(|signed| (signed.receipt.node, signed)).collect();
            let hash = Directive::hash_of(&stored.signed);
            // They take effect before the first handshake.
            let (signed, heard) = (stored.signed, stored.heard);
            pages.hold(hash, Page { directive, signed, heard, receipts, in_effect: true, lines: 0 });
        }
        Ok(Self { folder, pages: Mutex::new(pages), changed: watch::Sender::new(0) })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) {
        self.changed.send_modify(|number| *number += 1);
    }

    /// Rises with every directive and receipt.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn holds(&self, hash: &Hash) -> bool {
        self.pages().held.contains_key(hash)
    }

    /// Whether a directive is held, and everything that it closes is closed.
    pub(super) fn is_in_effect(&self, hash: &Hash) -> bool {
        self.pages().held.get(hash).is_some_and(|page| page.in_effect)
    }

    /// The directives of which something may still be open.
    pub(super) fn not_in_effect(&self) -> Vec<Hash> {
        let pages = self.pages();
        pages.held.iter().filter(|(_, page)| !page.in_effect).map(|(hash, _)| *hash).collect()
    }

    /// Notes that everything is closed that these close, and how many connections that were.
    pub(super) fn note_effect(&self, hashes: &[Hash], lines: u64) {
        let mut pages = self.pages();
        for hash in hashes {
            if let Some(page) = pages.held.get_mut(hash) {
                page.in_effect = true;
                page.lines += lines;
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.pages().held.len() >= MOST
    }

    /// Makes a verified directive durable and holds it. `false`: it was held already. Blocks on the disk. Errors: the
    /// system's; then it is not held.
    pub(super) fn hold(
        &self,
        directive: Directive,
        signed: SignedDirective,
        federation: &Federation,
        heard: Millis,
    ) -> io::Result<bool> {
        let hash = Directive::hash_of(&signed);
        self.folder.keep(&hash, heard, federation, &signed)?;
        let mut pages = self.pages();
        if pages.held.contains_key(&hash) {
            return Ok(false);
        }
        let receipts = BTreeMap::new();
        pages.hold(hash, Page { directive, signed, heard, receipts, in_effect: false, lines: 0 });
        drop(pages);
        self.change();
        Ok(true)
    }

    /// Keeps a directive of coordinators that are not known yet. Those of one bringer push out its own only.
    pub(super) fn put_aside(&self, from: Option<NodeId>, signed: SignedDirective) {
        let mut pages = self.pages();
        if pages.aside.len() >= BRINGERS && !pages.aside.contains_key(&from) {
            return;
        }
        let queue = pages.aside.entry(from).or_default();
        if queue.contains(&signed) {
            return;
        }
        queue.push_back(signed);
        if queue.len() > ASIDE {
            queue.pop_front();
        }
    }

    /// Takes out what was kept aside, to be tried again.
    pub(super) fn take_aside(&self) -> Vec<(Option<NodeId>, SignedDirective)> {
        let aside = std::mem::take(&mut self.pages().aside);
        aside.into_iter().flat_map(|(from, all)| all.into_iter().map(move |signed| (from, signed))).collect()
    }

    /// Remembers that a directive does not count here.
    pub(super) fn decline(&self, hash: Hash) {
        let mut pages = self.pages();
        if pages.declined.contains(&hash) {
            return;
        }
        pages.declined.push_back(hash);
        if pages.declined.len() > DECLINED {
            pages.declined.pop_front();
        }
    }

    /// Adds a receipt whose signature holds. `false`: its directive is not held, or the node's receipt is there already.
    pub(super) fn add_receipt(&self, signed: SignedReceipt) -> bool {
        let mut pages = self.pages();
        let Some(page) = pages.held.get_mut(&signed.receipt.directive) else { return false };
        let node = signed.receipt.node;
        if page.receipts.contains_key(&node) {
            return false;
        }
        page.receipts.insert(node, signed);
        drop(pages);
        self.change();
        true
    }

    pub(super) fn has_receipt(&self, directive: &Hash, node: NodeId) -> bool {
        self.pages().held.get(directive).is_some_and(|page| page.receipts.contains_key(&node))
    }

    /// Writes the receipts that there are. Blocks on the disk.
    pub(super) fn write_receipts(&self) {
        let all: Vec<(Hash, Vec<SignedReceipt>)> = {
            let pages = self.pages();
            pages.held.iter().map(|(hash, page)| (*hash, page.receipts.values().cloned().collect())).collect()
        };
        for (hash, receipts) in all.iter().filter(|(_, receipts)| !receipts.is_empty()) {
            if let Err(error) = self.folder.keep_receipts(hash, &receipts.iter().collect::<Vec<_>>()) {
                tracing::warn!(directive = %hash, %error, "receipts were not written; they are asked for again after a restart");
            }
        }
    }

    /// What is held, by number.
    pub(crate) fn all(&self, state: &State) -> Vec<HeldDirective> {
        let pages = self.pages();
        let view = |(hash, page): (&Hash, &Page)| HeldDirective {
            hash: *hash,
            directive: page.directive.clone(),
            signed: page.signed.clone(),
            heard: page.heard,
            receipts: page.receipts.values().cloned().collect(),
            recorded: state.directive(hash).is_some(),
        };
        let mut all: Vec<HeldDirective> = pages.held.iter().map(view).collect();
        all.sort_by_key(|held| (held.directive.number, held.hash));
        all
    }

    /// The directives that are held, declined, or kept aside: what no peer needs to send.
    pub(super) fn known(&self) -> Vec<Hash> {
        let pages = self.pages();
        let aside = pages.aside.values().flatten().map(Directive::hash_of);
        pages.held.keys().copied().chain(pages.declined.iter().copied()).chain(aside).collect()
    }

    /// For each directive that is held, a digest of whose receipts are here.
    pub(super) fn receipt_digests(&self) -> Vec<(Hash, Hash)> {
        self.pages().held.iter().map(|(hash, page)| (*hash, digest_of(page))).collect()
    }

    /// A digest of all that is held: equal at two nodes that have nothing to tell each other.
    pub(crate) fn digest(&self) -> Hash {
        let pages = self.pages();
        let mut bytes = Vec::with_capacity(64 * pages.held.len());
        for (hash, page) in &pages.held {
            bytes.extend_from_slice(&hash.0);
            bytes.extend_from_slice(&digest_of(page).0);
        }
        sha256(&bytes)
    }

    /// The directives that are not among `known`.
    pub(super) fn directives_beyond(&self, known: &BTreeSet<Hash>) -> Vec<SignedDirective> {
        let pages = self.pages();
        pages.held.iter().filter(|(hash, _)| !known.contains(*hash)).map(|(_, page)| page.signed.clone()).collect()
    }

    /// The receipts of those directives of which the other side has another digest, or of which it does not know. One that it
    /// knows and does not hold is of no use to it.
    pub(super) fn receipts_beyond(&self, known: &BTreeSet<Hash>, digests: &BTreeMap<Hash, Hash>) -> Vec<SignedReceipt> {
        let pages = self.pages();
        let differs = |hash: &Hash, page: &Page| match digests.get(hash) {
            Some(digest) => *digest != digest_of(page),
            None => !known.contains(hash),
        };
        let differing = pages.held.iter().filter(|(hash, page)| differs(hash, page));
        differing.flat_map(|(_, page)| page.receipts.values().cloned()).collect()
    }

    /// Whether a directive distrusts this key.
    pub(crate) fn distrusts_key(&self, key: &KeyId) -> bool {
        self.pages().distrust.keys.contains(key)
    }

    /// Whether a directive distrusts this node of this site.
    pub(crate) fn distrusts_node(&self, node: NodeId, site: &SiteName) -> bool {
        let pages = self.pages();
        pages.distrust.nodes.contains(&node) || pages.distrust.sites.contains(site)
    }

    /// Adds what directives distrust to a bundle. What is about the site `own` is left out: its daemon does not cut its own agents
    /// off, and nobody else asks it.
    pub(crate) fn add_to(&self, bundle: &mut Bundle, own: &SiteName) {
        let pages = self.pages();
        for page in pages.held.values().filter(|page| !Self::is_about(&page.directive, own)) {
            bundle.refused_keys.extend(page.directive.order.keys());
            bundle.excluded_sites.extend(page.directive.order.sites().into_iter().map(|out| out.site));
        }
    }

    /// Whether a directive is about the site itself, so that its daemon has nothing to answer for.
    pub(super) fn is_about(directive: &Directive, own: &SiteName) -> bool {
        directive.order.sites().iter().any(|out| out.site == *own)
    }

    /// The directives in effect of which this node has no receipt yet.
    pub(super) fn unanswered(&self, me: NodeId, own: &SiteName) -> Vec<Unanswered> {
        let pages = self.pages();
        let open = pages.held.iter().filter(|(_, page)| page.in_effect && !page.receipts.contains_key(&me));
        let answerable = open.filter(|(_, page)| !Self::is_about(&page.directive, own));
        answerable.map(|(hash, page)| Unanswered { hash: *hash, heard: page.heard, lines: page.lines }).collect()
    }
}

fn digest_of(page: &Page) -> Hash {
    let bytes: Vec<u8> = page.receipts.keys().flat_map(|node| node.0.to_be_bytes()).collect();
    sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_identity::{Receipt, add_signature};
    use verbund_keys::{AwsVerifier, Signer as _, SoftwareKey};
    use verbund_model::Algorithm;
    use verbund_model::resource::{CoordinatorSet, Der, Order};

    fn federation(key: &SoftwareKey) -> Federation {
        Federation {
            id: FederationId(Hash([1; 32])),
            name: SiteName::new("dvc").unwrap(),
            generation: 0,
            coordinators: CoordinatorSet { version: 1, keys: vec![key.public_key().clone()], threshold: 1 },
        }
    }

    fn exclusion(key: &SoftwareKey, site: &str) -> SignedDirective {
        let federation = federation(key);
        let order = Order::ExcludeSite {
            site: SiteName::new(site).unwrap(),
            nodes: [NodeId(7)].into(),
            keys: [KeyId(Hash([7; 32]))].into(),
            reason: "compromised".to_owned(),
        };
        let directive = Directive {
            v: 1,
            federation: federation.id,
            generation: 0,
            number: 1,
            predecessor: federation.id.0,
            coordinator_set_version: 1,
            issued: 1,
            order,
            accept_quorum_loss: false,
        };
        let mut signed = SignedDirective { payload: Der(directive.to_payload()), signatures: Vec::new() };
        let signature = key.sign(&Directive::message(&signed.payload.0)).unwrap();
        add_signature(&mut signed, key.public_key(), &signature, &AwsVerifier).unwrap();
        signed
    }

    fn open(dir: &Path) -> Depot {
        Depot::open(dir, &FederationId(Hash([1; 32])), &AwsVerifier).unwrap()
    }

    fn hold(depot: &Depot, key: &SoftwareKey, signed: &SignedDirective) -> bool {
        let federation = federation(key);
        let directive = Directive::verify(signed, &federation, &AwsVerifier).unwrap();
        depot.hold(directive, signed.clone(), &federation, 5).unwrap()
    }

    fn receipt(directive: Hash, node: u64) -> SignedReceipt {
        let (federation, site) = (FederationId(Hash([1; 32])), SiteName::new("nord").unwrap());
        let receipt = Receipt { federation, directive, site, node: NodeId(node), heard: 5, done: 6, lines: 0 };
        SignedReceipt { receipt, signature: vec![1; 64] }
    }

    #[test]
    fn what_was_held_is_held_after_a_restart_and_what_is_damaged_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let key = SoftwareKey::generate(Algorithm::P384).unwrap();
        let (ost, own) = (SiteName::new("ost").unwrap(), SiteName::new("nord").unwrap());
        let signed = exclusion(&key, "ost");
        let hash = Directive::hash_of(&signed);
        let depot = open(dir.path());
        assert!(!depot.distrusts_node(NodeId(7), &own) && !depot.distrusts_key(&KeyId(Hash([7; 32]))));
        assert!(hold(&depot, &key, &signed) && !hold(&depot, &key, &signed), "the second time it is not new");
        assert!(!depot.is_in_effect(&hash) && depot.unanswered(NodeId(1), &own).is_empty(), "nothing is closed yet");
        depot.note_effect(&depot.not_in_effect(), 3);
        assert_eq!(depot.unanswered(NodeId(1), &own)[0].lines, 3);
        assert!(depot.unanswered(NodeId(1), &ost).is_empty(), "the excluded answers for nothing");
        assert!(depot.add_receipt(receipt(hash, 1)) && !depot.add_receipt(receipt(hash, 1)));
        assert!(!depot.add_receipt(receipt(Hash([3; 32]), 1)), "of a directive that is not held");
        depot.write_receipts();
        let digest = depot.digest();
        drop(depot);

        let again = open(dir.path());
        assert!(again.is_in_effect(&hash) && again.has_receipt(&hash, NodeId(1)));
        assert_eq!(again.digest(), digest);
        // By id, by name, and by key.
        assert!(again.distrusts_node(NodeId(7), &own) && again.distrusts_node(NodeId(9), &ost));
        assert!(again.distrusts_key(&KeyId(Hash([7; 32]))));
        let mut bundle = Bundle::default();
        again.add_to(&mut bundle, &ost);
        assert_eq!(bundle, Bundle::default(), "not at the excluded site itself");
        again.add_to(&mut bundle, &own);
        assert!(bundle.excluded_sites.contains(&ost) && bundle.refused_keys.contains(&KeyId(Hash([7; 32]))));
        drop(again);

        let path = dir.path().join(format!("{hash}.json"));
        let text = std::fs::read_to_string(&path).unwrap();
        // Another directive's bytes under this one's signature.
        let other = exclusion(&key, "sued");
        let swapped = text.replace(
            serde_json::to_value(&signed.payload).unwrap().as_str().unwrap(),
            serde_json::to_value(&other.payload).unwrap().as_str().unwrap(),
        );
        assert_ne!(swapped, text);
        std::fs::write(&path, swapped).unwrap();
        let damaged = open(dir.path());
        assert!(!damaged.holds(&hash) && !path.exists() && path.with_extension("unusable").exists());
    }

    #[test]
    fn who_brings_what_is_not_known_yet_pushes_out_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let depot = open(dir.path());
        let signed = |n: u8| SignedDirective { payload: Der(vec![n]), signatures: Vec::new() };
        depot.put_aside(None, signed(0));
        for n in 1..100 {
            depot.put_aside(Some(NodeId(1)), signed(n));
        }
        depot.put_aside(Some(NodeId(1)), signed(99));
        let known = depot.known();
        assert!(known.contains(&Directive::hash_of(&signed(0))), "what a person brought is still there");
        assert_eq!(known.len(), 1 + ASIDE);
        for node in 2..100 {
            depot.put_aside(Some(NodeId(node)), signed(200));
        }
        assert_eq!(depot.take_aside().len(), 1 + ASIDE + BRINGERS - 2);
        assert!(depot.take_aside().is_empty());
        for n in 0..=255 {
            depot.decline(Hash([n; 32]));
            depot.decline(Hash([n; 32]));
        }
        assert_eq!(depot.known().len(), DECLINED);
    }

    #[test]
    fn peers_are_told_what_they_lack_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let key = SoftwareKey::generate(Algorithm::P384).unwrap();
        let depot = open(dir.path());
        let signed = exclusion(&key, "ost");
        let hash = Directive::hash_of(&signed);
        hold(&depot, &key, &signed);
        depot.add_receipt(receipt(hash, 1));
        let (none, known) = (BTreeSet::new(), BTreeSet::from([hash]));
        assert_eq!(depot.directives_beyond(&none), [signed]);
        assert!(depot.directives_beyond(&known).is_empty());
        let (mine, other) = (depot.receipt_digests().into_iter().collect(), BTreeMap::from([(hash, Hash([0; 32]))]));
        assert_eq!(depot.receipts_beyond(&none, &BTreeMap::new()).len(), 1);
        assert_eq!(depot.receipts_beyond(&known, &other).len(), 1);
        assert!(depot.receipts_beyond(&known, &mine).is_empty());
        assert!(depot.receipts_beyond(&known, &BTreeMap::new()).is_empty(), "it knows it and does not hold it");
    }
}
