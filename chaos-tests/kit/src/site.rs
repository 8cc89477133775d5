//! One site: its directory, its ports, its daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use verbund_tls::Address;

use crate::api::Door;
use crate::desk::Desk;
use crate::ports::Ports;
use crate::process::{Process, Signal};
use crate::wait::until_async;

/// How long a daemon may take until it is ready.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(30);
/// Where the sites stand: one Land each.
const LAENDER: [&str; 8] = ["DE-HE", "DE-SH", "DE-BW", "DE-BY", "DE-NI", "DE-SN", "DE-NW", "DE-HH"];

/// A site.
#[derive(Debug)]
pub struct Site {
    /// Its name: `s1`, `s2`, …
    pub name: String,
    /// Its organisation's name: `o1`, `o2`, …
    pub organisation: String,
    /// Where it stands.
    pub land: &'static str,
    /// Where its peers reach it.
    pub peer_port: u16,
    /// Where its API is.
    pub admin_port: u16,
    /// Where its metrics are.
    pub metrics_port: u16,
    directory: PathBuf,
    door: Option<Door>,
    process: Option<Process>,
}

impl Site {
    /// The `number`-th site (from 1) below `root`, configured with `extra` lines of YAML. Nothing of it runs.
    pub fn new(root: &Path, number: usize, desk: &Desk, extra: &str) -> Result<Self> {
        let name = format!("s{number}");
        let site = Self {
            directory: root.join(&name),
            organisation: format!("o{number}"),
            land: LAENDER[(number - 1) % LAENDER.len()],
            peer_port: Ports::free()?,
            admin_port: Ports::free()?,
            metrics_port: Ports::free()?,
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
        let (peer, admin, metrics) = (self.peer_port, self.admin_port, self.metrics_port);
        let (data, passphrase) = (self.data_dir(), desk.passphrase_file());
        let yaml = format!(
            "dataDir: {}\nsite: {}\nlisten:\n  peers: [\"127.0.0.1:{peer}\"]\n  admin: [\"127.0.0.1:{admin}\"]\n  \
             metrics: [\"127.0.0.1:{metrics}\"]\nadvertise: [\"127.0.0.1:{peer}\"]\npassphraseSource: file:{}\n\
             lowDiskBytes: 64MiB\n{extra}\n",
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
        format!("127.0.0.1:{}", self.peer_port)
    }

    /// The address of its API.
    #[must_use]
    pub fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin_port)
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
        let mut command = desk.command(&["serve", "--config", &config]);
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

    /// `SIGSTOP`: it stays connected and says nothing.
    pub fn freeze(&mut self) -> Result<()> {
        self.process()?.signal(Signal::STOP)
    }

    /// `SIGCONT`.
    pub fn thaw(&mut self) -> Result<()> {
        self.process()?.signal(Signal::CONT)
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        format!("--- end of {}'s log\n{}", self.name, crate::process::tail(&self.log()))
    }
}
