//! rustls' questions, answered by [`Trust`]. A server verifier always knows whom it expects.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use verbund_identity::{SpiffeId, TrustDomain};

use crate::judge::Role;
use crate::profile::provider;
use crate::trust::Trust;
use crate::trust_error::TrustError;

/// Whom a dialler wants to reach. Host names and addresses prove nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Exactly this name.
    Id(SpiffeId),
    /// Any name of this trust domain.
    Domain(TrustDomain),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Domain(domain) => write!(f, "a member of the trust domain {domain}"),
        }
    }
}

impl Expected {
    /// Errors: [`TrustError::Unexpected`].
    pub(crate) fn check(&self, got: &SpiffeId) -> Result<(), TrustError> {
        let fits = match self {
            Self::Id(id) => id == got,
            Self::Domain(domain) => domain == &got.trust_domain,
        };
        if fits { Ok(()) } else { Err(TrustError::Unexpected { expected: self.to_string(), got: got.clone() }) }
    }
}

/// Leaf and the rest as one chain.
pub(crate) fn chain<'a>(leaf: &CertificateDer<'a>, rest: &[CertificateDer<'a>]) -> Vec<CertificateDer<'a>> {
    std::iter::once(leaf.clone()).chain(rest.iter().cloned()).collect()
}

/// What both sides do alike: TLS 1.3 signatures, by the profile.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = provider().signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            provider().signature_verification_algorithms.supported_schemes()
        }
    };
}
pub(crate) use signatures;

/// Judges who dials us.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) trust: Arc<Trust>,
    pub(crate) mandatory: bool,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.trust.judge(&chain(leaf, rest), Role::Client) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(why) => {
                tracing::info!(%why, "refused a caller's certificate");
                Err(why.into())
            }
        }
    }

    signatures!();
}

/// Judges whom we dialled. In TLS 1.3 the server is judged before our certificate or any data is sent.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) trust: Arc<Trust>,
    pub(crate) expected: Expected,
    /// Where the dialler finds the whole reason: rustls keeps only the kind of alert.
    pub(crate) why: Arc<OnceLock<TrustError>>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.trust.judge(&chain(leaf, rest), Role::Server).and_then(|judged| self.expected.check(&judged.id));
        verdict.map(|()| ServerCertVerified::assertion()).map_err(|why| {
            let _ = self.why.set(why.clone());
            why.into()
        })
    }

    signatures!();
}
