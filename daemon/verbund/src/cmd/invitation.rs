//! `verbund invite` and `verbund invitation`.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use verbund_identity::{InvitationToken, key_id};
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_model::resource::{Address, Federation, Millis};
use verbund_model::view::{Kind, Resource};
use verbund_model::{Accepted, Algorithm, Command, KeyId, SiteName};

use crate::app::{App, change};
use crate::cli::{InvitationCommand, Invite};
use crate::client::Client;
use crate::context::API_NETWORK;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{local, print, say};
use crate::{files, t};

pub async fn run(app: &App, command: InvitationCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        InvitationCommand::List => super::resource::print_list(app, &client, Kind::Invitation).await,
        InvitationCommand::Revoke { id } => {
            let found = super::resource::by_prefix(&client, Kind::Invitation, &id).await?;
            let id: KeyId = found.metadata.name.parse()?;
            let about = t!("about-revoke-invitation", id = id.0.short());
            app.change(&client, change(about, Command::RevokeInvitation { invitation: id })).await
        }
    }
}

/// Invites a site. The one-time key is made here and leaves this process in the invitation only.
pub async fn invite(app: &App, invite: Invite) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (name, generation) = federation(&client).await?;
    let contacts = if invite.contacts.is_empty() { contacts(&client).await? } else { invite.contacts };
    let key = SoftwareKey::generate(Algorithm::P256)?;
    let expires = crate::client::now().saturating_add(invite.expires.millis());
    let command = Command::Invite {
        key: key.public_key().clone(),
        site: invite.site.clone(),
        organisation: invite.organisation.clone(),
        expires,
    };
    let token = InvitationToken {
        federation: client.context().federation,
        federation_name: name,
        generation,
        site: invite.site.clone(),
        organisation: invite.organisation,
        expires,
        contacts,
        pin: client.context().pin,
        secret: BASE64URL_NOPAD.encode(&key.scalar()?),
    };
    let text = token.to_text();
    // Before the federation knows of it: if the answer is lost, the one-time key must not be.
    let id = key_id(key.public_key());
    let path =
        invite.out.clone().unwrap_or_else(|| client.paths().pending().join(format!("invitation-{}", id.0.short())));
    files::create(&path, format!("{text}\n").as_bytes()).map_err(|error| {
        Failure::new(t!("file-unwritable", path = path.display().to_string(), reason = crate::words::chain(&error)))
    })?;
    let about = t!("about-invite", site = invite.site.to_string());
    kept(&path, client.write(about, command).await)?;
    if invite.out.is_none() {
        show(app, &text, &id, expires)?;
        std::fs::remove_file(&path)?;
    }
    say(&t!("invite-secret", site = invite.site.to_string(), expires = local(expires)));
    Ok(Exit::Ok)
}

fn show(app: &App, text: &str, id: &KeyId, expires: Millis) -> Result<(), Failure> {
    match app.output.format() {
        crate::output::Format::Json | crate::output::Format::Yaml => {
            let value = json!({ "id": id.to_string(), "invitation": text, "expires": crate::output::utc(expires) });
            app.output.value(&value, String::new)
        }
        _ => print(&format!("{text}\n")),
    }
}

/// An invitation that the federation refused is thrown away. If it may have taken it, the file stays, and the failure says
/// where it lies.
fn kept(path: &Path, written: Result<Accepted, Failure>) -> Result<Accepted, Failure> {
    written.map_err(|failure| {
        if failure.exit() == Exit::Unknown {
            return failure.and_remedy(&t!("invite-unknown", path = path.display().to_string()));
        }
        // It stands for nothing; if it cannot be removed, it still does.
        let _ = std::fs::remove_file(path);
        failure
    })
}

/// The federation's name and generation.
pub async fn federation(client: &Client) -> Result<(SiteName, u32), Failure> {
    let all = client.list(Kind::Federation).await?.value;
    let resource = all.first().ok_or_else(|| Failure::new(t!("invite-no-federation")))?;
    let federation: Federation = from_resource(resource)?;
    Ok((federation.name, federation.generation))
}

