//! The testbed: its sites and the links between them.

mod links;
mod remains;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::try_join_all;

use crate::binaries::Binaries;
use crate::cgroup::Cgroup;
use crate::delay::Proxy;
use crate::network;
use crate::root;
use crate::site::Site;
use crate::space::{Space, lock};
use crate::state::{self, SpaceState, State};
use crate::teardown::tear_down;
pub use remains::Remains;

/// The kubelet makes sockets this far below a site's directory, and a socket's path has at most 107 bytes.
const LONGEST: usize = 107 - "/kubelet/pod-resources/kubelet.sock".len();
/// Longest name of a site: it is part of the name of a network namespace and the node's name.
const LONGEST_NAME: usize = 20;

/// Sites side by side on this machine. When this value ends, so does everything in them.
#[derive(Debug)]
pub struct Testbed {
    shared: Arc<Mutex<State>>,
    sites: Mutex<Vec<Site>>,
    proxies: Mutex<BTreeMap<String, Proxy>>,
    /// Whether its end is the end of the sites.
    owned: bool,
}

impl Testbed {
    /// An empty testbed whose sites keep their data below `directory`. Removes what crashed runs left anywhere on the
    /// machine. Errors: not root, or a testbed is up in this directory.
    pub async fn new(directory: &Path) -> Result<Self> {
        root::demand()?;
        std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let directory = directory.canonicalize()?;
        let state = tokio::task::spawn_blocking(move || State::claim(&directory)).await??;
        let testbed = Self::over(state, true);
        // From here on the end of the value cleans up.
        let slot = testbed.slot();
        network::create_bridge(slot)?;
        network::apply_losses(&testbed.state())?;
        Ok(testbed)
    }

    /// The testbed that somebody left running in `directory`, and its sites. It goes on when this value ends. Errors: there
    /// is none.
    pub fn attach(directory: &Path) -> Result<Self> {
        root::demand()?;
        let wanted = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let found = state::all()?.into_iter().find(|state| state.directory == wanted);
        let state = found.with_context(|| format!("no testbed is up in {}", directory.display()))?;
        let clusters: Vec<_> =
            state.spaces.iter().filter(|(_, space)| space.cluster).map(|(name, _)| name.clone()).collect();
        let testbed = Self::over(state, false);
        for name in clusters {
            let site = Site::known(Space::of(&testbed.shared, &name)?, Binaries::find()?);
            testbed.lock_sites().push(site);
        }
        Ok(testbed)
    }

    /// Where testbeds are up on this machine.
    pub fn directories() -> Result<Vec<PathBuf>> {
        Ok(state::all()?.into_iter().map(|state| state.directory).collect())
    }

    /// Starts a site: namespace, link, control plane and one node, and waits until pods can run. Some 5 s, 600 MB of memory.
    /// Errors: the name is taken or no DNS label of at most 20 characters; something is not installed; a component ended or
    /// was not ready in time, with the end of its log.
    pub async fn site(&self, name: &str) -> Result<Site> {
        let binaries = Binaries::find()?;
        let space = self.make_space(name, true)?;
        let site = Site::new(space, binaries)?;
        self.lock_sites().push(site.clone());
        site.boot().await.with_context(|| format!("starting the site {name}"))?;
        Ok(site)
    }

    /// Starts several at once, and returns them in the same order.
    pub async fn sites(&self, names: &[&str]) -> Result<Vec<Site>> {
        try_join_all(names.iter().map(|name| self.site(name))).await
    }

    /// A space without a cluster: for a daemon that votes, or for whatever is to be cut off like a site.
    pub async fn space(&self, name: &str) -> Result<Space> {
        self.make_space(name, false)
    }

    /// The sites with a cluster, in the order in which they were started.
    #[must_use]
    pub fn started(&self) -> Vec<Site> {
        self.lock_sites().clone()
    }

    /// The site of this name. Errors: there is none.
    pub fn find(&self, name: &str) -> Result<Site> {
        let found = self.lock_sites().iter().find(|site| site.name() == name).cloned();
        found.with_context(|| format!("the testbed has no site {name}"))
    }

    /// The machine's own address, as sites see it. No cut concerns it.
    #[must_use]
    pub fn host(&self) -> Ipv4Addr {
        network::host(self.slot())
    }

    /// Where the sites keep their data.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.state().directory.clone()
    }

    /// Ends everything in it and removes everything of it but the logs. Errors: something would not go; the next
    /// [`Testbed::new`] tries again.
    pub async fn stop(mut self) -> Result<()> {
        self.owned = false;
        tokio::task::spawn_blocking(move || self.clear()).await?
    }

    /// Lets the sites live on when this value and its process end. [`Testbed::attach`] finds them again. Delays end.
    pub fn keep(&mut self) -> Result<()> {
        self.lock_sites().iter().for_each(Site::keep);
        let mut state = self.state();
        state.owner = None;
        state.save()?;
        drop(state);
        self.owned = false;
        Ok(())
    }

    /// What is left on this machine of the testbed in `directory`, wherever a testbed leaves traces. To be asked before the
    /// end, it names what has to be gone after it.
    pub fn remains(&self) -> Result<Remains> {
        Remains::of(&self.state())
    }

    fn over(state: State, owned: bool) -> Self {
        Self { shared: Arc::new(Mutex::new(state)), sites: Mutex::default(), proxies: Mutex::default(), owned }
    }

    fn make_space(&self, name: &str, cluster: bool) -> Result<Space> {
        check_name(name)?;
        let (slot, number) = {
            let mut state = self.state();
            let directory = state.directory.join(name);
            ensure!(
                directory.as_os_str().len() <= LONGEST,
                "{} is too long: a site's directory may have {LONGEST} bytes, because of the sockets in it",
                directory.display()
            );
            if state.spaces.contains_key(name) {
                bail!("the testbed has a site {name} already");
            }
            let number = state.spaces.values().map(|space| space.number).max().unwrap_or(0) + 1;
            ensure!(number <= network::SPACES, "a testbed has at most {} sites", network::SPACES);
            state.spaces.insert(name.to_owned(), SpaceState { number, cluster, ..SpaceState::default() });
            // Written down before it is made: after a crash in between, it is still found.
            state.save()?;
            (state.slot, number)
        };
        network::create_space(slot, name, number)?;
        Cgroup::of_space(slot, name).create()?;
        Space::of(&self.shared, name)
    }

    fn clear(&self) -> Result<()> {
        self.lock_proxies().clear();
        let sites = std::mem::take(&mut *self.lock_sites());
        let _lock = state::lock()?;
        tear_down(&self.state())?;
        // They have ended; this collects what is left of those that this process started.
        sites.iter().try_for_each(Site::end)
    }

    fn slot(&self) -> u8 {
        self.state().slot
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    fn lock_sites(&self) -> MutexGuard<'_, Vec<Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_proxies(&self) -> MutexGuard<'_, BTreeMap<String, Proxy>> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if self.owned
            && let Err(error) = self.clear()
        {
            eprintln!("removing the testbed: {error:#}");
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let ends = !name.starts_with('-') && !name.ends_with('-') && !name.is_empty();
    ensure!(
        letters && ends && name.len() <= LONGEST_NAME,
        "{name:?} cannot name a site: at most {LONGEST_NAME} lower-case letters, digits and hyphens"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        assert!(check_name("mitte-2").is_ok());
        for bad in ["", "-a", "a-", "Mitte", "a.b", "a/b", "eine-viel-zu-lange-bezeichnung"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
