//! CA certificates as a state needs them: parsed once, when a site is registered (design 3.4).

use verbund_model::{Algorithm, Hash, PublicKey};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::verify::{is_on_curve, sha256};

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
