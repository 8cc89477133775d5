//! Taking back the CA certificate that an authority's own PKI signed.

use std::sync::Arc;

use rcgen::{CertificateParams, Issuer};
use time::OffsetDateTime;
use verbund_identity::TrustDomain;
use verbund_model::{Algorithm, PublicKey};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::authority::check_issuer_name;
use super::checks::{Finding, MAX_INTERMEDIATE};
use super::key_adapter::KeyAdapter;
use super::{Certificate, CertificateError, CertificateInfo, check_certificate, x509};
use crate::custody::{Signer, SoftwareKey};

/// Why a certificate is not taken as the issuing CA's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// Not a certificate.
    #[error("the answer cannot be read: {0}")]
    Form(#[from] CertificateError),
    /// For another key.
    #[error("the certificate ({subject}) is for another key than the request's: the answer to another request?")]
    OtherKey {
        /// Its subject.
        subject: String,
    },
    /// Of another site.
    #[error("the certificate names {found}, but this site's trust domain is {own}")]
    TrustDomain {
        /// The URIs in it.
        found: String,
        /// The site's.
        own: TrustDomain,
    },
    /// Not for a CA of this place.
    #[error("the certificate cannot serve as the site's issuing CA: {reason}; ask for one with {wanted}")]
    Rule {
        /// What was found.
        reason: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// Not valid now.
    #[error(
        "the certificate is valid from {not_before} to {not_after}, which is not now: check the clock, or ask for another"
    )]
    NotValid {
        /// Its beginning.
        not_before: OffsetDateTime,
        /// Its end.
        not_after: OffsetDateTime,
    },
}

/// Checks a CA certificate that came back from an authority's PKI: for `key`, for this trust domain, CA with path length
/// 0, keyUsage critical with keyCertSign and cRLSign, at most five years, valid now, and usable by the TLS library.
/// Gives what else TR-03116-TS finds in it (the authority's signature algorithm, say) for people to look at.
/// The authority's signature is not checked: the site trusts its own key, and the bundle anchors this certificate.
/// Errors: [`AcceptError`].
pub fn accept_ca(
    certificate: &Certificate,
    key: &PublicKey,
    trust_domain: &TrustDomain,
    now: OffsetDateTime,
) -> Result<Vec<Finding>, AcceptError> {
    let info = certificate.info()?;
    if info.public_key.as_ref() != Some(key) {
        return Err(AcceptError::OtherKey { subject: info.subject });
    }
    // A PKI may leave the URI out, but may not put another one in.
    if !info.uris.is_empty() && info.uris != [format!("spiffe://{trust_domain}")] {
        return Err(AcceptError::TrustDomain { found: info.uris.join(", "), own: trust_domain.clone() });
    }
    check_rights(&x509::parse(certificate.der())?)?;
    check_time(&info, now)?;
    check_name(certificate, &info)?;
    Ok(check_certificate(certificate.der(), now)?)
}

fn rule(reason: impl Into<String>, wanted: &'static str) -> AcceptError {
    AcceptError::Rule { reason: reason.into(), wanted }
}

fn check_rights(certificate: &X509Certificate<'_>) -> Result<(), AcceptError> {
    const CONSTRAINTS: &str = "basicConstraints critical, CA:TRUE, pathlen:0";
    const USAGE: &str = "keyUsage critical, keyCertSign, cRLSign";
    let constraints = certificate.basic_constraints().ok().flatten();
    let constraints = constraints.ok_or_else(|| rule("it has no basicConstraints", CONSTRAINTS))?;
    if !constraints.value.ca || !constraints.critical || constraints.value.path_len_constraint != Some(0) {
        let (ca, path_len) = (constraints.value.ca, constraints.value.path_len_constraint);
        let found = format!("basicConstraints: CA {ca}, path length {path_len:?}, critical {}", constraints.critical);
        return Err(rule(found, CONSTRAINTS));
    }
    let usage = certificate.key_usage().ok().flatten().ok_or_else(|| rule("it has no keyUsage", USAGE))?;
    if !usage.critical || !usage.value.key_cert_sign() || !usage.value.crl_sign() {
        return Err(rule(format!("keyUsage: {}, critical {}", usage.value, usage.critical), USAGE));
    }
    // Verifiers let an extendedKeyUsage of a CA limit what is below it.
    if let Ok(Some(usage)) = certificate.extended_key_usage()
        && !(usage.value.any || usage.value.server_auth && usage.value.client_auth)
    {
        return Err(rule("its extendedKeyUsage forbids TLS", "no extendedKeyUsage, or serverAuth and clientAuth"));
    }
    if let Ok(Some(constraints)) = certificate.name_constraints() {
        let trees = [&constraints.value.permitted_subtrees, &constraints.value.excluded_subtrees];
        if trees.into_iter().flatten().flatten().any(|tree| matches!(tree.base, GeneralName::URI(_))) {
            return Err(rule("its nameConstraints limit URIs, which TLS libraries cannot check", "no such constraint"));
        }
    }
    Ok(())
}

fn check_time(info: &CertificateInfo, now: OffsetDateTime) -> Result<(), AcceptError> {
    if !info.is_valid_at(now) {
        return Err(AcceptError::NotValid { not_before: info.not_before, not_after: info.not_after });
    }
    if info.not_after - info.not_before > MAX_INTERMEDIATE {
        return Err(rule("it is valid for more than five years", "at most five years (TLS_CERT_11)"));
    }
    Ok(())
}

/// Tries with a throw-away key whether the library repeats the CA's name exactly as an issuer's.
fn check_name(certificate: &Certificate, info: &CertificateInfo) -> Result<(), AcceptError> {
    let attempt = || -> Option<()> {
        let signer: Arc<dyn Signer> = Arc::new(SoftwareKey::generate(Algorithm::P256).ok()?);
        let key = KeyAdapter::new(&signer);
        let issuer = Issuer::from_ca_cert_der(&certificate.der().into(), &key).ok()?;
        let issued = CertificateParams::default().signed_by(&key, &issuer).ok()?;
        check_issuer_name(certificate, &Certificate::from_der(issued.der().to_vec()).ok()?).ok()
    };
    let found = || format!("its name ({}) cannot be repeated exactly in what it issues", info.subject);
    attempt().ok_or_else(|| rule(found(), "the request's name, or any without repeated or combined parts"))
}
