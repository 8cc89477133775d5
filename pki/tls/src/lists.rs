//! The revocation lists in force, beside the bundle: they come from anybody, at any time, and prove themselves.

use std::collections::BTreeMap;

use verbund_identity::TrustDomain;
use verbund_model::KeyId;

use crate::bundle::Bundle;
use crate::revocation::{RevocationError, RevocationList};

/// How many lists wait for their trust domain to become known.
const PENDING: usize = 256;

/// A list with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldList {
    /// The trust domain of its CA.
    pub domain: TrustDomain,
    /// What it says of itself.
    pub list: RevocationList,
    /// The list, DER.
    pub der: Vec<u8>,
    /// Its CA's certificate, DER.
    pub issuer: Vec<u8>,
}

/// What became of a list that somebody brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in force, and is a list of this CA that was not known.
    New(KeyId),
    /// It was known already.
    Known,
}

/// One list for each CA, the one with the highest number.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    held: BTreeMap<(TrustDomain, KeyId), HeldList>,
    pending: Vec<(TrustDomain, Vec<u8>, Vec<u8>)>,
}

impl Lists {
    /// Takes a list that proves itself under `bundle`. An older one than is held is refused: a replay would bring back what was
    /// revoked since.
    pub(crate) fn take(
        &mut self,
        bundle: &Bundle,
        domain: &TrustDomain,
        der: &[u8],
        issuer: &[u8],
    ) -> Result<Taken, RevocationError> {
        if bundle.excluded_sites.contains(&domain.site) {
            return Err(RevocationError::new(format!("the site {} is excluded", domain.site)));
        }
        let listed = bundle.domains.get(domain);
        let listed = listed.ok_or_else(|| RevocationError::new(format!("the trust domain {domain} is not known")))?;
        let list = RevocationList::prove(der, issuer, listed)?;
        if bundle.refused_keys.contains(&list.issuer) {
            return Err(RevocationError::new(format!("the key {} of its CA is refused", list.issuer)));
        }
        let place = (domain.clone(), list.issuer);
        if let Some(held) = self.held.get(&place) {
            if held.der == der {
                return Ok(Taken::Known);
            }
            if list.number <= held.list.number {
                return Err(RevocationError::new(format!(
                    "it has the number {}, and the CA's list {} is known: only a later one counts",
                    list.number, held.list.number
                )));
            }
        }
        let taken = Taken::New(list.issuer);
        let held = HeldList { domain: domain.clone(), list, der: der.to_vec(), issuer: issuer.to_vec() };
        self.held.insert(place, held);
        Ok(taken)
    }

    /// Keeps a list of an earlier run until its domain is known.
    pub(crate) fn remember(&mut self, domain: TrustDomain, der: Vec<u8>, issuer: Vec<u8>) {
        if self.pending.len() < PENDING {
            self.pending.push((domain, der, issuer));
        }
    }

    /// Follows a new bundle: what waited for it is taken, and what it no longer vouches for is dropped.
    pub(crate) fn follow(&mut self, bundle: &Bundle) {
        self.held.retain(|(domain, key), held| {
            let listed = bundle.domains.get(domain).filter(|_| !bundle.excluded_sites.contains(&domain.site));
            let vouched = listed.is_some_and(|listed| RevocationList::prove(&held.der, &held.issuer, listed).is_ok());
            vouched && !bundle.refused_keys.contains(key)
        });
        for (domain, der, issuer) in std::mem::take(&mut self.pending) {
            if !bundle.domains.contains_key(&domain) {
                self.pending.push((domain, der, issuer));
            } else if let Err(error) = self.take(bundle, &domain, &der, &issuer) {
                tracing::warn!(%domain, %error, "a revocation list of an earlier run counts no more");
            }
        }
    }

    /// The lists of one domain, DER.
    pub(crate) fn of<'a>(&'a self, domain: &'a TrustDomain) -> impl Iterator<Item = &'a HeldList> {
        self.held.values().filter(move |held| held.domain == *domain)
    }

    pub(crate) fn all(&self) -> Vec<HeldList> {
        self.held.values().cloned().collect()
    }
}
