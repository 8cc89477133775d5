//! `verbund keys`: keys that people make for themselves, before there is a federation or within one, and the tokens in which
//! keys are kept.

mod backup;
mod certificates;
mod probe;
mod rotate;

use std::path::Path;

use serde_json::json;
use verbund_identity::key_id;
use verbund_keys::{Asking, KdfParameters, KeyFile, KeyLabel, StoredKey, Token, TokenError, TokenKeyInfo, TokenUri};

use crate::app::App;
use crate::cli::{KeyKind, KeysCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

pub async fn run(app: &App, command: KeysCommand) -> Result<Exit, Failure> {
    match command {
        KeysCommand::New { kind, out: Some(out), .. } => new(app, kind, &out),
        KeysCommand::New { kind, custody: Some(uri), .. } => new_in_token(app, kind, &uri),
        // The command line has one of the two.
        KeysCommand::New { .. } => Err(Failure::internal("keys new")),
        KeysCommand::List { custody: Some(uri), .. } => list_token(app, &uri),
        KeysCommand::List { directory, .. } => list(app, &directory),
        KeysCommand::Show { file } => show(app, &file),
        KeysCommand::Probe { token } => probe::run(app, &token),
        KeysCommand::BackupCheck(check) => backup::run(app, check),
        KeysCommand::Issued(site) => certificates::issued(app, &site.data_dir),
        KeysCommand::Revoke(revoke) => certificates::revoke(app, &revoke),
        KeysCommand::Rotate(command) => rotate::run(app, command).await,
        KeysCommand::SignCa(sign) => rotate::sign(app, &sign),
    }
}

const fn label(kind: KeyKind) -> KeyLabel {
    match kind {
        KeyKind::Coordinator => KeyLabel::Coordinator,
        KeyKind::User => KeyLabel::User,
    }
}

fn new(app: &App, kind: KeyKind, out: &Path) -> Result<Exit, Failure> {
    if out.exists() {
        return Err(Failure::new(t!("keys-exists", path = out.display().to_string())).remedy(t!("keys-exists-remedy")));
    }
    let what = t!("client-key-at", path = out.display().to_string());
    let passphrase = app.passphrase().obtain(&what, Asking::New)?;
    let file = KeyFile::create(out, label(kind), &passphrase, KdfParameters::default())?;
    say(&t!("keys-made", path = out.display().to_string()));
    app.output.value(&describe(&StoredKey::Sealed(file.clone())), || format!("{}\n", file.public_key()))?;
    Ok(Exit::Ok)
}

fn new_in_token(app: &App, kind: KeyKind, uri: &TokenUri) -> Result<Exit, Failure> {
    let Some(object) = &uri.object else {
        return Err(TokenError::NoKeyNamed { token: uri.token.clone() }.into());
    };
    let key = open(app, uri)?.generate(object, label(kind))?;
    say(&t!("keys-made-in-token", uri = key.uri().to_string()));
    let public = key.public_key();
    let value = json!({
        "token": key.uri().to_string(),
        "kind": label(kind).as_str(),
        "id": key_id(public).to_string(),
        "publicKey": public.to_string(),
    });
    app.output.value(&value, || format!("{public}\n"))?;
    Ok(Exit::Ok)
}

/// A token, with the PIN from where the URI says, or else from where passphrases come from.
fn open(app: &App, uri: &TokenUri) -> Result<Token, Failure> {
    Ok(Token::open(uri, &app.passphrase())?)
}

fn describe(key: &StoredKey) -> serde_json::Value {
    let public = key.public_key();
    json!({
        "file": key.path().display().to_string(),
        "token": key.token().map(ToString::to_string),
        "kind": key.label().as_str(),
        "id": key_id(public).to_string(),
        "publicKey": public.to_string(),
    })
}

fn show(app: &App, path: &Path) -> Result<Exit, Failure> {
    let key = StoredKey::read(path)?;
    app.output.value(&describe(&key), || format!("{}\n", key.public_key()))?;
    Ok(Exit::Ok)
}

fn list(app: &App, directory: &Path) -> Result<Exit, Failure> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file()
            && let Ok(key) = StoredKey::read(&path)
        {
            keys.push(key);
        }
    }
    keys.sort_by(|a, b| a.path().cmp(b.path()));
    let descriptions: Vec<_> = keys.iter().map(describe).collect();
    app.output.value(&descriptions, || {
        let heads = [t!("column-file"), t!("column-kind"), t!("column-id"), t!("keys-column-custody")];
        let mut table = Table::new(heads.to_vec());
        for key in &keys {
            let id = key_id(key.public_key()).to_string();
            let custody = key.token().map_or_else(|| t!("keys-sealed"), |uri| uri.token.clone());
            table.row(vec![key.path().display().to_string(), key.label().to_string(), id, custody]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

fn list_token(app: &App, uri: &TokenUri) -> Result<Exit, Failure> {
    let keys = open(app, uri)?.keys()?;
    let describe = |key: &TokenKeyInfo| {
        json!({
            "token": key.uri.to_string(),
            "algorithm": key.kind,
            "id": key.public.as_ref().map(|public| key_id(public).to_string()),
            "publicKey": key.public.as_ref().map(ToString::to_string),
            "signs": key.signs,
            "agrees": key.agrees,
            "protected": key.protected,
        })
    };
    let descriptions: Vec<_> = keys.iter().map(describe).collect();
    app.output.value(&descriptions, || {
        if keys.is_empty() {
            return t!("keys-token-empty", token = uri.token.as_str()) + "\n";
        }
        let heads = [t!("keys-column-object"), t!("column-kind"), t!("column-id"), t!("keys-column-protection")];
        let mut table = Table::new(heads.to_vec());
        for key in &keys {
            let id = key.public.as_ref().map(|public| key_id(public).to_string()).unwrap_or_default();
            let protection = if key.protected { t!("keys-protected") } else { t!("keys-unprotected") };
            table.row(vec![key.uri.object.clone().unwrap_or_default(), key.kind.clone(), id, protection]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}
