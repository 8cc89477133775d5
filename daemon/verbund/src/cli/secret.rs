//! Sealed secrets. No value ever stands in an argument: other processes and the shell's history see those.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use verbund_model::{SecretName, SiteName, WorkloadName};

use super::Confirm;

/// `secret`
#[derive(Subcommand)]
pub enum SecretCommand {
    Set(SecretSet),
    List {
        #[arg(long, value_name = "WORKLOAD")]
        workload: Option<WorkloadName>,
        #[arg(long)]
        to_rotate: bool,
    },
    Show {
        #[arg(value_name = "SECRET")]
        name: SecretName,
        #[arg(long, value_name = "WORKLOAD")]
        workload: WorkloadName,
    },
    Reseal(SecretReseal),
    Delete {
        #[arg(value_name = "SECRET")]
        name: SecretName,
        #[arg(long, value_name = "WORKLOAD")]
        workload: WorkloadName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// Where the values come from.
#[derive(Args, Clone, Default)]
#[group(skip)]
pub struct ValuesFrom {
    #[arg(long = "from-file", value_name = "KEY=FILE")]
    pub files: Vec<String>,
    #[arg(long = "from-env-file", value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

impl ValuesFrom {
    /// Whether no values were named.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.files.is_empty() && self.env_file.is_none()
    }
}

/// `secret set`
#[derive(Args, Clone)]
pub struct SecretSet {
    #[arg(value_name = "SECRET")]
    pub name: SecretName,
    #[arg(long, value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[command(flatten)]
    pub values: ValuesFrom,
    #[arg(long = "to", value_name = "SITE")]
    pub sites: Vec<SiteName>,
    #[arg(long, value_name = "BOOL")]
    pub delegate: Option<bool>,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `secret reseal`
#[derive(Args, Clone)]
pub struct SecretReseal {
    #[arg(value_name = "SECRET")]
    pub name: SecretName,
    #[arg(long, value_name = "WORKLOAD")]
    pub workload: WorkloadName,
    #[command(flatten)]
    pub values: ValuesFrom,
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "env_file", "delegate"])]
    pub data_dir: Option<PathBuf>,
    #[arg(long = "to", value_name = "SITE")]
    pub sites: Vec<SiteName>,
    #[arg(long, value_name = "BOOL")]
    pub delegate: Option<bool>,
    #[command(flatten)]
    pub confirm: Confirm,
}
