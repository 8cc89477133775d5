//! What an agent and its site's daemon say to each other: gRPC over a TLS connection that the agent dials.
//!
//! - The daemon implements [`Desk`] and serves it with [`serve`] on a listener of its own.
//! - The agent uses [`Link`]: [`Link::watch`] gives the desired state, first whole and read linearizably, then its changes;
//!   [`Link::renew`] passes a renewal of the lease on to the voters and gives each one's answer; [`Link::submit`] brings signed
//!   envelopes; [`Link::asked`] answers what a daemon asks (logs and events of a workload).
//!
//! Who calls, the certificate says: `spiffe://<trust domain>/agent/<cluster>` of the site's own trust domain. Nothing that passes
//! here is believed for having passed: envelopes are judged by every replica, the lease is counted by its holder.
//!
//! **Never in this crate**: decisions of an agent or of a daemon, keys, and the replicated state.

mod client;
mod desk;
mod dial;
mod message;
mod server;
#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod proto {
    tonic::include_proto!("verbund.agent.v1");
}

pub use client::{Answers, Asked, Link, LinkError, Update, Watch};
pub use desk::{Desk, DeskError, Heard, Hears};
pub use dial::{DialAs, DialTarget, Dialled};
pub use message::{Certified, Membership, Refusal, Sessions};
pub use server::{Asking, Questions, serve};
pub use verbund_agent_core::{Found, Question};

/// The most bytes of one message: a copy's manifests fit in an envelope, and so in this.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// The most workloads of which an agent may say that it has something.
pub const MAX_HAVE: usize = 100_000;
