//! Revocation lists that prove themselves: they may come from anybody, over a connection that is refused everything else
//! (design 3.7), because the CA's signature is all that counts.

use verbund_model::{Algorithm, KeyId};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::bundle::Domain;
use crate::certificate::{Certificate, public_key};

/// The largest list that is looked at, in bytes of DER: some 25,000 entries.
const MAX_DER: usize = 1024 * 1024;

/// Why a list proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the revocation list is refused: {0}")]
pub struct RevocationError(String);

impl RevocationError {
    pub(crate) const fn new(why: String) -> Self {
        Self(why)
    }
}

/// What a proven list says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// The key of the CA that signed it. Of two lists of one CA the one with the higher number counts.
    pub issuer: KeyId,
    /// Its number (RFC 5280, 5.2.3).
    pub number: u64,
    /// When it was issued, Unix seconds.
    pub issued: i64,
    /// Until when it counts, Unix seconds; after that nothing of its CA is trusted until there is a newer one.
    pub next_update: i64,
    /// How many certificates it revokes.
    pub revoked: usize,
}

impl RevocationList {
    /// Proves `crl` (DER) to be signed by `issuer` (a CA's certificate, DER), and the issuer to be an anchor of `domain`
    /// or directly below one. Dates are given back and not judged: a list that has run out is still a proof of what it
    /// revokes. Errors: [`RevocationError`].
    pub fn prove(crl: &[u8], issuer: &[u8], domain: &Domain) -> Result<Self, RevocationError> {
        if crl.len() > MAX_DER {
            return refuse(format!("{} bytes, more than {MAX_DER}", crl.len()));
        }
        let unreadable = |what: &str, why: String| RevocationError(format!("{what} cannot be read: {why}"));
        let facts = Certificate::read(issuer).map_err(|e| unreadable("its CA's certificate", e.to_string()))?;
        let (_, ca) =
            X509Certificate::from_der(issuer).map_err(|e| unreadable("its CA's certificate", e.to_string()))?;
        let (rest, list) = CertificateRevocationList::from_der(crl).map_err(|e| unreadable("it", e.to_string()))?;
        if !rest.is_empty() {
            return refuse(format!("{} bytes follow it", rest.len()));
        }
        if !facts.is_ca || !may_sign_lists(&ca) {
            return refuse("its issuer may not sign revocation lists".to_owned());
        }
        if domain.refused_keys.contains(&facts.key) {
            return refuse(format!("the key {} of its CA is refused", facts.key));
        }
        if !domain.anchors.iter().any(|anchor| anchor == issuer || vouches(anchor, &ca)) {
            return refuse("no anchor of the trust domain vouches for its CA".to_owned());
        }
        if list.issuer().as_raw() != ca.subject().as_raw() {
            return refuse("it names another issuer than the CA that is said to have signed it".to_owned());
        }
        if !is_signed(&ca, list.tbs_cert_list.as_ref(), &list.signature_value.data) {
            return refuse("its signature is not its CA's".to_owned());
        }
        let Some(next_update) = list.next_update() else {
            return refuse("it does not say when the next one comes (RFC 5280, 5.1.2.5)".to_owned());
        };
        let number = list.crl_number().map(|number| number.to_bytes_be());
        let Some(number) = number.filter(|number| number.len() <= 8) else {
            return refuse("it has no number, or one above 64 bits (RFC 5280, 5.2.3)".to_owned());
        };
        Ok(Self {
            issuer: facts.key,
            number: number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            issued: list.last_update().timestamp(),
            next_update: next_update.timestamp(),
            revoked: list.iter_revoked_certificates().count(),
        })
    }
}

fn refuse<T>(why: String) -> Result<T, RevocationError> {
    Err(RevocationError(why))
}

fn may_sign_lists(ca: &X509Certificate<'_>) -> bool {
    // A CA without the extension is not restricted (RFC 5280, 4.2.1.3).
    matches!(ca.key_usage(), Ok(usage) if usage.as_ref().is_none_or(|usage| usage.value.crl_sign()))
}

/// Whether the anchor signed the CA's certificate.
fn vouches(anchor: &[u8], ca: &X509Certificate<'_>) -> bool {
    let Ok((_, anchor)) = X509Certificate::from_der(anchor) else { return false };
    anchor.subject().as_raw() == ca.issuer().as_raw()
        && is_signed(&anchor, ca.tbs_certificate.as_ref(), &ca.signature_value.data)
}

fn is_signed(signer: &X509Certificate<'_>, message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = public_key(signer) else { return false };
    let algorithm = match key.algorithm() {
        Algorithm::P256 => webpki::aws_lc_rs::ECDSA_P256_SHA256,
        Algorithm::P384 => webpki::aws_lc_rs::ECDSA_P384_SHA384,
    };
    algorithm.verify_signature(key.point(), message, signature).is_ok()
}
