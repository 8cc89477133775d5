//! Trust and identity that change under open connections.

use std::time::Duration;

use verbund_tls::{Direction, Role, TrustError};

use crate::ca::{Leaf, Site, bundle};
use crate::echo::{call, ended, ticks, who};
use crate::net::until;
use crate::node::{Options, connect, name, start, start_as};

#[tokio::test]
async fn both_sides_know_each_other() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let two = start(&b, 2, bundle(1, &[&a, &b]), Options::default()).await;
    connect(&[&one, &two]);
    let answer = who(&one.channel(two.number)).await.unwrap();
    assert_eq!(answer, format!("{} {}", one.id, one.identity.certificate().fingerprint));
    let (there, here) = (two.trust.connections(), one.trust.connections());
    assert_eq!((there.len(), here.len()), (1, 1));
    assert_eq!((&there[0].id, there[0].direction), (&one.id, Direction::Accepted));
    assert_eq!((&here[0].id, here[0].direction), (&two.id, Direction::Dialled));
    assert_eq!(here[0].fingerprint, two.identity.certificate().fingerprint);
    assert_eq!(here[0].group, rustls::NamedGroup::secp256r1MLKEM768);
    assert_eq!(here[0].suite, rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
}

#[tokio::test]
async fn a_site_that_is_not_in_the_bundle_is_refused_until_it_is() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let two = start(&b, 2, bundle(1, &[&b]), Options::default()).await;
    connect(&[&one, &two]);
    let channel = one.channel(two.number);
    // Its server refuses the caller ...
    assert!(who(&channel).await.is_err());
    assert_eq!(two.counters().established, 0);
    // ... and as a caller it refuses the server, and says why.
    let error = two.lines.connect(one.number).await.unwrap_err().to_string();
    assert!(error.contains("lists no trust domain a.fed"), "{error}");
    two.trust.set_bundle(bundle(2, &[&a, &b])).unwrap();
    assert!(who(&channel).await.unwrap().contains("a.fed"));
    assert!(two.lines.connect(one.number).await.is_ok());
}

#[tokio::test]
async fn another_sites_ca_cannot_speak_for_a_name() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let both = bundle(1, &[&a, &b]);
    let one = start(&b, 1, both.clone(), Options::default()).await;
    // Site A's CA made a certificate in the name of B's node.
    let forger = start_as(&a.issue(&Leaf::named(&name(&b, 2))), both.clone(), Options::default()).await;
    connect(&[&one, &forger]);
    assert!(who(&forger.channel(one.number)).await.is_err());
    let error = one.lines.connect(forger.number).await.unwrap_err().to_string();
    assert!(error.contains("no CA that the bundle lists for the trust domain b.fed vouches"), "{error}");
    assert_eq!(one.counters().established, 0);
    // The real one gets through.
    let real = start(&b, 2, both, Options::default()).await;
    connect(&[&one, &real]);
    assert!(who(&real.channel(one.number)).await.is_ok());
    assert!(who(&one.channel(real.number)).await.is_ok());
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let both = bundle(1, &[&a, &b]);
    let one = start(&a, 1, both.clone(), Options::default()).await;
    let expired = b.issue(&Leaf { days: (-3, -1), ..Leaf::named(&name(&b, 2)) });
    let late = start_as(&expired, both.clone(), Options::default()).await;
    connect(&[&one, &late]);
    assert!(who(&late.channel(one.number)).await.is_err());
    let error = one.lines.connect(late.number).await.unwrap_err().to_string();
    assert!(error.contains("expired on"), "{error}");
    // It renews, and is let in: same process, same name.
    let renewed = b.issue(&Leaf::named(&name(&b, 2)));
    late.identity.replace_pkcs8(renewed.chain.clone(), renewed.anchor.clone(), renewed.private()).unwrap();
    assert!(who(&late.channel(one.number)).await.is_ok());
    assert!(who(&one.channel(late.number)).await.is_ok());
}

