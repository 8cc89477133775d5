//! `verbund secret`: secrets of workloads, sealed here to the sites that may run them. Nothing that leaves this process has
//! a value in clear.

mod recipients;
mod seal;
mod values;

use std::collections::BTreeSet;

use serde_json::json;
use verbund_identity::{Precondition, key_id};
use verbund_model::resource::{Organisation, SealedSecret, Site, Standing};
use verbund_model::view::Kind;
use verbund_model::{Command, SecretName, SiteName, WorkloadName};

use super::from_resource;
use super::resource::none;
use super::site::groups;
use crate::app::{App, change};
use crate::cli::SecretCommand;
use crate::client::{Change, Client};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Table, print, say};
use crate::t;

pub async fn run(app: &App, command: SecretCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        SecretCommand::Set(set) => seal::set(app, &client, set).await,
        SecretCommand::Reseal(reseal) => match reseal.data_dir.clone() {
            Some(directory) => seal::at_site(app, &client, &reseal, &directory).await,
            None => seal::reseal(app, &client, reseal).await,
        },
        SecretCommand::List { workload, to_rotate } => list(app, &client, workload.as_ref(), to_rotate).await,
        SecretCommand::Show { name, workload } => show(app, &client, &workload, &name).await,
        SecretCommand::Delete { name, workload, confirm } => {
            let what = format!("{workload}.{name}");
            app.confirm(&t!("confirm-delete", what = format!("secrets/{what}")), confirm.yes)?;
            let about = t!("about-delete-secret", secret = what);
            let command = Command::DeleteSecret { workload, name };
            app.change(&client, Change { precondition: Some(Precondition::Exists), ..change(about, command) }).await
        }
    }
}

/// A secret and its version, if there is one.
async fn find(
    client: &Client,
    workload: &WorkloadName,
    name: &SecretName,
) -> Result<Option<(u64, SealedSecret)>, Failure> {
    let Some(read) = client.get(Kind::Secret, &format!("{workload}.{name}")).await? else { return Ok(None) };
    Ok(Some((read.value.metadata.resource_version, from_resource(&read.value)?)))
}

/// All sites, excluded ones too.
async fn sites(client: &Client) -> Result<Vec<Site>, Failure> {
    client.list(Kind::Site).await?.value.iter().map(from_resource).collect()
}

/// What was excluded: to whom no secret is, and who knows those that were.
struct Excluded {
    sites: BTreeSet<SiteName>,
    organisations: BTreeSet<verbund_model::OrgName>,
}

impl Excluded {
    async fn read(client: &Client) -> Result<Self, Failure> {
        let all = sites(client).await?.into_iter();
        let sites = all.filter(|site| site.standing == Standing::Excluded).map(|site| site.name).collect();
        let organisations: Result<Vec<Organisation>, Failure> =
            client.list(Kind::Organisation).await?.value.iter().map(from_resource).collect();
        let organisations = organisations?.into_iter().filter(|one| one.standing == Standing::Excluded);
        Ok(Self { sites, organisations: organisations.map(|one| one.name).collect() })
    }

    /// The excluded sites that know the values; none where nobody is left who could change them.
    fn knowing<'a>(&'a self, secret: &'a SealedSecret) -> Vec<&'a SiteName> {
        if self.organisations.contains(&secret.organisation) {
            return Vec::new();
        }
        secret.exposed.intersection(&self.sites).collect()
    }
}

