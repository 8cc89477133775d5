//! The agent's driver for Kubernetes: what `verbund-agent-core` decides, done through an API server (design 6).
//!
//! - **Writes** are server-side applies under one field manager, by force; every removal names the very object (its uid) and
//!   looks for the owner's label first. Kinds come from discovery; one that is unknown is looked for once more.
//! - **Rights**: with its own the agent touches only what every namespace has. All that comes from a manifest goes through
//!   the ServiceAccount of the workload (`Impersonate-User`), which RBAC and an admission policy confine to its namespace
//!   (`deploy/kubernetes`).
//! - **Seeing**: pods and namespaces are watched, so that a stop is noticed at once; other objects are listed, for each workload
//!   through its own ServiceAccount, when something happened and each [`Options::resync`]. What is listed is read from the
//!   store, never from a cache: a receipt rests on it.
//! - **Gone** means that the kubelet said so. Before a pod of an exclusive workload is deleted it gets a finalizer, so that its
//!   last status stays until it was read, also across a dropped watch or a restart of the agent; a pod that vanished
//!   without that word is kept as unconfirmed (see [`mod@ghosts`]).
//! - **Faults**: 429, 5xx, time-outs and broken connections are tried again with growing pauses, for a bounded time; every
//!   operation may be repeated.
//!
//! **Never in this crate**: decisions about what should run (they are in `verbund-agent-core`), leases, and anything that reads
//! or writes outside the API server.

mod api;
mod binding;
mod changes;
mod connect;
mod driver;
mod error;
mod events;
pub mod ghosts;
mod kinds;
mod logs;
mod measure;
mod nodes;
mod objects;
mod pods;
mod quantity;
mod requests;
mod stop;
mod watches;

pub use connect::{ConnectError, Connection, connect};
pub use driver::{KubeDriver, Options};
pub use error::KubeError;
pub use quantity::Quantity;
pub use stop::FINALIZER;
