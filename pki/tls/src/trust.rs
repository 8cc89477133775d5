//! Live trust: the bundle in force, and the connections that it keeps open or closes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use verbund_identity::{SpiffeId, TrustDomain};
use verbund_model::KeyId;

use crate::bundle::{Bundle, Compiled, DomainFault};
use crate::certificate::Certificate;
use crate::judge::{Judged, Role, excluded, judge};
use crate::lists::{HeldList, Lists, Taken};
use crate::peer::Peer;
use crate::revocation::RevocationError;
use crate::switch::Switch;
use crate::trust_error::TrustError;

/// Why a bundle was not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is not newer.
    #[error("the trust bundle {got} was not installed: {current} is in force, and the sequence only rises")]
    Stale {
        /// The number that was offered.
        got: u64,
        /// The number in force.
        current: u64,
    },
}

/// A connection that was closed because its peer no longer qualifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The peer.
    pub peer: Arc<Peer>,
    /// Why.
    pub why: TrustError,
}

/// What the installation of a bundle, or a review, did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The number of the bundle in force.
    pub sequence: u64,
    /// The connections that were closed.
    pub closed: Vec<Closed>,
    /// Domains whose entry cannot be used: nothing under them is trusted until they are repaired.
    pub faults: Vec<DomainFault>,
}

struct Live {
    chain: Vec<CertificateDer<'static>>,
    certificates: Vec<Certificate>,
    role: Role,
    peer: Arc<Peer>,
    switch: Arc<Switch>,
}

/// The trust in force. Every verifier and every open connection of a daemon shares one.
pub struct Trust {
    compiled: ArcSwap<Compiled>,
    live: Mutex<BTreeMap<u64, Arc<Live>>>,
    next: AtomicU64,
    /// Held while trust changes, so that one change follows another.
    changing: Mutex<Lists>,
    clock: Arc<dyn TimeProvider>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("sequence", &self.sequence()).finish_non_exhaustive()
    }
}

impl Trust {
    /// Begins with `bundle`, and the system's clock.
    #[must_use]
    pub fn new(bundle: Bundle) -> Arc<Self> {
        Self::with_clock(bundle, Arc::new(DefaultTimeProvider))
    }

    /// Begins with `bundle`, and a clock of the caller's.
    #[must_use]
    pub fn with_clock(bundle: Bundle, clock: Arc<dyn TimeProvider>) -> Arc<Self> {
        let compiled = Compiled::new(bundle, &Lists::default());
        report(&compiled.faults());
        Arc::new(Self {
            compiled: ArcSwap::from_pointee(compiled),
            live: Mutex::default(),
            next: AtomicU64::new(0),
            changing: Mutex::default(),
            clock,
        })
    }

