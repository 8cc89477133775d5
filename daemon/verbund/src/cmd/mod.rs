//! What each command does; one file for each noun.

mod agent;
mod apply;
mod asking;
mod audit;
mod capacity;
mod ceremony;
mod cluster;
mod cluster_add;
mod completion;
mod config;
mod consent;
mod context;
mod directive;
mod document;
mod drill;
mod events;
mod evidence;
mod exception;
mod fence;
mod first_context;
mod found;
mod guard;
mod init;
mod invitation;
mod join;
mod keys;
mod logs;
mod moves;
mod network;
mod node;
mod org;
mod placing;
mod plan;
mod policy;
mod progress;
mod proposal;
mod resource;
mod role;
mod secret;
mod site;
mod status;
mod ticket;
mod timings;
mod unconfirmed;
mod user;
mod watch;
mod why;
mod workload;

pub use apply::documents;
use clap::ArgMatches;
pub use guard::{called as called_as_guard, run as guard};
pub use invitation::from_resource;
pub use placing::waiting;
pub use proposal::{act, counted};

use crate::app::App;
use crate::cli::{Cli, Command};
use crate::client::Pending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

/// Carries out a command. `matches` has the flags that are settings of the configuration.
pub async fn run(cli: Cli, matches: &ArgMatches) -> Result<Exit, Failure> {
    let app = App::new(cli.global, config::is_source_said(matches));
    let exit = carry_out(&app, cli.command, matches).await?;
    app.keep_learning().await;
    Ok(exit)
}

async fn carry_out(app: &App, command: Command, matches: &ArgMatches) -> Result<Exit, Failure> {
    match command {
        Command::Serve(serve) => config::serve(app, &serve.config, matches).await,
        Command::Found(found) => found::run(app, *found),
        Command::Init(init) => init::run(app, *init),
        Command::Invite(invite) => invitation::invite(app, invite).await,
        Command::Invitation(command) => invitation::run(app, command).await,
        Command::Join(join) => join::run(app, *join).await,
        Command::Site(command) => site::run(app, command).await,
        Command::Org(command) => org::run(app, command).await,
        Command::User(command) => user::run(app, command).await,
        Command::Role(command) => role::run(app, command).await,
        Command::Node(command) => node::run(app, command).await,
        Command::Directive(command) => directive::run(app, command).await,
        Command::Policy(command) => policy::run(app, command).await,
        Command::Proposal(command) => proposal::run(app, command).await,
        Command::Cluster(command) => cluster::run(app, command).await,
        Command::Agent(command) => agent::run(app, command).await,
        Command::Guard(_) => unreachable!("main carries it out, before there is a runtime"),
        Command::Get(get) => resource::get(app, get).await,
        Command::List(list) => resource::list(app, list).await,
        Command::Apply(apply) => apply::run(app, apply).await,
        Command::Delete(delete) => resource::delete(app, delete).await,
        Command::Watch(watch) => watch::run(app, watch).await,
        Command::Status(status) => status::run(app, status).await,
        Command::Plan(plan) => plan::run(app, plan).await,
        Command::Why(why) => why::run(app, why).await,
        Command::Logs(logs) => logs::run(app, logs).await,
        Command::Events(events) => events::run(app, events).await,
        Command::Capacity => capacity::run(app).await,
        Command::Workload(command) => workload::run(app, command).await,
        Command::Failover(failover) => moves::failover(app, failover).await,
        Command::Relocate(relocate) => moves::relocate(app, relocate).await,
        Command::Failback(failback) => moves::failback(app, failback).await,
        Command::Drill(drill) => drill::run(app, drill).await,
        Command::Fence(command) => fence::run(app, command).await,
        Command::Evidence(command) => evidence::run(app, command).await,
        Command::Exception(command) => exception::run(app, command).await,
        Command::Consent(command) => consent::run(app, command).await,
        Command::Secret(command) => secret::run(app, command).await,
        Command::Change(command) => ticket::change(app, command).await,
        Command::Incident(command) => ticket::incident(app, command).await,
        Command::Timings(command) => timings::run(app, command).await,
        Command::Audit(command) => audit::run(app, command).await,
        Command::Network(command) => network::run(app, command, matches).await,
        Command::Keys(command) => keys::run(app, *command).await,
        Command::Ceremony(ceremony) => ceremony::run(app, &ceremony),
        Command::Context(command) => context::run(app, command),
        Command::Config(command) => config::run(app, command, matches),
        Command::Completion { shell } => completion::run(shell),
        Command::Resume { file } => resume(app, &file).await,
        Command::Version => {
            let version = serde_json::json!({ "version": env!("CARGO_PKG_VERSION") });
            app.output.value(&version, || format!("verbund {}\n", env!("CARGO_PKG_VERSION")))?;
            Ok(Exit::Ok)
        }
    }
}

/// Sends an envelope again whose outcome was not known, and only it.
async fn resume(app: &App, file: &std::path::Path) -> Result<Exit, Failure> {
    let pending = Pending::read(file)?;
    let contexts = crate::context::Contexts::read(&app.paths()?.contexts())?;
    let name = app.global.context.clone().unwrap_or_else(|| pending.context.clone());
    let (name, context) = contexts.choose(Some(&name))?;
    if context.federation != pending.federation {
        return Err(Failure::new(t!("resume-other-federation", context = name)));
    }
    let client = app.client_of(name, context.clone(), app.paths()?);
    let about = pending.about.clone();
    let accepted = client.resume(pending).await?;
    let exit = app.tell(&about, &accepted, None)?;
    if file != std::path::Path::new("-") {
        std::fs::remove_file(file)?;
    }
    Ok(exit)
}
