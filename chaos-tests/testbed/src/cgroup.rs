//! One control group for each space: every process of it, also of its containers and their shims, is found there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{ProcessId, Signal};
use crate::wait::until_blocking;

/// The group over all testbeds, in each hierarchy.
const ROOT: &str = "verbund-testbed";
/// The group inside a space for everything but pods: groups of version 2 hold processes only in their leaves.
const HOST: &str = "host";
/// How long processes may take to end after `SIGKILL`, and a group until it can be removed.
const BOUND: Duration = Duration::from_secs(30);

/// A control group, the same path in each hierarchy of the machine (version 1, version 2 or both).
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    /// Below the hierarchies, without a leading slash.
    path: PathBuf,
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq)]
struct Hierarchy {
    mount: PathBuf,
    second: bool,
    options: String,
}

impl Cgroup {
    /// The group of everything in the testbed with this number. It need not exist.
    pub(crate) fn of_testbed(slot: u8) -> Self {
        Self { path: Path::new(ROOT).join(slot.to_string()) }
    }

    /// The group of a space in it.
    pub(crate) fn of_space(slot: u8, space: &str) -> Self {
        Self { path: Self::of_testbed(slot).path.join(space) }
    }

    /// Its path as the kubelet wants it (`cgroupRoot`).
    pub(crate) fn name(&self) -> String {
        format!("/{}", self.path.display())
    }

    /// Makes it in every hierarchy. Errors: not root, or no control groups.
    pub(crate) fn create(&self) -> Result<()> {
        for hierarchy in hierarchies()? {
            let mut directory = hierarchy.mount.clone();
            for part in &self.path {
                // Below a group, a controller of version 2 is there only if the group above passes it on.
                if hierarchy.second {
                    delegate(&directory)?;
                }
                let above = directory.clone();
                directory.push(part);
                if directory.is_dir() {
                    continue;
                }
                fs::create_dir(&directory)
                    .with_context(|| format!("making the control group {}", directory.display()))?;
                if hierarchy.options.split(',').any(|option| option == "cpuset") && !hierarchy.second {
                    inherit(&above, &directory)?;
                }
            }
            if hierarchy.second {
                delegate(&directory)?;
            }
            let host = directory.join(HOST);
            if !host.is_dir() {
                fs::create_dir(&host)?;
            }
        }
        Ok(())
    }

    /// The file to which a process writes its pid to enter. Errors: no hierarchy is mounted.
    pub(crate) fn entrance(&self) -> Result<PathBuf> {
        let all = hierarchies()?;
        // Containers leave the groups of version 1 for groups of their own below; in version 2 beside version 1 they stay.
        let best = all.iter().find(|hierarchy| hierarchy.second);
        let best = best.or_else(|| all.iter().find(|hierarchy| hierarchy.options.contains("pids"))).or(all.first());
        let best = best.context("no control groups are mounted on this machine")?;
        Ok(best.mount.join(&self.path).join(HOST).join("cgroup.procs"))
    }

    /// Every process in it and below.
    pub(crate) fn processes(&self) -> Result<BTreeSet<ProcessId>> {
        let mut found = BTreeSet::new();
        for directory in self.directories()? {
            collect(&directory, &mut found);
        }
        Ok(found)
    }

    /// `kill -9` for every process in it and below, until none is left.
    pub(crate) fn kill(&self) -> Result<()> {
        for directory in self.directories()? {
            // Version 2 since Linux 5.14 does it at once for all; the loop below does it everywhere.
            let _ = fs::write(directory.join("cgroup.kill"), "1");
        }
        until_blocking(&format!("end of the processes in {}", self.name()), BOUND, || {
            let left = self.processes()?;
            for process in &left {
                let _ = process.signal(Signal::KILL);
            }
            if left.is_empty() { Ok(()) } else { bail!("{} still run", left.len()) }
        })
    }

    /// Sends a signal to every process in it and below.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        for process in self.processes()? {
            // One that has ended meanwhile needs none.
            let _ = process.signal(signal);
        }
        Ok(())
    }

    /// Removes it and everything below from every hierarchy; it must be empty of processes. No error if it is not there.
    pub(crate) fn remove(&self) -> Result<()> {
        for directory in self.directories()? {
            // A process that just ended may hold its group for a moment.
            until_blocking(&format!("removal of {}", directory.display()), BOUND, || Ok(remove(&directory)?))?;
        }
        // The group over all testbeds goes with the last of them; while there is another, this fails.
        for hierarchy in hierarchies()? {
            let _ = fs::remove_dir(hierarchy.mount.join(ROOT));
        }
        Ok(())
    }

    /// Where it is, in each hierarchy in which it exists.
    pub(crate) fn directories(&self) -> Result<Vec<PathBuf>> {
        let all = hierarchies()?.into_iter().map(|hierarchy| hierarchy.mount.join(&self.path));
        Ok(all.filter(|directory| directory.is_dir()).collect())
    }
}

fn collect(directory: &Path, found: &mut BTreeSet<ProcessId>) {
    let pids = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    found.extend(pids.lines().filter_map(|line| line.parse().ok()).filter_map(ProcessId::of));
    below(directory).iter().for_each(|group| collect(group, found));
}

fn remove(directory: &Path) -> std::io::Result<()> {
    for group in below(directory) {
        remove(&group)?;
    }
    fs::remove_dir(directory)
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// A new group of the controller cpuset has no processor and no memory node, and lets nobody in, until told.
fn inherit(above: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        fs::write(group.join(file), fs::read_to_string(above.join(file))?)?;
    }
    Ok(())
}

fn delegate(group: &Path) -> Result<()> {
    let controllers = fs::read_to_string(group.join("cgroup.controllers"))?;
    let all: Vec<String> = controllers.split_whitespace().map(|controller| format!("+{controller}")).collect();
    if all.is_empty() {
        return Ok(());
    }
    let file = group.join("cgroup.subtree_control");
    fs::write(&file, all.join(" ")).with_context(|| format!("passing controllers on in {}", file.display()))
}

fn hierarchies() -> Result<Vec<Hierarchy>> {
    Ok(parse(&fs::read_to_string("/proc/self/mounts").context("reading the mounts")?))
}

fn parse(mounts: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, mount, kind @ ("cgroup" | "cgroup2"), options, ..] = fields.as_slice() else { continue };
        let mount = PathBuf::from(mount);
        if mount.starts_with("/sys/fs/cgroup") {
            found.push(Hierarchy { mount, second: *kind == "cgroup2", options: (*options).to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_hierarchies_of_both_versions() {
        let mounts = "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /elsewhere cgroup rw,cpu 0 0\n";
        let found = parse(mounts);
        assert_eq!(found.len(), 2);
        assert!(!found[0].second && found[0].options.contains("pids"));
        assert!(found[1].second);
    }
}
