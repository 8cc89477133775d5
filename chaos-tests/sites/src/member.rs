//! One site of the federation: where it is, its daemon, its agent.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use verbund_kit::Desk;
use verbund_testbed::{Process, Signal, Site, Space};

use crate::kubernetes::{GUARD_IMAGE, agent_kubeconfig};

/// Ports of a site's daemon and agent, the same at each site: each has an address of its own.
const PEERS: u16 = 7100;
const ADMIN: u16 = 7101;
const METRICS: u16 = 7102;
const AGENTS: u16 = 7103;
const GUARD_DESK: u16 = 7440;
/// How long a process may take to end after `SIGTERM`.
const STOP: Duration = Duration::from_secs(30);

/// A member of the federation.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its organisation, the only one of its Land here.
    pub organisation: String,
    space: Space,
    site: Option<Site>,
    daemon: Option<Process>,
    agent: Option<Process>,
}

impl Member {
    pub(crate) fn new(name: &str, space: Space, site: Option<Site>) -> Self {
        let organisation = format!("land-{name}");
        Self { name: name.to_owned(), organisation, space, site, daemon: None, agent: None }
    }

    /// Its cluster. Errors: it only votes.
    pub fn site(&self) -> Result<&Site> {
        self.site.as_ref().with_context(|| format!("{} has no cluster", self.name))
    }

    /// Whether it has a cluster.
    #[must_use]
    pub fn has_cluster(&self) -> bool {
        self.site.is_some()
    }

    /// Name of its cluster.
    #[must_use]
    pub fn cluster(&self) -> String {
        format!("{}-1", self.name)
    }

    /// The process of its daemon. Errors: it does not run.
    pub fn daemon(&self) -> Result<&Process> {
        self.daemon.as_ref().with_context(|| format!("the daemon of {} does not run", self.name))
    }

    /// The process of its agent. Errors: it does not run.
    pub fn agent(&self) -> Result<&Process> {
        self.agent.as_ref().with_context(|| format!("the agent of {} does not run", self.name))
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.space.address()
    }

    pub(crate) fn peers(&self) -> String {
        format!("{}:{PEERS}", self.address())
    }

    pub(crate) fn admin(&self) -> String {
        format!("{}:{ADMIN}", self.address())
    }

    pub(crate) fn agents(&self) -> String {
        format!("{}:{AGENTS}", self.address())
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.space.directory().join("daemon")
    }

    pub(crate) fn agent_dir(&self) -> PathBuf {
        self.space.directory().join("agent")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.space.directory().join("agent.kubeconfig")
    }

    fn config(&self) -> PathBuf {
        self.space.directory().join("verbund.yaml")
    }

    /// Writes its daemon's configuration.
    pub(crate) fn configure(&self, desk: &Desk) -> Result<()> {
        fs::create_dir_all(self.space.directory())?;
        let (address, data) = (self.address(), self.data_dir());
        let yaml = format!(
            "dataDir: {}\nsite: {}\nlisten:\n  peers: [\"{address}:{PEERS}\"]\n  admin: [\"{address}:{ADMIN}\"]\n  \
             metrics: [\"{address}:{METRICS}\"]\n  agents: [\"{address}:{AGENTS}\"]\nadvertise: [\"{address}:{PEERS}\"]\n\
             passphraseSource: file:{}\nlowDiskBytes: 64MiB\n",
            data.display(),
            self.name,
            desk.passphrase_file().display(),
        );
        fs::write(self.config(), yaml).context("writing the daemon's configuration")
    }

    /// Gives its agent a kubeconfig of its own.
    pub(crate) async fn prepare_agent(&self) -> Result<()> {
        agent_kubeconfig(self.site()?, &self.kubeconfig()).await
    }

    /// Starts its daemon; it is not waited for.
    pub fn start_daemon(&mut self, desk: &Desk) -> Result<()> {
        let config = self.config().display().to_string();
        self.daemon = Some(self.space.spawn("daemon", &desk.command(&["serve", "--config", &config]))?);
        Ok(())
    }

    /// Starts its agent; it is not waited for.
    pub fn start_agent(&mut self, desk: &Desk) -> Result<()> {
        let (folder, kubeconfig) = (self.agent_dir().display().to_string(), self.kubeconfig().display().to_string());
        let guards = format!("{}:{GUARD_DESK}", self.address());
        let run = ["agent", "run", "--data-dir", &folder, "--kubeconfig", &kubeconfig, "--guard-listen", &guards];
        let guard = ["--guard-desk", &guards, "--guard-image", GUARD_IMAGE, "--guard-image-present"];
        self.agent = Some(self.space.spawn("agent", &desk.command(&[&run[..], &guard].concat()))?);
        Ok(())
    }

    /// `kill -9` of its daemon. No error if it does not run.
    pub fn kill_daemon(&mut self) -> Result<()> {
        self.daemon.take().map_or(Ok(()), Process::kill)
    }

    /// `kill -9` of its agent. No error if it does not run.
    pub fn kill_agent(&mut self) -> Result<()> {
        self.agent.take().map_or(Ok(()), Process::kill)
    }

    /// `SIGTERM` for its daemon, and waits for the end.
    pub fn stop_daemon(&mut self) -> Result<()> {
        self.daemon()?;
        self.daemon.take().map_or(Ok(()), |daemon| daemon.terminate(STOP))
    }

    /// Starts whatever of daemon and agent does not run, and lets go on what is stopped.
    pub fn revive(&mut self, desk: &Desk) -> Result<()> {
        match &self.daemon {
            Some(daemon) if daemon.is_alive() => daemon.signal(Signal::CONT)?,
            _ => self.start_daemon(desk)?,
        }
        match &self.agent {
            Some(agent) if agent.is_alive() => agent.signal(Signal::CONT)?,
            _ if self.site.is_some() => self.start_agent(desk)?,
            _ => {}
        }
        Ok(())
    }

    /// Fails, with the end of the log, if its daemon or agent has ended by itself.
    pub fn expect_alive(&self) -> Result<()> {
        self.daemon.iter().chain(&self.agent).try_for_each(Process::expect_alive)
    }

    /// The ends of the logs of daemon and agent.
    #[must_use]
    pub fn logs(&self) -> String {
        let logs = self.daemon.iter().chain(&self.agent).map(Process::log);
        logs.map(|log| format!("--- end of {}\n{}", log.display(), verbund_testbed::tail(log))).collect()
    }
}
