//! Whom to ask: the site that the user pinned, and those that were learned of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use verbund_model::SiteName;
use verbund_model::resource::Millis;
use verbund_tls::{Address, DialError, Line, Pin, Pinned};

use super::error::ApiError;
use crate::context::Context;
use crate::{t, words};

/// How long a site may keep us waiting for a connection before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_secs(1);

/// A site, known by a pin.
pub struct Target {
    /// Its name; `None` for the one that the user pinned, whose name the context does not have.
    pub site: Option<SiteName>,
    /// Where its nodes' APIs are.
    pub addresses: Vec<Address>,
    /// What it must show.
    pub pinned: Pinned,
}

/// The sites in the order in which they are asked; all connections of a command share it, so that a silent site costs its
/// head start once.
pub struct Routes {
    targets: Vec<Target>,
    first: AtomicUsize,
    told: AtomicBool,
    proven: AtomicBool,
    directory: AtomicU64,
}

impl Routes {
    /// Those of a context.
    #[must_use]
    pub fn of(context: &Context, now: Millis) -> Self {
        let mut routes = Self::pinned(context);
        for site in context.other_sites(now) {
            for pin in &site.pins {
                let pinned = Pinned { pin: Pin(*pin), domain: site.trust_domain.clone() };
                let name = Some(site.name.clone());
                routes.targets.push(Target { site: name, addresses: parsed(&site.addresses), pinned });
            }
        }
        routes
    }

    /// The pinned site alone.
    #[must_use]
    pub fn pinned(context: &Context) -> Self {
        let pinned = Pinned { pin: Pin(context.pin), domain: None };
        let target = Target { site: None, addresses: parsed(&context.addresses), pinned };
        Self::to(vec![target], false)
    }

    fn to(targets: Vec<Target>, told: bool) -> Self {
        let (first, directory) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { targets, first, told: told.into(), proven: false.into(), directory }
    }

    /// Every site of a context by itself, with its name, if the context has it.
    #[must_use]
    pub fn each(context: &Context, now: Millis) -> Vec<(Option<SiteName>, Self)> {
        let alone = |target: Target| {
            let name = target.site.clone();
            // Whoever asks each of them knows whom it asks.
            (name, Self::to(vec![target], true))
        };
        Self::of(context, now).targets.into_iter().map(alone).collect()
    }

    /// Whether there is more than one site to ask.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.targets.len() > 1
    }

    /// Begins with the next site, or the next address of the only one.
    pub fn turn(&self) {
        self.first.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the site with this number knows of a majority: it answered a linearizable read, or said so.
    pub fn note_proof(&self, at: usize) {
        if at == 0 {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    /// Notes which version of the directory of sites and nodes the site with this number has.
    pub fn note_directory(&self, at: usize, version: u64) {
        if at == 0 {
            self.directory.fetch_max(version, Ordering::Relaxed);
        }
    }

    /// Whether the pinned site knows of a majority.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// The newest version of the directory of sites and nodes of which the pinned site told; 0: of none.
    #[must_use]
    pub fn directory(&self) -> u64 {
        self.directory.load(Ordering::Relaxed)
    }

    /// Tries the sites in turn, each with a head start before the next, until one has a connection for us. Gives its number.
    /// Errors: [`ApiError::Unreachable`] with what came of each.
    pub async fn race<F>(&self, dial: impl Fn(Vec<Address>, Pinned) -> F) -> Result<(usize, Line), ApiError>
    where
        F: Future<Output = Result<Line, DialError>>,
    {
        let mut rest = self.order().into_iter();
        let mut running = FuturesUnordered::new();
        let mut problems = Vec::new();
        loop {
            if let Some((at, addresses)) = rest.next() {
                let dialling = dial(addresses, self.targets[at].pinned.clone());
                running.push(async move { (at, dialling.await) });
            }
            let more = rest.len() > 0;
            let outcome = if more {
                tokio::time::timeout(HEAD_START, running.next()).await.unwrap_or(None)
            } else {
                running.next().await
            };
            match outcome {
                Some((at, Ok(line))) => {
                    self.reached(at);
                    return Ok((at, line));
                }
                Some((at, Err(error))) => problems.push((at, error)),
                None if more => {}
                None => return Err(ApiError::Unreachable(self.describe(problems))),
            }
        }
    }

    /// The numbers of the sites, the preferred one first, with their addresses.
    fn order(&self) -> Vec<(usize, Vec<Address>)> {
        let (first, count) = (self.first.load(Ordering::Relaxed), self.targets.len());
        let turned = |at: usize| {
            let mut addresses = self.targets[at].addresses.clone();
            let by = (first / count) % addresses.len().max(1);
            addresses.rotate_left(by);
            (at, addresses)
        };
        (0..count).map(|n| turned((first + n) % count)).collect()
    }

    /// The other connections of this command begin with the one that answered; a person is told once.
    fn reached(&self, at: usize) {
        let count = self.targets.len();
        let first = self.first.load(Ordering::Relaxed);
        self.first.store(first - first % count + at, Ordering::Relaxed);
        if let Some(site) = &self.targets[at].site
            && !self.told.swap(true, Ordering::Relaxed)
        {
            crate::output::say(&t!("client-elsewhere", site = site.to_string()));
        }
    }

    fn describe(&self, mut problems: Vec<(usize, DialError)>) -> String {
        problems.sort_by_key(|(at, _)| *at);
        let describe = |(at, error): &(usize, DialError)| {
            let text = words::dial(error);
            match &self.targets[*at].site {
                Some(site) => format!("{site}: {text}"),
                None => text,
            }
        };
        problems.iter().map(describe).collect::<Vec<_>>().join("; ")
    }
}

/// An address of the model is a host and a port that the transport accepts, too.
fn parsed(addresses: &[verbund_model::resource::Address]) -> Vec<Address> {
    addresses.iter().filter_map(|address| address.authority().parse().ok()).collect()
}
