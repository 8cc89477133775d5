//! `verbund init`: the keys of a site, made at the site.

use std::path::{Path, PathBuf};

use serde_json::json;
use time::OffsetDateTime;
use verbund_identity::{CaCertificate, TrustDomain};
use verbund_keys::site_keys::State;
use verbund_keys::{
    Access, Anchor, Asking, Finding, InitOptions, InitReport, Passphrase, PassphraseSource, Publication, SiteKeys,
    StoredKey, TokenUri,
};
use verbund_model::Hash;

use super::first_context;
use crate::app::App;
use crate::cli::{ConfigFile, Init};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::serve::needs_passphrase;
use crate::{files, t};

/// Where the site's keys lie within the data directory.
#[must_use]
pub fn keys_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("keys")
}

pub fn run(app: &App, init: Init) -> Result<Exit, Failure> {
    let config = first_context::configuration(&init.config)?;
    let config = config.as_ref();
    let keys = keys_directory(&first_context::data_dir(init.data_dir, config)?);
    if let Some(answer) = &init.certificate {
        return accept(app, &keys, answer);
    }
    let site = init.site.or_else(|| config.and_then(|config| config.site.clone()));
    let site = site.ok_or_else(|| Failure::usage(t!("found-missing", missing = "--site")))?;
    let trust_domain = TrustDomain { site, federation: init.federation };
    let anchor = if init.csr.is_some() { Anchor::AuthorityPki } else { Anchor::OwnRoot };
    let unlocking = Unlocking::to_make(app, config, &keys, init.custody)?;
    let report = make(&keys, &trust_domain, anchor, init.pki_url, &unlocking)?;
    let request = match &init.csr {
        Some(path) => Some(write_request(&keys, path)?),
        None => None,
    };
    let pin = anchor_pin(&keys)?;
    app.output.value(&describe(&report, &keys, pin), || for_people(&report, pin))?;
    match request {
        Some(path) => say(&t!("init-request", path = path.display().to_string())),
        None => say(&t!("init-next", command = join_command(&init.config, &keys))),
    }
    Ok(Exit::Ok)
}

/// How the site asks to be admitted, with what the caller named.
fn join_command(file: &ConfigFile, keys: &Path) -> String {
    let named = match &file.file {
        Some(path) => format!("--config {}", first_context::quoted(&path.display().to_string())),
        None => {
            let data_dir = keys.parent().unwrap_or(keys).display().to_string();
            format!("--data-dir {}", first_context::quoted(&data_dir))
        }
    };
    format!("verbund join INVITATION {named} --land LAND --key file:KEYFILE")
}

/// What opens a site's keys, or makes them: a passphrase, or a token and where its PIN comes from.
pub struct Unlocking {
    passphrase: Option<Passphrase>,
    custody: Option<TokenUri>,
    pin: PassphraseSource,
}

impl Unlocking {
    /// For keys that are there. Errors: they cannot be read, or no passphrase came.
    pub fn to_open(app: &App, config: Option<&Config>, keys: &Path) -> Result<Self, Failure> {
        let stored = SiteKeys::stored(keys)?;
        let sealed = stored.is_empty() || stored.iter().any(needs_passphrase);
        let source = app.site_passphrase(config);
        Ok(Self { passphrase: passphrase(&source, keys, sealed)?, custody: None, pin: source })
    }

    /// For making those that are missing: in `custody`, or where the others are. Errors: as above.
    pub fn to_make(
        app: &App,
        config: Option<&Config>,
        keys: &Path,
        custody: Option<TokenUri>,
    ) -> Result<Self, Failure> {
        let stored = SiteKeys::stored(keys)?;
        let beside = || stored.iter().rev().find_map(StoredKey::token).map(TokenUri::without_key);
        let custody = custody.map(|uri| uri.without_key()).or_else(beside);
        let source = app.site_passphrase(config);
        Ok(Self { passphrase: passphrase(&source, keys, custody.is_none())?, custody, pin: source })
    }

    /// The access that it gives.
    #[must_use]
    pub fn access(&self) -> Access<'_> {
        Access::new(self.passphrase.as_ref(), self.custody.clone(), self.pin.clone())
    }

    /// The passphrase, if sealed files need one.
    #[must_use]
    pub const fn passphrase(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
    }
}

