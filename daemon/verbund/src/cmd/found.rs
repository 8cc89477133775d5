//! `verbund found`: the genesis document, and the first node's admission.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{Genesis, TrustDomain};
use verbund_keys::{Anchor, SiteKeys};
use verbund_model::resource::{Address, CoordinatorSet, Der, Land, OrgRole};
use verbund_model::{Document, FederationId, Hash, NodeId, OrgName, PublicKey, SiteName, UserId};

use super::init;
use crate::app::App;
use crate::cli::Found;
use crate::context::API_NETWORK;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::join::protocol::Member;
use crate::output::{Tone, say};
use crate::serve::enrolment::Enrolment;
use crate::{files, t};

/// The most bytes of a description.
const MAX_FILE: u64 = 256 * 1024;

/// The description of a new federation. Every part can also be a flag, which goes before it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Description {
    name: Option<SiteName>,
    coordinators: Coordinators,
    organisation: Organisation,
    site: Site,
    data_dir: Option<PathBuf>,
    policy: Option<Document>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Coordinators {
    keys: Vec<PublicKey>,
    threshold: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Organisation {
    name: Option<OrgName>,
    display_name: Option<String>,
    roles: Vec<OrgRole>,
    administrator: Option<UserId>,
    administrator_keys: Vec<PublicKey>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Site {
    name: Option<SiteName>,
    land: Option<Land>,
    addresses: Vec<String>,
}

/// Everything that founding needs.
struct Founding {
    name: SiteName,
    coordinators: CoordinatorSet,
    organisation: FirstOrganisation,
    site: SiteName,
    land: Land,
    addresses: Vec<Address>,
    data_dir: PathBuf,
    policy: Document,
}

pub fn run(app: &App, found: Found) -> Result<Exit, Failure> {
    let custody = found.custody.clone();
    let founding = gather(found)?;
    if Enrolment::exists(&founding.data_dir) {
        let (enrolment, _) = Enrolment::read(&founding.data_dir)?;
        return Err(Failure::new(t!("found-exists", federation = enrolment.federation.to_string()))
            .remedy(t!("found-exists-remedy")));
    }
    let keys = init::keys_directory(&founding.data_dir);
    let trust_domain = TrustDomain { site: founding.site.clone(), federation: founding.name.clone() };
    let unlocking = init::Unlocking::to_make(app, &keys, custody)?;
    // A site that made its keys below an authority's PKI before keeps them.
    if init::anchor_pin(&keys)?.is_none() || keys.join("root.pem").exists() {
        init::make(&keys, &trust_domain, Anchor::OwnRoot, &unlocking)?;
    }
    let site_keys = SiteKeys::open(&keys, unlocking.access())?;
    if *site_keys.trust_domain() != trust_domain {
        let found = site_keys.trust_domain().to_string();
        return Err(Failure::new(t!("found-other-site", found = found, wanted = trust_domain.to_string())));
    }
    let genesis = genesis(&founding, &site_keys);
    let bytes = genesis.to_bytes();
    let (_, federation) = Genesis::from_bytes(&bytes)?;
    enrolment(&genesis, federation).write(&founding.data_dir, &bytes)?;
    report(app, &founding, federation, init::anchor_pin(&keys)?)
}

fn gather(found: Found) -> Result<Founding, Failure> {
    let file = match &found.file {
        Some(path) => read(path)?,
        None => Description::default(),
    };
    let mut missing = Vec::new();
    macro_rules! need {
        ($value:expr, $name:literal) => {{
            let value = $value;
            if value.is_none() {
                missing.push(concat!("--", $name));
            }
            value
        }};
    }
    let addresses: Result<Vec<Address>, _> = file.site.addresses.iter().map(|text| text.parse()).collect();
    let addresses = or(found.addresses, addresses?);
    let keys = or(found.coordinators, file.coordinators.keys);
    let roles = or(found.roles, file.organisation.roles);
    let administrator_keys = or(found.administrator_keys, file.organisation.administrator_keys);
    for (empty, flag) in [
        (keys.is_empty(), "--coordinator"),
        (roles.is_empty(), "--role"),
        (administrator_keys.is_empty(), "--administrator-key"),
        (addresses.is_empty(), "--address"),
    ] {
        if empty {
            missing.push(flag);
        }
    }
    let name = need!(found.name.or(file.name), "name");
    let organisation = need!(found.organisation.or(file.organisation.name), "organisation");
    let administrator = need!(found.administrator.or(file.organisation.administrator), "administrator");
    let site = need!(found.site.or(file.site.name), "site");
    let land = need!(found.land.or(file.site.land), "land");
    let (Some(name), Some(organisation), Some(administrator), Some(site), Some(land), true) =
        (name, organisation, administrator, site, land, missing.is_empty())
    else {
        return Err(
            Failure::usage(t!("found-missing", missing = missing.join(", "))).remedy(t!("found-missing-remedy"))
        );
    };
    // The least number that is a majority, unless people want more.
    let majority = u32::try_from(keys.len() / 2 + 1).unwrap_or(u32::MAX);
    let threshold = found.threshold.or(file.coordinators.threshold).unwrap_or(majority);
    let coordinators = CoordinatorSet { version: 1, keys, threshold };
    if !coordinators.is_sound() {
        let n = coordinators.keys.len();
        return Err(Failure::usage(t!("found-threshold", m = threshold, n = n)).remedy(t!("found-threshold-remedy")));
    }
    let display_name =
        found.display_name.or(file.organisation.display_name).unwrap_or_else(|| organisation.to_string());
    let data_dir = found.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from("/var/lib/verbund"));
    let empty = || Document::from_value(&json!({})).ok_or_else(|| Failure::internal("{}"));
    Ok(Founding {
        name,
        coordinators,
        organisation: FirstOrganisation { name: organisation, display_name, roles, administrator, administrator_keys },
        site,
        land,
        addresses,
        data_dir: std::path::absolute(data_dir)?,
        policy: file.policy.map_or_else(empty, Ok)?,
    })
}

fn or<T>(flags: Vec<T>, file: Vec<T>) -> Vec<T> {
    if flags.is_empty() { file } else { flags }
}

fn read(path: &std::path::Path) -> Result<Description, Failure> {
    let text = files::read_argument(path, MAX_FILE).map_err(|error| {
        Failure::new(t!("file-unreadable", path = path.display().to_string(), reason = crate::words::chain(&error)))
    })?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 40, max_nodes: 16_384, max_documents: 1 },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        Failure::new(t!("file-form", path = path.display().to_string(), reason = crate::words::chain(&error)))
    })
}

