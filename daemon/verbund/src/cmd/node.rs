//! `verbund node`: further nodes of an own site, and the replacement of a lost voter.

use std::path::Path;

use verbund_identity::{TrustDomain, node_binding};
use verbund_keys::site_keys::object_label;
use verbund_keys::{Access, KdfParameters, KeyFile, KeyLabel, SiteKeys, StoredKey};
use verbund_model::resource::{Action, Address, Der, Node, NodeStanding, Site};
use verbund_model::view::Kind;
use verbund_model::{Accepted, Command, NodeId, SiteName};

use super::first_context;
use super::init::{Unlocking, keys_directory};
use super::invitation::from_resource;
use crate::app::{App, change};
use crate::cli::{ConfigFile, NodeCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::join::protocol::Member;
use crate::serve::enrolment::Enrolment;
use crate::t;

pub async fn run(app: &App, command: NodeCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        NodeCommand::List => return super::resource::print_list(app, &client, Kind::Node).await,
        NodeCommand::Add { site, data_dir, ca_dir, addresses, config } => {
            // What is printed for later must hold in any directory.
            let data_dir = std::path::absolute(data_dir)?;
            let new = New { site, data_dir: &data_dir, ca_dir: &ca_dir, addresses, config: &config };
            return add(app, &client, new).await;
        }
        NodeCommand::Update { node, addresses } => {
            (t!("about-update-node", node = node.to_string()), Command::UpdateNode { node, addresses })
        }
        NodeCommand::Remove { node, confirm } => {
            app.confirm(&t!("confirm-remove-node", node = node.to_string()), confirm.yes)?;
            (t!("about-remove-node", node = node.to_string()), Command::RemoveNode { node })
        }
        NodeCommand::ReplaceVoter { lost, confirm } => {
            app.confirm(&t!("confirm-replace-voter", node = lost.to_string()), confirm.yes)?;
            let action = Action::ReplaceVoter { lost };
            (t!("about-replace-voter", node = lost.to_string()), Command::Propose { action })
        }
    };
    app.change(&client, change(about, command)).await
}

/// A new node of an own site.
struct New<'a> {
    site: SiteName,
    data_dir: &'a Path,
    ca_dir: &'a Path,
    addresses: Vec<Address>,
    config: &'a ConfigFile,
}

/// Adds it: its key is made in `data_dir`, and the issuing CA of `ca_dir` signs for it (formats 2). The configuration names the
/// passphrase of the site's keys, which is not the person's, and the addresses if nobody says others.
async fn add(app: &App, client: &Client, new: New<'_>) -> Result<Exit, Failure> {
    let New { site, data_dir, ca_dir, mut addresses, config: file } = new;
    let config = first_context::configuration(file)?;
    if let Some(config) = config.as_ref().filter(|config| addresses.is_empty() && config.inbound) {
        addresses = config.advertise.clone();
    }
    let ca_keys = keys_directory(ca_dir);
    let unlocking = Unlocking::to_open(app, config.as_ref(), &ca_keys)?;
    let access = unlocking.access();
    let ca = SiteKeys::open(&ca_keys, unlocking.access())?;
    let (federation, _) = super::invitation::federation(client).await?;
    let wanted = TrustDomain { site: site.clone(), federation };
    if *ca.trust_domain() != wanted {
        let found = ca.trust_domain().to_string();
        return Err(Failure::new(t!("found-other-site", found = found, wanted = wanted.to_string())));
    }
    let (enrolment, _) = Enrolment::read(ca_dir)?;
    if enrolment.federation != client.context().federation {
        return Err(Failure::new(t!("node-other-federation", path = ca_dir.display().to_string())));
    }
    let keys = keys_directory(data_dir);
    let path = keys.join("node.key");
    copy_site_keys(&ca_keys, &keys)?;
    // A key of an earlier try is used again: its binding is the same, and no second node comes of it.
    let stored =
        if path.exists() { StoredKey::read(&path)? } else { make_key(&ca_keys, &path, &wanted, &unlocking, &access)? };
    stored.expect_label(KeyLabel::Node)?;
    let node = stored.unlock(&access)?;
    let binding = node_binding(&client.context().federation, &site, node.public_key());
    let command = Command::AddNode {
        site: site.clone(),
        key: node.public_key().clone(),
        addresses,
        issuing_proof: Der(ca.ca().signer().sign(&binding)?),
        node_proof: Der(node.sign(&binding)?),
    };
    let about = t!("about-add-node", site = site.to_string());
    let accepted = client.write(about.clone(), command).await?;
    let exit = app.tell(&about, &accepted, None)?;
    if let Accepted::Admitted { node } = accepted {
        enrol(client, enrolment, node, data_dir, ca_dir).await?;
        let directory = data_dir.display().to_string();
        let file = file.file.as_ref().map_or_else(|| t!("node-next-file"), |path| path.display().to_string());
        crate::output::say(&t!("node-next", directory = directory, file = first_context::quoted(&file)));
    }
    Ok(exit)
}

