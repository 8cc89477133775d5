//! What a namespace says of the workload that has it: enough to fence it when nothing else is known.

use serde_json::Value;
use verbund_model::resource::{FenceLevel, Mode};

use crate::desired::DesiredCopy;
use crate::names;

/// What an agent writes into the labels and annotations of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The workload.
    pub workload: String,
    /// Whose.
    pub organisation: String,
    /// The epoch that was carried out here last; it only rises.
    pub epoch: u64,
    /// The last epoch that was stopped by receipt; 0 if none was.
    pub stopped: u64,
    /// The lease generation.
    pub generation: u64,
    /// `parallel`, or the fence level.
    pub fence: String,
    /// Milliseconds that containers have to stop.
    pub stop_budget: u32,
    /// Whether no pod may start.
    pub fenced: bool,
}

impl Facts {
    /// What a copy says; nothing of it was stopped.
    #[must_use]
    pub fn of(copy: &DesiredCopy) -> Self {
        let fence = match copy.mode {
            Mode::Parallel { .. } => "parallel",
            Mode::Exclusive { fence: FenceLevel::Data } => "data",
            Mode::Exclusive { fence: FenceLevel::Guard } => "guard",
            Mode::Exclusive { fence: FenceLevel::Agent } => "agent",
        };
        Self {
            workload: copy.workload.to_string(),
            organisation: copy.organisation.to_string(),
            epoch: copy.epoch,
            stopped: 0,
            generation: copy.generation,
            fence: fence.to_owned(),
            stop_budget: copy.stop_budget,
            fenced: false,
        }
    }

    /// What a namespace says. What cannot be read is the more careful: fenced is `false`, numbers are 0.
    #[must_use]
    pub fn read(namespace: &Value) -> Self {
        let metadata = &namespace["metadata"];
        let text = |field: &str, name: &str| metadata[field][name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| metadata["annotations"][name].as_str().and_then(|n| n.parse().ok()).unwrap_or(0);
        Self {
            workload: text("labels", names::WORKLOAD),
            organisation: text("annotations", names::ORGANISATION),
            epoch: number(names::EPOCH),
            stopped: number(names::STOPPED_EPOCH),
            generation: number(names::GENERATION),
            fence: text("labels", names::FENCE),
            stop_budget: u32::try_from(number(names::STOP_BUDGET)).unwrap_or(u32::MAX),
            fenced: metadata["labels"][names::FENCED] == "true",
        }
    }

    /// Whether there may never be two.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.fence != "parallel"
    }
}
