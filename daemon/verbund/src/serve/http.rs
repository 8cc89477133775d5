//! Serving axum routers on TLS lines and on plain listeners.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use futures::StreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Service as _;
use verbund_api::Caller;
use verbund_tls::{Acceptor, Incoming, Line};

/// Header block and concurrent streams of one connection: more than any client of ours uses.
const MAX_HEADERS: u32 = 64 * 1024;
const MAX_STREAMS: u32 = 1024;
/// A caller that sends its request head more slowly is not waited for.
const HEAD: Duration = Duration::from_secs(15);
/// Nor is one that takes a connection's place and asks nothing on it: what HTTP itself bounds begins with the first byte.
const FIRST: Duration = Duration::from_secs(15);
/// How long open requests may go on after the daemon was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Serves the administration listener until `stop`; each request carries its [`Caller`].
pub async fn serve_admin(mut acceptor: Acceptor, router: Router, mut stop: watch::Receiver<bool>) {
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.next() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some(accepted) = accepted else { break };
        let caller = Caller::from_certificate(accepted.peer.as_ref().map(|peer| peer.id.clone()));
        let remote = accepted.stream.caller().remote;
        serve_line(accepted.stream, router.clone(), Extensions { caller: Some(caller), source: remote.ip() }, &open);
    }
    drain(open).await;
}

/// Serves joiners until `stop`; each request carries its source as an [`IpAddr`].
pub async fn serve_joins(mut joins: Incoming, router: Router, mut stop: watch::Receiver<bool>) {
    let open = GracefulShutdown::new();
    loop {
        let line = tokio::select! {
            line = joins.next() => line,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some(Ok(line)) = line else { break };
        let source = line.caller().remote.ip();
        serve_line(line, router.clone(), Extensions { caller: None, source }, &open);
    }
    drain(open).await;
}

/// Serves a plain listener (metrics) until `stop`.
pub async fn serve_plain(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .await
}

#[derive(Clone)]
struct Extensions {
    caller: Option<Caller>,
    source: IpAddr,
}

fn serve_line(line: Line, router: Router, extensions: Extensions, open: &GracefulShutdown) {
    let extensions = Arc::new(extensions);
    let asked = Arc::new(AtomicBool::new(false));
    let has_asked = asked.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        asked.store(true, Ordering::Relaxed);
        if let Some(caller) = &extensions.caller {
            request.extensions_mut().insert(caller.clone());
        }
        request.extensions_mut().insert(extensions.source);
        router.clone().call(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADERS)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(Some(32))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(line), service).into_owned();
    let watched = open.watch(connection);
    tokio::spawn(async move {
        let mut watched = std::pin::pin!(watched);
        let ended = match tokio::time::timeout(FIRST, watched.as_mut()).await {
            Ok(ended) => ended,
            Err(_) if has_asked.load(Ordering::Relaxed) => watched.await,
            Err(_) => {
                tracing::debug!("a connection on which nothing was asked is closed");
                return;
            }
        };
        if let Err(error) = ended {
            // Callers break off all the time: not worth more than a word to who looks for it.
            tracing::debug!(error, "a connection ended early");
        }
    });
}

async fn drain(open: GracefulShutdown) {
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::info!("requests that were still open have been cut off");
    }
}
