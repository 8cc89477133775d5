//! Several issuing CAs of one site, while one takes another's place. The first lies in `ca.key` and `ca.pem`, others in
//! `ca-<key id>.key` and `.pem`; `ca.active` names the one that issues, if it is not the first. Which certificate belongs to
//! which key is seen from the certificates, so that a crash between two renames leaves nothing in disorder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use verbund_identity::{TrustDomain, key_id};
use verbund_model::KeyId;

use super::{
    ACTIVE, Anchor, CA_CERTIFICATE, CA_KEY, MAX_PUBLIC, ROOT_CERTIFICATE, ROOT_KEY, SiteIdentity, SiteKeys,
    SiteKeysError, object_label, read_certificate, read_key, read_root, read_site, unlock,
};
use crate::certificate::{
    AcceptError, Certificate, CertificateError, Finding, IssuingCa, ProvenKey, Publication, accept_ca, csr_for_ca,
    is_signed_by, issue_ca_for,
};
use crate::custody::{Access, KdfParameters, KeyFile, KeyLabel, Signer, StoredKey, UnlockError};
use crate::files::{self, FileError};

/// The most CAs in a directory: the active one, one that comes, and some that go.
const MOST: usize = 8;
/// The name of a key that is being made.
const NEW_KEY: &str = "ca-new.key";

/// A CA of the site as it lies in the directory.
#[derive(Clone, Debug)]
pub struct StoredAuthority {
    /// The id of its key.
    pub id: KeyId,
    /// Its key.
    pub key: StoredKey,
    /// Its certificate; `None`: it was asked for and has not come.
    pub certificate: Option<Certificate>,
    /// The request for its certificate (PEM).
    pub request: PathBuf,
}

/// All CAs in `dir`, the first one first.
pub(super) fn stored(dir: &Path) -> Result<Vec<StoredAuthority>, SiteKeysError> {
    let mut certificates = Vec::new();
    let mut keys = vec![dir.join(CA_KEY)];
    for name in names(dir)? {
        match name.rsplit_once('.') {
            Some((stem, "pem")) if is_authority(stem) => certificates.push(read_certificate(&dir.join(&name), "")?),
            Some((stem, "key")) if is_authority(stem) && stem != "ca" && name != NEW_KEY => keys.push(dir.join(&name)),
            _ => {}
        }
    }
    if keys.len() > MOST {
        let reason =
            format!("it has the keys of {} CAs, at most {MOST} are used: take out those that are retired", keys.len());
        return Err(SiteKeysError::Content { path: dir.to_owned(), reason });
    }
    let read = |path: PathBuf| {
        let key = read_key(&path, KeyLabel::IssuingCa)?;
        let of_key = |c: &&Certificate| c.info().is_ok_and(|info| info.public_key.as_ref() == Some(key.public_key()));
        let certificate = certificates.iter().find(of_key).cloned();
        Ok(StoredAuthority { id: key_id(key.public_key()), certificate, request: path.with_extension("csr"), key })
    };
    keys.into_iter().map(read).collect()
}

