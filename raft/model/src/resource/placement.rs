//! Where workloads run, and what was found that made them move.

use serde::{Deserialize, Serialize};

use super::{Der, Millis};
use crate::id::{ClusterName, NodeId, OrgName, SiteName, TicketName, WorkloadName};

/// What a copy is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyRole {
    /// It serves.
    Active,
    /// Its place is reserved.
    Standby,
    /// It is being stopped, and counts as running until that is proven.
    Stopping,
}

/// What the agent says of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum CopyPhase {
    /// Nothing has been heard of it yet.
    Pending,
    /// It was applied and is not ready yet.
    Starting {
        /// What it waits for.
        reason: String,
    },
    /// It runs.
    Ready,
    /// It does not come up.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What an agent reports of one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyReport {
    /// The workload.
    pub workload: WorkloadName,
    /// The epoch of the copy.
    pub epoch: u64,
    /// How it is.
    pub phase: CopyPhase,
}

/// One copy of a workload at a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacedCopy {
    /// The cluster.
    pub cluster: ClusterName,
    /// What it is there for.
    pub role: CopyRole,
    /// The epoch of its activation; 0 for a standby that never was active.
    pub epoch: u64,
    /// The lease generation under which an exclusive copy runs; 0 for others.
    pub generation: u64,
    /// Since when it has this role.
    pub since: Millis,
    /// What the agent says.
    pub phase: CopyPhase,
}

/// Why a workload has fewer active copies than wanted, or one that should be elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Waiting {
    /// No cluster fits; `verbund why` says why not.
    NotPlaceable,
    /// An old copy may still run: a receipt, a verdict on its lease, or a person's `fence confirm` is needed.
    Fence {
        /// Where the old copy is.
        cluster: ClusterName,
    },
    /// A person must say `failover`.
    Person,
    /// More urgent workloads are planned first.
    Turn,
    /// It runs, should be elsewhere, and moves when its windows open.
    Window,
}

/// What made a placement as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Cause {
    /// The Softwarebetreiber applied the workload.
    Applied,
    /// A verdict said that a site is lost or a lease has ended.
    Verdict {
        /// Log index of the verdict.
        index: u64,
    },
    /// A person said `failover`.
    Failover,
    /// A person said `relocate`.
    Relocate,
    /// A person said `failback`.
    Failback,
    /// A person asked for a drill.
    Drill,
    /// A receipt, a person's confirmation or a returned site let it go on.
    Released,
    /// A place became free or fit for what was waiting.
    Room,
    /// An evidence expired.
    EvidenceExpired,
    /// Its cluster was removed.
    ClusterRemoved,
    /// Its place does not keep every rule any more: a consent was withdrawn, an exception ended, a site was suspended.
    Misplaced,
    /// Its site was excluded, and is not believed about anything any more.
    Excluded,
}

/// Where a workload runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Placement {
    /// The workload.
    pub workload: WorkloadName,
    /// The last epoch that was given; it only rises (I6).
    pub epoch: u64,
    /// Its copies, in the order of cluster names.
    pub copies: Vec<PlacedCopy>,
    /// Why there are fewer active ones than wanted.
    pub waiting: Option<Waiting>,
    /// Where a person wants it to go (`relocate`).
    pub target: Option<ClusterName>,
    /// What made it so.
    pub cause: Cause,
    /// Where it was active before it was last moved, for `failback`.
    pub home: Option<ClusterName>,
    /// The change under which it was last moved (Rahmenwerk 5.3.4).
    pub change: TicketName,
}

/// What a voter states under its signature (lease.md 5 and 7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Finding {
    /// The lease of a cluster has ended in this generation.
    LeaseEnded {
        /// The cluster.
        cluster: ClusterName,
        /// The generation.
        generation: u64,
    },
    /// Nothing of a site has been heard for too long.
    Unreachable {
        /// The site.
        site: SiteName,
        /// Its presence that this ends.
        presence: u64,
    },
    /// A site that was lost is heard of again.
    Returned {
        /// The site.
        site: SiteName,
        /// Its absence that this ends.
        presence: u64,
    },
}

/// The log id of the entry that last changed a set of voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MembershipId {
    /// Term of the leader that proposed it.
    pub term: u64,
    /// That leader.
    pub node: u64,
    /// Index of the entry.
    pub index: u64,
}

/// A voter's signed statement of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedFinding {
    /// The voter.
    pub node: NodeId,
    /// The membership under which it was signed.
    pub membership: MembershipId,
    /// The raw signature (`r ‖ s`, low s) of the node's registered key.
    pub signature: Der,
}

/// The logged fact that a majority of voters found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// Log index: its name.
    pub index: u64,
    /// What was found.
    pub finding: Finding,
    /// Who stated it.
    pub by: Vec<SignedFinding>,
    /// The workloads that are still to be planned because of it, the most urgent first.
    pub remaining: Vec<WorkloadName>,
}

/// What kind of change it is (Rahmenwerk, Appendix).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Approved before, for ever the same.
    Standard,
    /// Approved for this once.
    Normal,
    /// Made at once, looked at afterwards.
    Emergency,
}

/// A change: no placement moves without one (Rahmenwerk 5.3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeTicket {
    /// Its name.
    pub name: TicketName,
    /// The workload.
    pub workload: WorkloadName,
    /// Whose workload.
    pub organisation: OrgName,
    /// What kind.
    pub kind: ChangeKind,
    /// What it is about.
    pub description: String,
    /// Whether it is closed.
    pub closed: bool,
    /// What whoever closed it found; empty: nothing was said. An emergency change is closed by whoever looked at it.
    #[serde(default)]
    pub review: String,
}

/// What a Softwarebetreiber must know of where a workload runs: its cluster is impaired, or lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Incident {
    /// Its name.
    pub name: TicketName,
    /// The workload.
    pub workload: WorkloadName,
    /// Whose workload.
    pub organisation: OrgName,
    /// The cluster.
    pub cluster: ClusterName,
    /// What happened.
    pub reason: String,
    /// What a person must decide, where the workload waits for that; `verbund failover` decides it.
    pub awaits: Option<AwaitedDecision>,
    /// Whether it is over, or a person closed it.
    pub resolved: bool,
}

/// A decision for a failover that a person must make (`failover: ask`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwaitedDecision {
    /// Since when it is awaited.
    pub since: Millis,
    /// What may be lost by it, in seconds: the workload's RPO. 0: nothing may be lost by its operator's word.
    pub rpo: u32,
}
