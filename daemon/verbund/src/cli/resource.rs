//! Resources of any kind, and the state of everything.

use std::path::PathBuf;

use clap::Args;
use clap_complete::ArgValueCandidates;
use verbund_model::view::Kind;

use super::{Confirm, Span};

/// `get`
#[derive(Args, Clone)]
pub struct Get {
    #[arg(value_name = "KIND", value_parser = super::values::kind, add = ArgValueCandidates::new(super::candidates::kinds))]
    pub kind: Kind,
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    #[arg(short = 'w', long)]
    pub watch: bool,
}

/// `list`
#[derive(Args, Clone)]
pub struct List {
    #[arg(value_name = "KIND", value_parser = super::values::kind, add = ArgValueCandidates::new(super::candidates::kinds))]
    pub kind: Kind,
    #[arg(short = 'w', long)]
    pub watch: bool,
}

/// `apply`
#[derive(Args, Clone)]
pub struct Apply {
    #[arg(short = 'f', long, value_name = "FILE")]
    pub file: PathBuf,
    #[arg(long = "org", value_name = "ORG")]
    pub organisation: Option<verbund_model::OrgName>,
    #[arg(long, value_name = "ID")]
    pub plan: Option<verbund_model::Hash>,
    #[command(flatten)]
    pub urgency: super::Urgency,
}

/// `delete`
#[derive(Args, Clone)]
pub struct Delete {
    #[arg(value_name = "KIND", value_parser = super::values::kind, add = ArgValueCandidates::new(super::candidates::kinds))]
    pub kind: Kind,
    #[arg(value_name = "NAME")]
    pub name: String,
    #[arg(long, value_name = "VERSION")]
    pub resource_version: Option<u64>,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `watch`
#[derive(Args, Clone)]
pub struct Watch {
    #[arg(value_name = "KIND", value_parser = super::values::kind, add = ArgValueCandidates::new(super::candidates::kinds))]
    pub kinds: Vec<Kind>,
    #[arg(long, value_name = "INDEX")]
    pub from: Option<u64>,
}

/// `status`
#[derive(Args, Clone)]
pub struct Status {
    #[arg(short = 'w', long)]
    pub watch: bool,
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub every: Span,
}
