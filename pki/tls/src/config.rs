//! The rustls configurations: TLS 1.3 only, one protocol each, nothing remembered between connections.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use crate::alpn::Alpn;
use crate::identity::{LiveIdentity, ToMembers, ToStrangers};
use crate::pin::{Pinned, PinnedVerifier};
use crate::profile::provider;
use crate::trust::Trust;
use crate::trust_error::TrustError;
use crate::verifier::{ClientVerifier, Expected, ServerVerifier};

/// Where a verifier leaves its whole reason.
pub(crate) type Why = Arc<OnceLock<TrustError>>;

fn server(
    clock: Arc<dyn TimeProvider>,
    verifier: Option<ClientVerifier>,
    identity: Arc<dyn ResolvesServerCert>,
    alpns: &[Alpn],
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_details(provider(), clock).with_protocol_versions(&[&TLS13])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identity);
    // A resumed session keeps the chain of the first one and is never judged again (reliability, finding 3).
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = alpns.iter().map(|alpn| alpn.wire()).collect();
    Ok(Arc::new(config))
}

/// For [`Alpn::Peer`] and [`Alpn::Reverse`]: a certificate is a must.
pub(crate) fn for_peers(trust: &Arc<Trust>, identity: &Arc<LiveIdentity>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let verifier = ClientVerifier { trust: trust.clone(), mandatory: true };
    server(trust.clock(), Some(verifier), Arc::new(ToMembers(identity.clone())), &[Alpn::Peer, Alpn::Reverse])
}

/// For [`Alpn::Join`]: none is asked for.
pub(crate) fn for_joiners(
    trust: &Arc<Trust>,
    identity: &Arc<LiveIdentity>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    server(trust.clock(), None, Arc::new(ToStrangers(identity.clone())), &[Alpn::Join])
}

/// For administration: a certificate is welcome; one that does not count is refused rather than overlooked.
pub(crate) fn for_admin(trust: &Arc<Trust>, identity: &Arc<LiveIdentity>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let verifier = ClientVerifier { trust: trust.clone(), mandatory: false };
    server(trust.clock(), Some(verifier), Arc::new(ToStrangers(identity.clone())), &[Alpn::H2, Alpn::Http1])
}

fn client(
    clock: Arc<dyn TimeProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&Arc<LiveIdentity>>,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(ToMembers(identity.clone()))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Names are in certificates, not in addresses: nothing to tell, and nothing to leak.
    config.enable_sni = false;
    config.alpn_protocols = vec![alpn.wire()];
    Ok(Arc::new(config))
}

/// Towards a peer of whom the bundle knows.
pub(crate) fn towards(
    trust: &Arc<Trust>,
    identity: &Arc<LiveIdentity>,
    expected: Expected,
    alpn: Alpn,
) -> Result<(Arc<ClientConfig>, Why), rustls::Error> {
    let why = Why::default();
    let verifier = ServerVerifier { trust: trust.clone(), expected, why: why.clone() };
    Ok((client(trust.clock(), Arc::new(verifier), Some(identity), alpn)?, why))
}

/// Towards a server of whom only a pin is known.
pub(crate) fn towards_pinned(
    pinned: Pinned,
    identity: Option<&Arc<LiveIdentity>>,
    alpn: Alpn,
) -> Result<(Arc<ClientConfig>, Why), rustls::Error> {
    let why = Why::default();
    let verifier = PinnedVerifier { pinned, why: why.clone() };
    Ok((client(Arc::new(DefaultTimeProvider), Arc::new(verifier), identity, alpn)?, why))
}
