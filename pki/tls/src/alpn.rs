//! ALPN protocol ids (RFC 7301): they name who speaks HTTP/2 as the client on a connection.

use std::fmt;

/// What a connection is for, agreed in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alpn {
    /// Between nodes; the dialler is the HTTP/2 client.
    Peer,
    /// Between nodes; the dialler *serves* HTTP/2, the acceptor is the client.
    Reverse,
    /// A joiner calls: no client certificate, the server is known by a pin.
    Join,
    /// HTTP/2 on the administration listener (RFC 9113).
    H2,
    /// HTTP/1.1 on the administration listener (RFC 9112).
    Http1,
}

impl Alpn {
    /// Every protocol, for tables.
    pub const ALL: [Self; 5] = [Self::Peer, Self::Reverse, Self::Join, Self::H2, Self::Http1];

    /// The protocol id as it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "verbund-peer/1",
            Self::Reverse => "verbund-reverse/1",
            Self::Join => "verbund-join/1",
            Self::H2 => "h2",
            Self::Http1 => "http/1.1",
        }
    }

    /// The protocol with that id, if it is one of ours.
    #[must_use]
    pub fn from_wire(id: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|alpn| alpn.as_str().as_bytes() == id)
    }

    pub(crate) fn wire(self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }
}

impl fmt::Display for Alpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
