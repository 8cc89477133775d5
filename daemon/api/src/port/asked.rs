//! Questions about a workload that are answered where it runs.

use verbund_agent_core::{Found, Question};
use verbund_identity::AskedBy;
use verbund_model::resource::CopyRole;
use verbund_model::{ClusterName, Refusal, SiteName};

/// A question with the proof of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Who asks. Nobody has verified it: the site that answers does.
    pub by: AskedBy,
    /// Only at this cluster; none: wherever the workload has a copy.
    pub cluster: Option<ClusterName>,
}

/// What came of it at one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyAnswer {
    /// Where the copy is.
    pub cluster: ClusterName,
    /// The cluster's site.
    pub site: SiteName,
    /// What the copy is there for.
    pub role: CopyRole,
    /// What was found, or why there is nothing.
    pub answer: Result<Found, NoAnswer>,
}

/// Why there is no answer from a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The site of the cluster refused it.
    Refused(Refusal),
    /// The cluster's agent is connected to no daemon that was reached.
    NotConnected,
    /// The agent did not answer in time.
    Silent,
    /// The agent could not find out.
    Failed {
        /// What it says.
        reason: String,
    },
    /// No daemon of the site answered.
    Unreachable {
        /// What happened.
        reason: String,
    },
}
