//! The keys of one site in one directory.
//!
//! ```text
//! site.json      trust domain, and what anchors the site's trust          public
//! root.key       site root; may be moved away and brought back for renewal  sealed
//! root.pem       its certificate (absent below an authority's own PKI)     public
//! ca.key         issuing CA                                                sealed
//! ca.csr         the request, where an authority's PKI signs the CA        public
//! ca.pem         the CA's certificate                                      public
//! node.key       signs what the daemon reports                             sealed
//! sealing.key    opens what was sealed for the site                        sealed
//! ca-….key/.pem  further issuing CAs, while one takes another's place      sealed, public
//! ca.active      which of them issues, if not the first                    public
//! issued.jsonl   what the CAs issued and is still valid                    public
//! revoked.json   what was revoked                                          public
//! <key id>.crl   the last list of the CA with that key                     public
//! ```
//!
//! Where a key is in a token, its file refers to it instead ([`StoredKey`]); the root's may be in a token of its own, and the
//! file goes with it. Keys of TLS leaves are not here: each is made in memory with its leaf and never written.

mod authorities;
mod error;
mod init;
mod issued;
mod lists;
mod revoked;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use authorities::StoredAuthority;
pub use error::SiteKeysError;
pub use init::{InitOptions, InitReport, Piece, State, object_label};
pub use issued::{Issued, from_hex, hex};
pub use lists::{LIST_EVERY, LIST_VALIDITY};
pub use revoked::{MAX_REVOKED, Revocation};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use verbund_identity::TrustDomain;
use verbund_identity::spiffe::SpiffeError;

use crate::certificate::{
    AcceptError, Certificate, CertificateError, Finding, IssueError, IssuingCa, Publication, PublicationError,
    accept_ca, csr_for_ca, is_signed_by, issue_ca_for,
};
use crate::custody::{Access, KeyLabel, ReadError, Signer, StoredKey};
use crate::files;
use crate::sealing::Opener;
use issued::IssuedLog;

const SITE: &str = "site.json";
const ROOT_KEY: &str = "root.key";
const ROOT_CERTIFICATE: &str = "root.pem";
const CA_KEY: &str = "ca.key";
const CA_REQUEST: &str = "ca.csr";
const CA_CERTIFICATE: &str = "ca.pem";
const ACTIVE: &str = "ca.active";
const NODE_KEY: &str = "node.key";
const SEALING_KEY: &str = "sealing.key";
/// The most bytes of a public file here.
const MAX_PUBLIC: u64 = 128 * 1024;
const SITE_VERSION: u32 = 1;

/// What anchors the trust in a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// The site's own root.
    OwnRoot,
    /// The site's CA itself, which an authority's own PKI signed; never the authority's root (design 3.2).
    AuthorityPki,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SiteFile {
    version: u32,
    trust_domain: String,
    anchor: Anchor,
    /// Where lists and CA certificates are reached, as it stands in certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
}

/// Whose directory it is.
struct SiteIdentity {
    trust_domain: TrustDomain,
    anchor: Anchor,
    publication: Option<Publication>,
}

/// A site's keys, opened for use. The root's key is not among them: it is only read when the CA is renewed.
pub struct SiteKeys {
    dir: PathBuf,
    anchor: Anchor,
    ca: IssuingCa,
    /// CAs that issued before, or will, and whose lists are kept current.
    others: Vec<IssuingCa>,
    anchor_certificate: Certificate,
    node: Arc<dyn Signer>,
    sealing: Arc<dyn Opener>,
    issued: IssuedLog,
}