fn names(dir: &Path) -> Result<Vec<String>, SiteKeysError> {
    let io = |source: io::Error| SiteKeysError::File(FileError::Io { verb: "read", path: dir.to_owned(), source });
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn is_authority(stem: &str) -> bool {
    stem == "ca" || stem.strip_prefix("ca-").is_some_and(|id| !id.is_empty())
}

/// Which CA issues. `None`: nothing is said, so that it is the first.
pub(super) fn active(dir: &Path) -> Result<Option<KeyId>, SiteKeysError> {
    let path = dir.join(ACTIVE);
    let bytes = match files::read_public(&path, MAX_PUBLIC) {
        Err(error) if error.is_missing() => return Ok(None),
        other => other?,
    };
    let content = |reason: String| SiteKeysError::Content { path: path.clone(), reason };
    let text = String::from_utf8(bytes).map_err(|_| content("it is no text".to_owned()))?;
    text.trim().parse().map(|hash| Some(KeyId(hash))).map_err(|e: verbund_model::id::HashError| content(e.to_string()))
}

/// Opens every CA that has a certificate: the one that issues, and the others.
pub(super) fn open(
    dir: &Path,
    site: &SiteIdentity,
    access: &Access<'_>,
) -> Result<(IssuingCa, Vec<IssuingCa>), SiteKeysError> {
    let all = stored(dir)?;
    let wanted = active(dir)?.or(all.first().map(|first| first.id));
    let (mut issues, mut others) = (None, Vec::new());
    for authority in all {
        if authority.certificate.is_none() && Some(authority.id) != wanted {
            continue;
        }
        let signer = authority.key.unlock(access)?;
        let ca = ready(dir, site, authority, signer)?;
        if Some(ca.id()) == wanted {
            issues = Some(ca);
        } else {
            others.push(ca);
        }
    }
    let issues = issues.ok_or_else(|| SiteKeysError::Content {
        path: dir.join(ACTIVE),
        reason: "the key of the CA that it names is not there: restore it, or name another one".to_owned(),
    })?;
    Ok((issues, others))
}

fn ready(
    dir: &Path,
    site: &SiteIdentity,
    authority: StoredAuthority,
    signer: Arc<dyn Signer>,
) -> Result<IssuingCa, SiteKeysError> {
    let certificate = match authority.certificate {
        Some(certificate) => certificate,
        // The message of the first CA says what to do.
        None => super::read_ca(dir, site.anchor)?.0,
    };
    if site.anchor == Anchor::OwnRoot {
        read_root(dir, &certificate)?;
    }
    Ok(IssuingCa::new(site.trust_domain.clone(), certificate, signer)?.published_at(site.publication.clone()))
}

impl SiteKeys {
    /// The CAs in `dir` as they are stored, without opening them. Errors: [`SiteKeysError`].
    pub fn authorities(dir: &Path) -> Result<Vec<StoredAuthority>, SiteKeysError> {
        stored(dir)
    }

    /// Makes the key of a further CA in `dir`, kept as `access` says, and a request for its certificate; the root signs it at
    /// once if its key is there. Errors: [`SiteKeysError`].
    pub fn new_authority(
        dir: &Path,
        access: &Access<'_>,
        kdf: KdfParameters,
        validity: Duration,
        now: OffsetDateTime,
    ) -> Result<StoredAuthority, SiteKeysError> {
        let site = read_site(dir)?;
        files::check_directory(dir)?;
        let new = dir.join(NEW_KEY);
        // One that an interrupted run left behind is nobody's yet.
        let key = if new.exists() {
            read_key(&new, KeyLabel::IssuingCa)?
        } else {
            make_key(&new, &site.trust_domain, access, kdf)?
        };
        let signer = key.unlock(access)?;
        let id = key_id(key.public_key());
        let path = dir.join(format!("ca-{}.key", short(&id)));
        let request = csr_for_ca(&signer, &site.trust_domain)?;
        files::replace(&path.with_extension("csr"), request.as_bytes(), files::PUBLIC)?;
        if site.anchor == Anchor::OwnRoot && dir.join(ROOT_KEY).exists() {
            let certificate = Self::sign_authority(dir, request.as_bytes(), access, validity, now)?;
            files::replace(&path.with_extension("pem"), certificate.pem().as_bytes(), files::PUBLIC)?;
        }
        rename(&new, &path)?;
        let found = stored(dir)?.into_iter().find(|authority| authority.id == id);
        found
            .ok_or(SiteKeysError::Missing { path, remedy: "it was there a moment ago: is somebody else at work here?" })
    }

    /// Has the root in `dir` sign the certificate that `request` (PEM or DER) asks for: what a person does where the root is kept.
    /// Nothing of the request is taken but the key. Errors: [`SiteKeysError`].
    pub fn sign_authority(
        dir: &Path,
        request: &[u8],
        access: &Access<'_>,
        validity: Duration,
        now: OffsetDateTime,
    ) -> Result<Certificate, SiteKeysError> {
        let SiteIdentity { trust_domain, publication, .. } = read_site(dir)?;
        let key = ProvenKey::from_ca_csr(request)?;
        let root_key = unlock(&dir.join(ROOT_KEY), KeyLabel::SiteRoot, access)?;
        let root = read_certificate(&dir.join(ROOT_CERTIFICATE), "the root's certificate belongs beside its key")?;
        let (key, published) = (key.public_key(), publication.as_ref());
        Ok(issue_ca_for(&root_key, &root, key, &trust_domain, published, validity, now)?)
    }

    /// Takes the certificate (PEM) that the root, or an authority's PKI, made for a CA that waits for it in `dir`. Gives the CA's
    /// id and the findings of [`accept_ca`]. Errors: [`SiteKeysError`]; nothing is changed then.
    pub fn accept_authority(
        dir: &Path,
        answer: &str,
        now: OffsetDateTime,
    ) -> Result<(KeyId, Vec<Finding>), SiteKeysError> {
        let SiteIdentity { trust_domain, anchor, .. } = read_site(dir)?;
        let all = Certificate::all_from_pem(answer).map_err(AcceptError::Form)?;
        for authority in stored(dir)? {
            let ours = |c: &&Certificate| {
                c.info().is_ok_and(|info| info.public_key.as_ref() == Some(authority.key.public_key()))
            };
            let Some(certificate) = all.iter().find(ours) else { continue };
            let path = authority.request.with_extension("pem");
            if anchor == Anchor::OwnRoot {
                let root = read_certificate(&dir.join(ROOT_CERTIFICATE), "the root's certificate is needed")?;
                if !is_signed_by(certificate, &root) {
                    let reason = "the root of this site did not sign the certificate".to_owned();
                    return Err(SiteKeysError::Content { path, reason });
                }
            }
            let findings = accept_ca(certificate, authority.key.public_key(), &trust_domain, now)?;
            files::replace(&path, certificate.pem().as_bytes(), files::PUBLIC)?;
            return Ok((authority.id, findings));
        }
        let found = all.first().and_then(|c| c.info().ok()).map(|info| info.subject);
        let other = |subject| AcceptError::OtherKey { subject };
        let none =
            || AcceptError::Form(CertificateError::Pem { wanted: "certificates", reason: "there is none".to_owned() });
        Err(found.map_or_else(none, other).into())
    }

    /// Opens the CAs that came into the directory since. Gives how many. Errors: [`SiteKeysError`]; what was open stays so.
    pub fn load_authorities(&mut self, access: &Access<'_>) -> Result<usize, SiteKeysError> {
        let site = self.identity();
        let mut new = Vec::new();
        for authority in stored(&self.dir)? {
            let known = self.cas().any(|ca| ca.id() == authority.id);
            if !known && authority.certificate.is_some() {
                let signer = authority.key.unlock(access)?;
                new.push(ready(&self.dir, &site, authority, signer)?);
            }
        }
        let count = new.len();
        self.others.extend(new);
        Ok(count)
    }

    /// Has another open CA issue from now on, also after a restart. Gives whether that changed anything. Errors:
    /// [`SiteKeysError`], such as that it is not open; then nothing changed.
    pub fn activate(&mut self, id: &KeyId) -> Result<bool, SiteKeysError> {
        if self.ca.id() == *id {
            return Ok(false);
        }
        let place = self.others.iter().position(|ca| ca.id() == *id).ok_or_else(|| SiteKeysError::Missing {
            path: self.dir.join(format!("ca-{}.key", short(id))),
            remedy: "the federation has another CA of this site issue than those whose keys are here: bring its key",
        })?;
        files::replace(&self.dir.join(ACTIVE), format!("{id}\n").as_bytes(), files::PUBLIC)?;
        std::mem::swap(&mut self.ca, &mut self.others[place]);
        if self.anchor == Anchor::AuthorityPki {
            self.anchor_certificate = self.ca.certificate().clone();
        }
        Ok(true)
    }

    /// Forgets CAs that were taken out: their keys, certificates and lists leave the directory. A key in a token stays there, and
    /// is for its keeper to delete. Gives how many there were. Errors: [`SiteKeysError`].
    pub fn retire(&mut self, ids: &BTreeSet<KeyId>) -> Result<usize, SiteKeysError> {
        let active = self.ca.id();
        let mut count = 0;
        for authority in stored(&self.dir)?.into_iter().filter(|one| one.id != active && ids.contains(&one.id)) {
            let key = authority.key.path().to_owned();
            if key == self.dir.join(CA_KEY) {
                // The first place is never empty: the one that issues moves in.
                let moves = stored(&self.dir)?.into_iter().find(|one| one.id == active);
                let moves =
                    moves.ok_or(SiteKeysError::Missing { path: self.dir.join(ACTIVE), remedy: "restore it" })?;
                rename(moves.key.path(), &key)?;
                rename(&moves.request.with_extension("pem"), &self.dir.join(CA_CERTIFICATE))?;
                remove(&moves.request)?;
            } else {
                for extension in ["pem", "csr", "key"] {
                    remove(&key.with_extension(extension))?;
                }
            }
            remove(&self.list_path(&authority.id))?;
            count += 1;
        }
        self.others.retain(|ca| !ids.contains(&ca.id()));
        Ok(count)
    }

    fn identity(&self) -> SiteIdentity {
        let publication: Option<Publication> = self.publication().cloned();
        SiteIdentity { trust_domain: self.trust_domain().clone(), anchor: self.anchor, publication }
    }
}

/// The beginning of a key's id, as it stands in names of files.
fn short(id: &KeyId) -> String {
    id.to_string().chars().take(16).collect()
}

fn make_key(
    path: &Path,
    trust_domain: &TrustDomain,
    access: &Access<'_>,
    kdf: KdfParameters,
) -> Result<StoredKey, SiteKeysError> {
    if let Some(place) = access.place() {
        let number: u32 = rand::random();
        let object = format!("{}-{number:08x}", object_label(trust_domain, KeyLabel::IssuingCa));
        return Ok(StoredKey::create_in_token(path, KeyLabel::IssuingCa, place, &object, access)?);
    }
    let passphrase = access.passphrase().ok_or_else(|| UnlockError::NoPassphrase { path: path.to_owned() })?;
    Ok(StoredKey::Sealed(KeyFile::create(path, KeyLabel::IssuingCa, passphrase, kdf)?))
}

fn rename(from: &Path, to: &Path) -> Result<(), SiteKeysError> {
    let io = |source| SiteKeysError::File(FileError::Io { verb: "move", path: from.to_owned(), source });
    fs::rename(from, to).map_err(io)?;
    Ok(files::sync_directory(to)?)
}

fn remove(path: &Path) -> Result<(), SiteKeysError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Io { verb: "remove", path: path.to_owned(), source: error }.into())
        }
        _ => Ok(()),
    }
}
