//! What needs no federation: keys, contexts, configuration, offline checks.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use verbund_keys::TokenUri;
use verbund_model::resource::Address;
use verbund_model::{FederationId, Hash, SiteName};

use super::{ConfigFile, Confirm, KeysRevoke, RotateCommand, SignCa, SiteDirectory, Span};

/// What a person's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyKind {
    Coordinator,
    User,
}

/// `keys`
#[derive(Subcommand)]
pub enum KeysCommand {
    New {
        #[arg(long, value_enum, value_name = "KIND")]
        kind: KeyKind,
        #[arg(long, value_name = "FILE", required_unless_present = "custody", conflicts_with = "custody")]
        out: Option<PathBuf>,
        #[arg(long, value_name = "URI")]
        custody: Option<TokenUri>,
    },
    List {
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
        #[arg(long, value_name = "URI", conflicts_with = "directory")]
        custody: Option<TokenUri>,
    },
    Show {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Probe {
        #[arg(value_name = "URI")]
        token: TokenUri,
    },
    BackupCheck(BackupCheck),
    Issued(SiteDirectory),
    Revoke(KeysRevoke),
    #[command(subcommand)]
    Rotate(RotateCommand),
    SignCa(SignCa),
}

/// `keys backup-check`
#[derive(Args, Clone)]
pub struct BackupCheck {
    #[arg(value_name = "URI")]
    pub backup: TokenUri,
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true, default_value = "/var/lib/verbund")]
    pub data_dir: PathBuf,
    #[arg(long, value_name = "URI")]
    pub custody: Option<TokenUri>,
}

/// `context`
#[derive(Subcommand)]
pub enum ContextCommand {
    List,
    Use {
        #[arg(value_name = "NAME", add = ArgValueCandidates::new(super::candidates::contexts))]
        name: String,
    },
    Show {
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    Add(ContextAdd),
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `context add`
#[derive(Args, Clone)]
pub struct ContextAdd {
    #[arg(value_name = "NAME")]
    pub name: String,
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<Address>,
    #[arg(long, value_name = "HASH")]
    pub federation: Option<FederationId>,
    #[arg(long, value_name = "HASH")]
    pub pin: Option<Hash>,
    #[arg(long, value_name = "DIR", conflicts_with_all = ["federation", "pin"])]
    pub data_dir: Option<PathBuf>,
    #[arg(long, value_name = "URI")]
    pub key: Option<String>,
    #[arg(long = "other", value_name = "SITE=ADDRESS")]
    pub others: Vec<Address>,
    #[arg(long = "other-pin", value_name = "SITE=HASH", value_parser = super::values::site_pin)]
    pub other_pins: Vec<(SiteName, Hash)>,
    #[arg(long)]
    pub replace: bool,
}

/// `config`
#[derive(Subcommand)]
pub enum ConfigCommand {
    Check(ConfigFile),
    Show(ConfigFile),
}

/// `audit`
#[derive(Subcommand)]
pub enum AuditCommand {
    List(AuditList),
    Export(AuditExport),
    Verify(AuditVerify),
}

/// `audit list`
#[derive(Args, Clone)]
pub struct AuditList {
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[arg(long, value_name = "INDEX")]
    pub from: Option<u64>,
    #[arg(long, value_name = "INDEX")]
    pub to: Option<u64>,
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

/// `audit export`
#[derive(Args, Clone)]
pub struct AuditExport {
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[arg(long, value_name = "INDEX")]
    pub to: Option<u64>,
}

/// `audit verify`
#[derive(Args, Clone)]
pub struct AuditVerify {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[arg(long, value_name = "HASH")]
    pub federation: Option<FederationId>,
    #[arg(long, value_name = "INDEX")]
    pub at_least: Option<u64>,
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<Span>,
}

/// `network`
#[derive(Subcommand)]
pub enum NetworkCommand {
    Matrix(ConfigFile),
    Check(ConfigFile),
}

/// Shells for which there is completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}
