//! Making a site's keys, step by step; each step that was done before is left as it is, so that a second run completes
//! what a first one could not finish and changes nothing otherwise.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use verbund_identity::TrustDomain;

use super::{
    Anchor, CA_CERTIFICATE, CA_KEY, CA_REQUEST, NODE_KEY, ROOT_CERTIFICATE, ROOT_KEY, SEALING_KEY, SITE, SITE_VERSION,
    SiteFile, SiteKeys, SiteKeysError, read_certificate, read_key, read_site, unlock,
};
use crate::certificate::{Certificate, Publication, csr_for_ca, issue_ca_for, make_root};
use crate::custody::{Access, KdfParameters, KeyFile, KeyLabel, StoredKey, UnlockError};
use crate::files;

/// How a site's keys are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitOptions {
    /// An own root, or a request for an authority's PKI.
    pub anchor: Anchor,
    /// How long the root's certificate is valid; at most six years.
    pub root_validity: Duration,
    /// How long the CA's certificate is valid; at most five years.
    pub ca_validity: Duration,
    /// Where the site's lists and CA certificates will be reached; it stands in what is issued from then on. `None`: as it was
    /// said before.
    pub publication: Option<Publication>,
    /// What opening the keys costs.
    pub kdf: KdfParameters,
}

impl Default for InitOptions {
    /// An own root for five years, a CA for one: below the maxima of TR-03116-TS (6 and 5 years).
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            anchor: Anchor::OwnRoot,
            root_validity: Duration::from_secs(5 * 365 * DAY),
            ca_validity: Duration::from_secs(365 * DAY),
            publication: None,
            kdf: KdfParameters::default(),
        }
    }
}

/// A part of a site's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// `root.key`
    RootKey,
    /// `root.pem`
    RootCertificate,
    /// `ca.key`
    CaKey,
    /// `ca.csr`
    CaRequest,
    /// `ca.pem`
    CaCertificate,
    /// `node.key`
    NodeKey,
    /// `sealing.key`
    SealingKey,
}

impl Piece {
    /// The name of its file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::RootKey => ROOT_KEY,
            Self::RootCertificate => ROOT_CERTIFICATE,
            Self::CaKey => CA_KEY,
            Self::CaRequest => CA_REQUEST,
            Self::CaCertificate => CA_CERTIFICATE,
            Self::NodeKey => NODE_KEY,
            Self::SealingKey => SEALING_KEY,
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_name())
    }
}

/// What a run of `init` did about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made now.
    Made,
    /// Was there and left as it is.
    Present,
    /// Not in the directory, and not needed now: the root's key is offline.
    Away,
    /// Must come from the authority's PKI before the site can serve.
    Awaited,
}

/// What a run of `init` found and did, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitReport {
    /// The site's trust domain.
    pub trust_domain: TrustDomain,
    /// Each part and its state, in the order of the steps.
    pub pieces: Vec<(Piece, State)>,
}

impl InitReport {
    /// The state of one part; `None` if this site has no such part.
    #[must_use]
    pub fn state(&self, piece: Piece) -> Option<State> {
        self.pieces.iter().find(|(p, _)| *p == piece).map(|(_, state)| *state)
    }

    /// Whether everything was there before.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        self.pieces.iter().all(|(_, state)| *state != State::Made)
    }
}

struct Init<'a> {
    dir: &'a Path,
    trust_domain: &'a TrustDomain,
    access: &'a Access<'a>,
    options: &'a InitOptions,
    publication: Option<Publication>,
    now: OffsetDateTime,
    pieces: Vec<(Piece, State)>,
}

