//! Why a directive was not taken.

use verbund_identity::directive::DirectiveError;

/// Why a directive was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It does not count.
    #[error(transparent)]
    Invalid(#[from] DirectiveError),
    /// It is of a set of coordinators that this node does not know yet. It is kept aside, and tried again as the state moves.
    #[error(
        "the directive is of version {found} of the set of coordinators, and this node knows version {known}: it is kept aside until the node has caught up"
    )]
    Ahead {
        /// The version that it names.
        found: u64,
        /// The version that is known here.
        known: u64,
    },
    /// There are more than anybody can have ordered.
    #[error("this node keeps {most} directives, which is the most: look into its directory of directives")]
    Full {
        /// How many are kept.
        most: usize,
    },
    /// It could not be made durable, so it did not act.
    #[error("the directive could not be written to disk, so that it did not act: {why}")]
    Disk {
        /// What the system answered.
        why: String,
    },
}

impl NotTaken {
    /// Whether no honest peer passes on such a thing. A set of coordinators that was replaced, or is not known yet, is no
    /// lie: peers hear of changes at different times.
    pub(crate) const fn is_rubbish(&self) -> bool {
        match self {
            Self::Invalid(error) => {
                !matches!(error, DirectiveError::WrongSet { .. } | DirectiveError::WrongGeneration { .. })
            }
            Self::Ahead { .. } | Self::Full { .. } | Self::Disk { .. } => false,
        }
    }
}
