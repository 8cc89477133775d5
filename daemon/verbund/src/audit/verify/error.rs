//! What is wrong with an export.

use verbund_model::{FederationId, NodeId};

/// The first thing that is wrong with an export. [`Bad::first_record`] names the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// It cannot be read.
    #[error("the export could not be read: {reason}")]
    Io {
        /// What the system said.
        reason: String,
    },
    /// It does not begin like one.
    #[error("this is no audit export: its first bytes are others")]
    NoExport,
    /// The genesis document is none.
    #[error("the genesis document in the export is not sound: {reason}")]
    Genesis {
        /// What is wrong.
        reason: String,
    },
    /// It is another federation's.
    #[error("the export is of federation {found}, not of {wanted}")]
    Federation {
        /// Whose it is.
        found: FederationId,
        /// Whose it should be.
        wanted: FederationId,
    },
    /// The state in which it begins is not sound.
    #[error("the state in which the export begins is not sound: {reason}")]
    Start {
        /// What is wrong.
        reason: String,
    },
    /// A record is not the one that was written.
    #[error("record {index} is bad: {reason}")]
    Record {
        /// Its index.
        index: u64,
        /// What is wrong.
        reason: String,
    },
    /// A record is missing.
    #[error("record {wanted} is missing: record {found} stands in its place")]
    Missing {
        /// The missing record's index.
        wanted: u64,
        /// The index found.
        found: u64,
    },
    /// A signed head is not sound.
    #[error("a signed head behind record {index} is bad: {reason}")]
    Head {
        /// The node that it names.
        node: Option<NodeId>,
        /// The index of the record before it.
        index: u64,
        /// What is wrong.
        reason: String,
    },
    /// Another site saw another history.
    #[error(
        "the history was rewritten: the first bad record is one of {from} to {to}. Node {node} signed another head for {to}, \
         and no majority of sites signed this one"
    )]
    Rewritten {
        /// First index that may be bad.
        from: u64,
        /// Last index that may be the first bad one.
        to: u64,
        /// Who signed otherwise.
        node: NodeId,
    },
    /// Too few sites vouch for its end.
    #[error(
        "nobody vouches for the records {from} to {to}: of {sites} sites {signed} signed the head at its end, which is no \
         majority. The tail was cut, or rewritten"
    )]
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
    #[error("the export was cut behind record {after}")]
    Cut {
        /// The last whole record.
        after: u64,
    },
    /// A frame claims an impossible size.
    #[error("behind record {after} stands a frame that claims {length} bytes: the export is damaged there")]
    FrameSize {
        /// The size claimed.
        length: u32,
        /// The last whole record.
        after: u64,
    },
    /// A frame of a kind that has no place there.
    #[error(
        "behind record {after} stands a frame of kind {kind:#04x}, which has no place there: the export is damaged there"
    )]
    Frame {
        /// Its kind.
        kind: u8,
        /// The last whole record.
        after: u64,
    },
    /// The last frame does not fit the rest.
    #[error("the export's last frame does not fit the rest: it was damaged, although every record in it is good")]
    End,
    /// Something follows the end.
    #[error("bytes follow the export's end")]
    Trailing,
    /// It is a true export, but of an earlier time.
    #[error("the export is true but ends at index {ends}, and index {wanted} was asked for: ask for a newer one")]
    TooShort {
        /// Where it ends.
        ends: u64,
        /// Where it should.
        wanted: u64,
    },
}

impl Bad {
    /// The first record that is bad, as far as that can be told; 0 stands for the genesis.
    #[must_use]
    pub const fn first_record(&self) -> Option<u64> {
        match self {
            Self::Genesis { .. } | Self::Federation { .. } => Some(0),
            Self::Record { index, .. } => Some(*index),
            Self::Missing { wanted, .. } => Some(*wanted),
            Self::Rewritten { from, .. } | Self::Unsigned { from, .. } => Some(*from),
            Self::Cut { after } | Self::FrameSize { after, .. } | Self::Frame { after, .. } => Some(*after + 1),
            Self::Io { .. }
            | Self::NoExport
            | Self::Start { .. }
            | Self::Head { .. }
            | Self::End
            | Self::Trailing
            | Self::TooShort { .. } => None,
        }
    }
}