impl SiteKeys {
    /// Opens the keys of an initialised site, with a passphrase or a token's PIN. Costs one key derivation if sealed files were
    /// made together; drop the passphrase afterwards, it is not needed again. Errors: [`SiteKeysError`].
    pub fn open<'a>(dir: &Path, access: impl Into<Access<'a>>) -> Result<Self, SiteKeysError> {
        let access = &access.into();
        let site = read_site(dir)?;
        files::check_directory(dir)?;
        let (ca, others) = authorities::open(dir, &site, access)?;
        let anchor = site.anchor;
        let anchor_certificate = anchor_of(dir, anchor, ca.certificate())?;
        let node = unlock(&dir.join(NODE_KEY), KeyLabel::Node, access)?;
        let sealing = read_key(&dir.join(SEALING_KEY), KeyLabel::Sealing)?.unlock_sealing(access)?;
        let issued = IssuedLog::new(IssuedLog::path_in(dir));
        Ok(Self { dir: dir.to_owned(), anchor, ca, others, anchor_certificate, node, sealing, issued })
    }

    /// The keys in `dir` as they are stored, without opening them: those that are there, the root's among them. What needs a
    /// passphrase or a token is seen from them. Errors: [`SiteKeysError`].
    pub fn stored(dir: &Path) -> Result<Vec<StoredKey>, SiteKeysError> {
        let mut found = Vec::new();
        for (name, label) in [
            (ROOT_KEY, KeyLabel::SiteRoot),
            (CA_KEY, KeyLabel::IssuingCa),
            (NODE_KEY, KeyLabel::Node),
            (SEALING_KEY, KeyLabel::Sealing),
        ] {
            match read_key(&dir.join(name), label) {
                Ok(key) => found.push(key),
                Err(SiteKeysError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The site's trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        self.ca.trust_domain()
    }

    /// The issuing CA.
    #[must_use]
    pub fn ca(&self) -> &IssuingCa {
        &self.ca
    }

    /// Its CAs whose certificates may still count, the one that issues first.
    pub fn cas(&self) -> impl Iterator<Item = &IssuingCa> {
        std::iter::once(&self.ca).chain(&self.others)
    }

    /// Where the site's lists and CA certificates are reached, as it stands in what is issued. `None`: nowhere.
    #[must_use]
    pub fn publication(&self) -> Option<&Publication> {
        self.ca.publication()
    }

    /// What kind of anchor the site has.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// The certificate that the federation's bundle lists for this site: its root, or below an authority's PKI its CA.
    #[must_use]
    pub fn anchor_certificate(&self) -> &Certificate {
        &self.anchor_certificate
    }

    /// The node's signing key.
    #[must_use]
    pub fn node_key(&self) -> Arc<dyn Signer> {
        self.node.clone()
    }

    /// The site's sealing key.
    #[must_use]
    pub fn sealing_key(&self) -> Arc<dyn Opener> {
        self.sealing.clone()
    }

    /// Whether the root's key lies in the directory, rather than offline.
    #[must_use]
    pub fn root_key_is_here(&self) -> bool {
        self.dir.join(ROOT_KEY).exists()
    }

    /// Has the root sign a new certificate for the same CA key, in the place of the old one. The root's key must be in the
    /// directory for this. Errors: [`SiteKeysError`]; the old certificate stays then.
    pub fn renew_ca<'a>(
        &mut self,
        access: impl Into<Access<'a>>,
        validity: Duration,
        now: OffsetDateTime,
    ) -> Result<(), SiteKeysError> {
        let path = self.dir.join(ROOT_KEY);
        if self.anchor == Anchor::AuthorityPki {
            let remedy = "this site has no root of its own: have `ca.csr` signed again by your PKI";
            return Err(SiteKeysError::Missing { path, remedy });
        }
        let root = unlock(&path, KeyLabel::SiteRoot, &access.into())?;
        let key = self.ca.signer().public_key();
        let published = self.publication();
        let renewed =
            issue_ca_for(&root, &self.anchor_certificate, key, self.trust_domain(), published, validity, now)?;
        self.put_ca(renewed)
    }

    /// Reads the CA's certificate again, so that a running daemon takes up one that was renewed beside it. Needs no
    /// passphrase, since the keys stay. Says whether anything changed. Errors: [`SiteKeysError`]; the old one stays in
    /// use then.
    pub fn reload_ca(&mut self) -> Result<bool, SiteKeysError> {
        files::check_directory(&self.dir)?;
        let stored = authorities::stored(&self.dir)?.into_iter().find(|authority| authority.id == self.ca.id());
        let certificate = match stored.and_then(|stored| stored.certificate) {
            Some(certificate) => certificate,
            None => read_ca(&self.dir, self.anchor)?.0,
        };
        let anchor_certificate = anchor_of(&self.dir, self.anchor, &certificate)?;
        if certificate == *self.ca.certificate() && anchor_certificate == self.anchor_certificate {
            return Ok(false);
        }
        self.ca = self.with_certificate(certificate)?;
        self.anchor_certificate = anchor_certificate;
        Ok(true)
    }

    /// The request (PEM) by which an authority's own PKI signs, or signs again, this site's CA. Errors: [`IssueError`].
    pub fn ca_request(&self) -> Result<String, IssueError> {
        csr_for_ca(self.ca.signer(), self.trust_domain())
    }

    fn with_certificate(&self, certificate: Certificate) -> Result<IssuingCa, IssueError> {
        let (trust_domain, publication) = (self.trust_domain().clone(), self.publication().cloned());
        Ok(IssuingCa::new(trust_domain, certificate, self.ca.signer().clone())?.published_at(publication))
    }

    fn put_ca(&mut self, certificate: Certificate) -> Result<(), SiteKeysError> {
        let ca = self.with_certificate(certificate.clone())?;
        let stored = authorities::stored(&self.dir)?.into_iter().find(|authority| authority.id == ca.id());
        let path = stored.map_or_else(|| self.dir.join(CA_CERTIFICATE), |stored| stored.request.with_extension("pem"));
        files::replace(&path, certificate.pem().as_bytes(), files::PUBLIC)?;
        self.ca = ca;
        Ok(())
    }

    /// Takes the certificate (PEM, with or without the authority's own) that an authority's PKI made for this site's CA,
    /// and puts it in place; needs no passphrase. A valid one that is there already is replaced, which is how it is
    /// renewed. Gives the findings of [`accept_ca`]. Errors: [`SiteKeysError`]; nothing is changed then.
    pub fn accept_ca_certificate(dir: &Path, answer: &str, now: OffsetDateTime) -> Result<Vec<Finding>, SiteKeysError> {
        let SiteIdentity { trust_domain, anchor, .. } = read_site(dir)?;
        let path = dir.join(CA_CERTIFICATE);
        if anchor == Anchor::OwnRoot {
            let reason =
                "this site has a root of its own, which signs its CA: no other certificate is taken".to_owned();
            return Err(SiteKeysError::Content { path, reason });
        }
        let key = read_key(&dir.join(CA_KEY), KeyLabel::IssuingCa)?;
        let all = Certificate::all_from_pem(answer).map_err(AcceptError::Form)?;
        let ours = |c: &&Certificate| c.info().is_ok_and(|info| info.public_key.as_ref() == Some(key.public_key()));
        // Without one for our key, the first one serves to say whose it is.
        let Some(certificate) = all.iter().find(ours).or(all.first()) else {
            let reason = "there is none".to_owned();
            return Err(AcceptError::Form(CertificateError::Pem { wanted: "certificates", reason }).into());
        };
        let findings = accept_ca(certificate, key.public_key(), &trust_domain, now)?;
        files::replace(&path, certificate.pem().as_bytes(), files::PUBLIC)?;
        Ok(findings)
    }
}

impl fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (node, sealing) = (self.node.public_key(), self.sealing.public_key());
        write!(f, "SiteKeys({}, {:?}, node {node}, sealing {sealing})", self.dir.display(), self.ca)
    }
}

