//! `keys rotate` and `keys sign-ca`: new certificates, and another issuing CA in the place of a site's.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use verbund_keys::TokenUri;

use super::{Confirm, HashPrefix, SiteDirectory, Span};

/// `keys rotate`
#[derive(Subcommand)]
pub enum RotateCommand {
    Node {
        #[command(flatten)]
        site: SiteDirectory,
    },
    Ca(Box<RotateCa>),
}

/// `keys rotate ca`
#[derive(Args, Clone)]
pub struct RotateCa {
    #[arg(value_enum, value_name = "STEP")]
    pub step: CaStep,
    #[arg(long, value_name = "ID")]
    pub key: Option<HashPrefix>,
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    #[arg(long, value_name = "URI")]
    pub custody: Option<TokenUri>,
    #[command(flatten)]
    pub site: SiteDirectory,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// The steps, and what shows where a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaStep {
    Status,
    Prepare,
    Activate,
    Taint,
    Revoke,
    Withdraw,
}

/// `keys sign-ca`
#[derive(Args, Clone)]
pub struct SignCa {
    #[arg(value_name = "REQUEST")]
    pub request: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[arg(long, value_name = "TIME", default_value = "365d")]
    pub valid: Span,
    #[command(flatten)]
    pub site: SiteDirectory,
}
