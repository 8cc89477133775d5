//! `verbund keys rotate` and `keys sign-ca`. A rotation of the issuing CA is in the log, signed by the site's
//! Plattformbetreiber; the keys are made and stay at the site, and its daemon follows the log.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use time::OffsetDateTime;
use verbund_identity::{authority_binding, key_id};
use verbund_keys::{Anchor, KdfParameters, Signer as _, SiteKeys, StoredAuthority};
use verbund_model::resource::{AuthorityPhase, AuthorityStep, Der, Site};
use verbund_model::view::Kind;
use verbund_model::{Accepted, Command, KeyId};

use crate::app::App;
use crate::cli::{CaStep, RotateCa, RotateCommand, SignCa};
use crate::client::Client;
use crate::cmd::init::{Unlocking, keys_directory};
use crate::cmd::invitation::from_resource;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::serve::RENEW;
use crate::serve::enrolment::Enrolment;
use crate::{files, t};

/// How long the running daemon may take to renew its certificate.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a new CA's certificate is valid.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The most bytes of a request or certificate.
const MAX_FILE: u64 = 128 * 1024;

pub async fn run(app: &App, command: RotateCommand) -> Result<Exit, Failure> {
    match command {
        RotateCommand::Node { site } => node(&keys_directory(&site.data_dir)),
        RotateCommand::Ca(rotate) => ca(app, *rotate).await,
    }
}

/// Asks the running daemon for a new certificate, and waits until it has one.
fn node(keys: &Path) -> Result<Exit, Failure> {
    // Whether this is a site's directory at all.
    SiteKeys::authorities(keys)?;
    let asked = keys.join(RENEW);
    files::replace(&asked, b"")?;
    let begun = Instant::now();
    while asked.exists() {
        if begun.elapsed() > PATIENCE {
            say(&t!("keys-rotate-node-waits"));
            return Ok(Exit::Warnings);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    say(&t!("keys-rotate-node-done"));
    Ok(Exit::Ok)
}

/// Signs a request for an issuing CA where the root is.
pub fn sign(app: &App, sign: &SignCa) -> Result<Exit, Failure> {
    let keys = keys_directory(&sign.site.data_dir);
    let request = files::read_argument(&sign.request, MAX_FILE).map_err(|error| unreadable(&sign.request, &error))?;
    let unlocking = Unlocking::to_open(app, None, &keys)?;
    let now = OffsetDateTime::now_utc();
    let certificate = SiteKeys::sign_authority(&keys, request.as_bytes(), &unlocking.access(), sign.valid.0, now)?;
    files::create(&sign.out, certificate.pem().as_bytes()).map_err(|error| {
        let (path, reason) = (sign.out.display().to_string(), crate::words::chain(&error));
        Failure::new(t!("file-unwritable", path = path, reason = reason))
    })?;
    let info = certificate.info()?;
    let id = info.key_id.map(|id| id.to_string()).unwrap_or_default();
    let value = json!({ "file": sign.out.display().to_string(), "key": id, "subject": info.subject });
    app.output
        .value(&value, || t!("keys-signed-ca", path = sign.out.display().to_string(), key = id.as_str()) + "\n")?;
    Ok(Exit::Ok)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(t!("file-unreadable", path = path.display().to_string(), reason = crate::words::chain(error)))
}

/// What a rotation works with.
struct Desk<'a> {
    app: &'a App,
    client: &'a Client,
    rotate: &'a RotateCa,
    keys: std::path::PathBuf,
    site: Site,
}

async fn ca(app: &App, rotate: RotateCa) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (enrolment, _) = Enrolment::read(&rotate.site.data_dir)?;
    if enrolment.federation != client.context().federation {
        let path = rotate.site.data_dir.display().to_string();
        return Err(Failure::new(t!("node-other-federation", path = path)));
    }
    let found = client.get(Kind::Site, enrolment.site.as_str()).await?;
    let missing = || Failure::new(t!("keys-rotate-no-site", site = enrolment.site.to_string()));
    let site: Site = from_resource(&found.ok_or_else(missing)?.value)?;
    let keys = keys_directory(&rotate.site.data_dir);
    let desk = Desk { app, client: &client, rotate: &rotate, keys, site };
    match rotate.step {
        CaStep::Status => desk.status(),
        CaStep::Prepare => desk.prepare().await,
        CaStep::Activate => {
            let key = desk.chosen(AuthorityPhase::Prepared)?;
            desk.step(AuthorityStep::Activate { key }, t!("keys-rotate-activated")).await
        }
        CaStep::Taint => {
            let key = desk.chosen(AuthorityPhase::Previous)?;
            desk.step(AuthorityStep::Taint { key }, t!("keys-rotate-tainted")).await
        }
        CaStep::Withdraw => {
            let key = desk.chosen(AuthorityPhase::Prepared)?;
            app.confirm(&t!("confirm-withdraw-ca", key = key.to_string()), rotate.confirm.yes)?;
            desk.step(AuthorityStep::Withdraw { key }, t!("keys-rotate-withdrawn")).await
        }
        CaStep::Revoke => {
            let key = desk.chosen(AuthorityPhase::Tainted)?;
            let count = desk.issued_by(&key)?;
            app.confirm(&t!("confirm-revoke-ca", key = key.to_string(), count = count), rotate.confirm.yes)?;
            desk.step(AuthorityStep::Revoke { key }, t!("keys-rotate-revoked")).await
        }
    }
}

