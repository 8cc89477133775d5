//! CA certificates as a state needs them: parsed once, when a site is registered (design 3.4).

use verbund_model::{Algorithm, Hash, PublicKey};
use x509_parser::oid_registry::{OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::verify::{SignatureVerifier, is_on_curve, normalise, sha256};

/// The most bytes of a CA certificate.
pub const MAX_CERTIFICATE: usize = 16 * 1024;

/// Why bytes are no CA certificate that a site may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaCertificateError {
    /// Not one DER certificate.
    #[error("not one X.509 certificate in DER: {reason}")]
    Form {
        /// What the parser said.
        reason: String,
    },
    /// A certificate, but not one for a CA of ours.
    #[error("not a CA certificate for this purpose: {reason}")]
    Rule {
        /// What was found and what is wanted.
        reason: &'static str,
    },
}

/// The parts of a CA certificate that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    /// Its key.
    pub key: PublicKey,
    /// SHA-256 of its SubjectPublicKeyInfo: the pin of invitations and contexts.
    pub spki_hash: Hash,
    /// Subject, DER.
    pub subject: Vec<u8>,
    /// Issuer, DER.
    pub issuer: Vec<u8>,
    /// Its path length constraint, if it has one.
    pub path_len: Option<u32>,
    /// Valid from, seconds since 1970.
    pub not_before: i64,
    /// Valid until, seconds since 1970.
    pub not_after: i64,
}

impl CaCertificate {
    /// Reads a CA certificate: basicConstraints CA, keyUsage keyCertSign where present, a key on P-256 or P-384.
    /// Signatures are not checked here. Errors: [`CaCertificateError`].
    pub fn from_der(der: &[u8]) -> Result<Self, CaCertificateError> {
        let form = |reason: String| CaCertificateError::Form { reason };
        if der.len() > MAX_CERTIFICATE {
            return Err(form(format!("{} bytes, at most {MAX_CERTIFICATE} allowed", der.len())));
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|e| form(e.to_string()))?;
        if !rest.is_empty() {
            return Err(form(format!("{} bytes follow its end", rest.len())));
        }
        let path_len = ca_path_len(&certificate)?;
        Ok(Self {
            key: public_key(&certificate)?,
            spki_hash: sha256(certificate.public_key().raw),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            path_len,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }
}

fn ca_path_len(certificate: &X509Certificate<'_>) -> Result<Option<u32>, CaCertificateError> {
    let rule = |reason| CaCertificateError::Rule { reason };
    let constraints = certificate
        .basic_constraints()
        .map_err(|_| rule("basicConstraints stands twice or cannot be read"))?
        .ok_or(rule("it has no basicConstraints"))?;
    if !constraints.value.ca {
        return Err(rule("basicConstraints says CA:FALSE"));
    }
    let usage = certificate.key_usage().map_err(|_| rule("keyUsage stands twice or cannot be read"))?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(rule("its keyUsage lacks keyCertSign"));
    }
    Ok(constraints.value.path_len_constraint)
}

fn public_key(certificate: &X509Certificate<'_>) -> Result<PublicKey, CaCertificateError> {
    let point = certificate.public_key().subject_public_key.data.as_ref();
    let algorithm = match point.len() {
        65 => Algorithm::P256,
        97 => Algorithm::P384,
        _ => return Err(CaCertificateError::Rule { reason: "its key is not an uncompressed point on P-256 or P-384" }),
    };
    PublicKey::from_point(algorithm, point)
        .ok()
        .filter(is_on_curve)
        .ok_or(CaCertificateError::Rule { reason: "its key is not an uncompressed point on P-256 or P-384" })
}

/// Whether the certificate `der` names `issuer` as its issuer and carries its signature: ECDSA with the hash that goes
/// with the issuer's curve (SHA-256 for P-256, SHA-384 for P-384). Anything else, and anything malformed, is `false`.
/// Validity and constraints are not looked at.
#[must_use]
pub fn is_issued_by(der: &[u8], issuer: &CaCertificate, verifier: &dyn SignatureVerifier) -> bool {
    let Ok((rest, certificate)) = X509Certificate::from_der(der) else { return false };
    let algorithm = issuer.key.algorithm();
    let wanted = match algorithm {
        Algorithm::P256 => OID_SIG_ECDSA_WITH_SHA256,
        Algorithm::P384 => OID_SIG_ECDSA_WITH_SHA384,
    };
    let fits = rest.is_empty()
        && certificate.issuer().as_raw() == issuer.subject
        && certificate.signature_algorithm.algorithm == wanted
        && certificate.tbs_certificate.signature.algorithm == wanted;
    fits && raw_signature(algorithm, certificate.signature_value.as_ref())
        .is_some_and(|raw| verifier.verify(&issuer.key, certificate.tbs_certificate.as_ref(), &raw))
}

/// `r ‖ s` with low `s` from the DER structure that X.509 wants (RFC 5480). Issuers may write high `s`.
fn raw_signature(algorithm: Algorithm, der: &[u8]) -> Option<Vec<u8>> {
    let raw = match algorithm {
        Algorithm::P256 => p256::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec(),
        Algorithm::P384 => p384::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec(),
    };
    normalise(algorithm, &raw)
}
