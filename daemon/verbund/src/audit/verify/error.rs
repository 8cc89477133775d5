//! What is wrong with an export.

use verbund_model::{FederationId, NodeId};

use crate::t;

/// The first thing that is wrong with an export. [`Bad::first_record`] names the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// It cannot be read.
    #[error("{}", t!("bad-io", reason = .reason.as_str()))]
    Io {
        /// What the system said.
        reason: String,
    },
    /// It does not begin like one.
    #[error("{}", t!("bad-no-export"))]
    NoExport,
    /// The genesis document is none.
    #[error("{}", t!("bad-genesis", reason = .reason.as_str()))]
    Genesis {
        /// What is wrong.
        reason: String,
    },
    /// It is another federation's.
    #[error("{}", t!("bad-federation", found = .found.to_string(), wanted = .wanted.to_string()))]
    Federation {
        /// Whose it is.
        found: FederationId,
        /// Whose it should be.
        wanted: FederationId,
    },
    /// The state in which it begins is not sound.
    #[error("{}", t!("bad-start", reason = .reason.as_str()))]
    Start {
        /// What is wrong.
        reason: String,
    },
    /// A record is not the one that was written.
    #[error("{}", t!("bad-record", index = *.index, reason = .reason.as_str()))]
    Record {
        /// Its index.
        index: u64,
        /// What is wrong.
        reason: String,
    },
    /// A record is missing.
    #[error("{}", t!("bad-missing", wanted = *.wanted, found = *.found))]
    Missing {
        /// The missing record's index.
        wanted: u64,
        /// The index found.
        found: u64,
    },
    /// A signed head is not sound.
    #[error("{}", t!("bad-head", index = *.index, reason = .reason.as_str()))]
    Head {
        /// The node that it names.
        node: Option<NodeId>,
        /// The index of the record before it.
        index: u64,
        /// What is wrong.
        reason: String,
    },
    /// Another site saw another history.
    #[error("{}", t!("bad-rewritten", from = *.from, to = *.to, node = .node.to_string()))]
    Rewritten {
        /// First index that may be bad.
        from: u64,
        /// Last index that may be the first bad one.
        to: u64,
        /// Who signed otherwise.
        node: NodeId,
    },
    /// Too few sites vouch for its end.
    #[error("{}", t!("bad-unsigned", from = *.from, to = *.to, signed = *.signed, sites = *.sites))]
    Unsigned {
        /// First index that nobody vouches for.
        from: u64,
        /// Last index.
        to: u64,
        /// Sites that signed.
        signed: usize,
        /// Sites that could.
        sites: usize,
    },
    /// It ends before its end.
    #[error("{}", t!("bad-cut", after = *.after))]
    Cut {
        /// The last whole record.
        after: u64,
    },
    /// A frame claims an impossible size.
    #[error("{}", t!("bad-frame-size", after = *.after, length = *.length))]
    FrameSize {
        /// The size claimed.
        length: u32,
        /// The last whole record.
        after: u64,
    },
    /// A frame of a kind that has no place there.
    #[error("{}", t!("bad-frame", after = *.after, kind = format!("{:#04x}", .kind)))]
    Frame {
        /// Its kind.
        kind: u8,
        /// The last whole record.
        after: u64,
    },
    /// The last frame does not fit the rest.
    #[error("{}", t!("bad-end", after = *.after))]
    End {
        /// The last whole record before it.
        after: u64,
    },
    /// Something follows the end.
    #[error("{}", t!("bad-trailing"))]
    Trailing,
    /// It is a true export, but of an earlier time.
    #[error("{}", t!("bad-too-short", ends = *.ends, wanted = *.wanted))]
    TooShort {
        /// Where it ends.
        ends: u64,
        /// Where it should.
        wanted: u64,
    },
}

impl Bad {
    /// The first record that is bad, as far as that can be told; `None` where no record is.
    #[must_use]
    pub const fn first_record(&self) -> Option<u64> {
        match self {
            Self::Record { index, .. } => Some(*index),
            Self::Missing { wanted, .. } => Some(*wanted),
            Self::Rewritten { from, .. } | Self::Unsigned { from, .. } => Some(*from),
            Self::Cut { after } | Self::FrameSize { after, .. } | Self::Frame { after, .. } => Some(*after + 1),
            Self::Io { .. }
            | Self::NoExport
            | Self::Genesis { .. }
            | Self::Federation { .. }
            | Self::Start { .. }
            | Self::Head { .. }
            | Self::End { .. }
            | Self::Trailing
            | Self::TooShort { .. } => None,
        }
    }
}
