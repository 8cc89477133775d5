//! Certificates: reading them, checking them, asking for them, issuing them (design 3.2, RFC 5280, SPIFFE X509-SVID).

mod accept;
mod authority;
mod checks;
mod crl;
mod csr;
mod info;
mod issuing_ca;
mod key_adapter;
mod publication;
mod published;
mod x509;

use std::fmt;

pub use accept::{AcceptError, accept_ca};
pub use authority::{IssueError, csr_for_ca, issue_ca, issue_ca_for, make_root};
pub use checks::{Finding, check_certificate, check_chain};
pub use crl::{Reason, RevocationList, Revoked};
pub use csr::{CsrError, ProvenKey, csr_for_leaf};
pub use info::CertificateInfo;
pub use issuing_ca::{IssuingCa, LeafRequest, TlsIdentity};
pub use publication::{Publication, PublicationError, certificate_path, list_path};
pub use published::{check_names, check_pointers, check_revocation};
use verbund_identity::sha256;
pub use x509::is_signed_by;

/// The most bytes of one certificate.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// The most bytes of a PEM text with a chain.
const MAX_PEM: usize = 128 * 1024;

/// Why bytes are no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Too large to look at.
    #[error("{length} bytes are too many for a certificate, at most {max} are read")]
    Size {
        /// How many came.
        length: usize,
        /// The most that are read.
        max: usize,
    },
    /// Not PEM, or no certificate in it.
    #[error("this is no PEM text with {wanted}: {reason}")]
    Pem {
        /// What was looked for.
        wanted: &'static str,
        /// What was found instead.
        reason: String,
    },
    /// Not one X.509 certificate.
    #[error("not one X.509 certificate in DER: {reason}")]
    Form {
        /// What the parser said.
        reason: String,
    },
}

/// One certificate in DER, whose form was checked; whether it is *believed* is for others to say.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    der: Vec<u8>,
}

impl Certificate {
    /// Takes one certificate in DER, at most 16 KiB and nothing after it. Errors: [`CertificateError`].
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, CertificateError> {
        let der = der.into();
        x509::parse(&der)?;
        Ok(Self { der })
    }

    /// Takes a PEM text (RFC 7468) with exactly one certificate. Errors: [`CertificateError`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let mut all = Self::all_from_pem(text)?;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Ok(only),
            (_, others) => Err(CertificateError::Pem {
                wanted: "exactly one certificate",
                reason: format!("there are {}", others + 1),
            }),
        }
    }

    /// Takes a PEM text with one or more certificates, in its order; other blocks are refused. Errors:
    /// [`CertificateError`].
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        if text.len() > MAX_PEM {
            return Err(CertificateError::Size { length: text.len(), max: MAX_PEM });
        }
        let error = |reason: String| CertificateError::Pem { wanted: "certificates", reason };
        let blocks = pem::parse_many(text).map_err(|e| error(e.to_string()))?;
        if blocks.is_empty() {
            return Err(error("there is none".to_owned()));
        }
        let certificate = |block: pem::Pem| match block.tag() {
            "CERTIFICATE" => Self::from_der(block.into_contents()),
            other => Err(error(format!("there is a block {:?}", other.chars().take(40).collect::<String>()))),
        };
        blocks.into_iter().map(certificate).collect()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in DER, owned.
    #[must_use]
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem_text("CERTIFICATE", &self.der)
    }

    /// What it says. Errors: [`CertificateError`].
    pub fn info(&self) -> Result<CertificateInfo, CertificateError> {
        CertificateInfo::parse(&self.der)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(sha256 {})", sha256(&self.der))
    }
}

fn pem_text(tag: &str, der: &[u8]) -> String {
    pem::encode_config(&pem::Pem::new(tag, der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

#[cfg(test)]
pub(crate) mod tests;
