//! The daemon: everything a node needs, put together, started and stopped in order.
//!
//! ```text
//! configuration ─▶ enrolment, keys ─▶ trust, identity, lines ─▶ store ─▶ node ─┬▶ API (administration listener)
//!                                                                              ├▶ join protocol (peer listener)
//!                                                                              ├▶ agents of the site's clusters
//!                                                                              ├▶ the controller, while it leads
//!                                                                              ├▶ metrics, syslog sink
//!                                                                              └▶ renewal of the own certificate
//! ```

mod agents;
mod asking;
mod author;
mod backfill;
mod control;
mod directives;
pub mod enrolment;
mod error;
mod http;
mod identity;
mod lists;
mod logging;
mod metrics;
mod notify;
mod port;
mod publish;
mod records;
mod rotation;
mod standing;
mod start;
mod status;
mod syslog;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use verbund_agent_link::Questions;
use verbund_tls::{Acceptor, Listener};

pub use error::ServeError;
pub use lists::ListsMessage;
pub use rotation::RENEW;
pub use start::needs_passphrase;

use agents::AgentDesk;
use asking::Inquirer;
use author::NodeAuthor;
use control::ControlPort;
use enrolment::Enrolment;
use lists::Closing;

use crate::config::Config;
use crate::join::server as join;
use port::Port;
use start::Started;

/// Sets the log up, for other long-running commands.
pub fn log(log: crate::config::Log) {
    logging::init(log);
}

/// Tells systemd that the process serves.
pub fn ready() {
    notify::notify("READY=1");
}

/// How long people and agents wait for directives that this node may have missed.
const HEAR: Duration = Duration::from_secs(1);
/// How long tasks may take to end by themselves.
const GRACE: Duration = Duration::from_secs(8);

/// Runs the daemon until a signal (SIGTERM, SIGINT) or until the node takes part no more. Errors: [`ServeError`], also for
/// a node that halted by itself.
pub async fn run(config: Config) -> Result<(), ServeError> {
    logging::init(config.log);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.data_dir.display(), "verbund starts");
    let admin = bind(&config.listen.admin, "listen.admin").await?;
    let metrics = bind(&config.listen.metrics, "listen.metrics").await?;
    let pki = bind(&config.listen.pki, "listen.pki").await?;
    let bundle = bind(&config.listen.bundle, "listen.bundle").await?;
    let agents = bind(&config.listen.agents, "listen.agents").await?;
    let peers = bind(&config.listen.peers, "listen.peers").await?;
    let started = start::start(&config).await?;
    let (stop_sender, stop) = watch::channel(false);
    // What has no end of its own, and is cut off; and what ends when told.
    let (mut endless, mut tasks) = (JoinSet::new(), JoinSet::new());
    for listener in peers {
        let acceptor = acceptor(&started, listener, Listener::Peers { joining: true }, &config)?;
        let lines = started.lines.clone();
        endless.spawn(async move { lines.serve(acceptor).await });
    }
    // Whoever was excluded while this node was away may be the first at the door: people and agents wait, but not for long, as a
    // site that is cut off serves its own. For peers the node itself waits.
    if !started.node.heard_directives(HEAR).await {
        tracing::warn!(waited = ?HEAR, "too few sites have told their directives yet: this site serves with those that it knows");
    }
    spawn_control(&started, &mut endless);
    let questions = Questions::new();
    spawn_agents(&config, &started, &questions, agents, &stop, &mut endless, &mut tasks)?;
    let Enrolment { node, site, .. } = &started.enrolment;
    let inquirer = Inquirer::start(&started.node, *node, site.clone(), questions);
    let shutdown = CancellationToken::new();
    spawn_services(&config, &started, inquirer, admin, metrics, &stop, &shutdown, &mut tasks)?;
    spawn_publishing(&config, &started, pki, bundle, &stop, &mut tasks)?;
    tracing::info!(node = %started.enrolment.node, site = %started.enrolment.site, "verbund serves");
    notify::notify("READY=1");
    let ended = wait(&started).await;
    notify::notify("STOPPING=1");
    shutdown.cancel();
    // Receivers may be gone already.
    let _ = stop_sender.send(true);
    let finished = finish(started, tasks, ended).await;
    endless.shutdown().await;
    finished
}

