//! Attack 10: an excluded site comes back by a TLS session that was agreed on before (reliability, finding 3; SPIRE #6715): a
//! resumed session would keep the chain of the first one, and nobody would judge it again.
//!
//! Expected: there is nothing to resume (no tickets), so that each handshake is a full one, and after the exclusion it is refused.
//! Control: at a server that gives tickets, as rustls does by itself, this very client resumes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use verbund_identity::Subject;
use verbund_keys::TlsIdentity;
use verbund_kit::peer::site_keys;
use verbund_kit::tls::{client, handshake};
use verbund_kit::{Federation, Settings};

const ALPN: &str = "verbund-peer/1";

/// Whether certificates were shown. A client that offers another group first is asked once more, which is as good.
const fn is_full(kind: HandshakeKind) -> bool {
    matches!(kind, HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)
}

/// A server that gives tickets, within this process. It says one byte to whoever comes.
async fn generous(identity: &TlsIdentity) -> SocketAddr {
    let chain = identity.chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.to_pkcs8().unwrap().to_vec()));
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![ALPN.as_bytes().to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(stream).await else { continue };
            let _ = tls.write_all(b".").await;
            let _ = tls.flush().await;
            // Until the caller hangs up.
            let _ = tls.read(&mut [0; 1]).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn each_handshake_is_a_full_one_and_refused_in_the_end() {
    let federation = Federation::of(2, Settings::default()).await.unwrap();
    let node = federation.node_of(1, 0).unwrap();
    let keys = site_keys(&federation.sites[1]).unwrap();
    let lifetime = Duration::from_secs(3600);
    let now = SystemTime::now().into();
    let identity = keys.ca().issue_identity(Subject::Node(node), vec![], vec![], lifetime, now).unwrap();
    let elsewhere = client(&identity, ALPN).unwrap();
    let server = generous(&identity).await;
    let (first, second) =
        (handshake(&elsewhere, server).await.unwrap().unwrap(), handshake(&elsewhere, server).await.unwrap().unwrap());
    assert!(is_full(first) && !is_full(second), "control: this client resumes where it can: {first:?}, {second:?}");
    let client = client(&identity, ALPN).unwrap();
    let address: SocketAddr = federation.sites[0].peer_address().parse().unwrap();
    for _ in 0..3 {
        let kind = handshake(&client, address).await.unwrap().expect("control: a member is let in");
        assert!(is_full(kind), "with a client that would resume: {kind:?}");
    }
    federation.exclude(1, 0, &[]).unwrap();
    for _ in 0..3 {
        let refused = handshake(&client, address).await.unwrap().expect_err("an excluded site was let in").to_string();
        // RFC 8446, 6.2: certificate_revoked.
        assert!(refused.contains("CertificateRevoked"), "{refused}");
    }
}
