//! What the planner answers: a placement, and why.

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Cause, CopyRole, Millis, Placement};
use verbund_model::{ClusterName, SiteName, TicketName, WorkloadName};

use crate::reason::Reason;
use crate::rule::Rule;

/// What is to be planned, and why. Whoever asks has proven the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The workload.
    pub workload: WorkloadName,
    /// Why.
    pub cause: Cause,
    /// The time of the entry.
    pub now: Millis,
    /// Where a person wants it: with the causes failover, relocate, failback and drill.
    pub target: Option<ClusterName>,
    /// The change under which it is moved; a placement that stays as it is keeps its old one.
    pub change: TicketName,
    /// Whether what runs where it had better not be stays until its windows open. Holds nothing back that a person asks for,
    /// that was lost, or that may not stay.
    pub held: bool,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Where the workload is to run. Equal to the placement before, in every byte, when nothing changes.
    pub placement: Placement,
    /// Whether it differs from the placement before.
    pub changed: bool,
    /// Why.
    pub report: Report,
}

/// Why a workload runs where it runs, and not elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// The workload.
    pub workload: WorkloadName,
    /// Why what a person asked for was not done; none: it was, or nobody asked. The placement is then unchanged.
    pub refused: Option<Refused>,
    /// The places that were chosen, with their scores.
    pub choices: Vec<Choice>,
    /// What it still lacks.
    pub lacks: Vec<Lack>,
    /// For what kind of copy the clusters were tried.
    pub sought: CopyRole,
    /// Each cluster with each rule, in the order of names; empty where nobody asked `why`.
    pub clusters: Vec<ClusterReport>,
}

/// Why what a person asked for was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Refused {
    /// There is no such workload.
    UnknownWorkload,
    /// There is no such cluster.
    UnknownCluster {
        /// The name that was given.
        cluster: ClusterName,
    },
    /// The cluster does not fit.
    Unfit {
        /// The cluster.
        cluster: ClusterName,
        /// Each reason.
        reasons: Vec<Reason>,
    },
    /// It is active there already.
    AlreadyThere {
        /// The cluster.
        cluster: ClusterName,
    },
    /// No other cluster fits.
    NoPlace,
    /// A drill needs a standby, and there is none that fits.
    NoStandby,
    /// It was never moved, so that there is nowhere to go back to.
    NoHome,
    /// Nothing of it is active, so that there is nothing to move.
    NotActive,
    /// A target was not given.
    NoTarget,
}

/// What a workload lacks after planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lack {
    /// Fewer active copies than wanted.
    Active,
    /// No standby.
    Standby,
}

/// A place that was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    /// The cluster.
    pub cluster: ClusterName,
    /// For what.
    pub role: CopyRole,
    /// How well it fits.
    pub score: Score,
}

/// How well a place fits: each part 0 to 1000, more is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Score {
    /// Away from the sites and organisations of the other copies, and from full sites.
    pub spread: u32,
    /// What stays free at the cluster after the loss of any one other site.
    pub headroom: u32,
    /// Near to the other copies or to home.
    pub locality: u32,
    /// Cheap.
    pub price: u32,
    /// Prepared, or near to where it was.
    pub stability: u32,
    /// All, weighted.
    pub total: u32,
}

/// A cluster, tried with every rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterReport {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its site.
    pub site: SiteName,
    /// What the workload has there.
    pub holds: Option<CopyRole>,
    /// Each rule, in the order of [`Rule::ALL`].
    pub tried: Vec<Tried>,
    /// How well it fits; none: it does not.
    pub score: Option<Score>,
}

/// A rule that was tried at a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tried {
    /// The rule.
    pub rule: Rule,
    /// The id of the standard behind it.
    pub standard: String,
    /// Why it is not kept; empty: it is.
    pub reasons: Vec<Reason>,
}

impl ClusterReport {
    /// Whether every rule is kept.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.tried.iter().all(|tried| tried.reasons.is_empty())
    }
}