fn genesis(founding: &Founding, keys: &SiteKeys) -> Genesis {
    Genesis {
        v: 1,
        name: founding.name.clone(),
        salt: Hash(rand::random()),
        time: crate::client::now(),
        coordinators: founding.coordinators.clone(),
        policy: founding.policy.clone(),
        organisation: founding.organisation.clone(),
        site: FirstSite {
            name: founding.site.clone(),
            land: founding.land,
            anchors: vec![Der(keys.anchor_certificate().der().to_vec())],
            issuing_key: keys.ca().signer().public_key().clone(),
            sealing_key: keys.sealing_key().public_key().clone(),
            node_key: keys.node_key().public_key().clone(),
            addresses: founding.addresses.clone(),
        },
    }
}

fn enrolment(genesis: &Genesis, federation: FederationId) -> Enrolment {
    // The first node of the first generation; apply reads the same from the genesis document.
    let node = NodeId::mint(0, 1);
    let member = Member {
        node,
        site: genesis.site.name.clone(),
        organisation: genesis.organisation.name.clone(),
        anchors: genesis.site.anchors.clone(),
        addresses: genesis.site.addresses.clone(),
    };
    Enrolment {
        v: Enrolment::VERSION,
        federation,
        federation_name: genesis.name.clone(),
        generation: 0,
        site: genesis.site.name.clone(),
        node,
        index: 0,
        members: vec![member],
    }
}

fn report(app: &App, founding: &Founding, federation: FederationId, pin: Option<Hash>) -> Result<Exit, Failure> {
    let directory = founding.data_dir.display().to_string();
    let value = json!({
        "federation": federation.to_string(),
        "name": founding.name.to_string(),
        "site": founding.site.to_string(),
        "dataDir": directory,
        "pin": pin.map(|pin| pin.to_string()),
    });
    app.output.value(&value, || {
        let id = app.output.paint().paint(Tone::Strong, &super::site::groups(&federation.to_string()));
        let (m, n) = (founding.coordinators.threshold, founding.coordinators.keys.len());
        let name = founding.name.to_string();
        t!("found-done", name = name.as_str(), site = founding.site.to_string(), m = m, n = n)
            + &format!("\n\n    {id}\n    {federation}\n\n")
    })?;
    let site = founding.site.to_string();
    let api = api_address(&founding.addresses, &configured());
    say(&t!("found-next", directory = directory.as_str(), site = site.as_str(), api = api));
    Ok(Exit::Ok)
}

/// Where the daemon's HTTP API will be: as the site advertises it, else as it is configured to bind it.
fn api_address(addresses: &[Address], bound: &[SocketAddr]) -> String {
    if let Some(advertised) = addresses.iter().find(|address| address.network == API_NETWORK) {
        return advertised.authority();
    }
    // What is bound to all addresses is reached at the loopback one, too.
    let reachable = |socket: &SocketAddr| match socket.ip() {
        ip if !ip.is_unspecified() => *socket,
        _ => SocketAddr::from((Ipv4Addr::LOCALHOST, socket.port())),
    };
    let bound: Vec<SocketAddr> = bound.iter().map(reachable).collect();
    bound
        .iter()
        .find(|socket| socket.is_ipv4())
        .or(bound.first())
        .map_or_else(|| "HOST:PORT".to_owned(), ToString::to_string)
}

/// What the daemon binds for its API by the file, variables and defaults of this machine.
fn configured() -> Vec<SocketAddr> {
    let environment = |name: &str| std::env::var(name).ok();
    let file = std::env::var_os("VERBUND_CONFIG").map(PathBuf::from);
    let loaded = crate::config::load(&crate::config::Sources { file, environment: &environment, flags: Vec::new() });
    // Founding needs no valid configuration; this is only a hint.
    loaded.map_or_else(|_| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 7101))], |loaded| loaded.config.listen.admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_names_the_api_where_it_will_be() {
        let sockets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let peers: Vec<Address> = vec!["nord.example:7100".parse().unwrap()];
        assert_eq!(api_address(&peers, &sockets(&["[::1]:7101", "127.0.0.1:8101"])), "127.0.0.1:8101");
        assert_eq!(api_address(&peers, &sockets(&["0.0.0.0:9000"])), "127.0.0.1:9000");
        let with_api = [peers, vec!["api=nord.example:443".parse().unwrap()]].concat();
        assert_eq!(api_address(&with_api, &sockets(&["127.0.0.1:7101"])), "nord.example:443");
    }
}
