//! The node, as the controller uses it.

use std::sync::Arc;

use verbund_control::{Heard, Port, Said};
use verbund_keys::AwsVerifier;
use verbund_machine::State;
use verbund_model::Command;
use verbund_model::resource::{Finding, Millis, SignedFinding};
use verbund_node::{NodeHandle, Role, SubmitError};

use super::author::{NodeAuthor, SayError};
use super::directives;

/// The controller's port over a running node.
pub struct ControlPort {
    /// The node.
    pub node: NodeHandle,
    /// In whose name it speaks.
    pub author: NodeAuthor,
}

impl Port for ControlPort {
    fn leads(&self) -> bool {
        self.node.status().role == Role::Leader
    }

    fn state(&self) -> Arc<State> {
        self.node.read_stale().0
    }

    fn now(&self) -> Millis {
        use verbund_node::Clock as _;
        verbund_node::SystemClock.now()
    }

    async fn heard(&self) -> Heard {
        let directives = directives::recordable(&self.node, &AwsVerifier);
        Heard { standings: self.node.standings().await, asked: self.node.asked().await, directives }
    }

    async fn find(&self, finding: &Finding) -> Vec<SignedFinding> {
        let found = self.node.find(finding).await;
        for (voter, why) in &found.without {
            tracing::debug!(%voter, why, ?finding, "a voter states nothing");
        }
        found.statements
    }

    async fn say(&self, command: Command) -> Result<(), Said> {
        match self.author.say(command).await {
            Ok(_) => Ok(()),
            Err(SayError::Refused(refusal)) => Err(Said::Refused(refusal.to_string())),
            Err(SayError::Submit(SubmitError::OutcomeUnknown { why })) => Err(Said::Failed(why)),
            Err(error) => Err(Said::Failed(error.to_string())),
        }
    }
}
