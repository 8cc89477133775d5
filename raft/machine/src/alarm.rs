//! What must wake somebody.

use verbund_model::resource::KeyOwner;
use verbund_model::{NodeId, Outcome, Refusal};

use crate::log::LogId;

/// Something that cannot happen while leaders are honest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The leader appended an entry that no registered author signed. It changed nothing.
    #[error("the leader {} let an unauthorised entry into the log at {at}: {reason}", verbund_model::NodeId(at.node))]
    UnauthorisedEntry {
        /// The entry; its leader is named in it.
        at: LogId,
        /// Why it was refused.
        reason: Refusal,
    },
    /// A node brought a cause that no honest node brings, however it was overtaken: statements that make no verdict, a
    /// signature that is another's, what only people may ask for. It changed nothing.
    #[error(
        "{author} brought, through the leader {}, what no honest node brings, at {at}: {reason}",
        verbund_model::NodeId(at.node)
    )]
    FalseCause {
        /// The entry; its leader is named in it.
        at: LogId,
        /// Who signed it.
        author: NodeId,
        /// Why it was refused.
        reason: Refusal,
    },
    /// The coordinators issued two directives with one number, so that at least one of them signed both. Both hold.
    #[error(
        "the coordinators issued two directives with the number {number}, of which the second was recorded at {at}"
    )]
    ForkedDirectives {
        /// The entry that brought the second.
        at: LogId,
        /// The number.
        number: u64,
    },
}

impl Alarm {
    /// The alarm for a refusal that came before any author was known; none where an honest leader may have been overtaken,
    /// as by a key's revocation.
    pub(crate) fn of(at: LogId, refusal: &Refusal) -> Option<Self> {
        let overtaken =
            matches!(refusal, Refusal::KeyRevoked { .. } | Refusal::Suspended { .. } | Refusal::Excluded { .. });
        (!overtaken).then(|| Self::UnauthorisedEntry { at, reason: refusal.clone() })
    }

    /// The alarm for what a node made up and apply refused.
    pub(crate) fn of_author(at: LogId, author: &KeyOwner, outcome: &Outcome) -> Option<Self> {
        match (author, outcome) {
            (KeyOwner::Node { node }, Outcome::Refused(reason)) => {
                Some(Self::FalseCause { at, author: *node, reason: reason.clone() })
            }
            _ => None,
        }
    }
}