/// Makes a node's key where the site's issuing CA is kept: sealed, or in the same token under a name of its own.
fn make_key(
    ca_keys: &Path,
    path: &Path,
    trust_domain: &TrustDomain,
    unlocking: &Unlocking,
    access: &Access<'_>,
) -> Result<StoredKey, Failure> {
    let ca = StoredKey::read(&ca_keys.join("ca.key"))?;
    if let Some(uri) = ca.token() {
        let number: u32 = rand::random();
        let object = format!("{}-{number:08x}", object_label(trust_domain, KeyLabel::Node));
        return Ok(StoredKey::create_in_token(path, KeyLabel::Node, &uri.without_key(), &object, access)?);
    }
    // A sealed CA was opened with it before.
    let passphrase = unlocking.passphrase().ok_or_else(|| Failure::internal("node add"))?;
    Ok(StoredKey::Sealed(KeyFile::create(path, KeyLabel::Node, passphrase, KdfParameters::default())?))
}

/// What every node of a site needs: the issuing CA for its own leaves, and the sealing key; sealed as they are. The root's
/// key stays where it is.
fn copy_site_keys(from: &Path, to: &Path) -> Result<(), Failure> {
    crate::files::make_directory(to)?;
    let fixed = ["site.json", "root.pem", "ca.key", "ca.csr", "ca.pem", "ca.active", "sealing.key"].map(str::to_owned);
    // Further issuing CAs, while one takes another's place.
    let further = std::fs::read_dir(from)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for name in fixed.into_iter().chain(further.filter(|name| name.starts_with("ca-"))) {
        let (from, to) = (from.join(&name), to.join(&name));
        if !from.exists() {
            continue;
        }
        let bytes = std::fs::read(&from)?;
        match std::fs::read(&to) {
            Ok(there) if there == bytes => {}
            Ok(_) => return Err(Failure::new(t!("node-other-keys", path = to.display().to_string()))),
            Err(_) => crate::files::create(&to, &bytes)?,
        }
    }
    Ok(())
}

/// Writes the new node's admission, with the members as the state has them now.
async fn enrol(
    client: &Client,
    of_site: Enrolment,
    node: NodeId,
    data_dir: &Path,
    ca_dir: &Path,
) -> Result<(), Failure> {
    let (_, genesis) = Enrolment::read(ca_dir)?;
    let sites = client.list(Kind::Site).await?.value;
    let sites: Result<Vec<Site>, Failure> = sites.iter().map(from_resource).collect();
    let sites = sites?;
    let nodes = client.list(Kind::Node).await?;
    let mut members = Vec::new();
    for resource in &nodes.value {
        let other: Node = from_resource(resource)?;
        let site = sites.iter().find(|site| site.name == other.site);
        if let Some(site) = site.filter(|_| other.standing == NodeStanding::Active) {
            members.push(Member {
                node: other.id,
                site: site.name.clone(),
                organisation: site.organisation.clone(),
                anchors: site.anchors.clone(),
                addresses: other.addresses,
            });
        }
    }
    let generation = node.generation();
    Enrolment { generation, node, index: nodes.index, members, ..of_site }.write(data_dir, &genesis)?;
    Ok(())
}
