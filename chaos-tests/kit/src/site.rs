//! One site: its directory, its ports, its daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use verbund_tls::Address;

use crate::api::Door;
use crate::cluster::Cluster;
use crate::desk::Desk;
use crate::ports::Ports;
use crate::process::{Process, Signal};
use crate::wait::until_async;

/// How long a daemon may take until it is ready.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(30);
/// Where the sites stand: a Land each, latitude and longitude. The first seven are at least 200 km from one another, so that
/// each is a georedundant fallback of each.
const LAENDER: [(&str, f64, f64); 8] = [
    ("DE-HE", 50.1109, 8.6821),
    ("DE-SH", 54.3233, 10.1228),
    ("DE-BW", 47.9990, 7.8421),
    ("DE-BY", 48.1351, 11.5820),
    ("DE-NI", 52.3759, 9.7320),
    ("DE-SN", 51.0504, 13.7373),
    ("DE-NW", 51.7885, 6.1387),
    ("DE-HH", 53.5511, 9.9937),
];

/// Where a site's processes run: on this machine's loopback, or in a network of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The site's name; `s1`, `s2`, … if nobody gave one.
    pub name: Option<String>,
    /// The IPv4 address that the daemon binds, and at which everybody reaches it.
    pub host: String,
    /// What stands before each of the site's commands, such as `nsenter --net=…`.
    pub enter: Vec<String>,
}

impl Default for Place {
    /// On loopback.
    fn default() -> Self {
        Self { name: None, host: "127.0.0.1".to_owned(), enter: Vec::new() }
    }
}

/// A site.
#[derive(Debug)]
pub struct Site {
    /// Its name: that of its place, or `s1`, `s2`, …
    pub name: String,
    /// Its organisation's name: `o1`, `o2`, …
    pub organisation: String,
    /// Where it stands.
    pub land: &'static str,
    /// Its latitude and longitude.
    pub coordinates: (f64, f64),
    /// Where its processes run.
    pub place: Place,
    /// Where its peers reach it.
    pub peer_port: u16,
    /// Where its API is.
    pub admin_port: u16,
    /// Where its metrics are.
    pub metrics_port: u16,
    /// Where its clusters' agents reach it.
    pub agents_port: u16,
    /// Its clusters, each with its agent.
    pub clusters: Vec<Cluster>,
    /// Where its peers reach it instead, through a link that takes its time.
    pub advertised_port: Option<u16>,
    directory: PathBuf,
    door: Option<Door>,
    process: Option<Process>,
}

impl Site {
    /// The `number`-th site (from 1) below `root`, configured with `extra` lines of YAML. Nothing of it runs.
    pub fn new(root: &Path, number: usize, place: Place, desk: &Desk, extra: &str) -> Result<Self> {
        let name = place.name.clone().unwrap_or_else(|| format!("s{number}"));
        let (land, latitude, longitude) = LAENDER[(number - 1) % LAENDER.len()];
        let site = Self {
            directory: root.join(&name),
            organisation: format!("o{number}"),
            land,
            coordinates: (latitude, longitude),
            place,
            peer_port: Ports::free()?,
            admin_port: Ports::free()?,
            metrics_port: Ports::free()?,
            agents_port: Ports::free()?,
            clusters: Vec::new(),
            advertised_port: None,
            door: None,
            process: None,
            name,
        };
        fs::create_dir_all(&site.directory)?;
        site.configure(desk, extra)?;
        Ok(site)
    }

    /// Writes the configuration anew, for the next start.
    pub fn configure(&self, desk: &Desk, extra: &str) -> Result<()> {
        let (peer, admin, agents) = (self.peer_address(), self.admin_address(), self.agents_address());
        let listen = format!("{}:{}", self.place.host, self.peer_port);
        // The kit reads what is counted from loopback only.
        let metrics = self.metrics_port;
        let (data, passphrase) = (self.data_dir(), desk.passphrase_file());
        let yaml = format!(
            "dataDir: {}\nsite: {}\nlisten:\n  peers: [\"{listen}\"]\n  admin: [\"{admin}\"]\n  \
             agents: [\"{agents}\"]\n  metrics: [\"127.0.0.1:{metrics}\"]\nadvertise: [\"{peer}\"]\n\
             passphraseSource: file:{}\nlowDiskBytes: 64MiB\n{extra}\n",
            data.display(),
            self.name,
            passphrase.display(),
        );
        fs::write(self.config(), yaml).context("writing the configuration")
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("verbund.yaml")
    }

