//! Signature checks: each exact (key, message, signature) once, early and in parallel where it is known in advance.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use verbund_identity::{SignatureVerifier, sha256};
use verbund_model::{Hash, PublicKey};

use crate::counters::Counters;

/// Answers kept in each of the two generations.
const KEPT: usize = 32 * 1024;
/// Bundles of work that wait for the helpers; more are left to apply.
const WAITING: usize = 256;
/// So few commands are left to apply: to wake a helper costs about as much as the checks.
const FEW: usize = 2;

type Answer = Arc<OnceLock<bool>>;

/// Two generations: a lookup that misses the young one and hits the old one moves the answer; when the young one is
/// full it becomes the old one. Bounded, without a list of uses.
#[derive(Default)]
struct Memory {
    young: HashMap<Hash, Answer>,
    old: HashMap<Hash, Answer>,
}

impl Memory {
    fn answer(&mut self, of: Hash) -> Answer {
        if let Some(answer) = self.young.get(&of) {
            return answer.clone();
        }
        let answer = self.old.remove(&of).unwrap_or_default();
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(of, answer.clone());
        answer
    }
}

/// One signature to check in advance.
pub(crate) struct Check {
    pub(crate) key: PublicKey,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// A verifier that remembers. An answer is used for exactly the bytes that it was computed for (formats 6).
pub(crate) struct CachedVerifier {
    inner: Arc<dyn SignatureVerifier>,
    memory: Mutex<Memory>,
    counters: Arc<Counters>,
}

impl CachedVerifier {
    pub(crate) fn new(inner: Arc<dyn SignatureVerifier>, counters: Arc<Counters>) -> Self {
        Self { inner, memory: Mutex::default(), counters }
    }
}

/// Names the exact bytes: each part has its length before it.
fn fingerprint(key: &PublicKey, message: &[u8], signature: &[u8]) -> Hash {
    let parts = [key.algorithm().as_str().as_bytes(), key.point(), signature, message];
    let mut bytes = Vec::with_capacity(32 + parts.iter().map(|part| part.len()).sum::<usize>());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    sha256(&bytes)
}

impl SignatureVerifier for CachedVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        self.counters.signatures_asked.add(1);
        let of = fingerprint(key, message, signature);
        let answer = self.memory.lock().unwrap_or_else(PoisonError::into_inner).answer(of);
        // Whoever comes second waits for the first instead of computing it again.
        *answer.get_or_init(|| {
            self.counters.signatures_checked.add(1);
            self.inner.verify(key, message, signature)
        })
    }
}

/// What makes the checks out of an entry; runs on the helpers.
pub(crate) type Extract = dyn Fn(&[u8]) -> Option<Check> + Send + Sync;

/// Threads that check signatures of entries before apply needs the answers.
pub(crate) struct Helpers {
    sender: Option<SyncSender<Vec<bytes::Bytes>>>,
}

impl Helpers {
    /// Starts as many threads as the machine has processors. They end when this is dropped.
    pub(crate) fn start(verifier: &Arc<CachedVerifier>, extract: Arc<Extract>) -> Self {
        let (sender, receiver) = sync_channel::<Vec<bytes::Bytes>>(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(8) {
            let (receiver, verifier, extract) = (receiver.clone(), verifier.clone(), extract.clone());
            let work = move || help(&receiver, &verifier, &*extract);
            if let Err(error) = thread::Builder::new().name("verify".to_owned()).spawn(work) {
                tracing::warn!(%error, "a thread for signature checks could not be started; apply checks by itself");
            }
        }
        Self { sender: Some(sender) }
    }

    /// Hands over the bytes of commands. If the helpers are behind, apply does the work.
    pub(crate) fn ahead(&self, commands: Vec<bytes::Bytes>) {
        let Some(sender) = self.sender.as_ref().filter(|_| commands.len() > FEW) else { return };
        // Small bundles, so that several threads share a batch.
        for bundle in commands.chunks(16) {
            if sender.try_send(bundle.to_vec()).is_err() {
                return;
            }
        }
    }
}

fn help(receiver: &Mutex<Receiver<Vec<bytes::Bytes>>>, verifier: &CachedVerifier, extract: &Extract) {
    loop {
        let bundle = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(bundle) = bundle else { return };
        for check in bundle.iter().filter_map(|command| extract(command)) {
            verifier.verify(&check.key, &check.message, &check.signature);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_model::Algorithm;

    struct Says(bool);

    impl SignatureVerifier for Says {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
            self.0
        }
    }

    fn key(byte: u8) -> PublicKey {
        let mut point = vec![4];
        point.extend([byte; 64]);
        PublicKey::from_point(Algorithm::P256, point).unwrap()
    }

    #[test]
    fn each_exact_triple_is_computed_once() {
        let counters = Arc::new(Counters::default());
        let verifier = CachedVerifier::new(Arc::new(Says(true)), counters.clone());
        for _ in 0..3 {
            assert!(verifier.verify(&key(1), b"m", b"s"));
        }
        assert_eq!(counters.signatures_checked.get(), 1);
        // Other bytes, also where they would only run together differently.
        verifier.verify(&key(2), b"m", b"s");
        verifier.verify(&key(1), b"ms", b"");
        verifier.verify(&key(1), b"", b"sm");
        assert_eq!(counters.signatures_checked.get(), 4);
        assert_eq!(counters.signatures_asked.get(), 6);
    }

    #[test]
    fn memory_is_bounded() {
        let verifier = CachedVerifier::new(Arc::new(Says(false)), Arc::default());
        for i in 0..(3 * KEPT as u64) {
            assert!(!verifier.verify(&key(1), &i.to_be_bytes(), b"s"));
        }
        let memory = verifier.memory.lock().unwrap();
        assert!(memory.young.len() <= KEPT && memory.old.len() <= KEPT);
    }

    #[test]
    fn helpers_check_ahead() {
        let counters = Arc::new(Counters::default());
        let verifier = Arc::new(CachedVerifier::new(Arc::new(Says(true)), counters.clone()));
        let (done, finished) = std::sync::mpsc::channel();
        let done = Mutex::new(done);
        let extract = move |bytes: &[u8]| {
            done.lock().unwrap().send(()).unwrap();
            Some(Check { key: key(1), message: bytes.to_vec(), signature: vec![] })
        };
        let helpers = Helpers::start(&verifier, Arc::new(extract));
        helpers.ahead((0..40_u8).map(|i| bytes::Bytes::from(vec![i])).collect());
        for _ in 0..40 {
            finished.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        }
    }
}
