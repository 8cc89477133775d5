//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::{CipherSuite, NamedGroup};
use verbund_identity::SpiffeId;
use verbund_model::{Hash, KeyId};

use crate::alpn::Alpn;
use crate::service::{Service, may_call};

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The peer dialled us.
    Accepted,
    /// We dialled the peer.
    Dialled,
}

/// A peer that proved its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub id: SpiffeId,
    /// Who dialled.
    pub direction: Direction,
    /// The other end's address (of the proxy, when we dialled through one).
    pub remote: SocketAddr,
    /// What the connection is for.
    pub alpn: Alpn,
    /// SHA-256 of its certificate in DER.
    pub fingerprint: Hash,
    /// The id of its certificate's key.
    pub key: KeyId,
    /// When its certificate ends, Unix seconds.
    pub not_after: i64,
    /// The cipher suite in use.
    pub suite: CipherSuite,
    /// The key exchange group that was used.
    pub group: NamedGroup,
    /// When the handshake ended.
    pub since: SystemTime,
}

/// What a server learns of the connection that a request came over; tonic puts it into the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The peer, or `None` if it gave no certificate: a joiner, or a guest of the administration listener.
    pub peer: Option<Arc<Peer>>,
    /// What the connection is for.
    pub alpn: Alpn,
    /// The other end's address.
    pub remote: SocketAddr,
}

impl Caller {
    /// Whether the caller may call `service`: its name decides (design 3.7).
    #[must_use]
    pub fn may_call(&self, service: Service) -> bool {
        may_call(self.peer.as_ref().map(|peer| &peer.id.subject), service)
    }
}