impl SiteKeys {
    /// Makes a site's keys and certificates in `dir` (created with mode 0700), the keys in the token that `access` names if it
    /// names one. What is there is kept and reported. Errors: [`SiteKeysError`]; what was made until then stays and is found
    /// by the next run.
    pub fn init<'a>(
        dir: &Path,
        trust_domain: &TrustDomain,
        access: impl Into<Access<'a>>,
        options: &InitOptions,
        now: OffsetDateTime,
    ) -> Result<InitReport, SiteKeysError> {
        let access = &access.into();
        files::ensure_directory(dir)?;
        let publication = claim(dir, trust_domain, options)?;
        let mut init = Init { dir, trust_domain, access, options, publication, now, pieces: Vec::new() };
        let root = match options.anchor {
            Anchor::OwnRoot => Some(init.root()?),
            Anchor::AuthorityPki => None,
        };
        init.key(Piece::CaKey, KeyLabel::IssuingCa)?;
        match root {
            Some(root) => init.ca_certificate(&root)?,
            None => init.ca_request()?,
        }
        init.key(Piece::NodeKey, KeyLabel::Node)?;
        init.key(Piece::SealingKey, KeyLabel::Sealing)?;
        Ok(InitReport { trust_domain: trust_domain.clone(), pieces: init.pieces })
    }
}

/// Writes whose directory this is, or checks that it is this site's. Gives where the site publishes.
fn claim(dir: &Path, trust_domain: &TrustDomain, options: &InitOptions) -> Result<Option<Publication>, SiteKeysError> {
    let anchor = options.anchor;
    let describe = |trust_domain: &TrustDomain, anchor| match anchor {
        Anchor::OwnRoot => format!("{trust_domain} with a root of its own"),
        Anchor::AuthorityPki => format!("{trust_domain} below an authority's PKI"),
    };
    let bytes = |publication: &Option<Publication>| {
        let published_at = publication.as_ref().map(ToString::to_string);
        let site = SiteFile { version: SITE_VERSION, trust_domain: trust_domain.to_string(), anchor, published_at };
        // Strings and numbers only: nothing in there can fail to serialise.
        serde_json::to_vec_pretty(&site).unwrap_or_default()
    };
    let path = dir.join(SITE);
    match read_site(dir) {
        Err(SiteKeysError::Nothing { .. }) => {
            files::create(&path, &bytes(&options.publication), files::PUBLIC)?;
            Ok(options.publication.clone())
        }
        Ok(found) if found.trust_domain == *trust_domain && found.anchor == anchor => {
            if options.publication.is_none() || options.publication == found.publication {
                return Ok(found.publication);
            }
            files::replace(&path, &bytes(&options.publication), files::PUBLIC)?;
            Ok(options.publication.clone())
        }
        Ok(found) => Err(SiteKeysError::OtherSite {
            dir: dir.to_owned(),
            found: describe(&found.trust_domain, found.anchor),
            wanted: describe(trust_domain, anchor),
        }),
        Err(error) => Err(error),
    }
}

/// The name in a token of one of a site's keys.
#[must_use]
pub fn object_label(trust_domain: &TrustDomain, label: KeyLabel) -> String {
    format!("{trust_domain}:{label}")
}