#[tokio::test]
async fn whoever_answers_must_be_whom_we_called() {
    let a = Site::new("a");
    let one = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    let two = start(&a, 2, bundle(1, &[&a]), Options::default()).await;
    connect(&[&one, &two]);
    let mut routes = std::collections::BTreeMap::new();
    let mut wrong = two.route();
    wrong.id = name(&a, 3).parse().unwrap();
    routes.insert(two.number, wrong);
    one.lines.set_routes(routes);
    let error = one.lines.connect(two.number).await.unwrap_err().to_string();
    assert!(error.contains("expected spiffe://a.fed/node/0.3 but spiffe://a.fed/node/0.2 answered"), "{error}");
    assert_eq!(two.counters().established, 0, "our certificate was not shown to the wrong one");
    connect(&[&one, &two]);
    assert!(one.lines.connect(two.number).await.is_ok());
}

#[tokio::test]
async fn an_exclusion_ends_what_is_in_flight_and_nothing_else() {
    let (a, b, c) = (Site::new("a"), Site::new("b"), Site::new("c"));
    let all = bundle(1, &[&a, &b, &c]);
    let one = start(&a, 1, all.clone(), Options::default()).await;
    let two = start(&b, 2, all.clone(), Options::default()).await;
    let three = start(&c, 3, all.clone(), Options::default()).await;
    connect(&[&one, &two, &three]);
    // An RPC and a stream of the one that goes, in both directions; a stream of one that stays.
    let (to_one, from_one) = (two.channel(one.number), one.channel(two.number));
    let mut going = ticks(&to_one).await;
    going.message().await.unwrap();
    let hanging = tokio::spawn(async move { call(&to_one, "/t.Echo/Hang").await });
    let mut outgoing = ticks(&from_one).await;
    outgoing.message().await.unwrap();
    let mut staying = ticks(&three.channel(one.number)).await;
    staying.message().await.unwrap();
    let before = one.trust.connections();
    assert_eq!(before.len(), 3);

    let mut without = all.clone();
    without.sequence = 2;
    without.excluded_sites.insert(b.domain.site.clone());
    let applied = one.trust.set_bundle(without).unwrap();
    assert_eq!(applied.closed.len(), 2);
    assert!(applied.closed.iter().all(|closed| closed.peer.id == two.id));
    assert!(applied.closed.iter().all(|closed| matches!(closed.why, TrustError::ExcludedSite { .. })));

    let hanging = tokio::time::timeout(Duration::from_secs(20), hanging).await.expect("the call hangs on");
    assert!(hanging.unwrap().is_err());
    ended(&mut going).await;
    ended(&mut outgoing).await;
    until("the closed connections left the table", async || one.trust.connections().len() == 1).await;
    assert_eq!(one.trust.connections()[0].id, three.id);
    assert_eq!(one.trust.connections()[0].since, before.iter().find(|p| p.id == three.id).unwrap().since);
    for _ in 0..20 {
        assert!(staying.message().await.unwrap().is_some());
    }
    // Neither direction comes back.
    assert!(who(&two.channel(one.number)).await.is_err());
    assert!(who(&from_one).await.is_err());
    assert!(who(&three.channel(one.number)).await.is_ok());
}

