//! What a listener lets in, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use verbund_kit::tls::{Credulous, handshake};
use verbund_tls::{Acceptor, Alpn, Dialer, Limits, Listener, Pin, Pinned, Trust};

use crate::ca::{Issued, Leaf, Site, bundle};
use crate::echo::who;
use crate::net::until;
use crate::node::{Options, connect, name, start};

fn client(issued: Option<&Issued>, alpns: &[&str], groups: Option<&[&'static dyn SupportedKxGroup]>) -> ClientConfig {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(groups) = groups {
        provider.kx_groups = groups.to_vec();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let mut config = match issued {
        Some(issued) => {
            builder.with_client_auth_cert(issued.chain.clone(), PrivateKeyDer::from(issued.private())).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpns.iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
    config
}

#[tokio::test]
async fn no_session_is_resumed() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named(&name(&a, 2)));
    let one = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    let groups: [&'static dyn SupportedKxGroup; 1] = [aws_lc_rs::kx_group::SECP256R1MLKEM768];
    let config = Arc::new(client(Some(&issued), &["verbund-peer/1"], Some(&groups)));
    for _ in 0..3 {
        assert_eq!(handshake(&config, one.address.unwrap()).await.unwrap().unwrap(), HandshakeKind::Full);
    }
    // The same client does resume where a server lets it: rustls with its defaults.
    let server = a.issue(&Leaf::named(&name(&a, 3)));
    let provider = CryptoProvider { kx_groups: groups.to_vec(), ..aws_lc_rs::default_provider() };
    let lax = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), PrivateKeyDer::from(server.private()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(lax));
        while let Ok((stream, _)) = listener.accept().await {
            let mut tls = acceptor.accept(stream).await.unwrap();
            tls.write_all(b"!").await.unwrap();
            tls.flush().await.unwrap();
        }
    });
    let config = Arc::new(client(None, &[], Some(&groups)));
    assert_eq!(handshake(&config, address).await.unwrap().unwrap(), HandshakeKind::Full);
    assert_eq!(handshake(&config, address).await.unwrap().unwrap(), HandshakeKind::Resumed);
    serving.abort();
}

#[tokio::test]
async fn only_the_profiles_groups_are_agreed_on() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named(&name(&a, 2)));
    let one = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    use aws_lc_rs::kx_group::{SECP256R1, SECP256R1MLKEM768, SECP384R1, X25519, X25519MLKEM768};
    for (group, allowed) in
        [(SECP256R1MLKEM768, true), (SECP384R1, true), (SECP256R1, true), (X25519, false), (X25519MLKEM768, false)]
    {
        let config = Arc::new(client(Some(&issued), &["verbund-peer/1"], Some(&[group])));
        let outcome = handshake(&config, one.address.unwrap()).await.unwrap();
        assert_eq!(outcome.is_ok(), allowed, "{group:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_protocol_decides_whether_a_certificate_is_needed() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named(&name(&a, 2)));
    let one = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    let table: [(&[&str], bool, bool); 11] = [
        (&["verbund-peer/1"], true, true),
        (&["verbund-peer/1"], false, false),
        (&["verbund-reverse/1"], true, true),
        (&["verbund-reverse/1"], false, false),
        (&["verbund-join/1"], false, true),
        (&["verbund-join/1", "verbund-peer/1"], true, false),
        (&["verbund-peer/1", "verbund-join/1"], false, false),
        (&["h2"], true, false),
        (&["http/1.1"], true, false),
        (&["verbund-peer/2"], true, false),
        (&[], true, false),
    ];
    for (alpns, certificate, allowed) in table {
        let config = Arc::new(client(certificate.then_some(&issued), alpns, None));
        let before = one.counters();
        let address = one.address.unwrap();
        let trying = tokio::spawn(async move { handshake(&config, address).await });
        until("the handshake is counted", async || {
            let now = one.counters();
            now.established + now.failed > before.established + before.failed
        })
        .await;
        let established = one.counters().established > before.established;
        assert_eq!(established, allowed, "{alpns:?}, with a certificate: {certificate}");
        trying.abort();
    }
}

#[tokio::test]
async fn slow_handshakes_are_bounded_and_end() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let both = bundle(1, &[&a, &b]);
    let limits = Limits { handshakes: 4, handshake: Duration::from_secs(2), ..Limits::default() };
    let one = start(&a, 1, both.clone(), Options { limits, ..Options::default() }).await;
    let two = start(&b, 2, both, Options::default()).await;
    connect(&[&one, &two]);
    who(&two.channel(one.number)).await.unwrap();
    // Forty connect; some say nothing, some begin a record and stop.
    let mut loris = Vec::new();
    for number in 0..40 {
        let mut stream = TcpStream::connect(one.address.unwrap()).await.unwrap();
        if number % 2 == 0 {
            let _ = stream.write_all(&[22, 3, 1, 2]).await;
        }
        loris.push(stream);
    }
    until("all of them are accepted or turned away", async || one.counters().accepted == 41).await;
    assert!(one.counters().handshaking <= 4);
    assert_eq!(one.counters().limited, 36);
    until("the slow ones are closed", async || one.counters().handshaking == 0).await;
    assert_eq!(one.counters().failed, 4);
    who(&two.channel(one.number)).await.unwrap();
    drop(loris);
}

