//! Dialling out: through a proxy, to several addresses, to a pin.

use std::io::Write as _;

use tokio::net::TcpListener;
use verbund_tls::{
    Address, Alpn, AttemptError, Dialer, Expected, Pin, Pinned, Proxy, ProxyAuth, ProxyError, TrustError,
};

use crate::ca::{Site, bundle};
use crate::echo::{call, who};
use crate::net::{ConnectProxy, until};
use crate::node::{Options, connect, start};

fn password(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn through(proxy: &ConnectProxy, file: Option<&tempfile::NamedTempFile>) -> Dialer {
    let auth = file.map(|file| ProxyAuth::from_file(file.path()));
    Dialer { proxy: Some(Proxy { address: proxy.address.into(), auth, except: Vec::new() }), ..Dialer::default() }
}

#[tokio::test]
async fn a_site_behind_a_proxy_that_accepts_nothing() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    // "verbund:secret"
    let proxy = ConnectProxy::start(Some("dmVyYnVuZDpzZWNyZXQ=")).await;
    let file = password("verbund:secret\n");
    let both = bundle(1, &[&a, &b]);
    let options = Options { listening: false, ..Options::dialling(through(&proxy, Some(&file))) };
    let inside = start(&a, 1, both.clone(), options).await;
    let outside = start(&b, 2, both, Options::default()).await;
    connect(&[&inside, &outside]);
    let _keeper = inside.lines.keep_reverse(outside.number);
    assert!(who(&outside.channel(inside.number)).await.unwrap().contains("b.fed"));
    assert!(who(&inside.channel(outside.number)).await.unwrap().contains("a.fed"));
    let line = format!("CONNECT {} HTTP/1.1", outside.address.unwrap());
    assert!(proxy.requests.lock().unwrap().iter().all(|request| *request == line));
    assert!(proxy.requests.lock().unwrap().len() >= 2);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let proxy = ConnectProxy::start(Some("dmVyYnVuZDpzZWNyZXQ=")).await;
    let both = bundle(1, &[&a, &b]);
    let outside = start(&b, 2, both.clone(), Options::default()).await;
    let inside = start(&a, 1, both, Options::deaf()).await;
    let ends = verbund_tls::Ends { trust: inside.trust.clone(), identity: inside.identity.clone() };
    let addresses = outside.route().addresses;
    let expected = Expected::Id(outside.id.clone());
    let wrong = password("verbund:wrong");
    for file in [None, Some(&wrong)] {
        let error = through(&proxy, file).dial(&ends, &addresses, &expected, Alpn::Peer).await.unwrap_err();
        let refused = &error.attempts[0].1;
        assert!(matches!(refused, AttemptError::Proxy(ProxyError::Unauthorised { .. })), "{error}");
        assert!(!error.to_string().contains("wrong"), "no password in a message");
    }
    // Nothing listens behind it.
    let right = password("verbund:secret");
    let dead: Address = "127.0.0.1:1".parse().unwrap();
    let error = through(&proxy, Some(&right)).dial(&ends, &[dead], &expected, Alpn::Peer).await.unwrap_err();
    assert!(error.to_string().contains("502"), "{error}");
    // A listener that is no proxy at all, but a TLS one.
    let no_proxy = Proxy { address: outside.address.unwrap().into(), auth: None, except: Vec::new() };
    let dialer = Dialer { proxy: Some(no_proxy), ..Dialer::default() };
    assert!(dialer.dial(&ends, &addresses, &expected, Alpn::Peer).await.is_err());
    // Hosts that are excepted are reached without it.
    let mut direct = through(&proxy, None);
    direct.proxy.as_mut().unwrap().except = vec!["127.0.0.1".to_owned()];
    assert!(direct.dial(&ends, &addresses, &expected, Alpn::Peer).await.is_ok());
}

#[tokio::test]
async fn addresses_are_tried_until_one_answers() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let both = bundle(1, &[&a, &b]);
    let one = start(&a, 1, both.clone(), Options::deaf()).await;
    let two = start(&b, 2, both, Options::default()).await;
    // One where nothing listens, one that accepts and says nothing, and a name.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = two.address.unwrap().port();
    let addresses: Vec<Address> = vec![
        "127.0.0.1:1".parse().unwrap(),
        silent.local_addr().unwrap().into(),
        format!("localhost:{port}").parse().unwrap(),
    ];
    let ends = verbund_tls::Ends { trust: one.trust.clone(), identity: one.identity.clone() };
    let expected = Expected::Domain(b.domain.clone());
    let line = Dialer::default().dial(&ends, &addresses, &expected, Alpn::Peer).await.unwrap();
    assert_eq!(line.peer().unwrap().id, two.id);
    let quick = Dialer { timeout: std::time::Duration::from_millis(200), ..Dialer::default() };
    let error = quick.dial(&ends, &addresses[..2], &expected, Alpn::Peer).await.unwrap_err();
    assert_eq!(error.attempts.len(), 2, "{error}");
    let error = quick.dial(&ends, &[], &expected, Alpn::Peer).await.unwrap_err();
    assert!(error.to_string().contains("no address of it is known"), "{error}");
}

#[tokio::test]
async fn a_joiner_knows_the_server_by_its_pin() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let contact = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    let addresses = contact.route().addresses;
    let dial = async |pin: Pin, domain: Option<&Site>| {
        let pinned = Pinned { pin, domain: domain.map(|site| site.domain.clone()) };
        Dialer::default().dial_pinned(&addresses, &pinned, Alpn::Join, None).await
    };
    // Another site's pin, the leaf's own, or another domain: refused before anything is sent.
    let leaf = Pin(contact.identity.certificate().spki);
    for pin in [Pin::of_certificate(&b.root).unwrap(), leaf] {
        let error = dial(pin, None).await.unwrap_err();
        assert!(matches!(error.attempts[0].1, AttemptError::Untrusted(TrustError::Pin { .. })), "{error}");
    }
    let right = Pin::of_certificate(&a.root).unwrap();
    let error = dial(right, Some(&b)).await.unwrap_err();
    assert!(matches!(error.attempts[0].1, AttemptError::Untrusted(TrustError::Unexpected { .. })), "{error}");
    until("the server saw them fail", async || contact.counters().failed == 3).await;
    assert_eq!(contact.counters().established, 0);

    let line = dial(right, Some(&a)).await.unwrap();
    assert_eq!(line.peer().unwrap().id, contact.id);
    let mut line = Some(hyper_util::rt::TokioIo::new(line));
    let once = tower::service_fn(move |_: http::Uri| {
        let line = line.take().ok_or("once only");
        async move { line }
    });
    let channel = tonic::transport::Endpoint::from_static("http://contact.invalid").connect_with_connector_lazy(once);
    assert_eq!(call(&channel, "/t.Join/Ask").await.unwrap(), "nobody");
    // The door is open for nothing else.
    assert_eq!(call(&channel, "/t.Raft/Vote").await.unwrap_err().code(), tonic::Code::PermissionDenied);
}
