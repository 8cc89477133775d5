//! Hooks for tests of a hostile leader (feature `tamper`, in no release).

use std::collections::BTreeSet;
use std::time::Duration;

use verbund_model::NodeId;

use super::NodeHandle;
use crate::submit::{SubmitError, Submitted};

impl NodeHandle {
    /// The switches of this node.
    #[must_use]
    pub fn tamper(&self) -> &crate::tamper::Tamper {
        &self.0.shared.tamper
    }

    /// As leader: appends an envelope that nobody looked at.
    pub async fn forge(&self, envelope: Vec<u8>) -> Result<Submitted, SubmitError> {
        self.0.submitter.append(envelope.into()).await
    }

    /// As leader: installs a membership of its own with a basis of its own, as far as the others let it. Waits for
    /// `wait` and gives whether it was committed.
    pub async fn force_members(&self, voters: BTreeSet<NodeId>, basis: u64, wait: Duration) -> bool {
        use crate::raft::{Payload, Types};
        let voters: BTreeSet<u64> = voters.into_iter().map(|node| node.0).collect();
        let request = openraft::raft::ChangeMembershipRequest::<Types>::new(voters, true);
        let request = request.with_payload(Payload::with_basis(basis), Payload::with_basis(basis));
        matches!(tokio::time::timeout(wait, self.0.raft.change_membership_with_payload(request)).await, Ok(Ok(_)))
    }

    /// Tells another node of a directive, as the bytes are. Errors: it refused the call.
    pub async fn tell_directive(&self, node: NodeId, bytes: Vec<u8>) -> Result<(), String> {
        let message = crate::proto::DirectivesMessage { directives: vec![bytes.into()], ..Default::default() };
        let request = self.0.peers.request(node, message, Some(Duration::from_secs(5)));
        let told = self.0.peers.directives(node).exchange(request).await;
        told.map(drop).map_err(|status| status.to_string())
    }

    /// Calls another node's Raft service with a vote in the name of `claimed`, and gives the answer's code and message.
    pub async fn call_as(&self, node: NodeId, claimed: NodeId) -> (tonic::Code, String) {
        let vote = crate::proto::Vote { term: 1_000_000, node: claimed.0, committed: false };
        let message = crate::proto::VoteRequest { vote: Some(vote), last: None, transfer: false };
        let request = self.0.peers.request(node, message, Some(Duration::from_secs(5)));
        match self.0.peers.raft(node).pre_vote(request).await {
            Ok(_) => (tonic::Code::Ok, String::new()),
            Err(status) => (status.code(), status.message().to_owned()),
        }
    }
}
