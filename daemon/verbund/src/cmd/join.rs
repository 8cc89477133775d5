//! `verbund join`: proves the site's keys to the contact and waits for the coordinators.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use verbund_identity::{InvitationToken, TrustDomain, key_id};
use verbund_keys::SiteKeys;
use verbund_model::Refusal;
use verbund_model::resource::Address;
use verbund_tls::Proxy;

use super::first_context::{self, FirstContext};
use super::init;
use super::site::groups;
use crate::app::App;
use crate::cli::{ConfigFile, Join};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::join::client::{JoinError, Joining, Signed, Step, run as join, sign};
use crate::join::protocol::{Admitted, JoinRefusal};
use crate::output::say;
use crate::serve::enrolment::Enrolment;
use crate::{files, t};

/// The most bytes of an invitation.
const MAX_TOKEN: u64 = 64 * 1024;
/// How long to wait if nobody says: longer than any invitation stands open.
const FOR_EVER: Duration = Duration::from_secs(100 * 24 * 60 * 60);

pub async fn run(app: &App, args: Join) -> Result<Exit, Failure> {
    let config = first_context::configuration(&args.config)?;
    let data_dir = first_context::data_dir(args.data_dir.clone(), config.as_ref())?;
    let token = read_token(&args.invitation, std::io::stdin().lock())?;
    if Enrolment::exists(&data_dir) {
        let (enrolment, _) = Enrolment::read(&data_dir)?;
        if enrolment.federation == token.federation && enrolment.site == token.site {
            let first = wanted_context(app, &args, &token, &data_dir)?;
            let next = Next { addresses: own_addresses(&args, config.as_ref()), config: config.as_ref(), args: &args };
            return report(app, &enrolment, &data_dir, &next, first);
        }
        return Err(Failure::new(t!("found-exists", federation = enrolment.federation.to_string()))
            .remedy(t!("found-exists-remedy")));
    }
    let keys = open_keys(app, (&args.config, config.as_ref()), &token, &data_dir)?;
    show_fingerprints(&keys);
    let proxy = args.proxy.as_ref().map(|address| address.authority().parse()).transpose()?;
    let proxy = proxy.map(|address| Proxy { address, auth: None, except: Vec::new() });
    let addresses = own_addresses(&args, config.as_ref());
    let first = wanted_context(app, &args, &token, &data_dir)?;
    if first.is_some() && first_context::api_address(&addresses, config.as_ref()).is_none() {
        return Err(first_context::no_api());
    }
    let joining = Joining { token: &token, keys: &keys, land: args.land, addresses: addresses.clone(), proxy };
    let patience = args.wait.as_ref().map_or(FOR_EVER, |wait| wait.0);
    let pending = data_dir.join("join.json");
    let admitted = tokio::select! {
        admitted = exchange(&joining, &pending, patience) => admitted?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(t!("join-detached")).remedy(t!("join-detached-remedy")).exit_with(Exit::Waiting));
        }
    };
    let enrolment = enrolment(&token, &admitted);
    enrolment.write(&data_dir, &admitted.genesis.0)?;
    let _ = std::fs::remove_file(&pending);
    report(app, &enrolment, &data_dir, &Next { addresses, config: config.as_ref(), args: &args }, first)
}

/// Where the node will be reached: as the flags say, else as the daemon's configuration advertises it.
fn own_addresses(args: &Join, config: Option<&Config>) -> Vec<Address> {
    match config {
        Some(config) if args.addresses.is_empty() && config.inbound => config.advertise.clone(),
        _ => args.addresses.clone(),
    }
}

/// The context that `--key` asks for.
fn wanted_context(
    app: &App,
    args: &Join,
    token: &InvitationToken,
    data_dir: &Path,
) -> Result<Option<FirstContext>, Failure> {
    let pin = init::anchor_pin(&init::keys_directory(data_dir))?;
    FirstContext::wanted(app, args.key.as_deref(), &token.site, pin.map(|pin| (token.federation, pin)))
}