impl Desk<'_> {
    /// How many valid certificates a CA has issued, as far as this node did it.
    fn issued_by(&self, ca: &KeyId) -> Result<usize, Failure> {
        let issued = SiteKeys::issued(&self.keys, OffsetDateTime::now_utc())?;
        Ok(issued.iter().filter(|issued| issued.ca == *ca).count())
    }

    fn status(&self) -> Result<Exit, Failure> {
        let stored = SiteKeys::authorities(&self.keys)?;
        let here = |id: &KeyId| stored.iter().any(|one| one.id == *id);
        let mut all = vec![(key_id(&self.site.issuing_key), "issuing", t!("keys-ca-issuing"))];
        for other in &self.site.authorities {
            let (name, word) = match other.phase {
                AuthorityPhase::Prepared => ("prepared", t!("keys-ca-prepared")),
                AuthorityPhase::Previous => ("previous", t!("keys-ca-previous")),
                AuthorityPhase::Tainted => ("tainted", t!("keys-ca-tainted")),
            };
            all.push((key_id(&other.key), name, word));
        }
        for one in stored.iter().filter(|one| !all.iter().any(|(id, ..)| *id == one.id)).collect::<Vec<_>>() {
            if !self.site.retired.contains(&one.id) {
                all.push((one.id, "unannounced", t!("keys-ca-unannounced")));
            }
        }
        let mut value = Vec::new();
        let mut table =
            Table::new(vec![t!("column-id"), t!("keys-column-state"), t!("keys-column-here"), t!("keys-column-valid")]);
        for (id, name, word) in all {
            let (count, here) = (self.issued_by(&id)?, here(&id));
            value.push(json!({ "key": id.to_string(), "phase": name, "keyIsHere": here, "validCertificates": count }));
            let here = if here { t!("keys-here") } else { t!("keys-elsewhere") };
            table.row(vec![id.to_string(), word, here, count.to_string()]);
        }
        self.app.output.value(&value, || table.render())?;
        Ok(Exit::Ok)
    }

    /// The CA that a step is about: the one that is named, or the only one that the step can be about.
    fn chosen(&self, phase: AuthorityPhase) -> Result<KeyId, Failure> {
        if let Some(wanted) = &self.rotate.key {
            let all = self.site.authorities.iter().map(|other| key_id(&other.key));
            let mut found = all.filter(|id| wanted.fits(&id.to_string()));
            return match (found.next(), found.next()) {
                (Some(only), None) => Ok(only),
                _ => {
                    Err(Failure::new(t!("keys-rotate-no-ca", key = wanted.to_string()))
                        .remedy(t!("keys-rotate-remedy")))
                }
            };
        }
        let mut fitting = self.site.authorities.iter().filter(|other| other.phase == phase);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(key_id(&only.key)),
            (None, _) => Err(Failure::new(t!("keys-rotate-none")).remedy(t!("keys-rotate-remedy"))),
            _ => Err(Failure::usage(t!("keys-rotate-several")).remedy(t!("keys-rotate-remedy"))),
        }
    }

    async fn step(&self, step: AuthorityStep, next: String) -> Result<Exit, Failure> {
        let about = t!("about-rotate-ca", site = self.site.name.to_string());
        let command = Command::RotateAuthority { site: self.site.name.clone(), step };
        let accepted: Accepted = self.client.write(about.clone(), command).await?;
        let exit = self.app.tell(&about, &accepted, None)?;
        say(&next);
        Ok(exit)
    }

    /// A CA whose key is here and that the federation does not know yet.
    fn unannounced(&self) -> Result<Option<StoredAuthority>, Failure> {
        let known = |id: &KeyId| {
            key_id(&self.site.issuing_key) == *id
                || self.site.retired.contains(id)
                || self.site.authorities.iter().any(|other| key_id(&other.key) == *id)
        };
        Ok(SiteKeys::authorities(&self.keys)?.into_iter().find(|one| !known(&one.id)))
    }

    async fn prepare(&self) -> Result<Exit, Failure> {
        let now = OffsetDateTime::now_utc();
        if let Some(answer) = &self.rotate.certificate {
            let text = files::read_argument(answer, MAX_FILE).map_err(|error| unreadable(answer, &error))?;
            let (_, findings) = SiteKeys::accept_authority(&self.keys, &text, now)?;
            for finding in findings {
                say(&format!("{}: {finding}", t!("warning-prefix")));
            }
        }
        let unlocking = Unlocking::to_make(self.app, None, &self.keys, self.rotate.custody.clone())?;
        let access = unlocking.access();
        let new = match self.unannounced()? {
            Some(new) => new,
            None => SiteKeys::new_authority(&self.keys, &access, KdfParameters::default(), VALIDITY, now)?,
        };
        let Some(certificate) = &new.certificate else {
            return self.ask_for_certificate(&new);
        };
        let certificate = Der(certificate.der().to_vec());
        let binding = authority_binding(&self.client.context().federation, &self.site.name, &certificate);
        let proof = Der(new.key.unlock(&access)?.sign(&binding)?);
        let keys = SiteKeys::open(&self.keys, unlocking.access())?;
        let endorsement = match keys.anchor() {
            Anchor::OwnRoot => None,
            Anchor::AuthorityPki => Some(Der(keys.ca().signer().sign(&binding)?)),
        };
        let step = AuthorityStep::Prepare { certificate, proof, endorsement };
        self.step(step, t!("keys-rotate-prepared", key = new.id.to_string())).await
    }

    /// The root is elsewhere: the request goes to it, and the answer comes back.
    fn ask_for_certificate(&self, new: &StoredAuthority) -> Result<Exit, Failure> {
        let path = match &self.rotate.request {
            None => new.request.clone(),
            Some(path) => {
                let request = std::fs::read(&new.request)?;
                if !std::fs::read(path).is_ok_and(|there| there == request) {
                    files::create(path, &request)?;
                }
                path.clone()
            }
        };
        let path = path.display().to_string();
        let value = json!({ "request": path, "key": new.id.to_string() });
        self.app
            .output
            .value(&value, || t!("keys-rotate-request", path = path.as_str(), key = new.id.to_string()) + "\n")?;
        Ok(Exit::Waiting)
    }
}
