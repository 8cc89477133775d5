//! Reading X.509 strictly: nothing twice, nothing after the end, nothing that could not be parsed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey,
};
use verbund_identity::is_on_curve;
use verbund_model::{Algorithm, PublicKey};
use x509_parser::asn1_rs::{BitString, Oid};
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
};
use x509_parser::prelude::{AlgorithmIdentifier, FromDer as _, SubjectPublicKeyInfo, X509Certificate, X509Extension};

use super::{Certificate, CertificateError, MAX_CERTIFICATE};

/// Parses one certificate of bounded size.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    let form = |reason: String| CertificateError::Form { reason };
    if der.len() > MAX_CERTIFICATE {
        return Err(CertificateError::Size { length: der.len(), max: MAX_CERTIFICATE });
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|e| form(e.to_string()))?;
    if !rest.is_empty() {
        return Err(form(format!("{} bytes follow its end", rest.len())));
    }
    certificate.extensions_map().map_err(|_| form("an extension stands twice".to_owned()))?;
    check_extensions(certificate.extensions()).map_err(form)?;
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err(form("the signature's algorithm inside differs from the one outside".to_owned()));
    }
    Ok(certificate)
}

/// Extensions that did not parse would look absent to the parser's accessors.
pub(super) fn check_extensions(extensions: &[X509Extension<'_>]) -> Result<(), String> {
    let broken = |e: &&X509Extension<'_>| matches!(e.parsed_extension(), ParsedExtension::ParseError { .. });
    match extensions.iter().find(broken) {
        Some(extension) => Err(format!("the extension {} cannot be read", extension.oid)),
        None => Ok(()),
    }
}

/// The key as it may be registered: an uncompressed point that lies on P-256 or P-384, the curve given by name.
pub(super) fn public_key(spki: &SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
    if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || spki.subject_public_key.unused_bits != 0 {
        return None;
    }
    let curve: Oid<'_> = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let algorithm = if curve == OID_EC_P256 {
        Algorithm::P256
    } else if curve == OID_NIST_EC_P384 {
        Algorithm::P384
    } else {
        return None;
    };
    PublicKey::from_point(algorithm, &*spki.subject_public_key.data).ok().filter(is_on_curve)
}

/// Whether a signature in ASN.1 form is `key`'s over `message`. Only ECDSA with SHA-256 or SHA-384 counts.
pub(super) fn verify(
    key: &PublicKey,
    with: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &BitString<'_>,
) -> bool {
    let sha256 = with.algorithm == OID_SIG_ECDSA_WITH_SHA256;
    let known = sha256 || with.algorithm == OID_SIG_ECDSA_WITH_SHA384;
    if !known || signature.unused_bits != 0 {
        return false;
    }
    let algorithm = match (key.algorithm(), sha256) {
        (Algorithm::P256, true) => &ECDSA_P256_SHA256_ASN1,
        (Algorithm::P256, false) => &ECDSA_P256_SHA384_ASN1,
        (Algorithm::P384, true) => &ECDSA_P384_SHA256_ASN1,
        (Algorithm::P384, false) => &ECDSA_P384_SHA384_ASN1,
    };
    UnparsedPublicKey::new(algorithm, key.point()).verify(message, &signature.data).is_ok()
}

/// Whether `issuer`'s key signed `certificate`, and the names fit. Nothing is said about validity or rights.
#[must_use]
pub fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let (Ok(below), Ok(above)) = (parse(certificate.der()), parse(issuer.der())) else { return false };
    let Some(key) = public_key(above.public_key()) else { return false };
    below.issuer().as_raw() == above.subject().as_raw()
        && verify(&key, &below.signature_algorithm, below.tbs_certificate.as_ref(), &below.signature_value)
}
