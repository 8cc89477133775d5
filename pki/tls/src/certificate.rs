//! What we read in a certificate before anybody vouches for it: its one name, its key, its dates, its usages.

use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use verbund_identity::spiffe::SpiffeError;
use verbund_identity::{SpiffeId, key_id, sha256};
use verbund_model::{Algorithm, Hash, KeyId, PublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384};
use x509_parser::prelude::FromDer;

use crate::judge::Role;

/// The largest certificate that is looked at, in bytes of DER.
const MAX_DER: usize = 16 * 1024;

/// Why a certificate cannot be read as one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is no X.509 certificate of a size that we read.
    #[error("it is no X.509 certificate in DER: {why}")]
    Der {
        /// What the parser found.
        why: String,
    },
    /// Its key is of a kind that the profile does not allow, or written in an unusual form.
    #[error(
        "its public key is not an uncompressed point on P-256 or P-384, the only form that the crypto profile allows"
    )]
    Key,
    /// It does not have exactly one URI as subject alternative name (X.509-SVID, 2).
    #[error("it carries {count} URI names; a SPIFFE certificate carries exactly one")]
    Uris {
        /// How many it has.
        count: usize,
    },
    /// Its URI is no SPIFFE id of our kind.
    #[error(transparent)]
    Name(#[from] SpiffeError),
}

/// The facts that a certificate states about itself. Hostile until [`crate::Trust`] has judged the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Id of the public key, in its one form: does not change when a certificate is written differently.
    pub key: KeyId,
    /// SHA-256 of the SubjectPublicKeyInfo in DER, as pins use it (RFC 7469, 2.4).
    pub spki: Hash,
    /// SHA-256 of the whole certificate in DER.
    pub fingerprint: Hash,
    /// Begin of validity, Unix seconds.
    pub not_before: i64,
    /// End of validity, Unix seconds; the certificate is valid at that second.
    pub not_after: i64,
    /// Whether it is a certification authority's (basicConstraints).
    pub is_ca: bool,
    /// The URIs among its subject alternative names.
    pub uris: Vec<String>,
    /// Whether it states the extended key usage serverAuth.
    pub server_auth: bool,
    /// Whether it states the extended key usage clientAuth.
    pub client_auth: bool,
}

impl Certificate {
    /// Reads one certificate in DER. Errors: [`CertificateError::Der`], [`CertificateError::Key`].
    pub fn read(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_DER {
            return Err(CertificateError::Der { why: format!("{} bytes, more than {MAX_DER}", der.len()) });
        }
        let parsed = X509Certificate::from_der(der).map_err(|e| CertificateError::Der { why: e.to_string() })?;
        let (rest, certificate) = parsed;
        if !rest.is_empty() {
            return Err(CertificateError::Der { why: format!("{} bytes follow it", rest.len()) });
        }
        let fault = |e: x509_parser::error::X509Error| CertificateError::Der { why: e.to_string() };
        let usage = certificate.extended_key_usage().map_err(fault)?;
        let names = certificate.subject_alternative_name().map_err(fault)?;
        let constraints = certificate.basic_constraints().map_err(fault)?;
        let uri = |name: &GeneralName<'_>| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        };
        Ok(Self {
            key: key_id(&public_key(&certificate)?),
            spki: sha256(certificate.public_key().raw),
            fingerprint: sha256(der),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            is_ca: constraints.is_some_and(|c| c.value.ca),
            uris: names.map(|names| names.value.general_names.iter().filter_map(uri).collect()).unwrap_or_default(),
            server_auth: usage.as_ref().is_some_and(|u| u.value.server_auth),
            client_auth: usage.as_ref().is_some_and(|u| u.value.client_auth),
        })
    }

    /// The one SPIFFE id that it states. Errors: [`CertificateError::Uris`], [`CertificateError::Name`].
    pub fn id(&self) -> Result<SpiffeId, CertificateError> {
        match self.uris.as_slice() {
            [uri] => Ok(SpiffeId::from_str(uri)?),
            uris => Err(CertificateError::Uris { count: uris.len() }),
        }
    }

    /// Whether it states the usage that `role` needs. A certificate without the extension states none.
    #[must_use]
    pub fn may_act_as(&self, role: Role) -> bool {
        match role {
            Role::Server => self.server_auth,
            Role::Client => self.client_auth,
        }
    }
}

/// Reads all certificates of a chain. Errors: as [`Certificate::read`].
pub(crate) fn read_all(chain: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, CertificateError> {
    chain.iter().map(|der| Certificate::read(der)).collect()
}

/// The key in the one form that has one id: otherwise a refused key could come back compressed.
pub(crate) fn public_key(certificate: &X509Certificate<'_>) -> Result<PublicKey, CertificateError> {
    let spki = certificate.public_key();
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()).ok_or(CertificateError::Key)?;
    let algorithm = match () {
        () if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY => return Err(CertificateError::Key),
        () if curve == OID_EC_P256 => Algorithm::P256,
        () if curve == OID_NIST_EC_P384 => Algorithm::P384,
        () => return Err(CertificateError::Key),
    };
    PublicKey::from_point(algorithm, spki.subject_public_key.data.as_ref()).map_err(|_| CertificateError::Key)
}
