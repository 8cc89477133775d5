//! `verbund get`, `list`, `delete`: resources of any kind.

use verbund_identity::Precondition;
use verbund_model::resource::Action;
use verbund_model::view::{Change as Happened, Kind, Resource};
use verbund_model::{Command, OrgName, UserId};

use crate::app::{App, change};
use crate::cli::{Delete, Get, HashPrefix, List};
use crate::client::{Change, Client, Watched};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn get(app: &App, get: Get) -> Result<Exit, Failure> {
    let client = app.client()?;
    match (get.name, get.watch) {
        (name, true) => follow(app, &client, get.kind, name.as_deref()).await,
        (Some(name), false) if is_digest(get.kind) && name.len() < 64 => {
            let prefix: HashPrefix = name.parse().map_err(Failure::usage)?;
            app.output.resource(&by_prefix(&client, get.kind, &prefix).await?)?;
            Ok(Exit::Ok)
        }
        (Some(name), false) => print_one(app, &client, get.kind, &name).await,
        (None, false) => print_list(app, &client, get.kind).await,
    }
}

/// Kinds that are named by a digest, of which tables and messages show the beginning.
const fn is_digest(kind: Kind) -> bool {
    matches!(kind, Kind::Key | Kind::Invitation | Kind::Admission | Kind::Proposal)
}

pub async fn list(app: &App, list: List) -> Result<Exit, Failure> {
    let client = app.client()?;
    if list.watch { follow(app, &client, list.kind, None).await } else { print_list(app, &client, list.kind).await }
}

/// Prints all resources of a kind.
pub async fn print_list(app: &App, client: &Client, kind: Kind) -> Result<Exit, Failure> {
    let read = client.list(kind).await?;
    if read.value.is_empty() && app.output.format() == crate::output::Format::Table {
        crate::output::say(&t!("resource-empty", kind = kind.plural()));
        return Ok(Exit::Ok);
    }
    app.output.resources(&read.value, read.index)?;
    Ok(Exit::Ok)
}

/// The one resource of a kind whose name, a digest, begins so.
pub async fn by_prefix(client: &Client, kind: Kind, prefix: &HashPrefix) -> Result<Resource, Failure> {
    if let Some(whole) = prefix.whole() {
        let found = client.get(kind, &whole.to_string()).await?;
        return found.map(|read| read.value).ok_or_else(|| none(kind, &prefix.to_string()));
    }
    let all = client.list(kind).await?.value;
    let mut fitting: Vec<Resource> = all.into_iter().filter(|r| prefix.fits(&r.metadata.name)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(none(kind, &prefix.to_string())),
        (Some(last), others) => {
            let names = others.iter().chain([&last]).map(|r| r.metadata.name.clone()).collect::<Vec<_>>().join("\n  ");
            Err(Failure::new(t!("resource-several", prefix = prefix.to_string()))
                .remedy(t!("resource-several-remedy", names = names)))
        }
    }
}

/// There is no such resource.
pub fn none(kind: Kind, name: &str) -> Failure {
    let what = format!("{}/{name}", kind.plural());
    Failure::new(t!("resource-none", what = what)).remedy(t!("resource-none-remedy", kind = kind.plural()))
}

/// Prints one resource.
pub async fn print_one(app: &App, client: &Client, kind: Kind, name: &str) -> Result<Exit, Failure> {
    let Some(read) = client.get(kind, name).await? else {
        return Err(none(kind, name));
    };
    app.output.resource(&read.value)?;
    Ok(Exit::Ok)
}

/// Prints resources as they are, then each one again when it changes, until Ctrl-C.
async fn follow(app: &App, client: &Client, kind: Kind, name: Option<&str>) -> Result<Exit, Failure> {
    let wanted = |found: &str| name.is_none_or(|name| name == found);
    let each = |item| {
        let resource = match item {
            Watched::Resource(resource) => resource,
            Watched::Change(event) if event.change == Happened::Deleted => {
                if wanted(&event.resource.metadata.name) {
                    app.output.item(&*event, || super::watch::line(&event, app.output.paint()))?;
                }
                return Ok(true);
            }
            Watched::Change(event) => Box::new(event.resource),
            Watched::Live => return Ok(true),
        };
        if wanted(&resource.metadata.name) {
            app.output.item(&*resource, || super::watch::row(&resource))?;
        }
        Ok(true)
    };
    let kinds = [kind];
    tokio::select! {
        ended = client.watch(&kinds, None, each) => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Ok)
}

pub async fn delete(app: &App, delete: Delete) -> Result<Exit, Failure> {
    let client = app.client()?;
    let what = format!("{}/{}", delete.kind.plural(), delete.name);
    let command = deletion(delete.kind, &delete.name)?;
    app.confirm(&t!("confirm-delete", what = what.as_str()), delete.confirm.yes)?;
    let about = t!("about-delete", what = what);
    let precondition = delete.resource_version.map(Precondition::Version);
    app.change(&client, Change { precondition, ..change(about, command) }).await
}

/// The command that deletes a resource, where there is one.
fn deletion(kind: Kind, name: &str) -> Result<Command, Failure> {
    let user = || -> Result<(OrgName, UserId), Failure> {
        let (organisation, user) =
            name.split_once('.').ok_or_else(|| Failure::usage(t!("delete-user-name", name = name)))?;
        Ok((organisation.parse()?, user.parse()?))
    };
    match kind {
        Kind::CatalogueEntry => Ok(Command::DeleteCatalogueEntry { name: name.parse()? }),
        Kind::Policy => Ok(Command::Propose { action: Action::DeletePolicy { name: name.parse()? } }),
        Kind::Invitation => Ok(Command::RevokeInvitation { invitation: name.parse()? }),
        Kind::Node => Ok(Command::RemoveNode { node: name.parse()? }),
        Kind::User => user().map(|(organisation, user)| Command::DeleteUser { organisation, user }),
        Kind::RoleBinding => {
            let (whole, role) =
                name.rsplit_once('.').ok_or_else(|| Failure::usage(t!("delete-user-name", name = name)))?;
            let (organisation, user) =
                whole.split_once('.').ok_or_else(|| Failure::usage(t!("delete-user-name", name = name)))?;
            let role = crate::cli::user_role(role).map_err(Failure::usage)?;
            Ok(Command::UnbindRole { organisation: organisation.parse()?, user: user.parse()?, role })
        }
        Kind::Workload => Ok(Command::DeleteWorkload { name: name.parse()? }),
        Kind::Cluster => Ok(Command::RemoveCluster { name: name.parse()? }),
        Kind::Evidence => Ok(Command::DeleteEvidence { name: name.parse()? }),
        Kind::Consent => Ok(Command::WithdrawConsent { workload: name.parse()? }),
        Kind::Change => Ok(Command::CloseChange { name: name.parse()?, review: String::new() }),
        Kind::Incident => Ok(Command::CloseIncident { name: name.parse()? }),
        Kind::LicenceVeto => {
            let (site, workload) =
                name.split_once('.').ok_or_else(|| Failure::usage(t!("delete-veto-name", name = name)))?;
            Ok(Command::LiftLicenceVeto { site: site.parse()?, workload: workload.parse()? })
        }
        Kind::Secret => {
            let (workload, secret) =
                name.split_once('.').ok_or_else(|| Failure::usage(t!("delete-secret-name", name = name)))?;
            Ok(Command::DeleteSecret { workload: workload.parse()?, name: secret.parse()? })
        }
        _ => Err(Failure::usage(t!("delete-not-possible", kind = kind.plural()))),
    }
}
