//! How often an agent looks.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use verbund_model::ClusterName;

/// What an agent is set up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    /// Its cluster.
    pub cluster: ClusterName,
    /// What the objects of every workload depend on.
    pub settings: verbund_agent_core::Settings,
    /// How often the lease is renewed.
    pub renew: Duration,
    /// How often everything is looked at, whatever was heard.
    pub resync: Duration,
    /// How soon something that did not come to rest is looked at again.
    pub again: Duration,
    /// How often the cluster is measured.
    pub measure: Duration,
    /// How old the last measurement that the federation was told may become, though nothing has changed.
    pub measurement_age: Duration,
    /// How long after the start nothing exclusive that runs is fenced for want of a lease, if the state does not say how long
    /// leases last.
    pub start_grace: Duration,
    /// How many workloads are worked on at the same time.
    pub parallel: usize,
}

impl AgentConfig {
    /// The usual settings.
    #[must_use]
    pub fn new(cluster: ClusterName) -> Self {
        Self {
            cluster,
            settings: verbund_agent_core::Settings::default(),
            renew: Duration::from_secs(1),
            resync: Duration::from_secs(5),
            again: Duration::from_millis(500),
            measure: Duration::from_secs(10),
            measurement_age: Duration::from_secs(300),
            start_grace: Duration::from_secs(10),
            parallel: 16,
        }
    }
}

/// Replaces a file as a whole, durably.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, 0o666)
}

/// The same; only its owner may use the file.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, 0o600)
}

/// `mode` is what the process's mask takes from.
fn replace_with(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let part = path.with_extension("part");
    // What an earlier run left there may have another mode.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