#[tokio::test]
async fn administration_takes_guests_but_no_impostors() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let identity = a.issue(&Leaf::named(&name(&a, 1))).identity();
    let trust = Trust::new(bundle(1, &[&a]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut acceptor = Acceptor::start(listener, Listener::Admin, trust, &identity, Limits::default()).unwrap();
    let address = [acceptor.local_addr().into()];
    let pinned = Pinned { pin: Pin::of_certificate(&a.root).unwrap(), domain: Some(a.domain.clone()) };
    let dialer = Dialer::default();
    for alpn in [Alpn::H2, Alpn::Http1] {
        let mut near = dialer.dial_pinned(&address, &pinned, alpn, None).await.unwrap();
        let mut guest = acceptor.next().await.unwrap();
        assert_eq!((guest.peer.is_none(), guest.alpn), (true, alpn));
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
        let mut heard = [0; 5];
        guest.stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }
    let user = a.issue(&Leaf::named("spiffe://a.fed/user/erika")).identity();
    let _near = dialer.dial_pinned(&address, &pinned, Alpn::H2, Some(&user)).await.unwrap();
    assert_eq!(acceptor.next().await.unwrap().peer.unwrap().id.to_string(), "spiffe://a.fed/user/erika");
    // A certificate that does not count is refused, not overlooked.
    let stranger = b.issue(&Leaf::named("spiffe://b.fed/user/erika")).identity();
    let mut near = dialer.dial_pinned(&address, &pinned, Alpn::H2, Some(&stranger)).await.unwrap();
    let error = near.read_u8().await.unwrap_err();
    assert!(error.to_string().contains("UnknownCA"), "{error}");
    assert_eq!(acceptor.counters().established, 3);
}

#[tokio::test]
async fn places_are_given_back() {
    let a = Site::new("a");
    let limits = Limits { connections_per_source: 3, ..Limits::default() };
    let one = start(&a, 1, bundle(1, &[&a]), Options { limits, ..Options::default() }).await;
    let two = start(&a, 2, bundle(1, &[&a]), Options::deaf()).await;
    connect(&[&one, &two]);
    for _ in 0..3 {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(two.lines.connect(one.number).await.unwrap());
        }
        assert!(two.lines.connect(one.number).await.is_err(), "a fourth is too many");
        assert_eq!(one.counters().open, 3);
        drop(held);
        until("all are closed", async || one.counters().open == 0 && one.trust.connections().is_empty()).await;
        assert_eq!(two.trust.connections(), []);
    }
}
