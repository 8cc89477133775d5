//! `keys issued|revoke`: what the site's CAs issued, and taking it back.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Confirm, HashPrefix};

/// Where a site's keys are.
#[derive(Args, Clone)]
#[group(skip)]
pub struct SiteDirectory {
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true, default_value = "/var/lib/verbund")]
    pub data_dir: PathBuf,
}

/// `keys revoke`
#[derive(Args, Clone)]
pub struct KeysRevoke {
    #[arg(value_name = "SERIAL", required_unless_present = "key")]
    pub serials: Vec<String>,
    #[arg(long, value_name = "ID", conflicts_with = "serials")]
    pub key: Option<HashPrefix>,
    #[arg(long, value_enum, default_value = "unspecified", value_name = "REASON")]
    pub reason: RevocationReason,
    #[command(flatten)]
    pub site: SiteDirectory,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// Why, in the words of RFC 5280, 5.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RevocationReason {
    Unspecified,
    KeyCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    PrivilegeWithdrawn,
}
