//! How a federation and one of its nodes are: what `verbund status` shows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_identity::Head;
use verbund_model::resource::{Land, Millis, Standing};
use verbund_model::{FederationId, NodeId, OrgName, SiteName};

use crate::language::Localised;

/// The federation, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederationRef {
    /// Its id.
    pub id: FederationId,
    /// Its name.
    pub name: SiteName,
    /// Its generation.
    pub generation: u32,
}

/// What anybody may know of a node, also without a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicStatus {
    /// The federation.
    pub federation: FederationRef,
    /// The site that answers.
    pub site: SiteName,
    /// The node's clock, milliseconds since 1970: a caller whose own differs by minutes will be refused certificates.
    pub now: Millis,
}

/// What part a node takes in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It leads.
    Leader,
    /// It votes and follows.
    Follower,
    /// It votes and asks for votes.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It has not been admitted, or has no state yet.
    Joining,
    /// It has stopped for a reason that an alarm names.
    Halted,
}

/// Whether writes can be agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quorum {
    /// Whether this node knows of a leader that a majority follows.
    pub held: bool,
    /// Voters in all.
    pub voters: u32,
    /// Voters that this node has heard of lately, itself included.
    pub reachable: u32,
    /// Voters needed.
    pub needed: u32,
    /// How many voters may be lost before writes stop.
    pub spare: u32,
}

/// A node, seen from the one that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeStatus {
    /// The node.
    pub node: NodeId,
    /// Its part, as far as known.
    pub role: Role,
    /// Whether there is a connection to it.
    pub connected: bool,
    /// Milliseconds since it was last heard of; `null`: never since start.
    pub last_seen_ms: Option<u64>,
    /// The highest index it is known to have; `null`: not known here.
    pub matched: Option<u64>,
}

/// A site, seen from the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteStatus {
    /// The site.
    pub site: SiteName,
    /// Its organisation.
    pub organisation: OrgName,
    /// Where it stands.
    pub land: Land,
    /// Whether it may act.
    pub standing: Standing,
    /// That the voters found it lost, as far as the state of the node that answers goes; `null`: they did not, or it returned.
    pub lost: Option<Loss>,
    /// Whether a node of it ever ran since it was admitted, as far as is known here.
    pub started: bool,
    /// Its nodes that take part.
    pub nodes: Vec<NodeStatus>,
}

/// That a site counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Loss {
    /// When it was found lost, milliseconds since 1970.
    pub since: Millis,
    /// Where it is heard again: in how many milliseconds it was heard for long enough to count as returned, as the node that
    /// answers judges it. `null`: it is not heard, or that node cannot say.
    pub returns_in_ms: Option<u64>,
}

/// Something that a person should know of: a warning or an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notice {
    /// Its stable name, such as `fork` or `clock-ahead`.
    pub name: String,
    /// Since when, milliseconds since 1970.
    pub since: Millis,
    /// What it is about, if about one thing: a node, a site, a certificate.
    pub subject: Option<String>,
    /// What was found, and what to do, in both languages.
    pub message: Localised,
}

/// The disk that holds the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    /// Bytes in all.
    pub total: u64,
    /// Bytes free.
    pub free: u64,
    /// Below this many free bytes writes are refused.
    pub low_water: u64,
    /// Whether they are.
    pub writes_refused: bool,
}

/// How the federation and the node that answers are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// The federation.
    pub federation: FederationRef,
    /// The site that answers.
    pub site: SiteName,
    /// The node that answers; `null` before it is admitted.
    pub node: Option<NodeId>,
    /// The software's version.
    pub version: String,
    /// The node's part.
    pub role: Role,
    /// Who leads, as far as known.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: u64,
    /// Index of the last applied entry.
    pub applied: u64,
    /// The log's time at that entry, milliseconds since 1970.
    pub time: Millis,
    /// The node's clock, milliseconds since 1970.
    pub now: Millis,
    /// How long ago this node last knew that its state was the newest, in milliseconds; `null`: never since start.
    pub age_ms: Option<u64>,
    /// The quorum.
    pub quorum: Quorum,
    /// All sites, by name.
    pub sites: Vec<SiteStatus>,
    /// The voters.
    pub voters: BTreeSet<NodeId>,
    /// The learners.
    pub learners: BTreeSet<NodeId>,
    /// The last head that the node signed.
    pub head: Option<Head>,
    /// Index of the newest checkpoint held.
    pub checkpoint: Option<u64>,
    /// When the node's TLS certificate ends, milliseconds since 1970.
    pub certificate_not_after: Option<Millis>,
    /// The disk.
    pub disk: Disk,
    /// What is worth knowing, is no danger, and cannot be changed at the moment.
    pub notes: Vec<Notice>,
    /// What should be looked at.
    pub warnings: Vec<Notice>,
    /// What stops something, or needs a person now.
    pub alarms: Vec<Notice>,
}

impl Status {
    /// The part of it that anybody may know.
    #[must_use]
    pub fn public(&self) -> PublicStatus {
        PublicStatus { federation: self.federation.clone(), site: self.site.clone(), now: self.now }
    }
}
