//! The proxy of one space.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::connection::forward;
use crate::command::run_with;
use crate::network;
use crate::space::Space;

/// What the proxy's own connections carry, so that they are not led to it again.
pub(super) const MARK: u32 = 0x7662;

/// How long it takes to each address, one way.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays(Arc<Mutex<BTreeMap<Ipv4Addr, Duration>>>);

impl Delays {
    pub(super) fn to(&self, address: Ipv4Addr) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&address).copied().unwrap_or_default()
    }
}

/// Delays TCP connections that are opened inside one space, its pods included.
#[derive(Debug)]
pub(crate) struct Proxy {
    space: Space,
    slot: u8,
    port: u16,
    delays: Delays,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts it, delaying nothing yet.
    pub(crate) fn start(space: Space, slot: u8) -> Result<Self> {
        let delays = Delays::default();
        let (stop, stopped) = oneshot::channel();
        let (told, port) = mpsc::channel();
        let (inside, shared) = (space.clone(), delays.clone());
        let thread = std::thread::Builder::new().name(format!("delay {}", space.name())).spawn(move || {
            // Sockets belong to the namespace of the thread that opens them, so all happens on this one.
            let listening = inside.enter_thread().and_then(|()| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
                let port = listener.local_addr()?.port();
                Ok((runtime, listener, port))
            });
            match listening {
                Ok((runtime, listener, port)) => {
                    let _ = told.send(Ok(port));
                    runtime.block_on(serve(listener, shared, stopped));
                }
                Err(error) => {
                    let _ = told.send(Err(error));
                }
            }
        })?;
        let port = port.recv().map_err(|_| anyhow!("the proxy of {} ended", space.name()))?;
        let port = port.with_context(|| format!("starting the proxy of {}", space.name()))?;
        Ok(Self { space, slot, port, delays, stop: Some(stop), thread: Some(thread) })
    }

    /// Connections to `address` that are opened from now on take `one_way` longer in each direction; zero lets them go
    /// directly again. Those that go through the proxy already follow every change.
    pub(crate) fn delay(&self, address: Ipv4Addr, one_way: Duration) -> Result<()> {
        let addresses = {
            let mut delays = self.delays.0.lock().unwrap_or_else(PoisonError::into_inner);
            if one_way.is_zero() {
                delays.remove(&address);
            } else {
                delays.insert(address, one_way);
            }
            delays.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        let rules = rules(&addresses, self.port);
        let mut nft = network::inside(self.slot, self.space.name());
        run_with(nft.args(["nft", "-f", "-"]), &rules).context("leading connections through the proxy")?;
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, delays: Delays, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { tokio::spawn(serve_one(stream, delays.clone(), listener.local_addr().ok().map_or(0, |own| own.port()))); }
                // Too many open files, or a client that left at once: the next one may fare better.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn serve_one(stream: TcpStream, delays: Delays, own_port: u16) {
    let Some(target) = target(&stream) else { return };
    // Somebody who found the port and speaks to the proxy itself would be led round in circles.
    if target.port() == own_port {
        return;
    }
    forward(stream, target, &delays).await;
}

/// Where the connection was going before it was led here.
fn target(stream: &TcpStream) -> Option<SocketAddrV4> {
    SockRef::from(stream).original_dst_v4().ok()?.as_socket_ipv4()
}

fn rules(addresses: &[String], port: u16) -> String {
    let drop = "table ip delay\ndelete table ip delay\n";
    if addresses.is_empty() {
        return drop.to_owned();
    }
    let lead = format!("ip daddr {{ {} }} meta l4proto tcp redirect to :{port}", addresses.join(", "));
    format!(
        "{drop}table ip delay {{\n chain programs {{\n  type nat hook output priority -100\n  meta mark {MARK:#x} return\n  \
         {lead}\n }}\n chain pods {{\n  type nat hook prerouting priority dstnat\n  iifname \"cni0\" {lead}\n }}\n}}\n"
    )
}
