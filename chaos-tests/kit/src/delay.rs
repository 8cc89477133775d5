//! A link that takes its time: what goes through arrives later, in order, and nothing is lost.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Most bytes read at once, and most such pieces under way.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 256;

/// A port of loopback behind which another one is, later by the delay each way.
#[derive(Debug)]
pub struct Delayed {
    port: u16,
    task: AbortHandle,
}

impl Delayed {
    /// Opens the link to `target` on loopback. Must be called within a tokio runtime. Errors: no port is free.
    pub fn open(target: u16, delay: Duration) -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, crate::ports::Ports::free()?))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = TcpListener::from_std(listener)?;
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, target, delay));
            }
        });
        Ok(Self { port, task: task.abort_handle() })
    }

    /// Where the link begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Delayed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries bytes both ways. The other side is opened after a round trip, as its handshake would take.
async fn forward(stream: TcpStream, target: SocketAddr, delay: Duration) {
    sleep(delay * 2).await;
    let Ok(other) = TcpStream::connect(target).await else { return };
    // Without it small pieces wait for others, which is no part of the delay.
    let (_, _) = (stream.set_nodelay(true), other.set_nodelay(true));
    let ((from_here, to_here), (from_there, to_there)) = (stream.into_split(), other.into_split());
    tokio::join!(carry(from_here, to_there, delay), carry(from_there, to_here, delay));
}

/// Carries until either side ends; its end is passed on by the drop of the writing half.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let reading = async move {
        loop {
            let mut piece = vec![0; PIECE];
            let Ok(count) = from.read(&mut piece).await else { return };
            piece.truncate(count);
            if count == 0 || sender.send((Instant::now(), piece)).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((read, piece)) = pieces.recv().await {
            sleep_until(read + delay).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // A half that is shut already is what is wanted.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_through_comes_later_and_whole() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let delay = Duration::from_millis(60);
        let link = Delayed::open(server.local_addr().unwrap().port(), delay).unwrap();
        let echo = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.unwrap()
        });
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        stream.write_all(b"first").await.unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.unwrap();
        let begun = Instant::now();
        let text = vec![7; 300_000];
        let (mut from, mut to) = stream.split();
        let mut back = vec![0; text.len()];
        let (written, read) = tokio::join!(to.write_all(&text), from.read_exact(&mut back));
        written.unwrap();
        read.unwrap();
        assert!(back == text && begun.elapsed() >= 2 * delay, "{:?}", begun.elapsed());
        to.shutdown().await.unwrap();
        assert_eq!(echo.await.unwrap(), 300_005);
    }
}
