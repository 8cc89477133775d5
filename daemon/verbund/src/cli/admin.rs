//! Organisations, users, roles, nodes, policies, proposals.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::ArgValueCandidates;
use verbund_model::resource::{Address, OrgRole, UserRole};
use verbund_model::{NodeId, OrgName, PolicyName, PublicKey, SiteName, UserId};

use super::values::{org_role, user_role};
use super::{ConfigFile, Confirm, Exclude, HashPrefix};

/// `org`
#[derive(Subcommand)]
pub enum OrgCommand {
    Create {
        #[arg(value_name = "ORG")]
        name: OrgName,
        #[arg(long, value_name = "TEXT")]
        display_name: String,
        #[arg(long = "role", value_name = "ROLE", required = true, value_parser = org_role, add = ArgValueCandidates::new(super::candidates::org_roles))]
        roles: Vec<OrgRole>,
        #[arg(long, value_name = "USER")]
        administrator: UserId,
        #[arg(long, value_name = "KEY")]
        administrator_key: PublicKey,
        #[arg(long, value_name = "ORG")]
        parent: Option<OrgName>,
    },
    List,
    Show {
        #[arg(value_name = "ORG")]
        name: OrgName,
    },
    Suspend {
        #[arg(value_name = "ORG")]
        name: OrgName,
        #[command(flatten)]
        confirm: Confirm,
    },
    Resume {
        #[arg(value_name = "ORG")]
        name: OrgName,
    },
    Exclude {
        #[arg(value_name = "ORG")]
        name: OrgName,
        #[command(flatten)]
        options: Exclude,
    },
}

/// `user`
#[derive(Subcommand)]
pub enum UserCommand {
    Create {
        #[arg(value_name = "USER")]
        user: UserId,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
        #[arg(long, value_name = "KEY")]
        key: PublicKey,
    },
    Delete {
        #[arg(value_name = "USER")]
        user: UserId,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
        #[command(flatten)]
        confirm: Confirm,
    },
    AddKey {
        #[arg(value_name = "USER")]
        user: UserId,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
        #[arg(long, value_name = "KEY")]
        key: PublicKey,
    },
    RevokeKey {
        #[arg(value_name = "KEY_ID")]
        key: HashPrefix,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
        #[command(flatten)]
        confirm: Confirm,
    },
    List,
}

/// `role`
#[derive(Subcommand)]
pub enum RoleCommand {
    Bind {
        #[arg(value_name = "USER")]
        user: UserId,
        #[arg(value_name = "ROLE", value_parser = user_role, add = ArgValueCandidates::new(super::candidates::user_roles))]
        role: UserRole,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<SiteName>,
    },
    Unbind {
        #[arg(value_name = "USER")]
        user: UserId,
        #[arg(value_name = "ROLE", value_parser = user_role, add = ArgValueCandidates::new(super::candidates::user_roles))]
        role: UserRole,
        #[arg(long = "org", value_name = "ORG")]
        organisation: OrgName,
    },
    List,
}

/// `node`
#[derive(Subcommand)]
pub enum NodeCommand {
    List,
    Add {
        #[arg(value_name = "SITE")]
        site: SiteName,
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        #[arg(long = "ca-dir", value_name = "DIR")]
        ca_dir: PathBuf,
        #[arg(long = "address", value_name = "ADDRESS")]
        addresses: Vec<Address>,
        #[command(flatten)]
        config: ConfigFile,
    },
    Update {
        #[arg(value_name = "NODE")]
        node: NodeId,
        #[arg(long = "address", value_name = "ADDRESS")]
        addresses: Vec<Address>,
    },
    Remove {
        #[arg(value_name = "NODE")]
        node: NodeId,
        #[command(flatten)]
        confirm: Confirm,
    },
    ReplaceVoter {
        #[arg(value_name = "NODE")]
        lost: NodeId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `policy`
#[derive(Subcommand)]
pub enum PolicyCommand {
    List,
    Show {
        #[arg(value_name = "POLICY")]
        name: PolicyName,
    },
    Set {
        #[arg(value_name = "POLICY")]
        name: PolicyName,
        #[arg(short = 'f', long, value_name = "FILE")]
        file: PathBuf,
    },
    Delete {
        #[arg(value_name = "POLICY")]
        name: PolicyName,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `proposal`
#[derive(Subcommand)]
pub enum ProposalCommand {
    List,
    Show {
        #[arg(value_name = "HASH")]
        hash: HashPrefix,
    },
    Approve {
        #[arg(value_name = "HASH")]
        hash: HashPrefix,
        #[command(flatten)]
        confirm: Confirm,
    },
    SetCoordinators {
        #[arg(long = "coordinator", value_name = "KEY", required = true)]
        keys: Vec<PublicKey>,
        #[arg(long, value_name = "M")]
        threshold: u32,
        #[command(flatten)]
        confirm: Confirm,
    },
}
