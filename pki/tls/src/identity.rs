//! Our own certificate, replaced while connections go on: each new handshake takes the one of that moment.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SignatureScheme};
use verbund_identity::SpiffeId;

use crate::certificate::{Certificate, CertificateError};
use crate::profile::provider;

/// Why a chain and key are no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty.
    #[error("the certificate chain is empty; it holds the leaf first, then the issuing CA")]
    Empty,
    /// A certificate of it cannot be read, or does not carry one name.
    #[error("the own certificate cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// The key cannot be read.
    #[error("the private key is no PKCS#8 key on P-256 or P-384: {0}")]
    Key(Error),
    /// Key and certificate differ.
    #[error(
        "the private key does not belong to the certificate of {id}; renew the certificate for the key that is in use"
    )]
    Mismatch {
        /// The name in the certificate.
        id: SpiffeId,
    },
    /// The new certificate has another name.
    #[error("the certificate of {old} cannot be replaced by one of {new}: a name is for the life of the process")]
    OtherName {
        /// The name now.
        old: Box<SpiffeId>,
        /// The name of the new certificate.
        new: Box<SpiffeId>,
    },
}

struct Current {
    id: SpiffeId,
    leaf: Certificate,
    chain: Arc<CertifiedKey>,
    /// With the anchor, for those who know a pin instead of a bundle.
    with_anchor: Arc<CertifiedKey>,
}

/// The certificate chain and key in use.
pub struct LiveIdentity {
    current: ArcSwap<Current>,
}

impl fmt::Debug for LiveIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current.load();
        write!(f, "LiveIdentity({}, {})", current.id, current.leaf.fingerprint.short())
    }
}

impl LiveIdentity {
    /// Begins with `chain` (DER, leaf first, without the anchor), `anchor` (DER) and the leaf's key, wherever it lives.
    /// Errors: [`IdentityError`].
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        anchor: CertificateDer<'static>,
        key: Arc<dyn SigningKey>,
    ) -> Result<Arc<Self>, IdentityError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(Current::new(chain, anchor, key)?) }))
    }

    /// The same with a key in PKCS#8. Errors: [`IdentityError`].
    pub fn from_pkcs8(
        chain: Vec<CertificateDer<'static>>,
        anchor: CertificateDer<'static>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<Arc<Self>, IdentityError> {
        Self::new(chain, anchor, signing_key(key)?)
    }

    /// Puts a new chain and key into use for the handshakes to come; connections that are open go on. The name stays.
    /// Errors: [`IdentityError`]; then the old ones stay in use.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        anchor: CertificateDer<'static>,
        key: Arc<dyn SigningKey>,
    ) -> Result<(), IdentityError> {
        let new = Current::new(chain, anchor, key)?;
        let old = self.id();
        if new.id != old {
            return Err(IdentityError::OtherName { old: Box::new(old), new: Box::new(new.id) });
        }
        self.current.store(Arc::new(new));
        Ok(())
    }

    /// The same with a key in PKCS#8. Errors: [`IdentityError`].
    pub fn replace_pkcs8(
        &self,
        chain: Vec<CertificateDer<'static>>,
        anchor: CertificateDer<'static>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<(), IdentityError> {
        self.replace(chain, anchor, signing_key(key)?)
    }

    /// Our name.
    #[must_use]
    pub fn id(&self) -> SpiffeId {
        self.current.load().id.clone()
    }

    /// What the certificate in use says.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.current.load().leaf.clone()
    }
}

fn signing_key(key: PrivatePkcs8KeyDer<'static>) -> Result<Arc<dyn SigningKey>, IdentityError> {
    provider().key_provider.load_private_key(key.into()).map_err(IdentityError::Key)
}

impl Current {
    fn new(
        chain: Vec<CertificateDer<'static>>,
        anchor: CertificateDer<'static>,
        key: Arc<dyn SigningKey>,
    ) -> Result<Self, IdentityError> {
        let leaf = Certificate::read(chain.first().ok_or(IdentityError::Empty)?)?;
        let id = leaf.id()?;
        let mut full = chain.clone();
        if !full.contains(&anchor) {
            full.push(anchor);
        }
        let chain = CertifiedKey::new(chain, key.clone());
        match chain.keys_match() {
            // A key in an HSM may not tell its public half; the first handshake would show a mismatch.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(IdentityError::Mismatch { id }),
        }
        Ok(Self { id, leaf, chain: Arc::new(chain), with_anchor: Arc::new(CertifiedKey::new(full, key)) })
    }
}

/// Presents the chain to peers, who have the bundle.
#[derive(Debug)]
pub(crate) struct ToMembers(pub(crate) Arc<LiveIdentity>);

impl ResolvesServerCert for ToMembers {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load().chain.clone())
    }
}

impl ResolvesClientCert for ToMembers {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load().chain.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Presents the chain with its anchor to those who know a pin.
#[derive(Debug)]
pub(crate) struct ToStrangers(pub(crate) Arc<LiveIdentity>);

impl ResolvesServerCert for ToStrangers {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load().with_anchor.clone())
    }
}

/// When to renew a certificate that is valid between the two times: after half of its life, and up to a quarter of it
/// later by `jitter` (0 to 1, others are clamped), so that not all renew at once and half a life or a quarter is left
/// for repairs. In and out: Unix seconds.
#[must_use]
pub fn renew_at(not_before: i64, not_after: i64, jitter: f64) -> i64 {
    let life = i128::from(not_after).saturating_sub(i128::from(not_before)).max(0);
    let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
    // Jitter in millionths: the sum stays exact, whatever the dates.
    #[allow(clippy::cast_possible_truncation)]
    let millionths = (jitter * 1_000_000.0) as i128;
    let after = life / 2 + life / 4 * millionths / 1_000_000;
    i64::try_from(i128::from(not_before) + after).unwrap_or(not_after)
}

#[cfg(test)]
mod tests {
    use super::renew_at;

    #[test]
    fn renewal_lies_between_half_and_three_quarters_of_a_life() {
        assert_eq!(renew_at(1000, 1400, 0.0), 1200);
        assert_eq!(renew_at(1000, 1400, 0.5), 1250);
        assert_eq!(renew_at(1000, 1400, 1.0), 1300);
    }

    #[test]
    fn odd_arguments_stay_within_the_life() {
        for jitter in [-1.0, 2.0, f64::NAN, f64::INFINITY] {
            let at = renew_at(0, 100, jitter);
            assert!((50..=75).contains(&at), "{jitter}: {at}");
        }
        assert_eq!(renew_at(100, 50, 0.5), 100, "a life of nothing is over at once");
        let at = renew_at(i64::MIN, i64::MAX, 1.0);
        assert!(at > 0 && at < i64::MAX);
    }
}