    /// Its daemon's log, of all starts.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The address that peers dial.
    #[must_use]
    pub fn peer_address(&self) -> String {
        format!("{}:{}", self.place.host, self.advertised_port.unwrap_or(self.peer_port))
    }

    /// The address of its API.
    #[must_use]
    pub fn admin_address(&self) -> String {
        format!("{}:{}", self.place.host, self.admin_port)
    }

    /// The address that its clusters' agents dial.
    #[must_use]
    pub fn agents_address(&self) -> String {
        format!("{}:{}", self.place.host, self.agents_port)
    }

    /// The directory of the site.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where its API is and by which anchor it is known. Errors: nobody has said yet ([`Site::know`]).
    pub fn door(&self) -> Result<&Door> {
        self.door.as_ref().with_context(|| format!("{} has no context yet", self.name))
    }

    /// Remembers by which anchor its API is known.
    pub fn know(&mut self, pin: &str) -> Result<()> {
        let address: Address = self.admin_address().parse()?;
        self.door = Some(Door { address, pin: pin.parse()? });
        Ok(())
    }

    /// Starts its daemon, and does not wait.
    pub fn launch(&mut self, desk: &Desk) -> Result<()> {
        if self.process.is_some() {
            bail!("{} runs already", self.name);
        }
        let config = self.config().display().to_string();
        let mut command = desk.command_in(&self.place.enter, &["serve", "--config", &config]);
        self.process = Some(Process::spawn(&self.name, &mut command, &self.log())?);
        Ok(())
    }

    /// Waits until its API says that it is ready.
    pub async fn ready(&mut self) -> Result<Duration> {
        let door = self.door()?.clone();
        let process = &mut self.process;
        let name = &self.name;
        let look = || {
            let alive = process.as_mut().context("it does not run").and_then(Process::expect_running);
            let door = door.clone();
            async move {
                alive?;
                let answer = door.connect(None).await?.get("/readyz").await?;
                if answer.status.is_success() { Ok(()) } else { bail!("/readyz: {}", answer.status) }
            }
        };
        let ready = until_async(&format!("{name} being ready"), START, look).await;
        Ok(ready.with_context(|| self.log_tail())?.1)
    }

    /// The process. Errors: it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        let name = &self.name;
        self.process.as_mut().with_context(|| format!("{name} does not run"))
    }

    /// Whether its daemon was started and not stopped.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?;
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// `SIGTERM`; it must end well, and in time.
    pub fn terminate(&mut self) -> Result<()> {
        self.process()?;
        if let Some(process) = self.process.take() {
            let status = process.terminate(STOP).with_context(|| self.log_tail())?;
            if !status.success() {
                bail!("{} ended with {status} after SIGTERM\n{}", self.name, self.log_tail());
            }
        }
        Ok(())
    }

    /// Starts whatever of its daemon and its agents does not run, and lets go on what is stopped. Waits for nothing.
    pub fn revive(&mut self, desk: &Desk) -> Result<()> {
        if !self.process.as_mut().is_some_and(Process::wake) {
            self.process = None;
            self.launch(desk)?;
        }
        self.clusters.iter_mut().try_for_each(|cluster| cluster.revive(desk))
    }

    /// Fails, with the end of the log, if its daemon or an agent that was started has ended by itself.
    pub fn expect_running(&mut self) -> Result<()> {
        let agents = self.clusters.iter_mut().filter_map(Cluster::started);
        self.process.iter_mut().chain(agents).try_for_each(Process::expect_running)
    }

    /// `SIGSTOP`: it stays connected and says nothing.
    pub fn freeze(&mut self) -> Result<()> {
        self.process()?.signal(Signal::STOP)
    }

    /// `SIGCONT`.
    pub fn thaw(&mut self) -> Result<()> {
        self.process()?.signal(Signal::CONT)
    }

    /// The ends of its log and of its agents'.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let own = format!("--- end of {}'s log\n{}", self.name, crate::process::tail(&self.log()));
        std::iter::once(own).chain(self.clusters.iter().map(Cluster::log_tail)).collect::<Vec<_>>().join("\n")
    }
}
