//! One simulated pod.

use verbund_agent_core::{ObjectKey, ObservedPod};

use crate::script::Script;

/// Where in its life a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No node has room for it.
    Unscheduled,
    /// Its containers are being started.
    Starting,
    /// It serves.
    Ready,
    /// It crashed, and is tried again for ever.
    Crashed,
    /// Its image cannot be pulled.
    NoImage,
    /// It ended well.
    Done,
}

#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) name: String,
    /// The object that made it.
    pub(crate) maker: ObjectKey,
    /// What its template was, as the digest of what was applied.
    pub(crate) revision: String,
    pub(crate) epoch: u64,
    pub(crate) script: Script,
    pub(crate) cpu: u64,
    pub(crate) memory: u64,
    pub(crate) stage: Stage,
    /// When it came there.
    pub(crate) since: u64,
    pub(crate) terminating: bool,
}

impl Pod {
    pub(crate) fn observed(&self) -> ObservedPod {
        let trouble = match self.stage {
            Stage::Unscheduled => "Unschedulable: no node has room for it",
            Stage::Crashed => "container: CrashLoopBackOff: it ended with code 1",
            Stage::NoImage => "container: ImagePullBackOff: the image cannot be pulled",
            Stage::Starting | Stage::Ready | Stage::Done => "",
        };
        ObservedPod {
            name: self.name.clone(),
            epoch: self.epoch,
            terminating: self.terminating,
            ended: self.stage == Stage::Done,
            ready: self.stage == Stage::Ready && !self.terminating,
            confirmed: true,
            trouble: trouble.to_owned(),
        }
    }

    /// Whether it uses room of a node.
    pub(crate) fn is_placed(&self) -> bool {
        !matches!(self.stage, Stage::Unscheduled | Stage::Done)
    }
}
