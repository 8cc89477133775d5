//! One member of the federation's log: openraft and the peer transport, wired to machine, store and TLS.
//!
//! [`NodeHandle`] is the whole of it to the outside: writes ([`NodeHandle::submit`]) and linearizable reads
//! ([`NodeHandle::read`]) at any node, a feed of changes ([`NodeHandle::watch`]), and how the node is doing
//! ([`NodeHandle::status`]). Inside:
//! - `raft`: the only module that names openraft's types (log, state machine, snapshots, network, codec).
//! - `service`: what peers may call. The certificate, the state's word on its node, and the message must agree before
//!   Raft sees anything; memberships and stamps are judged before they are appended (formats 5 and 8).
//! - `heads`: signed heads, exchanged outside the log: forks stop writes, liars are proved guilty, checkpoints are made
//!   (formats 9 and 10).
//! - `directives`: what m coordinators ordered is carried out at once, without the log, told to every peer, and answered
//!   with a receipt (design 3.6, 7).
//! - `inquiry`: questions of people that daemons carry to each other, and nobody keeps.
//! - `lease`: this voter's part in leases, signs of life between sites, and statements of what was found (lease.md).
//! - `members`, `transport`: Raft's members, trust and routes follow the applied state.
//!
//! **Never in this crate**: a decision about who may do what (that is apply's); private keys; a clock that apply could
//! see; an answer to a peer before its certificate, standing and message were compared.

mod alarm;
mod clock;
mod config;
mod counters;
mod directives;
mod edge;
mod events;
mod heads;
mod inquiry;
mod lease;
mod members;
mod node;
mod peers;
mod proto;
mod published;
mod raft;
mod read;
mod refusal;
mod repeats;
mod ring;
mod served;
mod service;
mod shared;
mod status;
mod submit;
#[cfg(feature = "tamper")]
pub mod tamper;
mod told;
mod transport;
mod verifier;

pub use alarm::{Alarm, ClearError, RaisedAlarm};
pub use clock::{Clock, SystemClock};
pub use config::{NodeConfig, NodeParts, StartError};
pub use counters::Counts;
pub use directives::{HeldDirective, NotTaken, Taken};
pub use events::{Gone, Watch};
pub use heads::{HeadSettings, HeadSigner};
pub use inquiry::{Inquiries, MAX_ANSWER, MAX_QUESTION, NoAnswer};
pub use lease::{Found, RenewalResult, boottime};
pub use node::NodeHandle;
pub use raft::config::{Timing, TimingError};
pub use read::ReadError;
pub use status::{Connection, PeerStatus, Role, Status};
pub use submit::{SubmitError, Submitted};
pub use transport::{bundle_of, routes_of};
