//! What the controller needs of the node.

use std::future::Future;
use std::sync::Arc;

use verbund_machine::State;
use verbund_model::Command;
use verbund_model::resource::{Finding, Millis, SignedFinding};

use crate::tasks::Heard;

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Said {
    /// Apply refused it: mostly because another entry came first.
    #[error("refused: {0}")]
    Refused(String),
    /// It may or may not have reached the log.
    #[error("not carried out: {0}")]
    Failed(String),
}

/// The node, as the controller uses it.
pub trait Port: Send + Sync + 'static {
    /// Whether this node leads.
    fn leads(&self) -> bool;
    /// The state as applied here.
    fn state(&self) -> Arc<State>;
    /// The node's clock: milliseconds since 1970.
    fn now(&self) -> Millis;
    /// What this node hears of sites and of agents.
    fn heard(&self) -> impl Future<Output = Heard> + Send;
    /// What the voters state about `finding` when they are asked, each under a true signature; those that state nothing are
    /// left out.
    fn find(&self, finding: &Finding) -> impl Future<Output = Vec<SignedFinding>> + Send;
    /// Brings a command of this node into the log. Errors: [`Said`].
    fn say(&self, command: Command) -> impl Future<Output = Result<(), Said>> + Send;
}
