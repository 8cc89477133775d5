//! What must wake somebody.

use verbund_model::Refusal;

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
}

impl Alarm {
    /// The alarm for a refusal that came before any author was known; none where an honest leader may have been overtaken,
    /// as by a key's revocation.
    pub(crate) fn of(at: LogId, refusal: &Refusal) -> Option<Self> {
        let overtaken = matches!(refusal, Refusal::KeyRevoked { .. } | Refusal::Suspended { .. });
        (!overtaken).then(|| Self::UnauthorisedEntry { at, reason: refusal.clone() })
    }
}
