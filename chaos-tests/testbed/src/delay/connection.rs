//! One delayed connection.

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::proxy::{Delays, MARK};

/// Most bytes read at once, and most such pieces under way: with 16 MiB on the way, reading pauses.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 256;

/// Connects `stream` with `target` and carries bytes both ways, each later by the delay. The target's side is opened after
/// a round trip, as its handshake would take. If that fails, or either side breaks, both are reset.
pub(super) async fn forward(mut stream: TcpStream, target: SocketAddrV4, delays: &Delays) {
    let delay = || delays.to(*target.ip());
    sleep(delay() * 2).await;
    let Ok(mut other) = connect(target).await else {
        reset(&stream);
        return;
    };
    let ended = {
        let ((from_here, to_here), (from_there, to_there)) = (stream.split(), other.split());
        tokio::try_join!(carry(from_here, to_there, delay), carry(from_there, to_here, delay))
    };
    if ended.is_err() {
        reset(&stream);
        reset(&other);
    }
}

async fn connect(target: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_mark(MARK)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    TcpSocket::from_std_stream(socket.into()).connect(target.into()).await
}

/// Carries until the end of `from`, which is passed on as an end, not a break.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, delay: impl Fn() -> Duration) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Bytes)>(PIECES);
    let reading = async move {
        loop {
            let mut piece = vec![0; PIECE];
            let count = from.read(&mut piece).await?;
            piece.truncate(count);
            // An empty piece is the end. The receiver is there for as long as this is: both are polled together.
            let sent = sender.send((Instant::now(), piece.into())).await;
            if count == 0 || sent.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((read, piece)) = pieces.recv().await {
            sleep_until(read + delay()).await;
            match piece.is_empty() {
                true => to.shutdown().await?,
                false => to.write_all(&piece).await?,
            }
        }
        Ok(())
    };
    tokio::try_join!(reading, writing).map(drop)
}

fn reset(stream: &TcpStream) {
    // With a linger of zero, closing sends RST instead of FIN.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
