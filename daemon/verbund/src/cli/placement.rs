//! Where workloads run: plans and reasons, moves, clusters, and what their rules rest on.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use verbund_model::{ClusterName, EvidenceName, ExceptionName, OrgName, SiteName, TicketName, WorkloadName};

use super::agent::ClusterAdd;
use super::{Confirm, Span};

/// `plan`
#[derive(Args, Clone)]
pub struct Plan {
    #[arg(short = 'f', long, value_name = "FILE")]
    pub file: PathBuf,
    #[arg(long = "org", value_name = "ORG")]
    pub organisation: Option<OrgName>,
}

/// `why`
#[derive(Args, Clone)]
pub struct Why {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: Option<ClusterName>,
}

/// Whether a move is followed to its end.
#[derive(Args, Clone, Default)]
pub struct Follow {
    #[arg(long)]
    pub no_wait: bool,
}

/// Whether a planned move waits for its windows.
#[derive(Args, Clone, Default)]
pub struct Urgency {
    #[arg(long, requires = "reason")]
    pub emergency: bool,
    #[arg(long, value_name = "TEXT", requires = "emergency")]
    pub reason: Option<String>,
}

impl Urgency {
    /// Why it does not wait; `None`: it does.
    #[must_use]
    pub fn emergency(&self) -> Option<String> {
        self.reason.clone().filter(|_| self.emergency)
    }
}

/// `failover`
#[derive(Args, Clone)]
pub struct Failover {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "CLUSTER")]
    pub to: Option<ClusterName>,
    #[arg(long)]
    pub accept_loss: bool,
    #[command(flatten)]
    pub follow: Follow,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `relocate`
#[derive(Args, Clone)]
pub struct Relocate {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "CLUSTER")]
    pub to: ClusterName,
    #[command(flatten)]
    pub urgency: Urgency,
    #[command(flatten)]
    pub follow: Follow,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `failback`
#[derive(Args, Clone)]
pub struct Failback {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[command(flatten)]
    pub urgency: Urgency,
    #[command(flatten)]
    pub follow: Follow,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `drill`
#[derive(Args, Clone)]
pub struct Drill {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[arg(long)]
    pub failback: bool,
    #[command(flatten)]
    pub urgency: Urgency,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `workload`
#[derive(Subcommand)]
pub enum WorkloadCommand {
    List,
    Show {
        #[arg(value_name = "WORKLOAD")]
        name: WorkloadName,
        #[arg(short = 'w', long)]
        watch: bool,
    },
    Render(Plan),
}

/// `cluster`
#[derive(Subcommand)]
pub enum ClusterCommand {
    Add(Box<ClusterAdd>),
    List,
    Show {
        #[arg(value_name = "CLUSTER")]
        name: ClusterName,
    },
    Cordon {
        #[arg(value_name = "CLUSTER")]
        name: ClusterName,
    },
    Uncordon {
        #[arg(value_name = "CLUSTER")]
        name: ClusterName,
    },
    Remove {
        #[arg(value_name = "CLUSTER")]
        name: ClusterName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `fence`
#[derive(Subcommand)]
pub enum FenceCommand {
    Confirm {
        #[arg(value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[arg(long, value_name = "CLUSTER")]
        cluster: ClusterName,
        #[arg(long, value_name = "EPOCH")]
        epoch: u64,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `evidence`
#[derive(Subcommand)]
pub enum EvidenceCommand {
    List,
    Show {
        #[arg(value_name = "EVIDENCE")]
        name: EvidenceName,
    },
    Delete {
        #[arg(value_name = "EVIDENCE")]
        name: EvidenceName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `exception`
#[derive(Subcommand)]
pub enum ExceptionCommand {
    List,
    Show {
        #[arg(value_name = "EXCEPTION")]
        name: ExceptionName,
    },
    Request {
        #[arg(value_name = "EXCEPTION")]
        name: ExceptionName,
        #[arg(long, value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[arg(long, value_name = "RULE", default_value = "georedundancy", add = ArgValueCandidates::new(super::candidates::exception_rules))]
        rule: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: Span,
    },
    Approve {
        #[arg(value_name = "EXCEPTION")]
        name: ExceptionName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `consent`
#[derive(Subcommand)]
pub enum ConsentCommand {
    List,
    Give {
        #[arg(value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[arg(long, value_name = "ORG")]
        customer: OrgName,
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<SiteName>,
    },
    Withdraw {
        #[arg(value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `change`
#[derive(Subcommand)]
pub enum ChangeCommand {
    List {
        #[arg(long, value_name = "WORKLOAD")]
        workload: Option<WorkloadName>,
    },
    Open {
        #[arg(value_name = "CHANGE")]
        name: TicketName,
        #[arg(long, value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[arg(long, value_name = "TEXT")]
        description: String,
    },
    Close {
        #[arg(value_name = "CHANGE")]
        name: TicketName,
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        review: String,
    },
}

/// `incident`
#[derive(Subcommand)]
pub enum IncidentCommand {
    List {
        #[arg(long, value_name = "WORKLOAD")]
        workload: Option<WorkloadName>,
        #[arg(long)]
        all: bool,
    },
    Close {
        #[arg(value_name = "INCIDENT")]
        name: TicketName,
    },
}

/// `timings`
#[derive(Subcommand)]
pub enum TimingsCommand {
    Show,
    Set(TimingsSet),
}

/// `timings set`: what is not named stays.
#[derive(Args, Clone)]
pub struct TimingsSet {
    #[arg(long, value_name = "TIME")]
    pub lease: Option<Span>,
    #[arg(long, value_name = "TIME")]
    pub margin: Option<Span>,
    #[arg(long, value_name = "PPM")]
    pub drift: Option<u32>,
    #[arg(long, value_name = "TIME")]
    pub unreachable_after: Option<Span>,
    #[arg(long, value_name = "TIME")]
    pub returned_after: Option<Span>,
    #[arg(long, value_name = "BOOL")]
    pub one_liar: Option<bool>,
    #[command(flatten)]
    pub confirm: Confirm,
}
