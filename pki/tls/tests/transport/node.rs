//! A node of the tests: an identity, a trust, lines, and tonic on all that comes in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tonic::transport::{Channel, Endpoint, Server};
use verbund_identity::SpiffeId;
use verbund_model::NodeId;
use verbund_tls::{
    Acceptor, Address, Bundle, Counters, Dialer, Ends, Limits, Lines, LinesSettings, Listener, LiveIdentity, Route,
    Trust,
};

use crate::ca::{Issued, Leaf, Site};
use crate::echo::Echo;

pub struct Node {
    pub number: NodeId,
    pub id: SpiffeId,
    pub trust: Arc<Trust>,
    pub identity: Arc<LiveIdentity>,
    pub lines: Lines,
    pub address: Option<SocketAddr>,
    pub counters: Option<Box<dyn Fn() -> Counters + Send + Sync>>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

pub fn name(site: &Site, counter: u32) -> String {
    format!("spiffe://{}/node/{}", site.domain, NodeId::mint(0, counter))
}

pub struct Options {
    pub listening: bool,
    pub limits: Limits,
    pub settings: LinesSettings,
}

impl Default for Options {
    fn default() -> Self {
        Self { listening: true, limits: Limits::default(), settings: LinesSettings::default() }
    }
}

impl Options {
    pub fn deaf() -> Self {
        Self { listening: false, ..Self::default() }
    }

    pub fn dialling(dialer: Dialer) -> Self {
        Self { settings: LinesSettings { dialer, ..LinesSettings::default() }, ..Self::default() }
    }
}

/// Starts the node `counter` of `site`.
pub async fn start(site: &Site, counter: u32, bundle: Bundle, options: Options) -> Node {
    start_as(&site.issue(&Leaf::named(&name(site, counter))), bundle, options).await
}

pub async fn start_as(issued: &Issued, bundle: Bundle, options: Options) -> Node {
    let identity = issued.identity();
    let id = identity.id();
    let number = match &id.subject {
        verbund_identity::Subject::Node(number) => *number,
        _ => NodeId::mint(0, 999),
    };
    let trust = Trust::new(bundle);
    let ends = Ends { trust: trust.clone(), identity: identity.clone() };
    let (lines, inbound) = Lines::new(ends, options.settings);
    let mut tasks = Vec::new();
    tasks.push(tokio::spawn(Server::builder().serve_with_incoming(Echo, inbound.peers)).abort_handle());
    tasks.push(tokio::spawn(Server::builder().serve_with_incoming(Echo, inbound.joins)).abort_handle());
    let (mut address, mut counters) = (None, None);
    if options.listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kind = Listener::Peers { joining: true };
        let acceptor = Acceptor::start(listener, kind, trust.clone(), &identity, options.limits).unwrap();
        address = Some(acceptor.local_addr());
        let watch = acceptor.watch_counters();
        counters = Some(Box::new(watch) as Box<dyn Fn() -> Counters + Send + Sync>);
        let serving = lines.clone();
        tasks.push(tokio::spawn(async move { serving.serve(acceptor).await }).abort_handle());
    }
    Node { number, id, trust, identity, lines, address, counters, tasks }
}

impl Node {
    pub fn route(&self) -> Route {
        Route { id: self.id.clone(), addresses: self.address.map(Address::from).into_iter().collect() }
    }

    pub fn channel(&self, to: NodeId) -> Channel {
        Endpoint::from_static("http://peer.invalid").connect_with_connector_lazy(self.lines.connector(to))
    }

    pub fn counters(&self) -> Counters {
        (self.counters.as_ref().unwrap())()
    }
}

/// Tells every node how to reach the others.
pub fn connect(nodes: &[&Node]) {
    let routes: BTreeMap<NodeId, Route> = nodes.iter().map(|node| (node.number, node.route())).collect();
    for node in nodes {
        node.lines.set_routes(routes.clone());
    }
}
