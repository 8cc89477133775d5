//! `verbund found`: the genesis document, and the first node's admission.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{Genesis, TrustDomain};
use verbund_keys::{Anchor, SiteKeys};
use verbund_model::resource::{Address, CoordinatorSet, Der, Land, OrgRole};
use verbund_model::{Document, FederationId, Hash, NodeId, OrgName, PublicKey, SiteName, UserId};

use super::first_context::{self, FirstContext};
use super::init;
use crate::app::App;
use crate::cli::Found;
use crate::config::Config;
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
    let config = first_context::configuration(&found.config)?;
    let (key, file, custody) = (found.key.clone(), found.config.clone(), found.custody.clone());
    let founding = gather(found, config.as_ref())?;
    let first = FirstContext::wanted(app, key.as_deref(), &founding.site, None)?;
    if let Some(first) = &first {
        check_registered(&founding, first)?;
        if first_context::api_address(&founding.addresses, config.as_ref()).is_none() {
            return Err(first_context::no_api());
        }
    }
    if Enrolment::exists(&founding.data_dir) {
        let (enrolment, _) = Enrolment::read(&founding.data_dir)?;
        return Err(Failure::new(t!("found-exists", federation = enrolment.federation.to_string()))
            .remedy(t!("found-exists-remedy")));
    }
    let keys = init::keys_directory(&founding.data_dir);
    let trust_domain = TrustDomain { site: founding.site.clone(), federation: founding.name.clone() };
    let unlocking = init::Unlocking::to_make(app, config.as_ref(), &keys, custody)?;
    // A site that made its keys below an authority's PKI before keeps them.
    if init::anchor_pin(&keys)?.is_none() || keys.join("root.pem").exists() {
        init::make(&keys, &trust_domain, Anchor::OwnRoot, None, &unlocking)?;
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
    let serve = first_context::serve_command(&file, &founding.data_dir);
    report(app, &founding, (federation, init::anchor_pin(&keys)?), &Next { config: config.as_ref(), serve }, first)
}

/// That the federation will know the key of whoever founds it.
fn check_registered(founding: &Founding, first: &FirstContext) -> Result<(), Failure> {
    let key = first.public_key();
    if founding.coordinators.keys.contains(key) || founding.organisation.administrator_keys.contains(key) {
        return Ok(());
    }
    Err(Failure::usage(t!("found-key-unknown", key = key.to_string())).remedy(t!("found-key-unknown-remedy")))
}

/// Flags go before the description, and that before the daemon's configuration.
fn gather(found: Found, config: Option<&Config>) -> Result<Founding, Failure> {
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
    let configured = config.map_or_else(Vec::new, |config| config.advertise.clone());
    let addresses = or(or(found.addresses, addresses?), configured);
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
    let site = need!(found.site.or(file.site.name).or_else(|| config.and_then(|config| config.site.clone())), "site");
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
    let empty = || Document::from_value(&json!({})).ok_or_else(|| Failure::internal("{}"));
    Ok(Founding {
        name,
        coordinators,
        organisation: FirstOrganisation { name: organisation, display_name, roles, administrator, administrator_keys },
        site,
        land,
        addresses,
        data_dir: first_context::data_dir(found.data_dir.or(file.data_dir), config)?,
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

/// What the next step needs.
struct Next<'a> {
    config: Option<&'a Config>,
    serve: String,
}

fn report(
    app: &App,
    founding: &Founding,
    (federation, pin): (FederationId, Option<Hash>),
    next: &Next<'_>,
    first: Option<FirstContext>,
) -> Result<Exit, Failure> {
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
    let api = first_context::api_address(&founding.addresses, next.config);
    let shown = first_context::shown(api.as_ref());
    say(&t!("found-next-serve", command = next.serve.as_str()));
    match (first, pin) {
        (Some(first), Some(pin)) => {
            let name = first.name().to_owned();
            first.add(api, (federation, pin))?;
            say(&t!("found-next-added", name = name.as_str()));
        }
        _ => {
            let (site, directory) = (founding.site.to_string(), first_context::quoted(&directory));
            say(&t!("found-next-add", directory = directory, site = site, api = shown.as_str()));
        }
    }
    let pin = pin.map(|pin| pin.to_string()).unwrap_or_default();
    say(&t!("found-next-others", federation = federation.to_string(), pin = pin, api = shown));
    Ok(Exit::Ok)
}