#[tokio::test]
async fn a_change_that_affects_nobody_leaves_connections_open() {
    let (a, b, c) = (Site::new("a"), Site::new("b"), Site::new("c"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let two = start(&b, 2, bundle(1, &[&a, &b]), Options::default()).await;
    connect(&[&one, &two]);
    let mut stream = ticks(&two.channel(one.number)).await;
    stream.message().await.unwrap();
    for (sequence, sites) in [(2, vec![&a, &b, &c]), (3, vec![&a, &b])] {
        assert_eq!(one.trust.set_bundle(bundle(sequence, &sites)).unwrap().closed, []);
    }
    // B's entry changes, and B's node still qualifies.
    let mut more = bundle(4, &[&a, &b]);
    more.domains.get_mut(&b.domain).unwrap().anchors.push(b.issuing.to_vec());
    assert_eq!(one.trust.set_bundle(more).unwrap().closed, []);
    assert_eq!(one.trust.review().closed, []);
    for _ in 0..20 {
        assert!(stream.message().await.unwrap().is_some());
    }
    // The domain's anchor changes to one that does not vouch for it.
    let mut other = bundle(5, &[&a, &b]);
    other.domains.insert(b.domain.clone(), c.entry());
    assert_eq!(one.trust.set_bundle(other).unwrap().closed.len(), 1);
    ended(&mut stream).await;
}

#[tokio::test]
async fn a_revoked_leaf_loses_its_connections() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let issued = b.issue(&Leaf::named(&name(&b, 2)));
    let two = start_as(&issued, bundle(1, &[&a, &b]), Options::default()).await;
    connect(&[&one, &two]);
    let mut stream = ticks(&two.channel(one.number)).await;
    stream.message().await.unwrap();
    let with = |sequence, crl| {
        let mut bundle = bundle(sequence, &[&a, &b]);
        bundle.domains.get_mut(&b.domain).unwrap().crls = vec![crl];
        one.trust.set_bundle(bundle).unwrap()
    };
    assert_eq!(with(2, b.crl(&[], (-1, 1))).closed, []);
    assert!(stream.message().await.unwrap().is_some());
    let closed = with(3, b.crl(&[issued.serial], (-1, 1))).closed;
    assert!(matches!(closed[0].why, TrustError::Revoked { .. }));
    ended(&mut stream).await;
    assert!(who(&two.channel(one.number)).await.is_err());
}

#[tokio::test]
async fn certificates_rotate_under_open_connections() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let two = start(&b, 2, bundle(1, &[&a, &b]), Options::default()).await;
    connect(&[&one, &two]);
    let mut stream = ticks(&two.channel(one.number)).await;
    stream.message().await.unwrap();
    let old = two.identity.certificate().fingerprint;
    let renewed = b.issue(&Leaf::named(&name(&b, 2)));
    two.identity.replace_pkcs8(renewed.chain.clone(), renewed.anchor.clone(), renewed.private()).unwrap();
    let new = two.identity.certificate().fingerprint;
    assert_ne!(old, new);
    // As a client and as a server, in new connections.
    assert_eq!(who(&two.channel(one.number)).await.unwrap(), format!("{} {new}", two.id));
    assert_eq!(one.lines.connect(two.number).await.unwrap().peer().unwrap().fingerprint, new);
    for _ in 0..20 {
        assert!(stream.message().await.unwrap().is_some());
    }
    assert!(one.trust.connections().iter().any(|peer| peer.fingerprint == old), "the old connection goes on");
    // Not the identity of another, and not a key of another.
    let other = b.issue(&Leaf::named(&name(&b, 3)));
    assert!(two.identity.replace_pkcs8(other.chain.clone(), other.anchor.clone(), other.private()).is_err());
    assert!(two.identity.replace_pkcs8(renewed.chain.clone(), renewed.anchor.clone(), other.private()).is_err());
    assert_eq!(two.identity.certificate().fingerprint, new);
}

#[tokio::test]
async fn which_rpc_follows_from_the_name() {
    let a = Site::new("a");
    let one = start(&a, 1, bundle(1, &[&a]), Options::default()).await;
    let two = start(&a, 2, bundle(1, &[&a]), Options::default()).await;
    let user = a.issue(&Leaf::named("spiffe://a.fed/user/erika"));
    let operator = start_as(&user, bundle(1, &[&a]), Options::deaf()).await;
    connect(&[&one, &two]);
    operator.lines.set_routes([(one.number, one.route())].into());
    assert!(call(&two.channel(one.number), "/t.Raft/Vote").await.is_ok());
    let channel = operator.channel(one.number);
    assert_eq!(call(&channel, "/t.Raft/Vote").await.unwrap_err().code(), tonic::Code::PermissionDenied);
    assert!(who(&channel).await.unwrap().starts_with("spiffe://a.fed/user/erika"));
    assert_eq!(call(&two.channel(one.number), "/t.Join/Ask").await.unwrap_err().code(), tonic::Code::PermissionDenied);
    assert_eq!(one.trust.check(&user.chain, Role::Client).unwrap().to_string(), "spiffe://a.fed/user/erika");
}
