//! Sockets inside sites.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use verbund_testbed::Space;

/// How long is waited for what must not come, and at least for what must.
pub const SHORT: Duration = Duration::from_millis(700);
/// How long is waited for what must come.
pub const LONG: Duration = Duration::from_secs(60);

/// Listens in a space and sends back whatever comes, for as long as the test runs. Each connection is first greeted with the
/// address from which it seems to come.
pub fn echo(space: &Space) -> Result<SocketAddr> {
    let address = space.address();
    let listener = space.within(move || TcpListener::bind((address, 0)))??;
    let bound = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = stream;
                let peer = stream.peer_addr()?.ip();
                stream.write_all(format!("{peer:<16}").as_bytes())?;
                let mut copy = stream.try_clone()?;
                std::io::copy(&mut copy, &mut stream).map(drop)
            });
        }
    });
    Ok(bound)
}

/// A connection to [`echo`] from inside a space.
pub struct Line {
    stream: TcpStream,
    /// The address that the other side sees.
    pub seen_as: String,
}

impl Line {
    /// Connects. Errors: no connection, or no greeting, within `bound` each.
    pub fn open(space: &Space, to: SocketAddr, bound: Duration) -> Result<Self> {
        let mut stream = space.within(move || TcpStream::connect_timeout(&to, bound))??;
        stream.set_read_timeout(Some(bound))?;
        stream.set_nodelay(true)?;
        let mut greeting = [0; 16];
        stream.read_exact(&mut greeting).context("the greeting")?;
        Ok(Self { stream, seen_as: String::from_utf8_lossy(&greeting).trim().to_owned() })
    }

    /// Sends a letter.
    pub fn send(&mut self, letter: u8) -> Result<()> {
        Ok(self.stream.write_all(&[letter])?)
    }

    /// The next letter that comes back. Errors: none within `bound`.
    pub fn receive(&mut self, bound: Duration) -> Result<u8> {
        self.stream.set_read_timeout(Some(bound))?;
        let mut letter = [0];
        self.stream.read_exact(&mut letter).context("waiting for an answer")?;
        Ok(letter[0])
    }
}

/// A UDP socket in a space.
pub fn datagrams(space: &Space) -> Result<UdpSocket> {
    let address = space.address();
    Ok(space.within(move || UdpSocket::bind((address, 0)))??)
}

/// How many of `count` datagrams arrive; a last look waits `wait`.
pub fn arrived(from: &UdpSocket, to: &UdpSocket, count: u32, wait: Duration) -> Result<u32> {
    let target = to.local_addr()?;
    to.set_nonblocking(true)?;
    let mut arrived = 0;
    let take = |arrived: &mut u32| {
        while to.recv(&mut [0; 8]).is_ok() {
            *arrived += 1;
        }
    };
    for _ in 0..count {
        from.send_to(b"x", target)?;
        take(&mut arrived);
    }
    let start = Instant::now();
    while arrived < count && start.elapsed() < wait {
        std::thread::sleep(Duration::from_millis(10));
        take(&mut arrived);
    }
    Ok(arrived)
}

/// Hears on the machine itself, out of band, who is alive: whoever connects.
pub struct Recorder {
    listener: TcpListener,
}

impl Recorder {
    pub fn new(host: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((host, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    pub fn port(&self) -> Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Forgets what came before and waits until somebody at `from` connects. Errors: nobody within `bound`.
    pub fn hears(&self, from: Ipv4Addr, bound: Duration) -> Result<()> {
        while self.listener.accept().is_ok() {}
        let start = Instant::now();
        while start.elapsed() < bound {
            match self.listener.accept() {
                Ok((_, sender)) if sender.ip() == from => return Ok(()),
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        anyhow::bail!("nothing was heard from {from} for {bound:?}")
    }
}