    /// The number of the bundle in force.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.compiled.load().bundle.sequence
    }

    /// A copy of the bundle in force.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        self.compiled.load().bundle.clone()
    }

    /// The domains of the bundle in force that cannot be used.
    #[must_use]
    pub fn faults(&self) -> Vec<DomainFault> {
        self.compiled.load().faults()
    }

    /// The connections that are open to peers with a name, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<Arc<Peer>> {
        self.lives().values().map(|live| live.peer.clone()).collect()
    }

    /// Installs `bundle` and closes, before it returns, every connection that no longer qualifies under it; the others
    /// go on. The same bundle again changes nothing. Blocks for some 0.5 ms for each connection of a changed domain.
    ///
    /// Errors: [`BundleError::Stale`]; then nothing has changed.
    pub fn set_bundle(&self, bundle: Bundle) -> Result<Applied, BundleError> {
        let mut lists = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.compiled.load_full();
        let (got, current) = (bundle.sequence, before.bundle.sequence);
        if got == current && bundle == before.bundle {
            return Ok(Applied { sequence: got, closed: Vec::new(), faults: before.faults() });
        }
        if got <= current {
            return Err(BundleError::Stale { got, current });
        }
        lists.follow(&bundle);
        let after = Arc::new(Compiled::new(bundle, &lists));
        let faults = after.faults();
        report(&faults);
        // From here on every handshake is judged by the new bundle; what was adopted under the old one is in the table.
        self.compiled.store(after.clone());
        let lives = self.snapshot();
        let mut closed = close(&lives, |live| excluded(&after, &live.certificates, &live.peer.id));
        // Keys within the chains that peers showed were looked at just now; those of anchors, which they need not show, were not.
        let newly_refused =
            |key: &KeyId| after.bundle.refused_keys.contains(key) && !before.bundle.refused_keys.contains(key);
        let loses_anchor = |domain: &TrustDomain| match after.domains.get(domain) {
            Some(Ok(anchored)) => anchored.anchors.iter().any(|anchor| newly_refused(&anchor.certificate.key)),
            _ => true,
        };
        let changed = |live: &Arc<Live>| {
            let domain = &live.peer.id.trust_domain;
            before.bundle.domains.get(domain) != after.bundle.domains.get(domain)
                || (before.bundle.refused_keys != after.bundle.refused_keys && loses_anchor(domain))
        };
        let affected: Vec<_> = lives.into_iter().filter(changed).collect();
        closed.extend(close(&affected, |live| self.judge(&live.chain, live.role).map(drop)));
        Ok(Applied { sequence: got, closed, faults })
    }

    /// Takes a revocation list (DER) with its CA's certificate, from whomever: it proves itself. Before this returns, the
    /// connections of what it revokes are closed. Errors: [`RevocationError`], a replay of an older list among them; then nothing
    /// has changed.
    pub fn take_list(&self, domain: &TrustDomain, der: &[u8], issuer: &[u8]) -> Result<Taken, RevocationError> {
        let mut lists = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.compiled.load_full();
        let taken = lists.take(&before.bundle, domain, der, issuer)?;
        if taken != Taken::Known {
            self.compiled.store(Arc::new(Compiled::new(before.bundle.clone(), &lists)));
            let lives = self.snapshot();
            let of_domain: Vec<_> = lives.into_iter().filter(|live| live.peer.id.trust_domain == *domain).collect();
            close(&of_domain, |live| self.judge(&live.chain, live.role).map(drop));
        }
        Ok(taken)
    }

    /// Takes up the lists of an earlier run, before the first handshake; those of domains that are not known yet wait until
    /// they are.
    pub fn restore_lists(&self, all: impl IntoIterator<Item = (TrustDomain, Vec<u8>, Vec<u8>)>) {
        let mut lists = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for (domain, der, issuer) in all {
            lists.remember(domain, der, issuer);
        }
        let before = self.compiled.load_full();
        lists.follow(&before.bundle);
        self.compiled.store(Arc::new(Compiled::new(before.bundle.clone(), &lists)));
    }

    /// The revocation lists in force, of whichever age.
    #[must_use]
    pub fn lists(&self) -> Vec<HeldList> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// The lists of `domain` that have run out, so that nothing of their CAs is trusted until there is a newer one.
    #[must_use]
    pub fn lists_run_out(&self, domain: &TrustDomain) -> Vec<HeldList> {
        let now = self.clock.current_time().map_or(i64::MAX, crate::judge::seconds);
        let lists = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        lists.of(domain).filter(|held| held.list.next_update < now).cloned().collect()
    }

    /// Judges every open connection again and closes those whose certificate or revocation list has run out since. To
    /// be called now and then, because time changes no bundle.
    pub fn review(&self) -> Applied {
        let closed = close(&self.snapshot(), |live| self.judge(&live.chain, live.role).map(drop));
        let compiled = self.compiled.load();
        Applied { sequence: compiled.bundle.sequence, closed, faults: compiled.faults() }
    }

    /// Closes every connection of `id`, which may dial again: what it said on them was not worth going on with. Gives how
    /// many there were.
    pub fn hang_up(&self, id: &SpiffeId, why: &str) -> usize {
        let lives = self.snapshot();
        let open = lives.iter().filter(|live| live.peer.id == *id && !live.switch.is_ended());
        open.inspect(|live| live.switch.kill(format!("the connection was closed: {why}"))).count()
    }

    /// Whether `chain` (DER, leaf first) speaks for its name in `role`, by the bundle in force, now. Gives the name.
    /// Errors: [`TrustError`].
    pub fn check(&self, chain: &[CertificateDer<'_>], role: Role) -> Result<SpiffeId, TrustError> {
        self.judge(chain, role).map(|judged| judged.id)
    }

    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], role: Role) -> Result<Judged, TrustError> {
        let now = self.clock.current_time().ok_or(TrustError::Local("the system's clock cannot be read"))?;
        judge(&self.compiled.load(), chain, role, now)
    }

    pub(crate) fn clock(&self) -> Arc<dyn TimeProvider> {
        self.clock.clone()
    }

    /// Enters a connection whose handshake is done into the table, so that a change of trust reaches it. It is judged
    /// once more *after* it was entered: a bundle that came between handshake and entry finds it in one of the two ways.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        chain: Vec<CertificateDer<'static>>,
        role: Role,
        peer: Arc<Peer>,
        switch: Arc<Switch>,
    ) -> Result<Registration, TrustError> {
        let (certificates, _) = crate::judge::read(&chain)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let live = Arc::new(Live { chain, certificates, role, peer, switch });
        self.lives().insert(number, live.clone());
        let registration = Registration { trust: self.clone(), number };
        self.judge(&live.chain, role)?;
        Ok(registration)
    }

    fn lives(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Vec<Arc<Live>> {
        self.lives().values().cloned().collect()
    }
}

fn close(lives: &[Arc<Live>], verdict: impl Fn(&Live) -> Result<(), TrustError>) -> Vec<Closed> {
    let mut closed = Vec::new();
    for live in lives.iter().filter(|live| !live.switch.is_ended()) {
        if let Err(why) = verdict(live) {
            live.switch.kill(format!("the connection was closed: {why}"));
            tracing::warn!(peer = %live.peer.id, %why, "closed a connection whose peer no longer qualifies");
            closed.push(Closed { peer: live.peer.clone(), why });
        }
    }
    closed
}

fn report(faults: &[DomainFault]) {
    for fault in faults {
        tracing::error!(domain = %fault.domain, "{fault}");
    }
}

/// A connection's place in the table; leaves it when it is dropped.
pub(crate) struct Registration {
    trust: Arc<Trust>,
    number: u64,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({})", self.number)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let removed = self.trust.lives().remove(&self.number);
        drop(removed);
    }
}
