//! Why a certificate chain does not count, in words for people and in the alert for the peer.

use std::sync::Arc;

use rustls::{CertificateError as TlsCertificateError, OtherError};
use verbund_identity::SpiffeId;
use verbund_model::KeyId;
use x509_parser::time::ASN1Time;

use crate::bundle::DomainFault;
use crate::certificate::CertificateError;
use crate::judge::{MAX_CHAIN, Role};

/// Why a certificate chain does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The chain is empty or too long.
    #[error("the peer sent {got} certificates; a chain has 1 to {MAX_CHAIN}")]
    Length {
        /// How many came.
        got: usize,
    },
    /// A certificate cannot be read.
    #[error("a certificate of the peer is refused: {0}")]
    Certificate(#[from] CertificateError),
    /// Its site is excluded.
    #[error("{id} is refused: its site is excluded from the federation")]
    ExcludedSite {
        /// The name in the certificate.
        id: SpiffeId,
    },
    /// The name itself is excluded.
    #[error("{id} is refused: this name was removed from the federation; it joins again under a new one")]
    ExcludedId {
        /// The name in the certificate.
        id: SpiffeId,
    },
    /// A key of the chain is refused.
    #[error("{id} is refused: the key {key} in its chain, or for which it was issued, was excluded or retired")]
    RefusedKey {
        /// The name in the certificate.
        id: SpiffeId,
        /// The key.
        key: KeyId,
    },
    /// The bundle does not list the domain.
    #[error("{id} is refused: the trust bundle (sequence {sequence}) lists no trust domain {}", id.trust_domain)]
    UnknownDomain {
        /// The name in the certificate.
        id: SpiffeId,
        /// The bundle's number.
        sequence: u64,
    },
    /// The bundle lists the domain, and its entry cannot be used.
    #[error(transparent)]
    Domain(#[from] DomainFault),
    /// All anchors of the domain are out of date.
    #[error("{id} is refused: every anchor that the bundle lists for its trust domain is expired or not yet valid")]
    AnchorsOutOfDate {
        /// The name in the certificate.
        id: SpiffeId,
    },
    /// The certificate lacks the usage.
    #[error("{id} is refused: its certificate may not act as a {role}")]
    Usage {
        /// The name in the certificate.
        id: SpiffeId,
        /// What it tried to be.
        role: Role,
    },
    /// A certificate of the chain has expired.
    #[error("{id} is refused: its certificate expired on {}, and it is {} here; renew it, and compare the clocks", date(*.not_after), date(*.now))]
    Expired {
        /// The name in the certificate.
        id: SpiffeId,
        /// Unix seconds.
        not_after: i64,
        /// Unix seconds.
        now: i64,
    },
    /// A certificate of the chain is not valid yet.
    #[error("{id} is refused: its certificate is valid from {}, and it is {} here; compare the clocks", date(*.not_before), date(*.now))]
    NotYetValid {
        /// The name in the certificate.
        id: SpiffeId,
        /// Unix seconds.
        not_before: i64,
        /// Unix seconds.
        now: i64,
    },
    /// A CRL revokes a certificate of the chain.
    #[error("{id} is refused: its certificate, or its CA's, is revoked")]
    Revoked {
        /// The name in the certificate.
        id: SpiffeId,
    },
    /// The CRL is out of date.
    #[error("{id} is refused: the revocation list of its CA ran out on {}; its site must publish a new one", date(*.next_update))]
    RevocationListExpired {
        /// The name in the certificate.
        id: SpiffeId,
        /// Unix seconds.
        next_update: i64,
    },
    /// No anchor of its own domain vouches for it.
    #[error("{id} is refused: no CA that the bundle lists for the trust domain {} vouches for it ({why})", id.trust_domain)]
    NotVouchedFor {
        /// The name in the certificate.
        id: SpiffeId,
        /// What webpki found.
        why: String,
    },
    /// Somebody else answered.
    #[error("expected {expected} but {got} answered: wrong address, or an impostor among the members")]
    Unexpected {
        /// Whom the dialler wanted.
        expected: String,
        /// Who answered, with a certificate that is otherwise in order.
        got: SpiffeId,
    },
    /// The pinned key is not in the chain.
    #[error(
        "the server's chain does not contain the pinned trust anchor {pin}: wrong address, or an impostor; nothing was sent"
    )]
    Pin {
        /// The pin, in hexadecimal.
        pin: String,
    },
    /// The peer gave no certificate where one is needed, or the local clock cannot be read.
    #[error("{0}")]
    Local(&'static str),
}

fn date(seconds: i64) -> String {
    ASN1Time::from_timestamp(seconds).map_or_else(|_| format!("Unix second {seconds}"), |time| time.to_string())
}

impl From<TrustError> for rustls::Error {
    /// The variant chooses the alert that the peer sees (RFC 8446, 6.2).
    fn from(error: TrustError) -> Self {
        Self::InvalidCertificate(match error {
            TrustError::ExcludedSite { .. }
            | TrustError::ExcludedId { .. }
            | TrustError::RefusedKey { .. }
            | TrustError::Revoked { .. } => TlsCertificateError::Revoked,
            TrustError::Expired { .. } => TlsCertificateError::Expired,
            TrustError::NotYetValid { .. } => TlsCertificateError::NotValidYet,
            TrustError::UnknownDomain { .. } | TrustError::NotVouchedFor { .. } => TlsCertificateError::UnknownIssuer,
            TrustError::RevocationListExpired { .. } => TlsCertificateError::ExpiredRevocationList,
            other => TlsCertificateError::Other(OtherError(Arc::new(other))),
        })
    }
}
