//! Directives, as the API shows them.

use serde::{Deserialize, Serialize};
use verbund_identity::{Directive, DirectiveError, SignedReceipt};
use verbund_model::resource::{Millis, Order, SignedDirective};
use verbund_model::{Hash, NodeId, OrgName, SiteName};

/// A directive as a site holds it, and who has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectiveView {
    /// The hash that names it.
    pub hash: Hash,
    /// Its number.
    pub number: u64,
    /// The version of the set of coordinators who signed it.
    pub coordinator_set_version: u64,
    /// When it was issued, by its author's clock.
    pub issued: Millis,
    /// What is ordered.
    pub order: Order,
    /// Whether it holds even if it costs the quorum.
    pub accept_quorum_loss: bool,
    /// When it took effect at the node that answers, by its clock.
    pub heard: Millis,
    /// Whether the log has recorded it, as far as that node has applied it.
    pub recorded: bool,
    /// The receipts that are known there.
    pub receipts: Vec<SignedReceipt>,
    /// The nodes whose receipt is still awaited.
    pub awaited: Vec<Awaited>,
    /// Its bytes and signatures.
    pub signed: SignedDirective,
}

/// A node that has not answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Awaited {
    /// Its site.
    pub site: SiteName,
    /// The node.
    pub node: NodeId,
}

/// An exclusion that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Wanted {
    /// Of a site.
    ExcludeSite {
        /// Which.
        site: SiteName,
        /// Why.
        reason: String,
        /// Whether it shall hold even if it costs the quorum.
        accept_quorum_loss: bool,
    },
    /// Of an organisation, with those below it.
    ExcludeOrganisation {
        /// Which.
        organisation: OrgName,
        /// Why.
        reason: String,
        /// Whether it shall hold even if it costs the quorum.
        accept_quorum_loss: bool,
    },
}

/// A directive that nobody has signed yet, and what it would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drawn<Impact> {
    /// The directive.
    pub directive: Directive,
    /// What it would do: an `Impact` of `verbund-machine`.
    pub impact: Impact,
}

/// Why a directive was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// It does not count.
    #[error(transparent)]
    Invalid(#[from] DirectiveError),
    /// It is of a set of coordinators that the node does not know yet.
    #[error("the directive is of version {found} of the set of coordinators, and this node knows version {known} only")]
    Ahead {
        /// The version that it names.
        found: u64,
        /// The version that is known here.
        known: u64,
    },
    /// It could not be kept, so it did not act.
    #[error("the directive could not be kept, so that it did not act: {reason}")]
    Failed {
        /// Why; shown to the caller.
        reason: String,
    },
}
