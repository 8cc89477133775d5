//! The transport whose trust is live (design 3.7): rustls, TLS 1.3 only, mutual, judged by the replicated bundle at
//! every handshake and again, for every open connection, whenever the bundle changes.
//!
//! What it offers, from the inside out:
//! - [`Bundle`] and [`Trust`]: which certificate speaks for whom. A certificate counts only under the anchors that the
//!   bundle lists for the very trust domain of its name. A change closes the connections that no longer qualify.
//! - [`LiveIdentity`]: our own chain and key, replaced without a restart.
//! - [`Acceptor`] and [`Dialer`]: bounded handshakes in, several addresses and an HTTP CONNECT proxy out.
//! - [`Lines`]: byte streams named by node, whichever side dialled; a site may accept nothing inbound.
//! - [`may_call`]: which service a certificate may call follows from its name.
//!
//! **Never in this crate**: session resumption, tickets or 0-RTT (they skip the judgement: reliability, finding 3); a
//! verifier that does not know whom it expects; the making of keys or certificates (`verbund-keys`); knowledge of Raft,
//! of the replicated state, or of any RPC's content; private keys or proxy passwords in a log or message.

mod acceptor;
mod address;
mod alpn;
mod bundle;
mod certificate;
mod config;
mod connector;
mod dialer;
mod identity;
mod judge;
mod keeper;
mod limits;
mod line;
mod lines;
mod lists;
mod peer;
mod pin;
mod profile;
mod proxy;
mod revocation;
mod service;
mod socket;
mod switch;
mod trust;
mod trust_error;
mod verifier;
mod waiting;

pub use acceptor::{Accepted, Acceptor, Listener};
pub use address::{Address, AddressError};
pub use alpn::Alpn;
pub use bundle::{Bundle, Domain, DomainFault};
pub use certificate::{Certificate, CertificateError};
pub use connector::{ConnectError, Connector};
pub use dialer::{AttemptError, DialError, Dialer, Ends};
pub use identity::{IdentityError, LiveIdentity, renew_at};
pub use judge::Role;
pub use keeper::{KeepSettings, Keeper};
pub use limits::{Counters, Limits};
pub use line::Line;
pub use lines::{Inbound, Incoming, Lines, LinesSettings, Route};
pub use lists::{HeldList, Taken};
pub use peer::{Caller, Direction, Peer};
pub use pin::{Pin, Pinned};
pub use profile::provider;
pub use proxy::{Proxy, ProxyAuth, ProxyError};
pub use revocation::{RevocationError, RevocationList};
pub use service::{Service, may_call};
pub use trust::{Applied, BundleError, Closed, Trust};
pub use trust_error::TrustError;
pub use verifier::Expected;
