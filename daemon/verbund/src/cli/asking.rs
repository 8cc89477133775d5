//! What a workload says where it runs.

use clap::Args;
use verbund_model::{ClusterName, WorkloadName};

use super::Span;

/// `logs`
#[derive(Args, Clone)]
pub struct Logs {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: Option<ClusterName>,
    #[arg(long, value_name = "POD")]
    pub pod: Option<String>,
    #[arg(long, value_name = "CONTAINER")]
    pub container: Option<String>,
    #[arg(long, value_name = "LINES", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub tail: u32,
    #[arg(long, value_name = "TIME")]
    pub since: Option<Span>,
    #[arg(long)]
    pub previous: bool,
    #[arg(short = 'f', long, conflicts_with = "previous")]
    pub follow: bool,
}

/// `events`
#[derive(Args, Clone)]
pub struct Events {
    #[arg(value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: Option<ClusterName>,
    #[arg(short = 'w', long)]
    pub watch: bool,
}
