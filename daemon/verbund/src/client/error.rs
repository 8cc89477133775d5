//! What can become of a request.

use verbund_api::{ProblemDocument, ProblemKind};
use verbund_model::Refusal;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

/// Why a request has no answer, or one that says no.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection: the server has seen nothing.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke: the server may have seen everything.
    #[error("{0}")]
    Broken(String),
    /// The server said no.
    #[error("{}", said(.0))]
    Problem(Box<ProblemDocument>),
    /// The server said what this program does not understand.
    #[error("{}", t!("client-odd-answer", reason = .0.as_str()))]
    Odd(String),
}

/// The problem in its own words, but where they speak to programs that call the API.
fn said(problem: &ProblemDocument) -> String {
    let no_quorum = problem.kind.strip_prefix("urn:verbund:problem:") == Some(ProblemKind::NoQuorum.name());
    if no_quorum { t!("client-no-quorum") } else { problem.detail.clone() }
}

impl ApiError {
    /// The problem's kind, if the server named one that this program knows.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        let Self::Problem(problem) = self else { return None };
        let name = problem.kind.strip_prefix("urn:verbund:problem:")?;
        ProblemKind::ALL.iter().find(|kind| kind.name() == name).copied()
    }

    /// Whether the same request can work a moment later, at this or another node.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use ProblemKind::{Busy, NoLeader, NoQuorum, OutcomeUnknown, Starting, Stopping, Timeout};
        match self {
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::Odd(_) => false,
            Self::Problem(_) => {
                matches!(self.kind(), Some(Busy | NoLeader | NoQuorum | OutcomeUnknown | Starting | Stopping | Timeout))
            }
        }
    }

    /// Whether there is nobody to ask: no site answers, or none finds a quorum. That lasts longer than it is worth waiting.
    #[must_use]
    pub fn is_nobody_there(&self) -> bool {
        matches!(self, Self::Unreachable(_))
            || matches!(self.kind(), Some(ProblemKind::NoQuorum | ProblemKind::NoLeader))
    }

    /// Whether a change that was sent may have been made although there is no outcome.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Odd(_))
            || matches!(self.kind(), Some(ProblemKind::OutcomeUnknown | ProblemKind::Timeout | ProblemKind::Stopping))
            || matches!(self, Self::Problem(_)) && self.kind().is_none()
    }
}

impl ApiError {
    /// The failure that people see, with what was tried.
    #[must_use]
    pub fn failure(self, tried: String) -> Failure {
        let exit = if self.kind() == Some(ProblemKind::OutcomeUnknown) { Exit::Unknown } else { Exit::Error };
        let remedy = match &self {
            Self::Unreachable(_) | Self::Broken(_) => Some(t!("client-unreachable-remedy")),
            Self::Odd(_) => Some(t!("client-odd-remedy")),
            Self::Problem(problem) => {
                let of_refusal = problem.refusal.as_ref().and_then(of_refusal);
                of_refusal.or_else(|| self.kind().and_then(remedy))
            }
        };
        let failure = Failure::new(format!("{tried}: {self}")).exit_with(exit);
        match remedy {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }
}

/// What to do about a refusal, where that depends on more than its kind.
fn of_refusal(refusal: &Refusal) -> Option<String> {
    match refusal {
        // No role makes a coordinator.
        Refusal::NotAuthorised { needed, .. } if !needed.contains("role") => Some(t!("client-not-authorised-person")),
        // A key has no other name: it is somebody's already.
        Refusal::AlreadyExists { what, .. } if what.starts_with("key ") => Some(t!("client-key-exists-remedy")),
        _ => None,
    }
}

/// What to do about a problem, where its own text does not say it.
pub fn remedy(kind: ProblemKind) -> Option<String> {
    use ProblemKind as K;
    Some(match kind {
        K::NoQuorum => t!("client-no-quorum-remedy"),
        K::NoLeader => t!("client-no-leader-remedy"),
        K::Clock => t!("client-clock-remedy"),
        K::UnknownKey => t!("client-unknown-key-remedy"),
        K::KeyRevoked => t!("client-key-revoked-remedy"),
        K::NotAuthorised => t!("client-not-authorised-remedy"),
        K::Suspended => t!("client-suspended-remedy"),
        K::NotNow => t!("client-not-now-remedy"),
        K::Excluded => t!("client-excluded-remedy"),
        K::NotFound => t!("client-not-found-remedy"),
        K::AlreadyExists => t!("client-exists-remedy"),
        K::InvitationSpent => t!("client-invitation-remedy"),
        K::WrongFederation | K::WrongGeneration => t!("client-federation-remedy"),
        K::Expired | K::ValidTooLong => t!("client-expired-remedy"),
        K::LowDisk | K::WritesStopped => t!("client-stopped-remedy"),
        K::RangeNotHeld => t!("client-range-remedy"),
        K::CaUnavailable => t!("client-ca-remedy"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_fits_what_was_refused() {
        let refused = |needed: &str| {
            let (author, needed) = ("user dataport.anna".to_owned(), needed.to_owned());
            of_refusal(&Refusal::NotAuthorised { author, needed })
        };
        assert!(refused("a user with the role auditor").is_none(), "a role can be given");
        assert!(!refused("a coordinator").unwrap().contains("role bind"));
        let there = |what: &str| of_refusal(&Refusal::AlreadyExists { what: what.to_owned(), version: 3 });
        assert!(there("key abcd").unwrap().contains("keys new") && there("user dataport.anna").is_none());
    }
}
