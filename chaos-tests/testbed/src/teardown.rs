//! Removing a testbed, whole or half made, by whoever finds it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::mount::{UnmountFlags, unmount};

use crate::cgroup::Cgroup;
use crate::cluster::Layout;
use crate::network;
use crate::process::Signal;
use crate::state::{self, State};

/// Where runtime and network plugins leave files whatever they are told.
const POD_LINKS: &str = "/var/log/containers";
const NETWORK_RESULTS: &str = "/var/lib/cni/results";
const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins";

/// Ends every process, unmounts every mount and removes every namespace, group and file of a testbed, logs excepted. Can be
/// repeated. Errors: something would not go; the state stays then, so that it can be tried again.
pub(crate) fn tear_down(state: &State) -> Result<()> {
    end_processes(state)?;
    for name in state.spaces.keys() {
        clean_space(state, name)?;
    }
    network::remove(state)?;
    Cgroup::of_testbed(state.slot).remove()?;
    remove_device_socket(state)?;
    state::restore_settings(state)?;
    state.forget()
}

/// Ends what runs in a space as a loss of power would: everything at once. What a restart of the machine would clear
/// (mounts, the runtime's state) is cleared; what lies on disk stays.
pub(crate) fn power_off(state: &State, space: &str) -> Result<()> {
    Cgroup::of_space(state.slot, space).kill()?;
    clear_runtime(state, space)
}

fn end_processes(state: &State) -> Result<()> {
    for (name, space) in &state.spaces {
        // Those that were started but never reached their group, first.
        for process in space.components.values() {
            let _ = process.signal(Signal::KILL);
        }
        Cgroup::of_space(state.slot, name).kill()?;
    }
    Cgroup::of_testbed(state.slot).kill()
}

fn clean_space(state: &State, name: &str) -> Result<()> {
    let layout = Layout::of(state, name);
    left_elsewhere(state, name, &layout)?;
    clear_runtime(state, name)?;
    for directory in layout.data() {
        remove(&directory)?;
    }
    Ok(())
}

/// Mounts, sockets of shims and the state that containerd and runc keep in memory.
fn clear_runtime(state: &State, name: &str) -> Result<()> {
    let layout = Layout::of(state, name);
    remove_shim_sockets(&layout.run());
    for mount in mounts_below(&[layout.run(), layout.directory()])? {
        unmount(&mount, UnmountFlags::DETACH).with_context(|| format!("unmounting {}", mount.display()))?;
    }
    remove(&layout.run())
}

/// The shim keeps its socket outside of containerd's state and writes down where.
fn remove_shim_sockets(run: &Path) {
    let tasks = run.join("containerd/io.containerd.runtime.v2.task/k8s.io");
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let address = fs::read_to_string(task.path().join("address")).unwrap_or_default();
        if let Some(socket) = address.trim().strip_prefix("unix://") {
            let _ = fs::remove_file(socket);
        }
    }
}

/// Removes what runtime, network plugins and kubelet wrote to places of their own.
fn left_elsewhere(state: &State, name: &str, layout: &Layout) -> Result<()> {
    for file in files_elsewhere(state, name, layout) {
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    Ok(())
}

/// The kubelet's links to the logs of containers, and the network plugins' results.
pub(crate) fn files_elsewhere(state: &State, name: &str, layout: &Layout) -> Vec<PathBuf> {
    let ours = |link: &PathBuf| fs::read_link(link).is_ok_and(|target| target.starts_with(layout.directory()));
    let mut found: Vec<_> = entries(Path::new(POD_LINKS)).into_iter().filter(ours).collect();
    // A pod has one result for our network, `<network>-<sandbox>-eth0`, and one for its loopback, which names no network.
    let network = format!("{}-", network::namespace(state.slot, name));
    let results = entries(Path::new(NETWORK_RESULTS));
    let names = || results.iter().filter_map(|path| Some((path, path.file_name()?.to_str()?)));
    let sandboxes: Vec<_> =
        names().filter_map(|(_, name)| name.strip_prefix(&network)?.strip_suffix("-eth0")).collect();
    let of_sandbox = |name: &str| sandboxes.iter().any(|sandbox| name.contains(sandbox));
    found.extend(names().filter(|(_, name)| of_sandbox(name)).map(|(path, _)| path.clone()));
    found
}

/// The socket for device plugins, which every kubelet makes here, whatever its directory. It goes with the last testbed, if
/// nobody listens there.
fn remove_device_socket(state: &State) -> Result<()> {
    let socket = Path::new(DEVICE_PLUGINS).join("kubelet.sock");
    let others = state::all()?.iter().any(|other| other.slot != state.slot);
    if !others && socket.exists() && UnixStream::connect(&socket).is_err() {
        fs::remove_file(&socket).with_context(|| format!("removing {}", socket.display()))?;
        // Not empty on a machine with a kubelet of its own: they stay then.
        let directories = Path::new(DEVICE_PLUGINS).ancestors().take(2);
        directories.for_each(|directory| drop(fs::remove_dir(directory)));
    }
    Ok(())
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("removing {}", directory.display()))?;
    }
    Ok(())
}

/// Every mount below one of the directories, innermost first.
pub(crate) fn mounts_below(directories: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mounts").context("reading the mounts")?;
    let mounts = table.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    let mut found: Vec<_> = mounts.filter(|mount| directories.iter().any(|above| mount.starts_with(above))).collect();
    // The table is in the order of mounting.
    found.reverse();
    Ok(found)
}