fn read_site(dir: &Path) -> Result<SiteIdentity, SiteKeysError> {
    let path = dir.join(SITE);
    let bytes = match files::read_public(&path, MAX_PUBLIC) {
        Err(error) if error.is_missing() => return Err(SiteKeysError::Nothing { dir: dir.to_owned() }),
        other => other?,
    };
    let content = |reason: String| SiteKeysError::Content { path: path.clone(), reason };
    let site: SiteFile = serde_json::from_slice(&bytes).map_err(|e| content(e.to_string()))?;
    if site.version != SITE_VERSION {
        return Err(content(format!("it has version {}, this program knows {SITE_VERSION}", site.version)));
    }
    let trust_domain = site.trust_domain.parse().map_err(|e: SpiffeError| content(e.to_string()))?;
    let publication = site.published_at.map(|base| base.parse()).transpose();
    let publication = publication.map_err(|e: PublicationError| content(e.to_string()))?;
    Ok(SiteIdentity { trust_domain, anchor: site.anchor, publication })
}

fn read_certificate(path: &Path, remedy: &'static str) -> Result<Certificate, SiteKeysError> {
    let bytes = match files::read_public(path, MAX_PUBLIC) {
        Err(error) if error.is_missing() => return Err(SiteKeysError::Missing { path: path.to_owned(), remedy }),
        other => other?,
    };
    let content = |reason: String| SiteKeysError::Content { path: path.to_owned(), reason };
    let text = String::from_utf8(bytes).map_err(|_| content("it is no PEM text".to_owned()))?;
    Certificate::from_pem(&text).map_err(|e| content(e.to_string()))
}

