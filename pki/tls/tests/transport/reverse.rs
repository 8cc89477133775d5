//! RPC in both directions, whoever dialled.

use std::collections::BTreeMap;

use verbund_tls::{Address, Alpn, Direction, KeepSettings, LinesSettings, Route};

use crate::ca::{Site, bundle};
use crate::echo::{call, ended, ticks, who};
use crate::net::{Relay, until};
use crate::node::{Node, Options, connect, start};

/// A node that listens on nothing, one that listens, and the relay through which the first reaches the second.
async fn pair(a: &Site, b: &Site, options: Options) -> (Node, Node, Relay) {
    let both = bundle(1, &[a, b]);
    let deaf = start(a, 1, both.clone(), options).await;
    let open = start(b, 2, both, Options::default()).await;
    let relay = Relay::to(open.address.unwrap()).await;
    connect(&[&deaf, &open]);
    let through = Route { id: open.id.clone(), addresses: vec![Address::from(relay.address)] };
    deaf.lines.set_routes(BTreeMap::from([(open.number, through), (deaf.number, deaf.route())]));
    (deaf, open, relay)
}

#[tokio::test]
async fn a_node_that_listens_on_nothing_is_called_and_calls() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let (deaf, open, relay) = pair(&a, &b, Options::deaf()).await;
    assert_eq!(deaf.address, None);
    let error = open.lines.connect(deaf.number);
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(200), error).await;
    assert!(nobody.is_err(), "without a reverse connection there is nothing to call over");

    let keeper = deaf.lines.keep_reverse(open.number);
    let towards_deaf = open.channel(deaf.number);
    // The server that answers is the one that dialled, and it knows its caller.
    assert_eq!(who(&towards_deaf).await.unwrap().split(' ').next().unwrap(), open.id.to_string());
    assert!(call(&towards_deaf, "/t.Raft/Vote").await.is_ok());
    let towards_open = deaf.channel(open.number);
    assert_eq!(who(&towards_open).await.unwrap().split(' ').next().unwrap(), deaf.id.to_string());
    let reverse: Vec<_> = deaf.trust.connections().into_iter().filter(|p| p.alpn == Alpn::Reverse).collect();
    assert!(reverse.iter().all(|peer| peer.direction == Direction::Dialled && peer.id == open.id));

    // Cut everything in the middle of a stream: it ends, and comes back by itself.
    let mut stream = ticks(&towards_deaf).await;
    stream.message().await.unwrap();
    let before = relay.passed();
    relay.cut();
    ended(&mut stream).await;
    until("called again over a new connection", async || who(&towards_deaf).await.is_ok()).await;
    until("calls again", async || who(&towards_open).await.is_ok()).await;
    assert!(relay.passed() > before);

    drop(keeper);
    until("spares are closed with the keeper", async || open.lines.waiting(&deaf.id) == 0).await;
}

#[tokio::test]
async fn one_more_stands_ready_than_is_used() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let keep = KeepSettings { spares: 2, most: 4, ..KeepSettings::default() };
    let settings = LinesSettings { keep, ..LinesSettings::default() };
    let (deaf, open, _relay) = pair(&a, &b, Options { settings, ..Options::deaf() }).await;
    let _keeper = deaf.lines.keep_reverse(open.number);
    until("two wait", async || open.lines.waiting(&deaf.id) == 2).await;
    let channels = [open.channel(deaf.number), open.channel(deaf.number), open.channel(deaf.number)];
    for (place, channel) in channels.iter().enumerate() {
        who(channel).await.unwrap();
        let spare = 2.min(4 - (place + 1));
        until("spares are made up to the bound", async || open.lines.waiting(&deaf.id) == spare).await;
    }
    who(&channels[0]).await.unwrap();
    assert_eq!(deaf.trust.connections().len(), 4);
}

#[tokio::test]
async fn silent_connections_are_replaced_before_a_firewall_forgets_them() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let keep = KeepSettings { refresh: std::time::Duration::from_millis(100), ..KeepSettings::default() };
    let settings = LinesSettings { keep, ..LinesSettings::default() };
    let (deaf, open, relay) = pair(&a, &b, Options { settings, ..Options::deaf() }).await;
    let _keeper = deaf.lines.keep_reverse(open.number);
    let channel = open.channel(deaf.number);
    let mut used = ticks(&channel).await;
    until("spares come and go", async || relay.passed() > 6).await;
    assert!(used.message().await.unwrap().is_some(), "the one in use is not replaced");
    assert!(open.lines.waiting(&deaf.id) <= 2);
    assert!(deaf.trust.connections().len() <= 3);
}

#[tokio::test]
async fn a_waiting_connection_dies_with_the_trust_in_its_peer() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let (deaf, open, _relay) = pair(&a, &b, Options::deaf()).await;
    let _keeper = deaf.lines.keep_reverse(open.number);
    until("one waits", async || open.lines.waiting(&deaf.id) == 1).await;
    let mut without = bundle(2, &[&a, &b]);
    without.excluded_sites.insert(a.domain.site.clone());
    assert_eq!(open.trust.set_bundle(without).unwrap().closed.len(), 1);
    until("it is gone", async || open.lines.waiting(&deaf.id) == 0 && open.trust.connections().is_empty()).await;
    assert!(who(&open.channel(deaf.number)).await.is_err());
}

#[tokio::test]
async fn the_peer_may_come_up_later() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let both = bundle(1, &[&a, &b]);
    let deaf = start(&a, 1, both.clone(), Options::deaf()).await;
    let number = verbund_model::NodeId::mint(0, 2);
    let _keeper = deaf.lines.keep_reverse(number);
    let open = start(&b, 2, both, Options::default()).await;
    assert_eq!(open.number, number);
    connect(&[&deaf, &open]);
    until("it is called", async || who(&open.channel(deaf.number)).await.is_ok()).await;
}
