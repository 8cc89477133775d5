//! `ceremony`: what witnesses need on paper.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use verbund_keys::Publication;
use verbund_model::SiteName;

/// `ceremony`
#[derive(Args, Clone)]
pub struct Ceremony {
    #[arg(value_enum, value_name = "KIND")]
    pub kind: CeremonyKind,
    #[arg(long, value_name = "NAME")]
    pub site: SiteName,
    #[arg(long, value_name = "NAME")]
    pub federation: SiteName,
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true, default_value = "/var/lib/verbund")]
    pub data_dir: PathBuf,
    #[arg(long, value_name = "URL")]
    pub pki_url: Option<Publication>,
    #[arg(long = "witness", value_name = "NAME")]
    pub witnesses: Vec<String>,
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What is done before witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CeremonyKind {
    /// Making a root that is kept offline.
    Root,
    /// Having it sign another issuing CA.
    Ca,
}
