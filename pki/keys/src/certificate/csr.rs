//! Requests for certificates (PKCS #10, RFC 2986): only the key and the proof that the asker holds it count. Names and
//! usages that a request asks for are never taken from it.

use rcgen::{CertificateParams, DistinguishedName};
use verbund_model::{Algorithm, PublicKey};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384};
use x509_parser::prelude::FromDer as _;

use super::authority::{IssueError, encoding};
use super::key_adapter::KeyAdapter;
use super::x509;
use crate::custody::Signer;

/// The most bytes of a request, in PEM or DER.
const MAX_CSR: usize = 16 * 1024;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Too large to look at.
    #[error("the certificate request has {length} bytes, at most {MAX_CSR} are read")]
    Size {
        /// How many came.
        length: usize,
    },
    /// Not one PKCS #10 request.
    #[error("not one certificate request (PKCS #10, PEM or DER): {reason}")]
    Form {
        /// What was found.
        reason: String,
    },
    /// A key that gets no certificate here.
    #[error(
        "the certificate request is for a key of a kind that gets no certificate: {found}; make one on P-256 or P-384"
    )]
    Algorithm {
        /// What was found.
        found: String,
    },
    /// A hash that does not go with the key.
    #[error("the certificate request is signed with {found}, wanted {wanted} for this key")]
    Hash {
        /// The algorithm's object identifier.
        found: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// Not signed by the key it is for.
    #[error(
        "the certificate request's signature is not by the key that it asks a certificate for: whoever sent it does not prove to hold that key"
    )]
    Proof,
    /// It asks to become a CA.
    #[error("the certificate request asks for the rights of a CA ({asked}): this site's CA only issues leaves")]
    AsksForCa {
        /// By which means.
        asked: &'static str,
    },
}

/// A public key whose private half was proven to be in the asker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenKey(PublicKey);

impl ProvenKey {
    /// Takes the key of a request in PEM or DER, at most 16 KiB, after checking its signature. Names and usages that it
    /// asks for are ignored, but for CA rights, which are refused. Errors: [`CsrError`].
    pub fn from_csr(request: &[u8]) -> Result<Self, CsrError> {
        Self::read(request, false)
    }

    /// The same for a request that asks for CA rights, as one for an issuing CA does: for a person at the root only. Errors:
    /// [`CsrError`].
    pub fn from_ca_csr(request: &[u8]) -> Result<Self, CsrError> {
        Self::read(request, true)
    }

    fn read(request: &[u8], may_ask_for_ca: bool) -> Result<Self, CsrError> {
        if request.len() > MAX_CSR {
            return Err(CsrError::Size { length: request.len() });
        }
        let form = |reason: String| CsrError::Form { reason };
        let decoded;
        let der = if request.trim_ascii_start().starts_with(b"-----BEGIN") {
            decoded = decode_pem(request)?;
            &decoded[..]
        } else {
            request
        };
        let (rest, csr) = X509CertificationRequest::from_der(der).map_err(|e| form(e.to_string()))?;
        if !rest.is_empty() {
            return Err(form(format!("{} bytes follow its end", rest.len())));
        }
        let key = check_proof(&csr)?;
        if !may_ask_for_ca {
            check_wishes(&csr)?;
        }
        Ok(Self(key))
    }

    /// Takes the key of a signer of this process, which needs no further proof.
    #[must_use]
    pub fn held(signer: &dyn Signer) -> Self {
        Self(signer.public_key().clone())
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0
    }
}

fn decode_pem(request: &[u8]) -> Result<Vec<u8>, CsrError> {
    let form = |reason: String| CsrError::Form { reason };
    let mut blocks = pem::parse_many(request).map_err(|e| form(e.to_string()))?;
    let (Some(block), true) = (blocks.pop(), blocks.is_empty()) else {
        return Err(form("it is not exactly one PEM block".to_owned()));
    };
    match block.tag() {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Ok(block.into_contents()),
        other => Err(form(format!("a PEM block {:?}", other.chars().take(40).collect::<String>()))),
    }
}

fn check_proof(csr: &X509CertificationRequest<'_>) -> Result<PublicKey, CsrError> {
    let spki = &csr.certification_request_info.subject_pki;
    let key = x509::public_key(spki).ok_or_else(|| {
        let bits = spki.parsed().map_or(0, |key| key.key_size());
        CsrError::Algorithm { found: format!("{} with {bits} bits", spki.algorithm.algorithm) }
    })?;
    let (hash, wanted) = match key.algorithm() {
        Algorithm::P256 => (OID_SIG_ECDSA_WITH_SHA256, "ecdsa-with-SHA256"),
        Algorithm::P384 => (OID_SIG_ECDSA_WITH_SHA384, "ecdsa-with-SHA384"),
    };
    if csr.signature_algorithm.algorithm != hash {
        return Err(CsrError::Hash { found: csr.signature_algorithm.algorithm.to_string(), wanted });
    }
    let message = csr.certification_request_info.raw;
    if !x509::verify(&key, &csr.signature_algorithm, message, &csr.signature_value) {
        return Err(CsrError::Proof);
    }
    Ok(key)
}

/// Refuses a request for CA rights, in whichever of its attributes it stands.
fn check_wishes(csr: &X509CertificationRequest<'_>) -> Result<(), CsrError> {
    for attribute in csr.certification_request_info.iter_attributes() {
        let ParsedCriAttribute::ExtensionRequest(request) = attribute.parsed_attribute() else { continue };
        x509::check_extensions(&request.extensions).map_err(|reason| CsrError::Form { reason })?;
        for extension in &request.extensions {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(c) if c.ca => {
                    return Err(CsrError::AsksForCa { asked: "basicConstraints CA:TRUE" });
                }
                ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
                    return Err(CsrError::AsksForCa { asked: "keyUsage keyCertSign or cRLSign" });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Makes a request in DER for a leaf: nothing but the key and the proof of its possession. Errors: [`IssueError`].
pub fn csr_for_leaf(signer: &dyn Signer) -> Result<Vec<u8>, IssueError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    let key = KeyAdapter::new(signer);
    let request = parameters.serialize_request(&key).map_err(|e| encoding(e, &key))?;
    Ok(request.der().to_vec())
}
