//! Bounds of a listener: what one stranger, or many, can take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The bounds. Whatever is above one is closed at once, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From accepted to handshake done, or it is closed.
    pub handshake: Duration,
    /// Handshakes at the same time.
    pub handshakes: usize,
    /// The same for one source, so that nobody alone keeps all others from beginning one.
    pub handshakes_per_source: usize,
    /// Connections at the same time, handshakes included.
    pub connections: usize,
    /// The same for one source: an IPv4 address, or an IPv6 /64.
    pub connections_per_source: usize,
    /// Connections without a certificate at the same time.
    pub anonymous: usize,
    /// Join connections in a minute.
    pub joins_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            handshakes: 512,
            handshakes_per_source: 256,
            connections: 4096,
            // Many clients, or several sites, may stand behind one translated address.
            connections_per_source: 1024,
            anonymous: 1024,
            joins_per_minute: 120,
        }
    }
}

/// What a listener has seen since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Connections accepted from the system.
    pub accepted: u64,
    /// Handshakes that succeeded.
    pub established: u64,
    /// Connections that a limit closed.
    pub limited: u64,
    /// Handshakes that failed or were too slow.
    pub failed: u64,
    /// Connections open now, handshakes included.
    pub open: usize,
    /// Handshakes going on now.
    pub handshaking: usize,
}

/// What one source holds.
#[derive(Clone, Copy, Debug, Default)]
struct OfSource {
    open: usize,
    handshaking: usize,
}

#[derive(Debug, Default)]
struct Held {
    open: usize,
    handshaking: usize,
    anonymous: usize,
    sources: HashMap<IpAddr, OfSource>,
    /// Join tokens in use, as of `refilled`.
    joins: f64,
    refilled: Option<Instant>,
}

/// The bounds and what is held of them.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) limits: Limits,
    held: Mutex<Held>,
    accepted: AtomicU64,
    established: AtomicU64,
    limited: AtomicU64,
    failed: AtomicU64,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            held: Mutex::default(),
            accepted: AtomicU64::new(0),
            established: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Takes a place for a connection from `ip`, in the state of a handshake. `None`: a limit is reached.
    pub(crate) fn enter(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let source = source(ip);
        let mut held = self.held();
        let of_source = held.sources.get(&source).copied().unwrap_or_default();
        if held.open >= self.limits.connections
            || held.handshaking >= self.limits.handshakes
            || of_source.open >= self.limits.connections_per_source
            || of_source.handshaking >= self.limits.handshakes_per_source
        {
            self.limited.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        held.open += 1;
        held.handshaking += 1;
        held.sources.insert(source, OfSource { open: of_source.open + 1, handshaking: of_source.handshaking + 1 });
        Some(Place { gate: self.clone(), source, handshaking: true, anonymous: false })
    }

    /// Takes one of the joins of this minute. The bucket holds a sixth of a minute's.
    pub(crate) fn join(&self) -> bool {
        let per_second = f64::from(self.limits.joins_per_minute) / 60.0;
        let most = (f64::from(self.limits.joins_per_minute) / 6.0).max(1.0);
        let now = Instant::now();
        let mut held = self.held();
        let past = held.refilled.map_or(Duration::ZERO, |last| now.duration_since(last)).as_secs_f64();
        held.refilled = Some(now);
        held.joins = (held.joins - past * per_second).max(0.0);
        let granted = held.joins + 1.0 <= most;
        if granted {
            held.joins += 1.0;
        } else {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
        granted
    }

    pub(crate) fn established(&self) {
        self.established.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> Counters {
        let held = self.held();
        Counters {
            accepted: self.accepted.load(Ordering::Relaxed),
            established: self.established.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            open: held.open,
            handshaking: held.handshaking,
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscriber commonly has a whole /64 (RFC 6177), so that counts as one.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A connection's place within the bounds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    source: IpAddr,
    handshaking: bool,
    anonymous: bool,
}

impl Place {
    /// The handshake is done.
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.handshaking) {
            let mut held = self.gate.held();
            held.handshaking -= 1;
            if let Some(of_source) = held.sources.get_mut(&self.source) {
                of_source.handshaking -= 1;
            }
        }
    }

    /// The caller gave no certificate. Gives whether there is room for one more such.
    pub(crate) fn count_as_anonymous(&mut self) -> bool {
        let mut held = self.gate.held();
        let room = held.anonymous < self.gate.limits.anonymous;
        if room && !self.anonymous {
            held.anonymous += 1;
            self.anonymous = true;
        }
        if !room {
            self.gate.limited.fetch_add(1, Ordering::Relaxed);
        }
        room
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.gate.held();
        held.open -= 1;
        held.handshaking -= usize::from(self.handshaking);
        held.anonymous -= usize::from(self.anonymous);
        if let Some(of_source) = held.sources.get_mut(&self.source) {
            of_source.open -= 1;
            of_source.handshaking -= usize::from(self.handshaking);
            if of_source.open == 0 {
                held.sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(limits: Limits) -> Arc<Gate> {
        Gate::new(limits)
    }

    #[test]
    fn one_source_cannot_take_everything() {
        let gate = gate(Limits { connections_per_source: 2, ..Limits::default() });
        let here: IpAddr = "2001:db8::1".parse().unwrap();
        let same_subscriber: IpAddr = "2001:db8::ffff".parse().unwrap();
        let elsewhere: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        let first = gate.enter(here).unwrap();
        let _second = gate.enter(same_subscriber).unwrap();
        assert!(gate.enter(here).is_none());
        assert!(gate.enter(elsewhere).is_some());
        drop(first);
        assert!(gate.enter(here).is_some());
        assert_eq!(gate.counters().limited, 1);
    }

    #[test]
    fn a_mapped_address_is_the_same_source() {
        assert_eq!(source("::ffff:192.0.2.1".parse().unwrap()), source("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn handshakes_are_bounded_apart_from_connections() {
        let gate = gate(Limits { handshakes: 1, ..Limits::default() });
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let mut first = gate.enter(ip).unwrap();
        assert!(gate.enter(ip).is_none());
        first.settle();
        assert!(gate.enter(ip).is_some());
        drop(first);
        assert_eq!((gate.counters().open, gate.counters().handshaking), (0, 0));
    }

    #[test]
    fn one_source_cannot_take_all_handshakes() {
        let gate = gate(Limits { handshakes: 3, handshakes_per_source: 2, ..Limits::default() });
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let elsewhere: IpAddr = "192.0.2.2".parse().unwrap();
        let mut first = gate.enter(here).unwrap();
        let second = gate.enter(here).unwrap();
        assert!(gate.enter(here).is_none());
        let third = gate.enter(elsewhere).unwrap();
        // Whoever is done leaves room, and so does whoever gives up.
        first.settle();
        drop(third);
        let _fourth = gate.enter(here).unwrap();
        assert!(gate.enter(here).is_none());
        drop(second);
        assert!(gate.enter(here).is_some());
        drop(first);
        assert_eq!(gate.counters().open, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn joins_come_at_a_bounded_rate() {
        let gate = gate(Limits { joins_per_minute: 12, ..Limits::default() });
        assert!(gate.join() && gate.join());
        assert!(!gate.join(), "the bucket holds ten seconds' worth");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(gate.join());
        assert!(!gate.join());
    }
}