fn names<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// All secrets, or those that the excluded know: as long as there is one, a check has failed.
async fn list(app: &App, client: &Client, workload: Option<&WorkloadName>, to_rotate: bool) -> Result<Exit, Failure> {
    let mut read = client.list(Kind::Secret).await?;
    let excluded = Excluded::read(client).await?;
    let mut rows: Vec<(SealedSecret, Vec<SiteName>)> = Vec::new();
    let mut kept = Vec::new();
    for resource in std::mem::take(&mut read.value) {
        let secret: SealedSecret = from_resource(&resource)?;
        let knowing: Vec<SiteName> = excluded.knowing(&secret).into_iter().cloned().collect();
        if workload.is_none_or(|wanted| *wanted == secret.workload) && (!to_rotate || !knowing.is_empty()) {
            rows.push((secret, knowing));
            kept.push(resource);
        }
    }
    let known = rows.iter().filter(|(_, knowing)| !knowing.is_empty()).count();
    if app.output.format() != Format::Table {
        app.output.resources(&kept, read.index)?;
    } else if rows.is_empty() {
        say(&if to_rotate { t!("secret-none-to-rotate") } else { t!("resource-empty", kind = Kind::Secret.plural()) });
    } else {
        print(&table(&rows).render())?;
        if known > 0 {
            say(&t!("secret-to-rotate", count = known));
        }
    }
    Ok(if to_rotate && known > 0 { Exit::CheckFailed } else { Exit::Ok })
}

fn table(rows: &[(SealedSecret, Vec<SiteName>)]) -> Table {
    let mut table = Table::new(vec![
        t!("column-workload"),
        t!("column-secret"),
        t!("column-revision"),
        t!("column-keys"),
        t!("column-recipients"),
        t!("column-known-to-excluded"),
    ]);
    for (secret, knowing) in rows {
        table.row(vec![
            secret.workload.to_string(),
            secret.name.to_string(),
            secret.sealed.revision.to_string(),
            names(&secret.sealed.keys),
            names(secret.sealed.recipients.keys()),
            names(knowing),
        ]);
    }
    table
}

async fn show(app: &App, client: &Client, workload: &WorkloadName, name: &SecretName) -> Result<Exit, Failure> {
    let full = format!("{workload}.{name}");
    let Some(read) = client.get(Kind::Secret, &full).await? else { return Err(none(Kind::Secret, &full)) };
    if app.output.format() != Format::Table {
        app.output.resource(&read.value)?;
        return Ok(Exit::Ok);
    }
    let secret: SealedSecret = from_resource(&read.value)?;
    let (all, excluded) = (sites(client).await?, Excluded::read(client).await?);
    let mut table = Table::plain();
    let mut row = |label: String, text: String| table.row(vec![label, text]);
    row(t!("column-workload"), secret.workload.to_string());
    row(t!("column-secret"), secret.name.to_string());
    row(t!("column-organisation"), secret.organisation.to_string());
    row(t!("column-revision"), secret.sealed.revision.to_string());
    row(t!("column-values-since"), secret.values_since.to_string());
    row(t!("column-keys"), names(&secret.sealed.keys));
    row(t!("column-delegated"), if secret.delegated { t!("word-yes") } else { t!("word-no") });
    row(t!("column-exposed"), names(&secret.exposed));
    let knowing = excluded.knowing(&secret);
    row(t!("column-known-to-excluded"), names(&knowing));
    let mut text = table.render();
    let mut table = Table::new(vec![t!("column-site"), t!("column-sealing-key"), t!("column-can-open")]);
    for (site, recipient) in &secret.sealed.recipients {
        let found = all.iter().find(|found| found.name == *site);
        let can_open = match found {
            Some(found) if found.standing == Standing::Excluded => t!("secret-excluded"),
            Some(found) if found.sealing_key == recipient.key => t!("word-yes"),
            _ => t!("secret-other-key"),
        };
        table.row(vec![site.to_string(), fingerprint(&recipient.key), can_open]);
    }
    text += &format!("\n{}", table.render());
    print(&text)?;
    if !knowing.is_empty() {
        say(&t!("secret-rotate-this", command = format!("verbund secret set {name} --workload {workload}")));
    }
    Ok(Exit::Ok)
}

/// The beginning of a sealing key's fingerprint, as `verbund site show` has it.
fn fingerprint(key: &verbund_model::PublicKey) -> String {
    groups(&key_id(key).to_string()[..32])
}

/// What is sealed now, for programs.
fn outcome(secret: &str, revision: u64, to: &BTreeSet<SiteName>) -> serde_json::Value {
    json!({ "secret": secret, "revision": revision, "recipients": to })
}
