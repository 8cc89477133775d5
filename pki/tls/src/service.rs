//! Which service a certificate may call follows from its name (design 3.7).

use verbund_identity::Subject;

/// The services of a daemon, as far as their callers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Votes, appended entries, snapshots.
    Raft,
    /// Exchange of signed heads and of signatures under checkpoints.
    Heads,
    /// Writes and linearizable reads sent on to the leader.
    Forward,
    /// Older audit segments.
    Archive,
    /// Signs of life, renewals of leases, statements of voters.
    Lease,
    /// The directives that act without a quorum, spread from peer to peer.
    Directives,
    /// Revocation lists: they prove themselves, so anybody may bring or fetch one.
    Revocations,
    /// Asking for admission with an invitation.
    Join,
    /// Asking for a user certificate with a request that a registered key signed.
    Enrol,
    /// Reads and submissions of the administration API.
    Admin,
    /// What the agents of clusters call.
    AgentApi,
    /// Version, liveness, the API's description.
    Public,
}

impl Service {
    /// Every service, for tables.
    pub const ALL: [Self; 12] = [
        Self::Raft,
        Self::Heads,
        Self::Forward,
        Self::Archive,
        Self::Lease,
        Self::Directives,
        Self::Revocations,
        Self::Join,
        Self::Enrol,
        Self::Admin,
        Self::AgentApi,
        Self::Public,
    ];
}

/// The kinds of callers; `Nobody` gave no certificate.
#[derive(Clone, Copy)]
enum Kind {
    Node,
    Agent,
    User,
    Workload,
    Nobody,
}

/// Whether a caller with that name may call that service. `None`: it gave no certificate. This opens the door only;
/// what a change may do is decided by its envelope, when it is applied.
#[must_use]
pub fn may_call(subject: Option<&Subject>, service: Service) -> bool {
    use Kind::{Agent, Nobody, Node, User, Workload};
    let kind = match subject {
        Some(Subject::Node(_)) => Node,
        Some(Subject::Agent(_)) => Agent,
        Some(Subject::User(_)) => User,
        Some(Subject::Workload(_)) => Workload,
        None => Nobody,
    };
    #[rustfmt::skip]
    let allowed = match service {
        //                                 node   agent   user   workload   nobody
        Service::Raft        => matches!(kind, Node),
        Service::Heads       => matches!(kind, Node),
        Service::Forward     => matches!(kind, Node),
        Service::Archive     => matches!(kind, Node),
        Service::Lease       => matches!(kind, Node),
        Service::Directives  => matches!(kind, Node),
        Service::Revocations => matches!(kind, Node | Agent | User | Workload | Nobody),
        Service::Join        => matches!(kind,                                  Nobody),
        Service::Enrol       => matches!(kind,                User            | Nobody),
        Service::Admin       => matches!(kind,                User),
        Service::AgentApi    => matches!(kind,        Agent),
        Service::Public      => matches!(kind, Node | Agent | User | Workload | Nobody),
    };
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_model::{NodeId, SiteName, UserId};

    /// The table once more, written the other way round: for each caller everything that it may call.
    #[test]
    fn every_caller_and_every_service() {
        let name = SiteName::new("x").unwrap();
        let table: [(Option<Subject>, &[Service]); 5] = [
            (
                Some(Subject::Node(NodeId::mint(0, 1))),
                &[
                    Service::Raft,
                    Service::Heads,
                    Service::Forward,
                    Service::Archive,
                    Service::Lease,
                    Service::Directives,
                    Service::Revocations,
                    Service::Public,
                ],
            ),
            (Some(Subject::Agent(name.clone())), &[Service::AgentApi, Service::Revocations, Service::Public]),
            (
                Some(Subject::User(UserId::new("u").unwrap())),
                &[Service::Admin, Service::Enrol, Service::Revocations, Service::Public],
            ),
            (Some(Subject::Workload(name)), &[Service::Revocations, Service::Public]),
            (None, &[Service::Join, Service::Enrol, Service::Revocations, Service::Public]),
        ];
        for (subject, allowed) in &table {
            for service in Service::ALL {
                assert_eq!(
                    may_call(subject.as_ref(), service),
                    allowed.contains(&service),
                    "{subject:?} calling {service:?}"
                );
            }
        }
    }
}
