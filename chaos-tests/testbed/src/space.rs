//! A network namespace with an address of its own, in which processes run.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cgroup::Cgroup;
use crate::network;
use crate::process::{Process, ProcessId, Signal};
use crate::state::State;

/// Enters the group, then the namespace, and becomes the program: its pid is the one that was started.
const ENTER: &str = "echo $$ >\"$1\" || exit 125; net=$2; shift 2; exec nsenter --net=\"$net\" -- \"$@\"";

/// A network namespace of a testbed, connected with all others until a link is cut. A [`Site`](crate::Site) is a space with
/// a cluster.
#[derive(Clone, Debug)]
pub struct Space {
    pub(crate) shared: Arc<Mutex<State>>,
    name: Arc<str>,
    slot: u8,
    number: u8,
    directory: PathBuf,
}

impl Space {
    pub(crate) fn of(shared: &Arc<Mutex<State>>, name: &str) -> Result<Self> {
        let state = lock(shared);
        let space = state.spaces.get(name).with_context(|| format!("the testbed has no site {name}"))?;
        Ok(Self {
            shared: Arc::clone(shared),
            name: name.into(),
            slot: state.slot,
            number: space.number,
            directory: state.directory.join(name),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the network between the sites. Processes in other spaces, and on the machine itself, reach it here.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        network::address(self.slot, self.number)
    }

    /// Name of its network namespace, as `ip netns` lists it.
    #[must_use]
    pub fn namespace(&self) -> String {
        network::namespace(self.slot, &self.name)
    }

    /// A directory for its data. It is there as long as the testbed; `logs` in it is not removed.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts `command` inside this space, with its environment and working directory. What it writes goes to
    /// `logs/<name>.log` in [`Space::directory`]. The process ends with the returned value, with the testbed, and when the
    /// site loses power. Errors: it could not be started.
    pub fn spawn(&self, name: &str, command: &Command) -> Result<Process> {
        let logs = self.directory.join("logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{name}.log"));
        Process::start(&format!("{name} of {}", self.name), &mut self.enter(command)?, &log)
    }

    /// What stands before a command that somebody else starts, so that it runs inside this space, in a session of its own (a
    /// Ctrl-C on the terminal is for whoever started the testbed), and ends when the site loses power. The pid stays that of
    /// the process that was started.
    pub fn entering(&self) -> Result<Vec<String>> {
        let group = Cgroup::of_space(self.slot, &self.name).entrance()?.display().to_string();
        let namespace = network::namespace_file(self.slot, &self.name).display().to_string();
        Ok(["setsid", "/bin/sh", "-c", ENTER, "enter", &group, &namespace].map(str::to_owned).into())
    }

    /// Runs `command` inside this space to its end and returns what it wrote to standard output. Errors: it failed; the
    /// message holds what it wrote.
    pub fn run(&self, command: &Command) -> Result<String> {
        crate::command::run(&mut self.enter(command)?)
    }

    /// Runs `work` on a thread inside this space. A socket that it opens stays in the space wherever it is used later.
    /// Errors: the namespace cannot be entered, or `work` panicked.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let space = self.clone();
        let thread = std::thread::spawn(move || -> Result<T> {
            space.enter_thread()?;
            Ok(work())
        });
        thread.join().map_err(|_| anyhow!("the work inside {} panicked", self.name))?
    }

    /// Every process of this space now, those of its containers among them.
    pub fn processes(&self) -> Result<Vec<ProcessId>> {
        Ok(Cgroup::of_space(self.slot, &self.name).processes()?.into_iter().collect())
    }

    /// Stops every process of the space where it is (`SIGSTOP`), containers too.
    pub fn pause_everything(&self) -> Result<()> {
        Cgroup::of_space(self.slot, &self.name).signal(Signal::STOP)
    }

    /// Lets every process of the space go on.
    pub fn resume_everything(&self) -> Result<()> {
        Cgroup::of_space(self.slot, &self.name).signal(Signal::CONT)
    }

    /// Moves the calling thread into the namespace for good.
    pub(crate) fn enter_thread(&self) -> Result<()> {
        let path = network::namespace_file(self.slot, &self.name);
        let file = fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("entering the network namespace of {}", self.name))
    }

    fn enter(&self, command: &Command) -> Result<Command> {
        let mut entering = Command::new("/bin/sh");
        entering.args(["-c", ENTER, "enter"]);
        entering.arg(Cgroup::of_space(self.slot, &self.name).entrance()?);
        entering.arg(network::namespace_file(self.slot, &self.name));
        entering.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => entering.env(key, value),
                None => entering.env_remove(key),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            entering.current_dir(directory);
        }
        // A Ctrl-C on the terminal is for whoever started the testbed, which then stops everything in order.
        entering.process_group(0);
        Ok(entering)
    }
}

/// The state, also after another thread panicked with it: it is written as a whole.
pub(crate) fn lock(shared: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
