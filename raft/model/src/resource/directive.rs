//! Directives: what m of n coordinators order and every daemon carries out at once, without waiting for the log (design
//! 3.6).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Der, Millis};
use crate::id::{Hash, KeyId, NodeId, OrgName, SiteName};

/// All by which a site could be trusted. It stands in the signed bytes, so that a daemon can act on it without its
/// state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedSite {
    /// Its name, which names its trust domain too.
    pub site: SiteName,
    /// Its nodes.
    pub nodes: BTreeSet<NodeId>,
    /// Ids of its keys: trust anchors, issuing CA, nodes, agents, and those of users who go with it.
    pub keys: BTreeSet<KeyId>,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Order {
    /// A site is a member no more, for ever.
    ExcludeSite {
        /// Its name.
        site: SiteName,
        /// Its nodes.
        nodes: BTreeSet<NodeId>,
        /// Ids of its keys: trust anchors, issuing CA, nodes, agents, and those of users who go with it.
        keys: BTreeSet<KeyId>,
        /// Why: 1 to 1,000 characters.
        reason: String,
    },
    /// An organisation is a member no more, for ever, nor is what it runs.
    ExcludeOrganisation {
        /// Its name.
        organisation: OrgName,
        /// The organisations below it, which have their membership from it.
        below: BTreeSet<OrgName>,
        /// Their sites.
        sites: Vec<ExcludedSite>,
        /// Ids of their users' keys. Those that do not fit are distrusted where the log records the directive.
        keys: BTreeSet<KeyId>,
        /// Why: 1 to 1,000 characters.
        reason: String,
    },
    /// Reserved: founds the next federation generation from one survivor.
    Recover {
        /// What it is to be.
        terms: String,
    },
}

impl Order {
    /// The excluded sites, each with its nodes and keys.
    #[must_use]
    pub fn sites(&self) -> Vec<ExcludedSite> {
        match self {
            Self::ExcludeSite { site, nodes, keys, .. } => {
                vec![ExcludedSite { site: site.clone(), nodes: nodes.clone(), keys: keys.clone() }]
            }
            Self::ExcludeOrganisation { sites, .. } => sites.clone(),
            Self::Recover { .. } => Vec::new(),
        }
    }

    /// The excluded organisations.
    #[must_use]
    pub fn organisations(&self) -> BTreeSet<OrgName> {
        match self {
            Self::ExcludeOrganisation { organisation, below, .. } => {
                below.iter().chain([organisation]).cloned().collect()
            }
            Self::ExcludeSite { .. } | Self::Recover { .. } => BTreeSet::new(),
        }
    }

    /// All nodes that are named.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        self.sites().into_iter().flat_map(|site| site.nodes).collect()
    }

    /// All keys that are named.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<KeyId> {
        let mut all: BTreeSet<KeyId> = self.sites().into_iter().flat_map(|site| site.keys).collect();
        if let Self::ExcludeOrganisation { keys, .. } = self {
            all.extend(keys);
        }
        all
    }

    /// Why it is ordered.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::ExcludeSite { reason, .. } | Self::ExcludeOrganisation { reason, .. } => reason,
            Self::Recover { .. } => "",
        }
    }
}

/// A coordinator's signature of a directive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectiveSignature {
    /// The coordinator's key.
    pub key: KeyId,
    /// Raw `r ‖ s`, low `s`.
    pub signature: Der,
}

/// A directive's bytes and who signed them (DSSE). That they are enough, and of coordinators, is for
/// `verbund_identity::directive` to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedDirective {
    /// JSON of the directive, as its author wrote it.
    pub payload: Der,
    /// The signatures.
    pub signatures: Vec<DirectiveSignature>,
}

/// A directive that the log has recorded, and that apply has carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedDirective {
    /// SHA-256 of its payload bytes.
    pub hash: Hash,
    /// Its number.
    pub number: u64,
    /// What it follows.
    pub predecessor: Hash,
    /// The set of coordinators that ordered it.
    pub coordinator_set_version: u64,
    /// When it was issued, by its author's clock.
    pub issued: Millis,
    /// What is ordered.
    pub order: Order,
    /// That it holds even if it costs the quorum.
    pub accept_quorum_loss: bool,
    /// The bytes and signatures by which it proves itself.
    pub signed: SignedDirective,
    /// Another one with this number that was recorded before: the coordinators issued two. Both hold.
    pub beside: Option<Hash>,
}
