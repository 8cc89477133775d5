//! A cluster of a site, as far as the federation sees it: its agent's folder and process.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::desk::Desk;
use crate::process::{Process, Signal, tail};
use crate::serving::note_killed;

/// A registered cluster and the agent that carries placements out there.
#[derive(Debug)]
pub struct Cluster {
    /// Its name: `s1-1`, `s1-2`, …
    pub name: String,
    /// What `verbund agent run` is told of the cluster: `--simulated`, or where its API is.
    pub driver: Vec<String>,
    directory: PathBuf,
    enter: Vec<String>,
    process: Option<Process>,
}

impl Cluster {
    /// A cluster of the site that lies at `site`, whose agent runs behind `enter` and does not yet.
    #[must_use]
    pub fn new(name: String, site: &Path, enter: Vec<String>, driver: &[&str]) -> Self {
        let driver = driver.iter().map(|word| (*word).to_owned()).collect();
        Self { directory: site.join(&name), name, driver, enter, process: None }
    }

    /// Its agent's folder.
    #[must_use]
    pub fn agent_dir(&self) -> PathBuf {
        self.directory.clone()
    }

    /// Its agent's log, of all starts. At a simulated cluster it also says what serves there, and what no longer does.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    /// Starts its agent, and does not wait. Errors: it runs.
    pub fn launch(&mut self, desk: &Desk) -> Result<()> {
        if self.process.is_some() {
            bail!("the agent of {} runs already", self.name);
        }
        let folder = self.agent_dir().display().to_string();
        let arguments = ["agent", "run", "--data-dir", &folder].into_iter();
        let arguments: Vec<&str> = arguments.chain(self.driver.iter().map(String::as_str)).collect();
        let name = format!("the agent of {}", self.name);
        self.process = Some(Process::spawn(&name, &mut desk.command_in(&self.enter, &arguments), &self.log())?);
        Ok(())
    }

    /// Starts its agent if it does not run, and lets it go on if it is stopped.
    pub fn revive(&mut self, desk: &Desk) -> Result<()> {
        if self.process.as_mut().is_some_and(Process::wake) {
            return Ok(());
        }
        self.process = None;
        self.launch(desk)
    }

    pub(crate) fn started(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// The agent's process. Errors: it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        let name = &self.name;
        self.process.as_mut().with_context(|| format!("the agent of {name} does not run"))
    }

    /// Whether its agent was started and not stopped.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// `kill -9` of the agent. A simulated cluster lives within it, and ends with it.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?;
        self.process.take().map_or(Ok(()), Process::kill)?;
        note_killed(&self.log())
    }

    /// `SIGSTOP` of the agent.
    pub fn freeze(&mut self) -> Result<()> {
        self.process()?.signal(Signal::STOP)
    }

    /// `SIGCONT` of the agent.
    pub fn thaw(&mut self) -> Result<()> {
        self.process()?.signal(Signal::CONT)
    }

    /// The end of its agent's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        format!("--- end of the log of {}'s agent\n{}", self.name, tail(&self.log()))
    }
}