/// The invitation from standard input, from a file, or, which others on the machine can see, from the argument itself.
pub fn read_token(argument: &str, stdin: impl std::io::Read) -> Result<InvitationToken, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(t!("file-unreadable", path = argument, reason = crate::words::chain(&error)))
    };
    let text = if argument == "-" {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(stdin, MAX_TOKEN), &mut text).map_err(unreadable)?;
        text
    } else if argument.starts_with("verbund-invitation-") {
        say(&format!("{}: {}", t!("warning-prefix"), t!("join-argument")));
        argument.to_owned()
    } else {
        files::read_argument(Path::new(argument), MAX_TOKEN).map_err(unreadable)?
    };
    Ok(InvitationToken::from_text(&text)?)
}

/// The site's keys, which `init` made. None are made here: a mistyped directory would use the invitation up for keys that
/// nobody wanted. Errors: there are none, or another site's; nothing was sent then.
fn open_keys(
    app: &App,
    (file, config): (&ConfigFile, Option<&Config>),
    token: &InvitationToken,
    data_dir: &Path,
) -> Result<SiteKeys, Failure> {
    let keys = init::keys_directory(data_dir);
    let trust_domain = TrustDomain { site: token.site.clone(), federation: token.federation_name.clone() };
    if !keys.join("site.json").exists() {
        let (site, federation) = (&trust_domain.site, &trust_domain.federation);
        let command = format!("verbund init --site {site} --federation {federation} --data-dir {}", data_dir.display());
        // It also names where the passphrase comes from.
        let config = file.file.as_ref().map(|path| first_context::quoted(&path.display().to_string()));
        let command = config.map_or_else(|| command.clone(), |config| format!("{command} --config {config}"));
        return Err(Failure::new(t!("join-no-keys", directory = data_dir.display().to_string()))
            .remedy(t!("join-no-keys-remedy", command = command)));
    }
    let opened = SiteKeys::open(&keys, init::Unlocking::to_open(app, config, &keys)?.access())?;
    if *opened.trust_domain() != trust_domain {
        let found = opened.trust_domain().to_string();
        return Err(Failure::new(t!("found-other-site", found = found, wanted = trust_domain.to_string()))
            .remedy(t!("join-other-keys-remedy")));
    }
    Ok(opened)
}

/// What the site's operator reads out to a coordinator.
fn show_fingerprints(keys: &SiteKeys) {
    let anchor = verbund_identity::CaCertificate::from_der(keys.anchor_certificate().der());
    let anchor = anchor.map_or_else(|error| error.to_string(), |anchor| groups(&anchor.spki_hash.to_string()));
    let node = groups(&key_id(keys.node_key().public_key()).to_string());
    let sealing = groups(&key_id(keys.sealing_key().public_key()).to_string());
    say(&t!("join-fingerprints", anchor = anchor, node = node, sealing = sealing));
}

/// Sends the signed request of an earlier run, or a new one; one that was never taken and has expired is signed anew.
async fn exchange(joining: &Joining<'_>, pending: &Path, patience: Duration) -> Result<Admitted, Failure> {
    if let Some(text) = files::read_text(pending, 1 << 20)?
        && let Ok(signed) = serde_json::from_str::<Signed>(&text)
        && signed.envelope.key == invitation_key(joining.token)?
    {
        match join(joining, &signed, patience, &tell).await {
            Err(JoinError::Refused(JoinRefusal::Refused { refusal: Refusal::Expired { .. } })) => {}
            other => return result(other),
        }
    }
    let signed = sign(joining, crate::client::now())?;
    files::replace(pending, &serde_json::to_vec(&signed)?)?;
    result(join(joining, &signed, patience, &tell).await)
}

fn invitation_key(token: &InvitationToken) -> Result<verbund_model::KeyId, Failure> {
    use verbund_keys::Signer as _;
    let scalar = data_encoding::BASE64URL_NOPAD.decode(token.secret.as_bytes())?;
    let key = verbund_keys::SoftwareKey::from_scalar(verbund_model::Algorithm::P256, &scalar)?;
    Ok(key_id(key.public_key()))
}

