//! Founding, inviting, joining, admitting.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use verbund_keys::{Publication, TokenUri};
use verbund_model::resource::{Address, Land, OrgRole};
use verbund_model::{Hash, OrgName, PublicKey, SiteName, UserId};

use super::{ConfigFile, Confirm, Exclude, HashPrefix, Span};

/// `found`: by flags, or by a document.
#[derive(Args, Clone)]
pub struct Found {
    // Its own id: the flag that names the configuration is kept as `file`.
    #[arg(id = "description", short = 'f', long = "file", value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[arg(long, value_name = "NAME")]
    pub name: Option<SiteName>,
    #[arg(long = "coordinator", value_name = "KEY")]
    pub coordinators: Vec<PublicKey>,
    #[arg(long, value_name = "M")]
    pub threshold: Option<u32>,
    #[arg(long, value_name = "NAME")]
    pub organisation: Option<OrgName>,
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    #[arg(long = "role", value_name = "ROLE", value_parser = super::values::org_role, add = ArgValueCandidates::new(super::candidates::org_roles))]
    pub roles: Vec<OrgRole>,
    #[arg(long, value_name = "USER")]
    pub administrator: Option<UserId>,
    #[arg(long = "administrator-key", value_name = "KEY")]
    pub administrator_keys: Vec<PublicKey>,
    #[arg(long, value_name = "NAME")]
    pub site: Option<SiteName>,
    #[arg(long, value_name = "LAND", add = ArgValueCandidates::new(super::candidates::laender))]
    pub land: Option<Land>,
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<Address>,
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true)]
    pub data_dir: Option<PathBuf>,
    #[arg(long, value_name = "URI")]
    pub custody: Option<TokenUri>,
    #[arg(long, value_name = "URI")]
    pub key: Option<String>,
    #[command(flatten)]
    pub config: ConfigFile,
}

/// `init`
#[derive(Args, Clone)]
pub struct Init {
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true)]
    pub data_dir: Option<PathBuf>,
    #[arg(long, value_name = "NAME")]
    pub site: Option<SiteName>,
    #[arg(long, value_name = "NAME")]
    pub federation: SiteName,
    #[arg(long, value_name = "FILE")]
    pub csr: Option<PathBuf>,
    #[arg(long = "ca-certificate", value_name = "FILE", conflicts_with = "csr")]
    pub certificate: Option<PathBuf>,
    #[arg(long, value_name = "URI", conflicts_with = "certificate")]
    pub custody: Option<TokenUri>,
    #[arg(long, value_name = "URL", conflicts_with = "certificate")]
    pub pki_url: Option<Publication>,
    #[command(flatten)]
    pub config: ConfigFile,
}

/// `invite`
#[derive(Args, Clone)]
pub struct Invite {
    #[arg(value_name = "SITE")]
    pub site: SiteName,
    #[arg(long = "org", value_name = "NAME")]
    pub organisation: OrgName,
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub expires: Span,
    #[arg(long = "contact", value_name = "ADDRESS")]
    pub contacts: Vec<Address>,
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `invitation`
#[derive(Subcommand)]
pub enum InvitationCommand {
    List,
    Revoke {
        #[arg(value_name = "ID")]
        id: HashPrefix,
    },
}

/// `join`
#[derive(Args, Clone)]
pub struct Join {
    #[arg(value_name = "INVITATION")]
    pub invitation: String,
    #[arg(long, value_name = "DIR", env = "VERBUND_DATA_DIR", hide_env = true)]
    pub data_dir: Option<PathBuf>,
    #[arg(long, value_name = "LAND", add = ArgValueCandidates::new(super::candidates::laender))]
    pub land: Land,
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<Address>,
    #[arg(long, value_name = "HOST:PORT")]
    pub proxy: Option<Address>,
    #[arg(long, value_name = "TIME")]
    pub wait: Option<Span>,
    #[arg(long, value_name = "URI")]
    pub key: Option<String>,
    #[command(flatten)]
    pub config: ConfigFile,
}

/// `site`
#[derive(Subcommand)]
pub enum SiteCommand {
    List,
    Show {
        #[arg(value_name = "SITE")]
        site: SiteName,
    },
    Approve {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[arg(long, value_name = "HASH")]
        hash: Option<Hash>,
        #[arg(long, value_name = "FINGERPRINT")]
        fingerprint: Option<String>,
        #[command(flatten)]
        confirm: Confirm,
    },
    Refuse {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[arg(long, value_name = "HASH")]
        hash: Option<Hash>,
        #[command(flatten)]
        confirm: Confirm,
    },
    Suspend {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[command(flatten)]
        confirm: Confirm,
    },
    Resume {
        #[arg(value_name = "SITE")]
        site: SiteName,
    },
    Exclude {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[command(flatten)]
        options: Exclude,
    },
    Update {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[arg(long, value_name = "LAND", add = ArgValueCandidates::new(super::candidates::laender))]
        land: Land,
    },
}
