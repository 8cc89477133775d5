//! `verbund cluster add`: registers a cluster of an own site, and enrols its agent.

use verbund_agent::Enrolment;
use verbund_keys::{Asking, KdfParameters, KeyFile};
use verbund_model::resource::{ClusterSpec, Site};
use verbund_model::view::Kind;
use verbund_model::{Command, PublicKey};

use super::invitation::from_resource;
use crate::app::{App, change};
use crate::cli::ClusterAdd;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

/// Makes the agent's key if there is none, registers the cluster with it, and writes what the agent must know.
pub async fn run(app: &App, add: ClusterAdd) -> Result<Exit, Failure> {
    let client = app.client()?;
    let directory = std::path::absolute(&add.agent_dir)?;
    for address in &add.agents {
        address.parse::<verbund_tls::Address>().map_err(|error| Failure::usage(error.to_string()))?;
    }
    let site = client.get(Kind::Site, add.site.as_str()).await?;
    let site: Site = match site {
        Some(site) => from_resource(&site.value)?,
        None => return Err(Failure::new(t!("agent-no-site", site = add.site.to_string()))),
    };
    let (federation_name, _) = super::invitation::federation(&client).await?;
    let enrolment = Enrolment {
        v: Enrolment::VERSION,
        federation: client.context().federation,
        federation_name,
        site: add.site.clone(),
        cluster: add.name.clone(),
        addresses: add.agents.clone(),
        anchors: site.anchors,
    };
    // Before anything is registered: a folder that serves another cluster stays what it is.
    if let Ok(found) = Enrolment::read(&directory)
        && (found.cluster, found.federation) != (enrolment.cluster.clone(), enrolment.federation)
    {
        return Err(Failure::new(t!("agent-other", path = directory.display().to_string())));
    }
    let agent_key = key(app, &directory)?;
    let spec = ClusterSpec {
        zone: add.zone,
        schutzbedarf: add.schutzbedarf,
        confidentiality: add.confidentiality,
        stage: add.stage,
        networks: add.networks.into_iter().collect(),
        labels: add.labels.into_iter().collect(),
        cluster_kinds: add.cluster_kinds.into_iter().collect(),
        price: add.price,
    };
    let about = t!("about-cluster-add", cluster = add.name.to_string());
    let command = Command::ApplyCluster { name: add.name, site: add.site, spec, agent_key };
    let exit = app.change(&client, change(about, command)).await?;
    if Enrolment::read(&directory).is_err() {
        enrolment.write(&directory).map_err(|error| Failure::new(error.to_string()))?;
    }
    say(&t!("agent-next", path = directory.display().to_string()));
    Ok(exit)
}

/// The agent's public key; its private half is made in the folder if there is none, and never leaves it.
pub fn key(app: &App, directory: &std::path::Path) -> Result<PublicKey, Failure> {
    let path = directory.join("keys").join("agent.key");
    if path.exists() {
        return Ok(KeyFile::read(&path)?.public_key().clone());
    }
    let passphrase = app.passphrase().obtain(&t!("client-key-at", path = path.display().to_string()), Asking::New)?;
    Enrolment::make_key(directory, &passphrase, KdfParameters::default())
        .map_err(|error| Failure::new(error.to_string()))
}