fn result(result: Result<Admitted, JoinError>) -> Result<Admitted, Failure> {
    result.map_err(|error| {
        let waiting = matches!(error, JoinError::NotYet { .. });
        let failure = Failure::from(error);
        if waiting { failure.exit_with(Exit::Waiting) } else { failure }
    })
}

fn tell(step: Step) {
    say(&match step {
        Step::ContactProven { federation } => t!("join-contact", federation = federation.to_string()),
        Step::Requested { subject } => {
            t!("join-requested", groups = groups(&subject.to_string()), hash = subject.to_string())
        }
        Step::Waiting { have, need } => t!("join-waiting", have = have, need = need),
    });
}

fn enrolment(token: &InvitationToken, admitted: &Admitted) -> Enrolment {
    Enrolment {
        v: Enrolment::VERSION,
        federation: token.federation,
        federation_name: token.federation_name.clone(),
        generation: admitted.node.generation(),
        site: token.site.clone(),
        node: admitted.node,
        index: admitted.index,
        members: admitted.members.clone(),
    }
}

/// What the next step needs.
struct Next<'a> {
    addresses: Vec<Address>,
    config: Option<&'a Config>,
    args: &'a Join,
}

fn report(
    app: &App,
    enrolment: &Enrolment,
    data_dir: &Path,
    next: &Next<'_>,
    first: Option<FirstContext>,
) -> Result<Exit, Failure> {
    let directory = data_dir.display().to_string();
    let value = json!({
        "federation": enrolment.federation.to_string(),
        "site": enrolment.site.to_string(),
        "node": enrolment.node.to_string(),
        "dataDir": directory,
    });
    app.output.value(&value, || {
        t!("join-done", site = enrolment.site.to_string(), node = enrolment.node.to_string()) + "\n"
    })?;
    say(&t!("join-next-serve", command = first_context::serve_command(&next.args.config, data_dir)));
    let api = first_context::api_address(&next.addresses, next.config);
    let pin = init::anchor_pin(&init::keys_directory(data_dir))?;
    match (first, pin) {
        (Some(first), Some(pin)) => {
            let name = first.name().to_owned();
            first.add(api, (enrolment.federation, pin))?;
            say(&t!("join-next-added", name = name));
        }
        _ => {
            let (site, directory) = (enrolment.site.to_string(), first_context::quoted(&directory));
            let api = first_context::shown(api.as_ref());
            say(&t!("join-next-add", directory = directory, site = site, api = api));
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use verbund_model::Hash;

    use super::*;

    fn token() -> InvitationToken {
        InvitationToken {
            federation: verbund_model::FederationId(Hash([7; 32])),
            federation_name: "dvc".parse().unwrap(),
            generation: 0,
            site: "nord".parse().unwrap(),
            organisation: "dataport".parse().unwrap(),
            expires: 1,
            contacts: vec!["localhost:7100".parse().unwrap()],
            pin: Hash([8; 32]),
            secret: "s".to_owned(),
        }
    }

    #[test]
    fn an_invitation_comes_from_standard_input_or_a_file() {
        let text = token().to_text();
        assert_eq!(read_token("-", format!("{text}\n").as_bytes()).unwrap(), token());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("invitation");
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read_token(path.to_str().unwrap(), std::io::empty()).unwrap(), token());
        assert_eq!(read_token(&text, std::io::empty()).unwrap(), token());
        assert!(read_token("-", &text.as_bytes()[..text.len() - 3]).is_err());
        assert!(read_token("/nonexistent", std::io::empty()).is_err());
    }

    #[test]
    fn an_expired_invitation_says_when_as_people_read_time() {
        let expired = JoinError::Expired { site: "nord".parse().unwrap(), expired: 1_795_363_471_000 };
        let text = Failure::from(expired).to_string();
        assert!(text.contains("2026-11-2") && !text.contains("1795363471000"), "{text}");
    }
}
