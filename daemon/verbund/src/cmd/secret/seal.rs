//! Sealing: by the author, who has the values, or at a site that can open them.

use std::collections::BTreeSet;
use std::path::Path;

use verbund_identity::Precondition;
use verbund_keys::secret::Place;
use verbund_keys::{SecretValues, SiteKeys, reseal_secret, seal_secret};
use verbund_model::resource::{CopyRole, Placement, SealedSecret, Workload};
use verbund_model::view::Kind;
use verbund_model::{Accepted, Command, SecretName, SiteName, WorkloadName};

use super::recipients::{self, Recipients};
use super::{find, outcome, values};
use crate::app::{App, change};
use crate::cli::{SecretReseal, SecretSet};
use crate::client::{Change, Client};
use crate::cmd::from_resource;
use crate::cmd::init::{Unlocking, keys_directory};
use crate::cmd::resource::none;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::serve::enrolment::Enrolment;
use crate::t;

/// A secret with other values, or a new one.
pub async fn set(app: &App, client: &Client, set: SecretSet) -> Result<Exit, Failure> {
    let workload = workload(client, &set.workload).await?;
    let values = values::read(&set.values)?;
    let old = find(client, &set.workload, &set.name).await?;
    let to = recipients::resolve(client, &set.workload, &set.sites).await?;
    recipients::confirm(app, &to, &set.sites, &set.confirm)?;
    let wanted = Wanted { workload: &workload, name: &set.name, values: &values, to: &to, same_values: false };
    seal(app, client, wanted, set.delegate, old).await
}

/// The same values, sealed anew to others, by who has them.
pub async fn reseal(app: &App, client: &Client, reseal: SecretReseal) -> Result<Exit, Failure> {
    if reseal.values.is_none() {
        return Err(Failure::usage(t!("secret-reseal-values")).remedy(t!("secret-reseal-values-remedy")));
    }
    let workload = workload(client, &reseal.workload).await?;
    let Some(old) = find(client, &reseal.workload, &reseal.name).await? else {
        return Err(none(Kind::Secret, &format!("{}.{}", reseal.workload, reseal.name)));
    };
    let values = values::read(&reseal.values)?;
    if values.keys() != old.1.sealed.keys {
        let (found, wanted) = (super::names(values.keys()), super::names(&old.1.sealed.keys));
        return Err(Failure::usage(t!("secret-other-keys", found = found, wanted = wanted)));
    }
    let to = recipients::resolve(client, &reseal.workload, &reseal.sites).await?;
    recipients::confirm(app, &to, &reseal.sites, &reseal.confirm)?;
    let wanted = Wanted { workload: &workload, name: &reseal.name, values: &values, to: &to, same_values: true };
    seal(app, client, wanted, reseal.delegate, Some(old)).await
}

/// What is to be sealed.
struct Wanted<'a> {
    workload: &'a Workload,
    name: &'a SecretName,
    values: &'a SecretValues,
    to: &'a Recipients,
    same_values: bool,
}

async fn seal(
    app: &App,
    client: &Client,
    wanted: Wanted<'_>,
    delegate: Option<bool>,
    old: Option<(u64, SealedSecret)>,
) -> Result<Exit, Failure> {
    let Wanted { workload, name, values, to, same_values } = wanted;
    let revision = old.as_ref().map_or(1, |(_, old)| old.sealed.revision.saturating_add(1));
    // The federation is the one that the context has pinned, whatever a daemon answers.
    let place = Place {
        federation: &client.context().federation,
        organisation: &workload.organisation,
        workload: &workload.name,
        name,
        revision,
    };
    let sealed = seal_secret(&place, values, to)?;
    let full = format!("{}.{name}", workload.name);
    let about = t!("about-secret", secret = full.as_str(), revision = revision);
    let delegated = delegate.unwrap_or_else(|| old.as_ref().is_some_and(|(_, old)| old.delegated));
    let precondition = Some(old.map_or(Precondition::Absent, |(version, _)| Precondition::Version(version)));
    let command =
        Command::ApplySecret { workload: workload.name.clone(), name: name.clone(), sealed, same_values, delegated };
    let accepted = client.write_if(Change { precondition, ..change(about.clone(), command) }).await?;
    let sites: BTreeSet<SiteName> = to.keys().cloned().collect();
    told(app, &about, &accepted, &outcome(&full, revision, &sites))?;
    hints(client, workload, name, &sites).await?;
    Ok(Exit::Ok)
}

