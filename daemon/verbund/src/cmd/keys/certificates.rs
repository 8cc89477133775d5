//! `verbund keys issued` and `keys revoke`: the site's own certificates, at the site. What is revoked goes into a file beside
//! the keys; the running daemon signs the list that says so within seconds and tells the others.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use time::OffsetDateTime;
use verbund_keys::site_keys::{from_hex, hex};
use verbund_keys::{Issued, Reason, Revocation, SiteKeys};
use verbund_model::KeyId;

use crate::app::App;
use crate::cli::{HashPrefix, KeysRevoke, RevocationReason};
use crate::cmd::init::keys_directory;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, local, say};
use crate::t;

/// Lists what is valid.
pub fn issued(app: &App, data_dir: &Path) -> Result<Exit, Failure> {
    let keys = keys_directory(data_dir);
    let issued = SiteKeys::issued(&keys, OffsetDateTime::now_utc())?;
    let revoked: BTreeSet<(String, KeyId)> =
        SiteKeys::revoked(&keys)?.into_iter().map(|revocation| (revocation.serial, revocation.ca)).collect();
    let is_revoked = |issued: &Issued| revoked.contains(&(issued.serial.clone(), issued.ca));
    let value: Vec<_> = issued
        .iter()
        .map(|issued| {
            json!({
                "serial": issued.serial,
                "name": issued.name,
                "key": issued.key.to_string(),
                "ca": issued.ca.to_string(),
                "notAfter": verbund_model::instant::rfc3339(millis(issued.not_after)),
                "revoked": is_revoked(issued),
            })
        })
        .collect();
    app.output.value(&value, || {
        if issued.is_empty() {
            return t!("keys-issued-none") + "\n";
        }
        let heads = [t!("keys-column-serial"), t!("column-name"), t!("keys-column-until"), t!("keys-column-state")];
        let mut table = Table::new(heads.to_vec());
        for issued in &issued {
            let state = if is_revoked(issued) { t!("keys-revoked") } else { t!("keys-valid") };
            table.row(vec![issued.serial.clone(), issued.name.clone(), local(millis(issued.not_after)), state]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

fn millis(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

/// Revokes by serial number, or whatever was issued for a key.
pub fn revoke(app: &App, revoke: &KeysRevoke) -> Result<Exit, Failure> {
    let now = OffsetDateTime::now_utc();
    let keys = keys_directory(&revoke.site.data_dir);
    let issued = SiteKeys::issued(&keys, now)?;
    let chosen = match &revoke.key {
        Some(key) => of_key(&issued, key)?,
        None => by_serial(&issued, &revoke.serials)?,
    };
    let names: BTreeSet<&str> = chosen.iter().map(|issued| issued.name.as_str()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    app.confirm(&t!("confirm-revoke", count = chosen.len(), names = names), revoke.confirm.yes)?;
    let revocation = |issued: &&Issued| Revocation {
        serial: issued.serial.clone(),
        ca: issued.ca,
        since: now.unix_timestamp(),
        reason: reason(revoke.reason),
        not_after: Some(issued.not_after),
    };
    let new = SiteKeys::revoke(&keys, chosen.iter().map(revocation).collect(), now)?;
    let value: Vec<_> = chosen.iter().map(|issued| json!({ "serial": issued.serial, "name": issued.name })).collect();
    let unchanged = chosen.len() - new;
    app.output.value(&value, || t!("keys-revoke-done", new = new, unchanged = unchanged) + "\n")?;
    say(&t!("keys-revoke-next"));
    Ok(Exit::Ok)
}

/// By the certificate's own key, or by the registered key for which a certificate for reading was issued.
fn of_key<'a>(issued: &'a [Issued], key: &HashPrefix) -> Result<Vec<&'a Issued>, Failure> {
    let wanted = key.to_string();
    let fits = |issued: &&Issued| {
        let login = issued.name.rsplit('/').next().unwrap_or_default();
        key.fits(&issued.key.to_string())
            || issued.name.contains("/user/") && (key.fits(login) || wanted.starts_with(login))
    };
    let found: Vec<&Issued> = issued.iter().filter(fits).collect();
    if found.is_empty() {
        return Err(Failure::new(t!("keys-revoke-no-key", key = wanted)).remedy(t!("keys-revoke-remedy")));
    }
    Ok(found)
}

fn by_serial<'a>(issued: &'a [Issued], serials: &[String]) -> Result<Vec<&'a Issued>, Failure> {
    let mut found = Vec::new();
    for text in serials {
        let serial = from_hex(text).ok_or_else(|| Failure::usage(t!("keys-revoke-serial", serial = text.as_str())))?;
        let serial = hex(&serial);
        let known = issued.iter().filter(|issued| issued.serial == serial);
        let before = found.len();
        found.extend(known);
        if found.len() == before {
            // Another site's, or one that ran out: to revoke it here would only look as if it had an effect.
            return Err(Failure::new(t!("keys-revoke-unknown", serial = serial)).remedy(t!("keys-revoke-remedy")));
        }
    }
    Ok(found)
}

const fn reason(reason: RevocationReason) -> Reason {
    match reason {
        RevocationReason::Unspecified => Reason::Unspecified,
        RevocationReason::KeyCompromise => Reason::KeyCompromise,
        RevocationReason::AffiliationChanged => Reason::AffiliationChanged,
        RevocationReason::Superseded => Reason::Superseded,
        RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => Reason::PrivilegeWithdrawn,
    }
}
