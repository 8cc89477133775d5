//! What an agent is told about its cluster by its operator.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How pods pull the guard's image (Kubernetes `imagePullPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// If it is not there.
    #[default]
    IfNotPresent,
    /// Never: it must be there.
    Never,
    /// Each time.
    Always,
}

impl PullPolicy {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
            Self::Always => "Always",
        }
    }
}

/// What the objects of every workload depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The image that brings the guard.
    pub guard_image: String,
    /// How it is pulled.
    pub guard_pull: PullPolicy,
    /// Where the guard lies in that image.
    pub guard_binary: String,
    /// Where guards ask, as pods reach it: `IP:port` of the agent's desk, several with commas between them; no names, so
    /// that a guard needs no name server.
    pub guard_desk: String,
    /// The agent's public key (P-256, SEC 1, hexadecimal), by which guards know its answers; empty: none is given to them.
    pub guard_key: String,
    /// The ClusterRole that says what the agent's ServiceAccount of a workload may do in its namespace.
    pub cluster_role: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guard_image: "verbund:latest".to_owned(),
            guard_pull: PullPolicy::default(),
            guard_binary: "/usr/bin/verbund-guard".to_owned(),
            guard_desk: String::new(),
            guard_key: String::new(),
            cluster_role: "verbund-workload".to_owned(),
        }
    }
}

impl Settings {
    /// The ports of the guard desk.
    #[must_use]
    pub fn guard_ports(&self) -> BTreeSet<u16> {
        let desks = self.guard_desk.split(',').filter_map(|desk| desk.trim().rsplit_once(':'));
        desks.filter_map(|(_, port)| port.parse().ok()).collect()
    }
}