fn spawn_services(
    config: &Config,
    started: &Started,
    inquirer: Inquirer,
    admin: Vec<TcpListener>,
    metrics: Vec<TcpListener>,
    stop: &watch::Receiver<bool>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), ServeError> {
    let port = Arc::new(Port::new(started, config, inquirer));
    let settings = verbund_api::Settings { shutdown: shutdown.clone(), ..verbund_api::Settings::default() };
    let closing = Closing { trust: started.trust.clone(), own: started.identity.id().trust_domain };
    let api = verbund_api::router(port.clone(), settings);
    let api = api.layer(axum::middleware::from_fn_with_state(closing, lists::closed));
    for listener in admin {
        let acceptor = acceptor(started, listener, Listener::Admin, config)?;
        tasks.spawn(http::serve_admin(acceptor, api.clone(), stop.clone()));
    }
    for listener in metrics {
        let router = metrics::router(started.node.clone(), started.trust.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = http::serve_plain(listener, router, stop).await {
                tracing::error!(%error, "metrics are served no more");
            }
        });
    }
    let joins = started.take_joins();
    if let Some(joins) = joins {
        let router = join::router(started.node.clone(), started.genesis.clone());
        let router = router.merge(lists::router(started.lists.clone()));
        tasks.spawn(http::serve_joins(joins, router, stop.clone()));
    }
    tasks.spawn(identity::keep_fresh(
        started.keys.clone(),
        started.certified.clone(),
        started.identity.clone(),
        stop.clone(),
    ));
    let given_up = started.given_up.clone();
    tasks.spawn(standing::run(started.node.clone(), start::dialer(config)?, given_up, stop.clone()));
    let directory = config.data_dir.clone();
    tasks.spawn(backfill::run(started.node.clone(), started.genesis.clone(), directory, stop.clone()));
    if let Some(syslog) = &config.syslog {
        let records = Arc::new(records::Archived::new(started.node.archive()));
        let applied = records::applied(started.node.clone(), stop.clone());
        let (settings, origin) = (syslog::Settings::of(syslog), started.origin());
        tasks.spawn(syslog::run(settings, origin, records, applied, stop.clone()));
    }
    Ok(())
}

/// What anybody may fetch: revocation lists and CA certificates, bundles; and the exchange of lists with other nodes.
fn spawn_publishing(
    config: &Config,
    started: &Started,
    pki: Vec<TcpListener>,
    bundle: Vec<TcpListener>,
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<(), ServeError> {
    let published = publish::Published::new(started);
    for listener in pki {
        let (router, stop) = (publish::plain(published.clone()), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = http::serve_plain(listener, router, stop).await {
                tracing::error!(%error, "revocation lists are served no more");
            }
        });
    }
    for listener in bundle {
        let acceptor = acceptor(started, listener, Listener::Admin, config)?;
        tasks.spawn(http::serve_admin(acceptor, publish::bundles(published.clone()), stop.clone()));
    }
    tasks.spawn(started.lists.clone().keep_current(stop.clone()));
    tasks.spawn(rotation::Rotation::new(started, config).run(stop.clone()));
    let (lists, node) = (started.lists.clone(), started.node.clone());
    tasks.spawn(lists::Exchange { lists, node, dialer: start::dialer(config)? }.run(stop.clone()));
    Ok(())
}

/// What the leader watches over; at every node, since any may come to lead.
fn spawn_control(started: &Started, endless: &mut JoinSet<()>) {
    // A panic while the lock was held leaves the keys as they were.
    let signer = started.keys.lock().unwrap_or_else(PoisonError::into_inner).node_key();
    let author = NodeAuthor::new(started.node.clone(), started.enrolment.federation, signer);
    let port = Arc::new(ControlPort { node: started.node.clone(), author });
    endless.spawn(verbund_control::Controller::new(port).run());
}

/// The listeners for agents of this site's clusters, with one desk behind all of them.
fn spawn_agents(
    config: &Config,
    started: &Started,
    questions: &Questions,
    listeners: Vec<TcpListener>,
    stop: &watch::Receiver<bool>,
    endless: &mut JoinSet<()>,
    tasks: &mut JoinSet<()>,
) -> Result<(), ServeError> {
    if listeners.is_empty() {
        return Ok(());
    }
    let site = started.enrolment.site.clone();
    let desk = Arc::new(AgentDesk::new(started.node.clone(), site, started.keys.clone()));
    endless.spawn(desk.clone().knock());
    for listener in listeners {
        let acceptor = acceptor(started, listener, Listener::Admin, config)?;
        let incoming = acceptor.map(|accepted| Ok::<_, std::io::Error>(accepted.stream));
        let (desk, own, questions) = (desk.clone(), started.identity.id().trust_domain, questions.clone());
        let mut stop = stop.clone();
        tasks.spawn(async move {
            let told = async move { drop(stop.wait_for(|stop| *stop).await) };
            if let Err(error) = verbund_agent_link::serve(desk, own, questions, incoming, told).await {
                tracing::error!(%error, "agents are served no more");
            }
        });
    }
    Ok(())
}

async fn bind(addresses: &[std::net::SocketAddr], setting: &'static str) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.map_err(|source| ServeError::Bind { setting, address: *address, source })?);
    }
    Ok(listeners)
}

fn acceptor(started: &Started, listener: TcpListener, kind: Listener, config: &Config) -> Result<Acceptor, ServeError> {
    let limits = start::limits(&config.limits);
    Acceptor::start(listener, kind, started.trust.clone(), &started.identity, limits).map_err(ServeError::Tls)
}

/// Why the daemon ends: `None` for a signal.
async fn wait(started: &Started) -> Option<String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => None,
        _ = tokio::signal::ctrl_c() => None,
        why = started.node.stopped() => Some(why),
    }
}

async fn finish(started: Started, mut tasks: JoinSet<()>, ended: Option<String>) -> Result<(), ServeError> {
    if ended.is_none() {
        tracing::info!("verbund stops: leadership is handed over, the log is closed");
    }
    let closed = started.node.shutdown().await;
    let drained = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tasks.abort_all();
    }
    match (ended, closed) {
        (Some(why), _) => Err(ServeError::Halted { why }),
        (None, Err(error)) => Err(ServeError::Close(error)),
        (None, Ok(())) => {
            tracing::info!("verbund has stopped");
            Ok(())
        }
    }
}
