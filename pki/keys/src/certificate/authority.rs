//! A site's certification authorities: its root, the issuing CA below it, and the request by which an authority's own PKI
//! can sign that CA instead (design 3.2).
//!
//! There are no name constraints: the only ones that could hold a SPIFFE id to its trust domain are those on URIs, and
//! rustls-webpki refuses every certificate below such a constraint. What confines a site to its names is that each
//! verifier takes a certificate only under the CA that the bundle lists for that very trust domain.

use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose, SanType,
    SerialNumber,
};
use time::OffsetDateTime;
use verbund_identity::{TrustDomain, key_id};
use verbund_model::{Algorithm, PublicKey};

use super::checks::{MAX_INTERMEDIATE, MAX_ROOT};
use super::key_adapter::{KeyAdapter, Subject};
use super::publication::Publication;
use super::{Certificate, CertificateError, CertificateInfo, pem_text};
use crate::custody::{SignError, Signer};

/// How long before its issuing a certificate becomes valid, for verifiers whose clock is behind.
const BACKDATE: time::Duration = time::Duration::minutes(5);
/// Bytes of a serial number: more than the 64 random bits that are the usual minimum, fewer than RFC 5280's 20.
const SERIAL: usize = 16;
/// The most characters of a common name (RFC 5280, appendix A: ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Why no certificate was issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The CA's key did not sign.
    #[error("no certificate was issued: {0}")]
    Sign(SignError),
    /// A lifetime that no certificate of this kind gets.
    #[error("a {what} is not issued for {} days: at least one second and at most {} days are possible", .wanted.as_secs() / 86_400, .most.whole_days())]
    Lifetime {
        /// What was to be issued.
        what: &'static str,
        /// What was wanted.
        wanted: Duration,
        /// The most that BSI TR-03116-TS (TLS_CERT_11) allows.
        most: time::Duration,
    },
    /// A key that is no CA's.
    #[error("a CA's key is on P-384, but this one is {}", .found.as_str())]
    CaKey {
        /// The key's algorithm.
        found: Algorithm,
    },
    /// The key is not the one of the CA's certificate.
    #[error("the key does not belong to the CA certificate: the wrong key file, or the wrong certificate")]
    OtherKey,
    /// The CA's own certificate is not valid now.
    #[error("the {what}'s certificate is valid from {not_before} to {not_after}, which is not now: renew it")]
    CaNotValid {
        /// Which CA.
        what: &'static str,
        /// Its beginning.
        not_before: OffsetDateTime,
        /// Its end.
        not_after: OffsetDateTime,
    },
    /// The name lies in another site's trust domain.
    #[error("{asked} lies in another trust domain than this CA's, {own}: only its own site can issue it")]
    TrustDomain {
        /// The SPIFFE id that was asked for.
        asked: String,
        /// The CA's trust domain.
        own: TrustDomain,
    },
    /// The CA's certificate is another site's.
    #[error("the CA certificate names the trust domain {found}, but {wanted} is to be issued in")]
    CaTrustDomain {
        /// The certificate's.
        found: TrustDomain,
        /// The one that was given.
        wanted: TrustDomain,
    },
    /// A kind of name that gets no certificate from this CA.
    #[error("{asked}: certificates are issued for nodes, agents and users only")]
    Kind {
        /// The SPIFFE id that was asked for.
        asked: String,
    },
    /// A host name that cannot stand in a certificate.
    #[error(
        "{name:?} cannot stand in a certificate: give a host name of letters, digits, '-' and '.', without wildcard"
    )]
    DnsName {
        /// The name, cut to 80 characters.
        name: String,
    },
    /// More names than fit.
    #[error("{count} names and addresses are too many for one certificate, at most {max} are possible")]
    Names {
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// The issuer's name would not be the CA's, byte for byte.
    #[error(
        "the CA's distinguished name ({subject}) has parts that cannot be repeated exactly in what it issues: ask for a CA certificate with a plain name, best the one of the request"
    )]
    IssuerName {
        /// The CA's name.
        subject: String,
    },
    /// The CA's certificate cannot be read.
    #[error("the CA's certificate: {0}")]
    CaCertificate(#[from] CertificateError),
    /// The library could not write it.
    #[error("the certificate could not be written: {reason}")]
    Encoding {
        /// What it said.
        reason: String,
    },
}

pub(super) fn encoding(error: rcgen::Error, key: &KeyAdapter<'_>) -> IssueError {
    match key.failure() {
        Some(failure) => IssueError::Sign(failure),
        None => IssueError::Encoding { reason: error.to_string() },
    }
}

/// Makes a site's root certificate: self-signed, for at most six years, with one CA below it. Its name is unique by the
/// key's fingerprint, because two roots of one name would be taken for each other. Errors: [`IssueError`].
pub fn make_root(
    signer: &dyn Signer,
    trust_domain: &TrustDomain,
    validity: Duration,
    now: OffsetDateTime,
) -> Result<Certificate, IssueError> {
    let mut parameters = ca_parameters(signer.public_key(), trust_domain, "root", 1)?;
    set_validity(&mut parameters, "root certificate", validity, MAX_ROOT, now)?;
    parameters.serial_number = Some(serial()?);
    let key = KeyAdapter::new(signer);
    let certificate = parameters.self_signed(&key).map_err(|e| encoding(e, &key))?;
    Ok(Certificate::from_der(certificate.der().to_vec())?)
}

/// Signs the issuing CA's certificate with the root: path length 0, for at most five years and not beyond the root's end.
/// `root_signer` must hold the key of `root`. Errors: [`IssueError`].
pub fn issue_ca(
    root_signer: &dyn Signer,
    root: &Certificate,
    ca_key: &PublicKey,
    trust_domain: &TrustDomain,
    validity: Duration,
    now: OffsetDateTime,
) -> Result<Certificate, IssueError> {
    issue_ca_for(root_signer, root, ca_key, trust_domain, None, validity, now)
}

