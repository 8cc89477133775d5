//! The command line: which commands and options there are. What they say in `--help` is in the message files, by an id
//! that follows from their place ([`localise`]).

mod admin;
mod agent;
mod asking;
mod candidates;
mod ceremony;
mod certificates;
mod directive;
mod duration;
mod federation;
mod guard;
mod local;
mod localise;
mod placement;
mod prefix;
mod resource;
mod rotation;
mod secret;
mod usage;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::ArgValueCandidates;
use verbund_keys::PassphraseSource;

pub use admin::{NodeCommand, OrgCommand, PolicyCommand, ProposalCommand, RoleCommand, UserCommand};
pub use agent::{AgentCommand, AgentRun, ClusterAdd};
pub use asking::{Events, Logs};
pub use ceremony::{Ceremony, CeremonyKind};
pub use certificates::{KeysRevoke, RevocationReason, SiteDirectory};
pub use directive::{DirectiveCommand, Exclude};
pub use duration::Span;
pub use federation::{Found, Init, InvitationCommand, Invite, Join, SiteCommand};
pub use guard::GuardCommand;
pub use local::{
    AuditCommand, AuditExport, AuditList, AuditVerify, BackupCheck, ConfigCommand, ContextAdd, ContextCommand, KeyKind,
    KeysCommand, NetworkCommand, Shell,
};
pub use localise::{command, setting_id};
pub use placement::{
    ChangeCommand, ClusterCommand, ConsentCommand, Drill, EvidenceCommand, ExceptionCommand, Failback, Failover,
    FenceCommand, IncidentCommand, Plan, Relocate, TimingsCommand, TimingsSet, Urgency, Why, WorkloadCommand,
};
pub use prefix::HashPrefix;
pub use resource::{Apply, Delete, Get, List, Status, Watch};
pub use rotation::{CaStep, RotateCa, RotateCommand, SignCa};
pub use secret::{SecretCommand, SecretReseal, SecretSet, ValuesFrom};
pub use usage::explain;
pub use values::{kinds, laender, unknown_kind, user_role};

use crate::i18n::Lang;
use crate::output::Format;

/// The whole command line.
#[derive(Parser)]
#[command(name = "verbund", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone)]
pub struct Global {
    #[arg(
        long,
        global = true,
        env = "VERBUND_CONTEXT",
        value_name = "NAME",
        hide_env = true,
        add = ArgValueCandidates::new(candidates::contexts)
    )]
    pub context: Option<String>,
    #[arg(long, global = true, value_enum, value_name = "LANG")]
    pub lang: Option<Lang>,
    #[arg(short = 'o', long, global = true, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub consistency: Option<Consistency>,
    #[arg(long, global = true, conflicts_with = "consistency")]
    pub stale: bool,
    #[arg(long, global = true, value_name = "TIME")]
    pub deadline: Option<Span>,
    #[arg(long, global = true, env = "VERBUND_PASSPHRASE_SOURCE", value_name = "SOURCE", hide_env = true)]
    pub passphrase_source: Option<PassphraseSource>,
}

/// How fresh reads must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Consistency {
    Linearizable,
    Stale,
}

/// Asking before something happens. No group of its own: it would be named as the command `fence confirm` is.
#[derive(Args, Clone, Default)]
#[group(skip)]
pub struct Confirm {
    #[arg(long)]
    pub yes: bool,
}

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    Serve(Serve),
    Found(Box<Found>),
    Init(Box<Init>),
    Invite(Invite),
    #[command(subcommand)]
    Invitation(InvitationCommand),
    Join(Box<Join>),
    #[command(subcommand)]
    Site(SiteCommand),
    #[command(subcommand)]
    Org(OrgCommand),
    #[command(subcommand)]
    User(UserCommand),
    #[command(subcommand)]
    Role(RoleCommand),
    #[command(subcommand)]
    Node(NodeCommand),
    #[command(subcommand)]
    Directive(DirectiveCommand),
    #[command(subcommand)]
    Policy(PolicyCommand),
    #[command(subcommand)]
    Proposal(ProposalCommand),
    #[command(subcommand)]
    Cluster(ClusterCommand),
    #[command(subcommand)]
    Agent(AgentCommand),
    #[command(subcommand)]
    Guard(GuardCommand),
    Get(Get),
    List(List),
    Apply(Apply),
    Delete(Delete),
    Watch(Watch),
    Status(Status),
    Plan(Plan),
    Why(Why),
    Logs(Logs),
    Events(Events),
    Capacity,
    #[command(subcommand)]
    Workload(WorkloadCommand),
    Failover(Failover),
    Relocate(Relocate),
    Failback(Failback),
    Drill(Drill),
    #[command(subcommand)]
    Fence(FenceCommand),
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    #[command(subcommand)]
    Exception(ExceptionCommand),
    #[command(subcommand)]
    Consent(ConsentCommand),
    #[command(subcommand)]
    Secret(SecretCommand),
    #[command(subcommand)]
    Change(ChangeCommand),
    #[command(subcommand)]
    Incident(IncidentCommand),
    #[command(subcommand)]
    Timings(TimingsCommand),
    #[command(subcommand)]
    Audit(AuditCommand),
    #[command(subcommand)]
    Network(NetworkCommand),
    #[command(subcommand)]
    Keys(Box<KeysCommand>),
    Ceremony(Box<Ceremony>),
    #[command(subcommand)]
    Context(ContextCommand),
    #[command(subcommand)]
    Config(ConfigCommand),
    Completion {
        #[arg(value_enum)]
        shell: Shell,
    },
    Resume {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Version,
}

/// The daemon. Each setting of the configuration is a flag too.
#[derive(Args, Clone)]
pub struct Serve {
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Where the configuration lies.
#[derive(Args, Clone)]
pub struct ConfigFile {
    #[arg(long = "config", env = "VERBUND_CONFIG", value_name = "FILE", hide_env = true)]
    pub file: Option<PathBuf>,
}

#[cfg(test)]
mod manifest_tests;
#[cfg(test)]
mod tests;