impl Init<'_> {
    fn done(&mut self, piece: Piece, state: State) {
        self.pieces.push((piece, state));
    }

    fn has(&self, piece: Piece) -> bool {
        self.dir.join(piece.file_name()).exists()
    }

    fn key(&mut self, piece: Piece, label: KeyLabel) -> Result<(), SiteKeysError> {
        let path = self.dir.join(piece.file_name());
        if self.has(piece) {
            let key = read_key(&path, label)?;
            if let (Some(place), None) = (self.access.place(), key.token()) {
                // Half a site in a token would only look safe.
                return Err(UnlockError::NotInToken { path, token: place.token.clone() }.into());
            }
            self.done(piece, State::Present);
        } else {
            self.check_not_lost(piece)?;
            match self.access.place() {
                Some(place) => {
                    let object = object_label(self.trust_domain, label);
                    StoredKey::create_in_token(&path, label, place, &object, self.access)?;
                }
                None => self.seal(&path, label)?,
            }
            self.done(piece, State::Made);
        }
        Ok(())
    }

    fn seal(&self, path: &Path, label: KeyLabel) -> Result<(), SiteKeysError> {
        self.check_passphrase()?;
        let passphrase = self.access.passphrase();
        let passphrase = passphrase.ok_or_else(|| UnlockError::NoPassphrase { path: path.to_owned() })?;
        KeyFile::create(path, label, passphrase, self.options.kdf)?;
        Ok(())
    }

    /// Parts are made in a fixed order. A key that is missing while a later part is there was lost: a new one in its
    /// place would silently make another site.
    fn check_not_lost(&self, piece: Piece) -> Result<(), SiteKeysError> {
        let later = match piece {
            Piece::CaKey => &[Piece::CaCertificate, Piece::CaRequest, Piece::NodeKey, Piece::SealingKey][..],
            Piece::NodeKey => &[Piece::SealingKey],
            _ => &[],
        };
        if later.iter().any(|later| self.has(*later)) {
            let remedy = "it was made and is gone: restore it from your copy, or begin anew in an empty directory";
            return Err(SiteKeysError::Missing { path: self.dir.join(piece.file_name()), remedy });
        }
        Ok(())
    }

    /// All keys of a site have one passphrase: nothing is made under another one than what is there.
    fn check_passphrase(&self) -> Result<(), SiteKeysError> {
        let made = [(Piece::RootKey, KeyLabel::SiteRoot), (Piece::CaKey, KeyLabel::IssuingCa)];
        if let Some((piece, label)) = made.into_iter().find(|(piece, _)| self.has(*piece)) {
            unlock(&self.dir.join(piece.file_name()), label, self.access)?;
        }
        Ok(())
    }

    fn write(&mut self, piece: Piece, text: &str) -> Result<(), SiteKeysError> {
        files::create(&self.dir.join(piece.file_name()), text.as_bytes(), files::PUBLIC)?;
        self.done(piece, State::Made);
        Ok(())
    }

    fn root(&mut self) -> Result<Certificate, SiteKeysError> {
        let path = self.dir.join(ROOT_CERTIFICATE);
        if self.has(Piece::RootCertificate) {
            // A root without its key is one that is kept offline: never make another.
            let state = if self.has(Piece::RootKey) { State::Present } else { State::Away };
            self.done(Piece::RootKey, state);
            self.done(Piece::RootCertificate, State::Present);
            return read_certificate(&path, "");
        }
        self.key(Piece::RootKey, KeyLabel::SiteRoot)?;
        let key = unlock(&self.dir.join(ROOT_KEY), KeyLabel::SiteRoot, self.access)?;
        let root = make_root(&key, self.trust_domain, self.options.root_validity, self.now)?;
        self.write(Piece::RootCertificate, &root.pem())?;
        Ok(root)
    }

    fn ca_certificate(&mut self, root: &Certificate) -> Result<(), SiteKeysError> {
        if self.has(Piece::CaCertificate) {
            self.done(Piece::CaCertificate, State::Present);
            return Ok(());
        }
        let ca = unlock(&self.dir.join(CA_KEY), KeyLabel::IssuingCa, self.access)?;
        let root_key = unlock(&self.dir.join(ROOT_KEY), KeyLabel::SiteRoot, self.access)?;
        let (published, validity) = (self.publication.as_ref(), self.options.ca_validity);
        let certificate =
            issue_ca_for(&root_key, root, ca.public_key(), self.trust_domain, published, validity, self.now)?;
        self.write(Piece::CaCertificate, &certificate.pem())
    }

    fn ca_request(&mut self) -> Result<(), SiteKeysError> {
        if self.has(Piece::CaRequest) {
            self.done(Piece::CaRequest, State::Present);
        } else {
            let ca = unlock(&self.dir.join(CA_KEY), KeyLabel::IssuingCa, self.access)?;
            self.write(Piece::CaRequest, &csr_for_ca(&ca, self.trust_domain)?)?;
        }
        let state = if self.has(Piece::CaCertificate) { State::Present } else { State::Awaited };
        self.done(Piece::CaCertificate, state);
        Ok(())
    }
}
