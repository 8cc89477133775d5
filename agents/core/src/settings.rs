//! What an agent is told about its cluster by its operator.

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
    /// `host:port` of the agent's guard desk, as pods reach it; an IPv6 address stands in brackets.
    pub guard_desk: String,
    /// The ClusterRole that says what the agent's ServiceAccount of a workload may do in its namespace.
    pub cluster_role: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guard_image: "verbund:latest".to_owned(),
            guard_pull: PullPolicy::default(),
            guard_binary: "/usr/bin/verbund-guard".to_owned(),
            guard_desk: "verbund-agent.verbund-system.svc:7440".to_owned(),
            cluster_role: "verbund-workload".to_owned(),
        }
    }
}

impl Settings {
    /// Port of the guard desk; `None` if the address has none.
    #[must_use]
    pub fn guard_port(&self) -> Option<u16> {
        self.guard_desk.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
    }
}
