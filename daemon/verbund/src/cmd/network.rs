//! `verbund network`: the connections that this node needs, for the firewall request, and whether they work.

use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde::Serialize;
use verbund_identity::TrustDomain;
use verbund_model::resource::{Address, Node, NodeStanding, Site};
use verbund_model::view::Kind;
use verbund_model::{NodeId, SiteName};
use verbund_tls::{Alpn, Dialer, Pin, Pinned, Proxy, ProxyAuth};

use super::config::gather_said;
use super::invitation::from_resource;
use crate::app::App;
use crate::cli::NetworkCommand;
use crate::config::Config;
use crate::context::API_NETWORK;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::i18n::{self, Lang};
use crate::output::{Table, Tone, say};
use crate::serve::enrolment::Enrolment;
use crate::t;

/// A connection of the Kommunikationsmatrix.
#[derive(Serialize, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Connection {
    direction: &'static str,
    from: String,
    to: String,
    port: u16,
    protocol: &'static str,
    purpose: String,
}

/// Somebody to call.
struct PeerNode {
    node: NodeId,
    site: SiteName,
    pins: Vec<Pin>,
    addresses: Vec<Address>,
}

/// The other nodes, and where that is known from.
struct Peers {
    source: String,
    federation: Option<SiteName>,
    own_site: Option<SiteName>,
    all: Vec<PeerNode>,
}

pub async fn run(app: &App, command: NetworkCommand, matches: &ArgMatches) -> Result<Exit, Failure> {
    match command {
        NetworkCommand::Matrix(file) => {
            let config = gather_said(app, &file, matches)?.config;
            let peers = peers(app, &config).await?;
            say(&t!("network-source", source = peers.source.as_str()));
            // Programs read the same words whatever language people have.
            let connections = matrix(&config, &peers, Lang::En);
            app.output.value(&connections, || table(&matrix(&config, &peers, i18n::lang())).render())?;
            Ok(Exit::Ok)
        }
        NetworkCommand::Check(file) => {
            let config = gather_said(app, &file, matches)?.config;
            check(app, &config, &peers(app, &config).await?).await
        }
    }
}

/// The other nodes: from the state where a context leads to it, else from what the admission said.
async fn peers(app: &App, config: &Config) -> Result<Peers, Failure> {
    let enrolment = Enrolment::read(&config.data_dir).ok().map(|(enrolment, _)| enrolment);
    let own = enrolment.as_ref().map(|enrolment| enrolment.node);
    let mut peers = match app.client() {
        Ok(client) => from_state(&client).await?,
        Err(_) => Peers { source: t!("network-nothing"), federation: None, own_site: None, all: Vec::new() },
    };
    if let Some(enrolment) = enrolment {
        if peers.all.is_empty() {
            peers.source = t!("network-enrolment", index = enrolment.index);
            peers.all = enrolment.members.iter().map(from_member).collect();
        }
        peers.federation.get_or_insert(enrolment.federation_name);
        peers.own_site = Some(enrolment.site);
    }
    peers.all.retain(|peer| Some(peer.node) != own);
    // Peers do not call each other's HTTP API.
    peers.all.iter_mut().for_each(|peer| peer.addresses.retain(|address| address.network != API_NETWORK));
    Ok(peers)
}

fn pins(anchors: &[verbund_model::resource::Der]) -> Vec<Pin> {
    anchors.iter().filter_map(|der| Pin::of_certificate(&der.0).ok()).collect()
}

fn from_member(member: &crate::join::protocol::Member) -> PeerNode {
    let (node, site) = (member.node, member.site.clone());
    PeerNode { node, site, pins: pins(&member.anchors), addresses: member.addresses.clone() }
}

async fn from_state(client: &crate::client::Client) -> Result<Peers, Failure> {
    let sites = client.list(Kind::Site).await?.value;
    let sites: Result<Vec<Site>, Failure> = sites.iter().map(from_resource).collect();
    let sites = sites?;
    let nodes = client.list(Kind::Node).await?;
    let mut all = Vec::new();
    for resource in &nodes.value {
        let node: Node = from_resource(resource)?;
        if node.standing == NodeStanding::Active
            && let Some(site) = sites.iter().find(|site| site.name == node.site)
        {
            all.push(PeerNode { node: node.id, site: node.site, pins: pins(&site.anchors), addresses: node.addresses });
        }
    }
    let (federation, _) = super::invitation::federation(client).await?;
    let source = t!("network-state", index = nodes.index);
    Ok(Peers { source, federation: Some(federation), own_site: None, all })
}

