//! Directives: drawing them up, gathering signatures, handing them in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use verbund_model::SiteName;

use super::{Confirm, Span};

/// What every exclusion takes.
#[derive(Args, Clone)]
#[group(skip)]
pub struct Exclude {
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[arg(long)]
    pub accept_quorum_loss: bool,
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub confirm: Confirm,
}

/// `directive`
#[derive(Subcommand)]
pub enum DirectiveCommand {
    List,
    Show {
        #[arg(value_name = "FILE|NUMBER")]
        directive: String,
    },
    Sign {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        confirm: Confirm,
    },
    Submit {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<SiteName>,
        #[arg(long, value_name = "TIME")]
        wait: Option<Span>,
    },
}
