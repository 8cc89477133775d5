//! Why one node refuses another's message, in a form that the other can act on: the details of a gRPC status.

use serde::{Deserialize, Serialize};
use tonic::{Code, Status};
use verbund_model::NodeId;
use verbund_model::resource::Millis;

/// The reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum PeerRefusal {
    /// The caller's certificate, name or standing does not allow the call.
    #[error("{0}")]
    NotAllowed(String),
    /// The message speaks for another node than the certificate.
    #[error("the message speaks for node {claimed}, but the certificate is node {certificate}'s")]
    NotTheSpeaker {
        /// In whose name.
        claimed: NodeId,
        /// Who it is.
        certificate: NodeId,
    },
    /// Another federation or generation.
    #[error("{0}")]
    OtherFederation(String),
    /// A membership that the state does not give.
    #[error("the membership at index {index} is refused: {why}")]
    ForgedMembership {
        /// The entry's index.
        index: u64,
        /// What was found and wanted.
        why: String,
    },
    /// A membership whose basis was not applied here in time: to be sent again.
    #[error("the membership names basis {basis}, and only {applied} is applied here yet")]
    BasisNotApplied {
        /// The basis.
        basis: u64,
        /// What is applied.
        applied: u64,
    },
    /// A stamp too far ahead.
    #[error("the entry at index {index} is stamped {ahead} ms ahead of this node's clock")]
    ClockAhead {
        /// The entry's index.
        index: u64,
        /// By how much.
        ahead: Millis,
    },
    /// A fork was seen: nothing is appended.
    #[error("this node has seen a fork and appends nothing until an operator has cleared the alarm")]
    WritesStopped,
    /// Not a message of the protocol.
    #[error("the message cannot be read: {0}")]
    Malformed(String),
    /// This node was away, and asks for directives before it lets anybody in: to be sent again.
    #[error("this node was away and has not heard yet which directives there are: send it again shortly")]
    NotYet,
}

impl PeerRefusal {
    /// As a status.
    pub(crate) fn status(&self) -> Status {
        let code = match self {
            Self::NotAllowed(_) | Self::NotTheSpeaker { .. } => Code::PermissionDenied,
            Self::Malformed(_) => Code::InvalidArgument,
            Self::BasisNotApplied { .. } | Self::NotYet => Code::Unavailable,
            Self::OtherFederation(_)
            | Self::ForgedMembership { .. }
            | Self::ClockAhead { .. }
            | Self::WritesStopped => Code::FailedPrecondition,
        };
        // Writing plain structures to a growing vector cannot fail.
        Status::with_details(code, self.to_string(), postcard::to_stdvec(self).unwrap_or_default().into())
    }

    /// From a status, if a peer put one in.
    pub(crate) fn of(status: &Status) -> Option<Self> {
        if status.details().is_empty() { None } else { postcard::from_bytes(status.details()).ok() }
    }
}
