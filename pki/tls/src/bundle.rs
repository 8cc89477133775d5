//! The trust bundle: for each trust domain the anchors that may vouch for its names, and who is out.

use std::collections::{BTreeMap, BTreeSet};

use rustls::pki_types::{CertificateDer, TrustAnchor};
use verbund_identity::login::LOGIN_NAME_DIGITS;
use verbund_identity::{SpiffeId, TrustDomain};
use verbund_model::{Hash, KeyId, SiteName, UserId};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::certificate::Certificate;
use crate::lists::Lists;

/// Trust as the replicated state has it at one moment. Domains are never merged (design 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// Rises with every change; a lower one is never installed.
    pub sequence: u64,
    /// The anchors of each trust domain.
    pub domains: BTreeMap<TrustDomain, Domain>,
    /// Sites that were excluded, by name: nothing under their trust domain counts.
    pub excluded_sites: BTreeSet<SiteName>,
    /// Names that no longer count, such as nodes that were removed (their ids never return).
    pub excluded_ids: BTreeSet<SpiffeId>,
    /// Keys that count nowhere, in no domain and in no place of a chain: excluded by public key, never by certificate
    /// bytes, so that writing a certificate differently does not help. Nor does a certificate for reading count that was
    /// issued for such a key, whichever site issued it: it carries the key's name.
    pub refused_keys: BTreeSet<KeyId>,
}

impl Bundle {
    /// The refused key whose owner a certificate for reading with this name was issued to.
    pub(crate) fn refused_login(&self, name: &UserId) -> Option<KeyId> {
        let digits = name.as_str();
        let first =
            (digits.len() == LOGIN_NAME_DIGITS).then(|| format!("{digits:0<64}").parse::<Hash>().ok()).flatten();
        // The name is a prefix of the key's id: the first key at or behind it is the only one it can be.
        let key = self.refused_keys.range(KeyId(first?)..).next()?;
        key.to_string().starts_with(digits).then_some(*key)
    }
}

/// One trust domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domain {
    /// The site's root or, below an authority's PKI, the site's CA; DER.
    pub anchors: Vec<Vec<u8>>,
    /// Keys that do not count within this domain.
    pub refused_keys: BTreeSet<KeyId>,
    /// Revocation lists (RFC 5280, 5) of the domain's CAs; DER. Where an issuer has one it must be current; of several
    /// from one issuer the newest counts.
    pub crls: Vec<Vec<u8>>,
}

/// Why nothing of a domain can be believed although the bundle lists it: something in it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bundle's entry for the trust domain {domain} is unusable, so that nothing under it is trusted: {why}")]
pub struct DomainFault {
    /// The domain.
    pub domain: TrustDomain,
    /// What cannot be read.
    pub why: String,
}

/// A bundle made ready for judging. A domain that cannot be read is closed, and does not keep the rest, such as another
/// site's exclusion, from taking effect.
pub(crate) struct Compiled {
    pub(crate) bundle: Bundle,
    pub(crate) domains: BTreeMap<TrustDomain, Result<Anchored, DomainFault>>,
}

/// A domain made ready for judging.
pub(crate) struct Anchored {
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) crls: Vec<CertRevocationList<'static>>,
}

/// An anchor and what its certificate says.
pub(crate) struct Anchor {
    pub(crate) trust: TrustAnchor<'static>,
    pub(crate) certificate: Certificate,
}

impl Compiled {
    pub(crate) fn new(bundle: Bundle, lists: &Lists) -> Self {
        let compile = |(domain, entry): (&TrustDomain, &Domain)| {
            let fault = |why| DomainFault { domain: domain.clone(), why };
            let brought = lists.of(domain).map(|held| held.der.as_slice());
            (domain.clone(), Anchored::new(entry, brought).map_err(fault))
        };
        let domains = bundle.domains.iter().map(compile).collect();
        Self { bundle, domains }
    }

    pub(crate) fn faults(&self) -> Vec<DomainFault> {
        self.domains.values().filter_map(|domain| domain.as_ref().err().cloned()).collect()
    }
}

impl Anchored {
    fn new<'a>(domain: &'a Domain, brought: impl Iterator<Item = &'a [u8]>) -> Result<Self, String> {
        let anchors = domain.anchors.iter().map(|der| Anchor::new(der)).collect::<Result<Vec<_>, _>>()?;
        if anchors.is_empty() {
            return Err("it lists no anchor".to_owned());
        }
        Ok(Self { anchors, crls: revocation_lists(domain.crls.iter().map(Vec::as_slice).chain(brought))? })
    }
}

impl Anchor {
    pub(crate) fn new(der: &[u8]) -> Result<Self, String> {
        let certificate = Certificate::read(der).map_err(|e| format!("an anchor cannot be read: {e}"))?;
        if !certificate.is_ca {
            return Err(format!("the anchor {} is no CA's certificate", certificate.fingerprint));
        }
        let der = CertificateDer::from(der);
        let trust = webpki::anchor_from_trusted_cert(&der).map_err(|e| format!("an anchor cannot be read: {e}"))?;
        Ok(Self { trust: trust.to_owned(), certificate })
    }

    pub(crate) fn is_current(&self, now: i64) -> bool {
        (self.certificate.not_before..=self.certificate.not_after).contains(&now)
    }
}

/// The newest first, because webpki asks the first list of an issuer that it finds.
fn revocation_lists<'a>(ders: impl Iterator<Item = &'a [u8]>) -> Result<Vec<CertRevocationList<'static>>, String> {
    let mut lists = Vec::new();
    for der in ders {
        let error = |why: String| format!("a revocation list cannot be read: {why}");
        let (_, parsed) = CertificateRevocationList::from_der(der).map_err(|e| error(e.to_string()))?;
        let issued = parsed.last_update().timestamp();
        let list = OwnedCertRevocationList::from_der(der).map_err(|e| error(e.to_string()))?;
        lists.push((issued, CertRevocationList::from(list)));
    }
    lists.sort_by_key(|(issued, _)| std::cmp::Reverse(*issued));
    Ok(lists.into_iter().map(|(_, list)| list).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_identity::login::login_name;

    #[test]
    fn a_login_is_known_by_its_key() {
        let key = |byte| KeyId(Hash([byte; 32]));
        let bundle = Bundle { refused_keys: [key(3), key(7)].into(), ..Bundle::default() };
        let refused = |byte| bundle.refused_login(&login_name(&key(byte)).unwrap());
        assert_eq!((refused(3), refused(7)), (Some(key(3)), Some(key(7))));
        assert_eq!((refused(2), refused(5), refused(9)), (None, None, None));
        // Names that are no login's.
        assert_eq!(bundle.refused_login(&UserId::new("03").unwrap()), None);
        assert_eq!(bundle.refused_login(&UserId::new("x".repeat(40)).unwrap()), None);
    }
}