/// The passphrase of a site's sealed keys: chosen now if there are none yet.
fn passphrase(source: &PassphraseSource, keys: &Path, sealed: bool) -> Result<Option<Passphrase>, Failure> {
    if !sealed {
        return Ok(None);
    }
    let asking = if keys.join("node.key").exists() { Asking::Existing } else { Asking::New };
    Ok(Some(source.obtain(&t!("init-keys-of", path = keys.display().to_string()), asking)?))
}

/// Makes what is not there yet.
pub fn make(
    keys: &Path,
    trust_domain: &TrustDomain,
    anchor: Anchor,
    publication: Option<Publication>,
    unlocking: &Unlocking,
) -> Result<InitReport, Failure> {
    let options = InitOptions { anchor, publication, ..InitOptions::default() };
    Ok(SiteKeys::init(keys, trust_domain, unlocking.access(), &options, OffsetDateTime::now_utc())?)
}

fn write_request(keys: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let request = std::fs::read(keys.join("ca.csr"))?;
    if std::fs::read(path).is_ok_and(|there| there == request) {
        return Ok(path.to_owned());
    }
    files::create(path, &request).map_err(|error| {
        Failure::new(t!("file-unwritable", path = path.display().to_string(), reason = crate::words::chain(&error)))
    })?;
    Ok(path.to_owned())
}

fn accept(app: &App, keys: &Path, answer: &Path) -> Result<Exit, Failure> {
    let text = files::read_argument(answer, 128 * 1024).map_err(|error| {
        Failure::new(t!("file-unreadable", path = answer.display().to_string(), reason = crate::words::chain(&error)))
    })?;
    let findings = SiteKeys::accept_ca_certificate(keys, &text, OffsetDateTime::now_utc())?;
    for finding in &findings {
        say(&format!("{}: {finding}", t!("warning-prefix")));
    }
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    let pin = anchor_pin(keys)?;
    let value = json!({ "pin": pin.map(|pin| pin.to_string()), "findings": findings });
    app.output.value(&value, || t!("init-accepted", pin = pin.map(|p| p.to_string()).unwrap_or_default()) + "\n")?;
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Warnings })
}

/// The pin of the site's trust anchor; `None` while an authority's PKI has not answered.
pub fn anchor_pin(keys: &Path) -> Result<Option<Hash>, Failure> {
    for name in ["root.pem", "ca.pem"] {
        let Some(text) = files::read_text(&keys.join(name), 128 * 1024)? else { continue };
        let certificate = verbund_keys::Certificate::from_pem(&text)?;
        return Ok(Some(CaCertificate::from_der(certificate.der())?.spki_hash));
    }
    Ok(None)
}

fn state_word(state: State) -> (&'static str, String) {
    match state {
        State::Made => ("made", t!("init-made")),
        State::Present => ("present", t!("init-present")),
        State::Away => ("away", t!("init-away")),
        State::Awaited => ("awaited", t!("init-awaited")),
    }
}

fn describe(report: &InitReport, keys: &Path, pin: Option<Hash>) -> serde_json::Value {
    let pieces: serde_json::Map<String, serde_json::Value> =
        report.pieces.iter().map(|(piece, state)| (piece.to_string(), state_word(*state).0.into())).collect();
    json!({
        "trustDomain": report.trust_domain.to_string(),
        "directory": keys.display().to_string(),
        "pieces": pieces,
        "pin": pin.map(|pin| pin.to_string()),
    })
}

fn for_people(report: &InitReport, pin: Option<Hash>) -> String {
    let mut table = Table::plain();
    for (piece, state) in &report.pieces {
        table.row(vec![piece.to_string(), state_word(*state).1]);
    }
    let mut text = t!("init-site", domain = report.trust_domain.to_string()) + "\n" + &table.render();
    if let Some(pin) = pin {
        text += &(t!("init-pin", pin = pin.to_string()) + "\n");
    }
    if report.changed_nothing() {
        text += &(t!("init-nothing") + "\n");
    }
    text
}
