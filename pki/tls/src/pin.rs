//! Trust before there is a bundle: a pin of the other side's anchor, carried by an invitation or a CLI context.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use verbund_identity::{Subject, TrustDomain};
use verbund_model::Hash;
use verbund_model::id::HashError;

use crate::bundle::Anchor;
use crate::certificate::{Certificate, CertificateError};
use crate::judge::{Judged, Role, judge_under, read};
use crate::profile::provider;
use crate::trust_error::TrustError;
use crate::verifier::{Expected, chain, signatures};

/// SHA-256 of an anchor's SubjectPublicKeyInfo (as RFC 7469, 2.4). Text form: hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub Hash);

impl Pin {
    /// The pin of an anchor's certificate in DER. Errors: [`CertificateError`].
    pub fn of_certificate(der: &[u8]) -> Result<Self, CertificateError> {
        Certificate::read(der).map(|certificate| Self(certificate.spki))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Pin {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        text.parse().map(Self)
    }
}

/// What a pinned server must show: a node's certificate under the pinned anchor, which it sends along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The anchor's pin.
    pub pin: Pin,
    /// The trust domain that the server must be of, where it is known.
    pub domain: Option<TrustDomain>,
}

impl Pinned {
    /// Judges `chain` (leaf first) as a server's. Errors: [`TrustError`].
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Judged, TrustError> {
        let (certificates, _) = read(chain)?;
        // The leaf itself is no anchor, so that a pin never stands for a single node.
        let place = certificates.iter().skip(1).position(|certificate| certificate.spki == self.pin.0);
        let place = place.ok_or_else(|| TrustError::Pin { pin: self.pin.to_string() })? + 1;
        let anchor =
            Anchor::new(&chain[place]).map_err(|why| TrustError::Certificate(CertificateError::Der { why }))?;
        let judged = judge_under(&anchor, &chain[..place], Role::Server, now)?;
        if let Some(domain) = &self.domain {
            Expected::Domain(domain.clone()).check(&judged.id)?;
        }
        match judged.id.subject {
            Subject::Node(_) => Ok(judged),
            _ => Err(TrustError::Unexpected { expected: "a node".to_owned(), got: judged.id }),
        }
    }
}

/// Judges whom we dialled by a pin.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    pub(crate) pinned: Pinned,
    pub(crate) why: Arc<OnceLock<TrustError>>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.pinned.judge(&chain(leaf, rest), now).map(|_| ServerCertVerified::assertion()).map_err(|why| {
            let _ = self.why.set(why.clone());
            why.into()
        })
    }

    signatures!();
}