/// As [`issue_ca`]; the certificate says where the root's is, if the site publishes it (`caIssuers`). There is no
/// distribution point: the root signs no lists, because an offline root could not sign the next one in time. What takes an
/// issuing CA out is the replicated state.
pub fn issue_ca_for(
    root_signer: &dyn Signer,
    root: &Certificate,
    ca_key: &PublicKey,
    trust_domain: &TrustDomain,
    publication: Option<&Publication>,
    validity: Duration,
    now: OffsetDateTime,
) -> Result<Certificate, IssueError> {
    let mut parameters = ca_parameters(ca_key, trust_domain, "CA", 0)?;
    if let Some(publication) = publication {
        parameters.custom_extensions.push(publication.authority_info_access(&key_id(root_signer.public_key())));
    }
    set_validity(&mut parameters, "CA certificate", validity, MAX_INTERMEDIATE, now)?;
    sign_below(parameters, ca_key, root_signer, root, "root", now)
}

/// Makes the request (PEM) by which an authority's own PKI signs the site's issuing CA. Errors: [`IssueError`].
pub fn csr_for_ca(signer: &dyn Signer, trust_domain: &TrustDomain) -> Result<String, IssueError> {
    let mut parameters = ca_parameters(signer.public_key(), trust_domain, "CA", 0)?;
    parameters.use_authority_key_identifier_extension = false;
    let key = KeyAdapter::new(signer);
    let request = parameters.serialize_request(&key).map_err(|e| encoding(e, &key))?;
    Ok(pem_text("CERTIFICATE REQUEST", request.der()))
}

fn ca_parameters(
    key: &PublicKey,
    trust_domain: &TrustDomain,
    role: &str,
    path_len: u8,
) -> Result<CertificateParams, IssueError> {
    if key.algorithm() != Algorithm::P384 {
        return Err(IssueError::CaKey { found: key.algorithm() });
    }
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = common_name(&ca_common_name(trust_domain, role, key));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.subject_alt_names = vec![uri(&format!("spiffe://{trust_domain}"))?];
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

/// `<trust domain> <role> <fingerprint>`; a long trust domain is cut, since the URI holds it whole.
fn ca_common_name(trust_domain: &TrustDomain, role: &str, key: &PublicKey) -> String {
    let tail = format!(" {role} {}", key_id(key).0.short());
    let domain: String = trust_domain.to_string().chars().take(MAX_COMMON_NAME - tail.len()).collect();
    domain + &tail
}

pub(super) fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

pub(super) fn uri(text: &str) -> Result<SanType, IssueError> {
    let text = text.try_into().map_err(|e: rcgen::Error| IssueError::Encoding { reason: e.to_string() })?;
    Ok(SanType::URI(text))
}

pub(super) fn set_validity(
    parameters: &mut CertificateParams,
    what: &'static str,
    wanted: Duration,
    most: time::Duration,
    now: OffsetDateTime,
) -> Result<(), IssueError> {
    let lifetime = || IssueError::Lifetime { what, wanted, most: most - BACKDATE };
    let length = time::Duration::try_from(wanted).map_err(|_| lifetime())?;
    // Certificates know whole seconds only.
    let now = OffsetDateTime::from_unix_timestamp(now.unix_timestamp()).map_err(|_| lifetime())?;
    if length < time::Duration::SECOND || length > most - BACKDATE {
        return Err(lifetime());
    }
    parameters.not_before = now.checked_sub(BACKDATE).ok_or_else(lifetime)?;
    parameters.not_after = now.checked_add(length).ok_or_else(lifetime)?;
    Ok(())
}

/// Signs what `parameters` say for `subject` with a CA: it must be valid now, and nothing outlives it.
pub(super) fn sign_below(
    mut parameters: CertificateParams,
    subject: &PublicKey,
    signer: &dyn Signer,
    ca: &Certificate,
    what: &'static str,
    now: OffsetDateTime,
) -> Result<Certificate, IssueError> {
    let info = CertificateInfo::parse(ca.der())?;
    if info.public_key.as_ref() != Some(signer.public_key()) {
        return Err(IssueError::OtherKey);
    }
    if !info.is_valid_at(now) {
        return Err(IssueError::CaNotValid { what, not_before: info.not_before, not_after: info.not_after });
    }
    parameters.not_after = parameters.not_after.min(info.not_after);
    parameters.serial_number = Some(serial()?);
    parameters.use_authority_key_identifier_extension = true;
    let key = KeyAdapter::new(signer);
    let issuer = Issuer::from_ca_cert_der(&ca.der().into(), &key).map_err(|e| encoding(e, &key))?;
    let issued = parameters.signed_by(&Subject(subject), &issuer).map_err(|e| encoding(e, &key))?;
    let issued = Certificate::from_der(issued.der().to_vec())?;
    check_issuer_name(ca, &issued)?;
    Ok(issued)
}

/// Verifiers compare names byte for byte, and the library writes names anew.
pub(super) fn check_issuer_name(ca: &Certificate, issued: &Certificate) -> Result<(), IssueError> {
    let (ca, issued) = (super::x509::parse(ca.der())?, super::x509::parse(issued.der())?);
    if ca.subject().as_raw() == issued.issuer().as_raw() {
        Ok(())
    } else {
        Err(IssueError::IssuerName { subject: ca.subject().to_string().chars().take(200).collect() })
    }
}

fn serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0; SERIAL];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| IssueError::Encoding { reason: "the system's random source gave nothing".to_owned() })?;
    // Positive and of full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
