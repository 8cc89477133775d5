//! What a testbed has made, on disk, so that another process, or the next run after a crash, can find and remove it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cluster::Component;
use crate::network;
use crate::process::ProcessId;

/// Gone after a restart of the machine, as are namespaces, mounts and groups.
const ROOT: &str = "/run/verbund-testbed";
/// How many testbeds fit on one machine: each has a network of its own, `10.160.0.0/16` and following.
const SLOTS: u8 = 32;
/// What a kubelet changes for the whole machine.
const SETTINGS: [&str; 4] = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"];

/// One testbed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Which of the testbeds of this machine it is.
    pub(crate) slot: u8,
    /// Where its sites keep their data.
    pub(crate) directory: PathBuf,
    /// The process whose end is its end. `None`: it was started to stay.
    pub(crate) owner: Option<ProcessId>,
    /// Its spaces by name.
    pub(crate) spaces: BTreeMap<String, SpaceState>,
    /// How many of a thousand packets are lost, from one space to another.
    pub(crate) losses: Vec<Loss>,
    /// Spaces without any link to another.
    pub(crate) cut_off: BTreeSet<String>,
    /// Settings of the kernel as they were before the first testbed, by path below `/proc/sys`.
    pub(crate) settings: BTreeMap<String, String>,
}

/// One space of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SpaceState {
    /// Its number, from 1, which its addresses follow.
    pub(crate) number: u8,
    /// Whether it has a cluster.
    pub(crate) cluster: bool,
    /// The processes of its cluster.
    pub(crate) components: BTreeMap<Component, ProcessId>,
}

/// A link on which packets are lost, in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) permille: u16,
}

impl State {
    /// Takes a free slot for a testbed in `directory`, first removing what crashed runs left. Errors: not root, one in this
    /// directory already, or no slot is free.
    pub(crate) fn claim(directory: &Path) -> Result<Self> {
        let _lock = lock()?;
        for state in all()? {
            if state.owner.is_some_and(|owner| !owner.is_alive()) {
                crate::teardown::tear_down(&state).context("removing what an earlier run left")?;
            } else if state.directory == directory {
                bail!("a testbed in {} is up already; stop it first", directory.display());
            }
        }
        let others = all()?;
        for slot in 0..SLOTS {
            if others.iter().any(|other| other.slot == slot) || network::is_taken(slot)? {
                continue;
            }
            let settings = others.first().map_or_else(read_settings, |other| other.settings.clone());
            let state = Self {
                slot,
                directory: directory.to_owned(),
                owner: ProcessId::own(),
                spaces: BTreeMap::new(),
                losses: Vec::new(),
                cut_off: BTreeSet::new(),
                settings,
            };
            state.save()?;
            return Ok(state);
        }
        bail!("all {SLOTS} testbeds of this machine are taken, or 10.160.0.0 and following are in use")
    }

    /// Writes it down. Errors: not root, disk full.
    pub(crate) fn save(&self) -> Result<()> {
        let run = self.run();
        fs::create_dir_all(&run).with_context(|| format!("making {} (it needs root)", run.display()))?;
        let new = run.join("state.new");
        fs::write(&new, serde_json::to_vec_pretty(self)?).context("writing the testbed's state")?;
        fs::rename(&new, run.join("state.json")).context("writing the testbed's state")
    }

    /// Forgets it.
    pub(crate) fn forget(&self) -> Result<()> {
        if self.run().exists() {
            fs::remove_dir_all(self.run()).with_context(|| format!("removing {}", self.run().display()))?;
        }
        Ok(())
    }

    /// Where its sockets and its runtime's state lie: short, because a socket's path has at most 107 bytes.
    pub(crate) fn run(&self) -> PathBuf {
        Path::new(ROOT).join(self.slot.to_string())
    }
}

/// Every testbed of this machine. Errors: not readable, which means not root.
pub(crate) fn all() -> Result<Vec<State>> {
    let mut found = Vec::new();
    for slot in 0..SLOTS {
        let file = Path::new(ROOT).join(slot.to_string()).join("state.json");
        if file.exists() {
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            let state = serde_json::from_slice(&bytes);
            found.push(state.with_context(|| format!("{} is damaged; restart the machine", file.display()))?);
        }
    }
    Ok(found)
}

/// Held while slots are taken or given back. Errors: not root.
pub(crate) fn lock() -> Result<File> {
    fs::create_dir_all(ROOT).with_context(|| format!("making {ROOT} (it needs root)"))?;
    let path = Path::new(ROOT).join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// Puts the kernel's settings back, if no other testbed needs them.
pub(crate) fn restore_settings(state: &State) -> Result<()> {
    if all()?.iter().any(|other| other.slot != state.slot) {
        return Ok(());
    }
    for (name, value) in &state.settings {
        let file = Path::new("/proc/sys").join(name);
        if fs::read_to_string(&file).ok().as_ref() != Some(value) {
            fs::write(&file, value).with_context(|| format!("putting {} back", file.display()))?;
        }
    }
    Ok(())
}

fn read_settings() -> BTreeMap<String, String> {
    let read = |name: &&str| Some(((*name).to_owned(), fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?));
    SETTINGS.iter().filter_map(read).collect()
}