/// The CA's certificate and the one that anchors it.
fn read_ca(dir: &Path, anchor: Anchor) -> Result<(Certificate, Certificate), SiteKeysError> {
    let remedy = match anchor {
        Anchor::OwnRoot => "run `verbund init` again, which makes what is missing",
        Anchor::AuthorityPki => {
            "have ca.csr signed by your PKI and hand the answer to `verbund init --ca-certificate FILE`"
        }
    };
    let certificate = read_certificate(&dir.join(CA_CERTIFICATE), remedy)?;
    let anchor_certificate = anchor_of(dir, anchor, &certificate)?;
    Ok((certificate, anchor_certificate))
}

/// What anchors the CA with this certificate.
fn anchor_of(dir: &Path, anchor: Anchor, ca: &Certificate) -> Result<Certificate, SiteKeysError> {
    match anchor {
        Anchor::AuthorityPki => Ok(ca.clone()),
        Anchor::OwnRoot => read_root(dir, ca),
    }
}

/// The root's certificate, which must have signed the CA's.
fn read_root(dir: &Path, ca: &Certificate) -> Result<Certificate, SiteKeysError> {
    let path = dir.join(ROOT_CERTIFICATE);
    let root =
        read_certificate(&path, "only the root's key may be moved away, its certificate is needed: bring it back")?;
    if is_signed_by(ca, &root) {
        return Ok(root);
    }
    let reason =
        "it did not sign the certificate in ca.pem: one of the two is another site's, or was replaced".to_owned();
    Err(SiteKeysError::Content { path, reason })
}

fn read_key(path: &Path, label: KeyLabel) -> Result<StoredKey, SiteKeysError> {
    let remedy = match label {
        KeyLabel::SiteRoot => "the root's key is kept elsewhere: bring it back for this, then move it away again",
        _ => "restore it from your copy; a new key would make this another site",
    };
    let file = match StoredKey::read(path) {
        Err(ReadError::File(error)) if error.is_missing() => {
            return Err(SiteKeysError::Missing { path: path.to_owned(), remedy });
        }
        other => other?,
    };
    file.expect_label(label)?;
    Ok(file)
}

fn unlock(path: &Path, label: KeyLabel, access: &Access<'_>) -> Result<Arc<dyn Signer>, SiteKeysError> {
    Ok(read_key(path, label)?.unlock(access)?)
}

#[cfg(test)]
mod tests;