/// Adds recipients at a site that can open the secret, with its sealing key. The values never leave this process.
pub async fn at_site(app: &App, client: &Client, reseal: &SecretReseal, directory: &Path) -> Result<Exit, Failure> {
    let full = format!("{}.{}", reseal.workload, reseal.name);
    let Some((version, secret)) = find(client, &reseal.workload, &reseal.name).await? else {
        return Err(none(Kind::Secret, &full));
    };
    if !secret.delegated {
        return Err(Failure::new(t!("secret-not-delegated", secret = full.as_str()))
            .remedy(t!("secret-not-delegated-remedy", organisation = secret.organisation.to_string())));
    }
    let keys = keys_directory(directory);
    let (enrolment, _) = Enrolment::read(directory)?;
    if enrolment.federation != client.context().federation {
        return Err(Failure::new(t!("node-other-federation", path = directory.display().to_string())));
    }
    let mut to = recipients::resolve(client, &reseal.workload, &reseal.sites).await?;
    to.retain(|site, key| secret.sealed.recipients.get(site).is_none_or(|old| old.key != *key));
    if to.is_empty() {
        say(&t!("secret-sealed-to-all", secret = full.as_str()));
        return Ok(Exit::Ok);
    }
    recipients::confirm(app, &to, &reseal.sites, &reseal.confirm)?;
    let keys = SiteKeys::open(&keys, Unlocking::to_open(app, None, &keys)?.access())?;
    let site = keys.trust_domain().site.clone();
    let place = Place::of(&client.context().federation, &secret);
    let revision = place.revision;
    let recipients = reseal_secret(&*keys.sealing_key(), &site, &place, &secret.sealed, &to)??;
    let about = t!("about-reseal", secret = full.as_str(), revision = revision);
    let (workload, name) = (reseal.workload.clone(), reseal.name.clone());
    let command = Command::ResealSecret { site, workload, name, revision, recipients };
    let precondition = Some(Precondition::Version(version));
    let accepted = client.write_if(Change { precondition, ..change(about.clone(), command) }).await?;
    let sites = to.into_keys().chain(secret.sealed.recipients.into_keys()).collect();
    told(app, &about, &accepted, &outcome(&full, revision, &sites))?;
    Ok(Exit::Ok)
}

fn told(app: &App, about: &str, accepted: &Accepted, value: &serde_json::Value) -> Result<(), Failure> {
    let version = match accepted {
        Accepted::Changed { version } | Accepted::Unchanged { version } => *version,
        _ => 0,
    };
    app.output.value(value, || t!("done-changed", about = about, version = version) + "\n")
}

async fn workload(client: &Client, name: &WorkloadName) -> Result<Workload, Failure> {
    let read = client.get(Kind::Workload, name.as_str()).await?;
    from_resource(&read.ok_or_else(|| none(Kind::Workload, name.as_str()))?.value)
}

/// What somebody may have forgotten: that the workload names it, and that it is sealed to where the workload runs.
async fn hints(
    client: &Client,
    workload: &Workload,
    name: &SecretName,
    to: &BTreeSet<SiteName>,
) -> Result<(), Failure> {
    if !workload.spec.secrets.contains(name) {
        say(&t!("secret-not-named", workload = workload.name.to_string(), secret = name.to_string()));
        return Ok(());
    }
    let Some(read) = client.get(Kind::Placement, workload.name.as_str()).await? else { return Ok(()) };
    let placement: Placement = from_resource(&read.value)?;
    for copy in placement.copies.iter().filter(|copy| copy.role != CopyRole::Stopping) {
        let Some(read) = client.get(Kind::Cluster, copy.cluster.as_str()).await? else { continue };
        let cluster: verbund_model::resource::Cluster = from_resource(&read.value)?;
        if !to.contains(&cluster.site) {
            let (site, cluster) = (cluster.site.to_string(), cluster.name.to_string());
            say(&t!("secret-runs-elsewhere", workload = workload.name.to_string(), site = site, cluster = cluster));
        }
    }
    Ok(())
}