/// Where the context's own site can be called by a joining site: the pin is that site's.
async fn contacts(client: &Client) -> Result<Vec<Address>, Failure> {
    let site = client.status().await?.site;
    let nodes = client.list(Kind::Node).await?.value;
    let nodes: Result<Vec<verbund_model::resource::Node>, Failure> = nodes.iter().map(from_resource).collect();
    let own = nodes?.into_iter().filter(|node| node.site == site);
    let contacts: Vec<Address> = own.flat_map(|node| node.addresses).filter(|a| a.network != API_NETWORK).collect();
    if contacts.is_empty() {
        return Err(
            Failure::usage(t!("invite-no-contact", site = site.to_string())).remedy(t!("invite-no-contact-remedy"))
        );
    }
    Ok(contacts)
}

/// The typed value of a resource: its spec and status with its name, as the model has it.
pub fn from_resource<T: serde::de::DeserializeOwned>(resource: &Resource) -> Result<T, Failure> {
    let mut fields = serde_json::Map::new();
    for part in [&resource.spec, &resource.status] {
        fields.extend(part.as_object().cloned().unwrap_or_default());
    }
    let name = &resource.metadata.name;
    match resource.kind {
        Kind::Node => {
            // A node's id is a number in the model, and has a text form as a name.
            let id: verbund_model::NodeId = name.parse()?;
            fields.insert("id".to_owned(), json!(id));
        }
        Kind::Key => drop(fields.insert("id".to_owned(), json!(name))),
        Kind::User => {
            let user = name.split_once('.').map_or(name.as_str(), |(_, user)| user);
            fields.insert("id".to_owned(), json!(user));
        }
        Kind::Admission | Kind::Proposal | Kind::Directive => drop(fields.insert("hash".to_owned(), json!(name))),
        // What stands beside the spec of these in the model stands in it for people.
        Kind::Cluster | Kind::Workload => {
            let beside =
                ["site", "standing", "observation", "agent", "incarnation", "organisation", "customer", "deleting"];
            let (outer, inner): (Vec<_>, Vec<_>) =
                fields.into_iter().partition(|(field, _)| beside.contains(&field.as_str()));
            fields = outer.into_iter().collect();
            fields.insert("spec".to_owned(), serde_json::Value::Object(inner.into_iter().collect()));
            fields.insert("name".to_owned(), json!(name));
        }
        Kind::Secret => {
            let inner = ["revision", "keys", "ciphertext", "recipients"];
            let sealed: serde_json::Map<_, _> = inner.iter().filter_map(|field| fields.remove_entry(*field)).collect();
            fields.insert("sealed".to_owned(), serde_json::Value::Object(sealed));
            let secret = name.split_once('.').map_or(name.as_str(), |(_, secret)| secret);
            fields.insert("name".to_owned(), json!(secret));
        }
        Kind::RoleBinding | Kind::Invitation | Kind::Placement | Kind::Lease | Kind::Presence | Kind::Consent => {}
        Kind::LicenceVeto | Kind::Timings | Kind::Verdict => {}
        _ => drop(fields.insert("name".to_owned(), json!(name))),
    }
    let odd = |error: serde_json::Error| {
        Failure::new(t!("client-odd-answer", reason = format!("{}/{name}: {error}", resource.kind.plural())))
    };
    serde_json::from_value(serde_json::Value::Object(fields)).map_err(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_lost_only_if_the_federation_refused_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("invitation");
        let unknown = || Failure::new("x").remedy("verbund resume y").exit_with(Exit::Unknown);
        std::fs::write(&path, "secret").unwrap();
        let failure = kept(&path, Err(unknown())).unwrap_err();
        assert_eq!(failure.exit(), Exit::Unknown);
        let text = failure.to_string();
        assert!(
            path.exists() && text.contains(&path.display().to_string()) && text.contains("verbund resume y"),
            "{text}"
        );
        assert!(kept(&path, Ok(Accepted::Changed { version: 1 })).is_ok() && path.exists());
        assert!(kept(&path, Err(Failure::new("refused"))).is_err() && !path.exists());
    }
}
