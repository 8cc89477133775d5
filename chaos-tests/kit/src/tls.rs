//! A TLS client of an attacker's own making: it believes every server and remembers what it can.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use verbund_keys::TlsIdentity;

/// How long a server may take for a handshake and its first byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// Believes everybody.
#[derive(Debug)]
pub struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ECDSA_NISTP384_SHA384]
    }
}

/// A client that keeps its sessions and offers them again, with this certificate, for one protocol.
pub fn client(identity: &TlsIdentity, alpn: &str) -> Result<Arc<ClientConfig>> {
    let chain = identity.chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.to_pkcs8()?.to_vec()));
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    Ok(Arc::new(config))
}

/// Connects and reads the first byte that the server says: only then is a client let in (TLS 1.3 refuses a client after the
/// client believes that all is well). Gives whether the handshake was a full one. Errors: the outer one, nothing was said in
/// time; the inner one, it was refused, and how.
pub async fn handshake(config: &Arc<ClientConfig>, address: SocketAddr) -> Result<io::Result<HandshakeKind>> {
    let whole = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("verbund.invalid").map_err(io::Error::other)?;
        let mut tls = TlsConnector::from(config.clone()).connect(name, stream).await?;
        tls.read_u8().await?;
        tls.get_ref().1.handshake_kind().ok_or_else(|| io::Error::other("no handshake"))
    };
    tokio::time::timeout(PATIENCE, whole).await.context("neither let in nor refused in time")
}