fn matrix(config: &Config, peers: &Peers, lang: Lang) -> Vec<Connection> {
    let word = |id| i18n::text_in(lang, id, &[]);
    let own =
        peers.own_site.as_ref().or(config.site.as_ref()).map_or_else(|| word("network-here"), ToString::to_string);
    let any = word("network-any");
    let mut all = Vec::new();
    let inbound = |from: &str, to: &std::net::SocketAddr, protocol, purpose| Connection {
        direction: "in",
        from: from.to_owned(),
        to: format!("{own} ({})", to.ip()),
        port: to.port(),
        protocol,
        purpose,
    };
    for listener in &config.listen.peers {
        for peer in &peers.all {
            let from = format!("{} ({})", peer.site, peer.node);
            all.push(inbound(&from, listener, "TCP, TLS 1.3 (HTTP/2, mutual)", word("network-peers")));
        }
        all.push(inbound(&any, listener, "TCP, TLS 1.3 (HTTP/2, verbund-join)", word("network-join")));
    }
    let admin = word("network-admin-from");
    all.extend(
        config
            .listen
            .admin
            .iter()
            .map(|l| inbound(&admin, l, "TCP, TLS 1.3 (HTTP/2, HTTP/1.1)", word("network-admin"))),
    );
    let monitor = word("network-metrics-from");
    all.extend(config.listen.metrics.iter().map(|l| inbound(&monitor, l, "TCP, HTTP/1.1", word("network-metrics"))));
    all.extend(config.listen.pki.iter().map(|l| inbound(&any, l, "TCP, HTTP/1.1", word("network-pki"))));
    let bundle = |l: &std::net::SocketAddr| inbound(&any, l, "TCP, TLS 1.3 (HTTP/2, HTTP/1.1)", word("network-bundle"));
    all.extend(config.listen.bundle.iter().map(bundle));
    let outbound = |to: String, port, protocol, purpose| Connection {
        direction: "out",
        from: own.clone(),
        to,
        port,
        protocol,
        purpose,
    };
    if let Some(proxy) = &config.proxy {
        let to = proxy.address.host.clone();
        all.push(outbound(to, proxy.address.port, "TCP, HTTP/1.1 CONNECT", word("network-proxy")));
    }
    let through = config.proxy.is_some();
    for peer in &peers.all {
        for address in &peer.addresses {
            let to = format!("{} ({}, {} {})", peer.site, peer.node, address.network, address.host);
            let purpose = if through { word("network-peers-proxy") } else { word("network-peers") };
            all.push(outbound(to, address.port, "TCP, TLS 1.3 (HTTP/2, mutual)", purpose));
        }
    }
    if let Some(syslog) = &config.syslog {
        let to = syslog.address.host.clone();
        all.push(outbound(to, syslog.address.port, "TCP, TLS 1.3 (RFC 5425)", word("network-syslog")));
    }
    all
}

fn table(connections: &[Connection]) -> Table {
    let mut table = Table::new(vec![
        t!("column-direction"),
        t!("column-from"),
        t!("column-to"),
        t!("column-port"),
        t!("column-protocol"),
        t!("column-purpose"),
    ]);
    for c in connections {
        let direction = if c.direction == "in" { t!("network-in") } else { t!("network-out") };
        let (from, to, port) = (c.from.clone(), c.to.clone(), c.port.to_string());
        table.row(vec![direction, from, to, port, c.protocol.to_owned(), c.purpose.clone()]);
    }
    table
}

/// What came of calling one address.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    node: NodeId,
    site: SiteName,
    address: String,
    works: bool,
    millis: u64,
    problem: Option<String>,
}

/// Calls every address of every peer as a stranger would, known by the site's anchor: TCP, proxy, TLS, the right site.
async fn check(app: &App, config: &Config, peers: &Peers) -> Result<Exit, Failure> {
    let proxy = config.proxy.as_ref().map(|proxy| {
        let address = proxy.address.to_string().parse()?;
        let auth = proxy.credentials_file.as_ref().map(ProxyAuth::from_file);
        Ok::<_, Failure>(Proxy { address, auth, except: Vec::new() })
    });
    let dialer = Dialer { proxy: proxy.transpose()?, timeout: Duration::from_secs(5), ..Dialer::default() };
    let mut all = Vec::new();
    for peer in &peers.all {
        for address in &peer.addresses {
            all.push(call(&dialer, peer, address, peers.federation.as_ref()).await);
        }
    }
    app.output.value(&all, || {
        let mut table =
            Table::new(vec![t!("column-site"), t!("column-node"), t!("column-addresses"), t!("column-result")]);
        for tried in &all {
            let result = match &tried.problem {
                None => app.output.paint().paint(Tone::Good, &t!("network-works", millis = tried.millis)),
                Some(problem) => format!("{} {problem}", app.output.paint().paint(Tone::Bad, "✗")),
            };
            table.row(vec![tried.site.to_string(), tried.node.to_string(), tried.address.clone(), result]);
        }
        table.render()
    })?;
    for peer in peers.all.iter().filter(|peer| peer.addresses.is_empty()) {
        say(&t!("network-closed", site = peer.site.to_string(), node = peer.node.to_string()));
    }
    let reached = |peer: &PeerNode| peer.addresses.is_empty() || all.iter().any(|t| t.node == peer.node && t.works);
    Ok(match (peers.all.iter().all(reached), all.iter().all(|tried| tried.works)) {
        (true, true) => Exit::Ok,
        (true, false) => Exit::Warnings,
        (false, _) => Exit::CheckFailed,
    })
}

async fn call(dialer: &Dialer, peer: &PeerNode, address: &Address, federation: Option<&SiteName>) -> Tried {
    let begun = Instant::now();
    // As the errors of the line below are, in one language: programs read it too.
    let mut problem = Some(i18n::text_in(Lang::En, "network-no-anchor", &[]));
    for pin in &peer.pins {
        let domain = federation.map(|name| TrustDomain { site: peer.site.clone(), federation: name.clone() });
        let pinned = Pinned { pin: *pin, domain };
        problem = match address.authority().parse() {
            Ok(target) => dialer.dial_pinned(&[target], &pinned, Alpn::Join, None).await.err().map(|e| e.to_string()),
            Err(error) => Some(format!("{error}")),
        };
        if problem.is_none() {
            break;
        }
    }
    Tried {
        node: peer.node,
        site: peer.site.clone(),
        address: address.to_string(),
        works: problem.is_none(),
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        problem,
    }
}
