//! The way to the desk.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use crate::wire::ANSWER;

/// A socket to each address of the desk, none of which ever blocks. What cannot be sent counts as lost: the next question
/// comes soon.
#[derive(Debug)]
pub struct Line {
    desks: Vec<SocketAddr>,
    sockets: Vec<UdpSocket>,
}

impl Line {
    /// A line to these addresses.
    pub fn new(desks: Vec<SocketAddr>) -> Self {
        let mut line = Self { desks, sockets: Vec::new() };
        line.renew();
        line
    }

    /// Takes other ports: what translates addresses on the way may still remember an agent that is gone. An address that
    /// cannot be reached now (no route yet) is tried again the next time.
    pub fn renew(&mut self) {
        self.sockets = self.desks.iter().filter_map(|desk| open(*desk).ok()).collect();
    }

    /// Sends a question to every address.
    pub fn ask(&mut self, question: &[u8]) {
        if self.sockets.len() < self.desks.len() {
            self.renew();
        }
        for socket in &self.sockets {
            // Refused, no route, no buffer: all the same to who counts from its own send.
            let _lost = socket.send(question);
        }
    }

    /// What to wait on.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(AsFd::as_fd)
    }

    /// Datagrams that have come, at most 64 at a time so that a flood cannot keep the guard from its clock.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for socket in &self.sockets {
            // One byte more than an answer has: what is longer is seen to be none.
            let mut buffer = [0; ANSWER + 1];
            while all.len() < 64 {
                match socket.recv(&mut buffer) {
                    Ok(length) => all.push(buffer[..length].to_vec()),
                    // An earlier question was refused (ICMP): told once for each, there may be an answer behind it.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => break,
                }
            }
        }
        all
    }
}

fn open(desk: SocketAddr) -> io::Result<UdpSocket> {
    let any = match desk {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected: the kernel drops what comes from elsewhere.
    socket.connect(desk)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
