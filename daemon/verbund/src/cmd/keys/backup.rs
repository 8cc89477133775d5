//! `verbund keys backup-check`: whether the keys in a restored token are the ones that would be missed, by using them.

use serde_json::json;
use verbund_identity::SignatureVerifier as _;
use verbund_keys::{AwsVerifier, KeyLabel, Opener as _, Signer as _, SiteKeys, Token, TokenKey, TokenUri, seal};
use verbund_model::PublicKey;

use crate::app::App;
use crate::cli::BackupCheck;
use crate::cmd::init::keys_directory;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use crate::t;

/// What binds the trial message to this check, so that it can be taken for nothing else.
const PURPOSE: &[u8] = b"verbund keys backup-check";

/// A key that the backup should hold.
struct Expected {
    uri: TokenUri,
    public: PublicKey,
}

pub fn run(app: &App, check: BackupCheck) -> Result<Exit, Failure> {
    let expected = match &check.custody {
        Some(uri) => of_token(app, uri)?,
        None => of_site(&SiteKeys::stored(&keys_directory(&check.data_dir))?),
    };
    if expected.is_empty() {
        return Err(Failure::new(t!("keys-backup-nothing")).remedy(t!("keys-backup-nothing-remedy")));
    }
    let backup = super::open(app, &check.backup)?;
    let results: Vec<(String, Result<(), Failure>)> = expected
        .iter()
        .map(|key| (key.uri.object.clone().unwrap_or_default(), prove(&backup, key, &check.backup)))
        .collect();
    let value: Vec<_> = results
        .iter()
        .map(|(object, result)| {
            json!({ "object": object, "usable": result.is_ok(), "reason": result.as_ref().err().map(ToString::to_string) })
        })
        .collect();
    app.output.value(&value, || {
        let mut table = Table::plain();
        for (object, result) in &results {
            let state = result.as_ref().map_or_else(ToString::to_string, |()| t!("keys-backup-good"));
            table.row(vec![object.clone(), state]);
        }
        table.render()
    })?;
    Ok(if results.iter().all(|(_, result)| result.is_ok()) { Exit::Ok } else { Exit::CheckFailed })
}

/// A site's root and sealing key: the two that have a backup. All others are made anew.
fn of_site(stored: &[verbund_keys::StoredKey]) -> Vec<Expected> {
    let kept = stored.iter().filter(|key| matches!(key.label(), KeyLabel::SiteRoot | KeyLabel::Sealing));
    kept.filter_map(|key| Some(Expected { uri: key.token()?.clone(), public: key.public_key().clone() })).collect()
}

/// The key that the URI names, or all of the token's.
fn of_token(app: &App, uri: &TokenUri) -> Result<Vec<Expected>, Failure> {
    let token = super::open(app, uri)?;
    if uri.object.is_some() || uri.id.is_some() {
        let key = token.any_key(uri)?;
        return Ok(vec![Expected { uri: key.uri().clone(), public: key.public_key().clone() }]);
    }
    let keys = token.keys()?.into_iter();
    Ok(keys.filter_map(|key| Some(Expected { uri: key.uri, public: key.public? })).collect())
}

fn prove(backup: &Token, key: &Expected, place: &TokenUri) -> Result<(), Failure> {
    let copy = backup.any_key(&key.uri.moved_to(place))?.expect(&key.public)?;
    if works(&copy, &key.public)? { Ok(()) } else { Err(Failure::new(t!("keys-backup-useless"))) }
}

/// Has the copy do its work, and checks it with the public half of the key that it should be.
fn works(copy: &TokenKey, public: &PublicKey) -> Result<bool, Failure> {
    let message: [u8; 32] = rand::random();
    if copy.agrees() {
        let sealed = seal(public, PURPOSE, b"", &message)?;
        return Ok(*copy.open(PURPOSE, b"", &sealed)? == message);
    }
    let message = [PURPOSE, &message].concat();
    let signature = copy.sign(&message)?;
    Ok(AwsVerifier.verify(public, &message, &signature))
}
