//! Traces of a testbed on the machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cgroup::Cgroup;
use crate::cluster::Layout;
use crate::command::run;
use crate::network;
use crate::process::ProcessId;
use crate::state::State;
use crate::teardown::{files_elsewhere, mounts_below};

/// What a testbed has on a machine: names that [`Remains::left`] looks for again later.
#[derive(Clone, Debug)]
pub struct Remains {
    state: State,
    processes: Vec<ProcessId>,
}

impl Remains {
    pub(crate) fn of(state: &State) -> Result<Self> {
        let processes = Cgroup::of_testbed(state.slot).processes()?.into_iter().collect();
        Ok(Self { state: state.clone(), processes })
    }

    /// Everything of it that there is now, a line each: processes (those of the time it was asked for, and those in its
    /// groups), mounts, namespaces, links, groups, files. Empty if nothing is left.
    pub fn left(&self) -> Result<Vec<String>> {
        let state = &self.state;
        let group = Cgroup::of_testbed(state.slot);
        let mut processes: Vec<_> = self.processes.iter().filter(|process| process.is_alive()).copied().collect();
        processes.extend(group.processes()?);
        let mut left: Vec<_> = processes.iter().map(|process| format!("process {}", process.pid)).collect();
        left.extend(group.directories()?.iter().map(|path| format!("control group {}", path.display())));

        let layouts: Vec<_> = state.spaces.keys().map(|name| Layout::of(state, name)).collect();
        let mut places: Vec<PathBuf> = layouts.iter().map(Layout::directory).collect();
        places.push(state.run());
        left.extend(mounts_below(&places)?.iter().map(|path| format!("mount {}", path.display())));
        let files = layouts.iter().flat_map(Layout::data).chain([state.run()]);
        let elsewhere = layouts.iter().flat_map(|layout| files_elsewhere(state, layout.name(), layout));
        let files = files.chain(elsewhere);
        left.extend(
            files.filter(|path| path.symlink_metadata().is_ok()).map(|path| format!("files {}", path.display())),
        );

        let spaces = state.spaces.keys().map(|name| network::namespace_file(state.slot, name));
        left.extend(spaces.filter(|path| path.exists()).map(|path| format!("namespace {}", path.display())));
        let bridge = network::bridge(state.slot);
        let links = run(Command::new("ip").args(["-brief", "link", "show"]))?;
        let own = |name: &&str| *name == bridge || name.starts_with(&format!("{bridge}-"));
        left.extend(
            links
                .lines()
                .filter_map(|line| line.split([' ', '@']).next())
                .filter(own)
                .map(|name| format!("link {name}")),
        );
        let tables = run(Command::new("nft").args(["list", "tables", "bridge"]))?;
        left.extend(tables.lines().filter(|line| line.split(' ').next_back() == Some(&bridge)).map(ToOwned::to_owned));
        Ok(left)
    }
}
