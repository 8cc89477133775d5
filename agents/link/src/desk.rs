//! What a daemon does for the agents of its site: the port behind the server.

use std::collections::BTreeSet;
use std::future::Future;

use futures::stream::BoxStream;
use verbund_agent_core::Desired;
use verbund_identity::LoginRequest;
use verbund_lease::{Answer, Renewal};
use verbund_model::{ClusterName, Outcome, WorkloadName};

use crate::message::{Certified, Membership, Refusal, Sessions};

/// Why a daemon does not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// The cluster is not registered, or is another site's.
    #[error("the cluster {0} is not registered at this site")]
    Unknown(ClusterName),
    /// Nobody leads, or the quorum cannot be reached.
    #[error("not now: {0}")]
    Unavailable(String),
    /// It is not sent on.
    #[error("refused: {0}")]
    Refused(String),
}

/// What is heard while a renewal is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A membership: answers that name it count from now on. Those in force and effective come first.
    Membership(Membership),
    /// A voter's yes, which came from that voter.
    Answer(Answer),
    /// A voter's no.
    Refused(Refusal),
}

/// The answers to one renewal.
pub type Hears = BoxStream<'static, Heard>;

/// A daemon, as the agents of its site use it. `cluster` is always who calls, by its certificate; that the cluster is registered
/// at this site is for the daemon to check.
pub trait Desk: Send + Sync + 'static {
    /// Reads what is wanted of the cluster, linearizably: not older than what was committed when the call began. Of each
    /// workload in `known` that has no copy there it says [`verbund_agent_core::DesiredRole::Gone`].
    fn read(
        &self,
        cluster: &ClusterName,
        known: &BTreeSet<WorkloadName>,
    ) -> impl Future<Output = Result<Desired, DeskError>> + Send;

    /// Waits until what is wanted of the cluster may differ from that at index `after`, and gives it as the own applied state has
    /// it. Copies that have not changed should be the same `Arc`.
    fn next(
        &self,
        cluster: &ClusterName,
        known: &BTreeSet<WorkloadName>,
        after: u64,
    ) -> impl Future<Output = Result<Desired, DeskError>> + Send;

    /// Sends a renewal to every voter, at once, and gives what is heard. The renewal names this cluster.
    fn renew(&self, cluster: &ClusterName, renewal: Renewal) -> impl Future<Output = Result<Hears, DeskError>> + Send;

    /// Submits an envelope (binary form, bounded), which must be signed with the key of this cluster's agent, and waits for its
    /// outcome.
    fn submit(
        &self,
        cluster: &ClusterName,
        envelope: Vec<u8>,
    ) -> impl Future<Output = Result<Outcome, DeskError>> + Send;

    /// What the agent needs to sign.
    fn sessions(&self, cluster: &ClusterName) -> impl Future<Output = Result<Sessions, DeskError>> + Send;

    /// Issues a certificate for an agent's name to the key in a request that the agent's registered key signed. Who asks may
    /// have no certificate yet: that the key is registered as that of an agent of this site, that the signature is its own,
    /// and that the request is fresh, is for the daemon to check.
    fn certify(&self, request: LoginRequest) -> impl Future<Output = Result<Certified, DeskError>> + Send;
}
