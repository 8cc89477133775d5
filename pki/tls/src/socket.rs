//! Settings of TCP sockets, so that a peer that vanished is noticed although nothing is sent.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Silence before the first probe.
const IDLE: Duration = Duration::from_secs(15);
/// Time between probes.
const INTERVAL: Duration = Duration::from_secs(5);
/// Probes without an answer until the connection counts as dead.
const RETRIES: u32 = 3;
/// How long sent bytes may stay unacknowledged (RFC 5482).
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Prepares a connected socket. Errors: the system's, when the socket is gone already.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(RETRIES))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}
