//! What people ask about a workload where it runs, and what is found: it is data of the customer, and kept nowhere.

use serde::{Deserialize, Serialize};
use verbund_model::WorkloadName;

use crate::driver::{ClusterEvent, LogLine, LogQuery};

/// What is asked about a workload at a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Question {
    /// The last lines of a workload's containers.
    Logs(LogQuery),
    /// What the cluster noted about a workload's objects.
    Events(WorkloadName),
}

/// What the agent found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Found {
    /// Lines.
    Logs(Vec<LogLine>),
    /// Events.
    Events(Vec<ClusterEvent>),
}

impl Question {
    /// The workload.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadName {
        match self {
            Self::Logs(query) => &query.workload,
            Self::Events(workload) => workload,
        }
    }
}

impl Found {
    /// The same with the oldest left out until it has at most `most` bytes as JSON.
    #[must_use]
    pub fn bounded(mut self, most: usize) -> Self {
        let fits = |found: &Self| serde_json::to_vec(found).is_ok_and(|bytes| bytes.len() <= most);
        while !fits(&self) {
            let half = |length: usize| length.div_ceil(2);
            match &mut self {
                Self::Logs(lines) if lines.len() > 1 => drop(lines.drain(..half(lines.len()))),
                Self::Logs(lines) => lines.clear(),
                Self::Events(events) if events.len() > 1 => drop(events.drain(..half(events.len()))),
                Self::Events(events) => events.clear(),
            }
        }
        self
    }
}
