//! Which files and addresses a cluster has.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::network;
use crate::state::State;

/// Paths and addresses of one site, all derived from its testbed, its name and its number.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    slot: u8,
    number: u8,
    name: String,
    directory: PathBuf,
    run: PathBuf,
}

impl Layout {
    /// Of the space `name`, which must be in `state`.
    pub(crate) fn of(state: &State, name: &str) -> Self {
        Self {
            slot: state.slot,
            number: state.spaces.get(name).map_or(0, |space| space.number),
            name: name.to_owned(),
            directory: state.directory.join(name),
            run: state.run().join(name),
        }
    }

    /// The site's name, which is also its node's.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Number of the testbed.
    pub(crate) fn slot(&self) -> u8 {
        self.slot
    }

    /// What outlives a loss of power.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.clone()
    }

    /// What does not.
    pub(crate) fn run(&self) -> PathBuf {
        self.run.clone()
    }

    /// What is removed when the testbed stops: everything but the logs.
    pub(crate) fn data(&self) -> Vec<PathBuf> {
        ["etcd", "containerd", "kubelet", "pods", "cni", "networks", "images", "pki", "kubeconfig"]
            .map(|name| self.directory.join(name))
            .to_vec()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.join(below)
    }

    pub(crate) fn pki(&self, file: &str) -> PathBuf {
        self.directory.join("pki").join(file)
    }

    /// The kubeconfig of `admin`, `scheduler`, `controller-manager` or `kubelet`.
    pub(crate) fn kubeconfig(&self, of: &str) -> PathBuf {
        self.directory.join("kubeconfig").join(of)
    }

    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    pub(crate) fn log(&self, of: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{of}.log"))
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        network::address(self.slot, self.number)
    }

    pub(crate) fn api(&self) -> String {
        format!("https://{}:6443", self.address())
    }

    pub(crate) fn pods(&self) -> String {
        network::pods(self.slot, self.number)
    }

    pub(crate) fn services(&self) -> String {
        network::services(self.slot, self.number)
    }

    pub(crate) fn first_service(&self) -> Ipv4Addr {
        network::first_service(self.slot, self.number)
    }
}
