//! Directives at this node: kept, carried out at once, told to every peer, and answered with a receipt (design 3.6, 7).
//!
//! A directive needs neither the log nor a leader: the signatures of m coordinators are on it, and whoever brings it is not
//! believed. [`Depot`] keeps them on disk, [`Marshal`] takes them from wherever they come and lets them take effect,
//! [`Spread`] tells the peers, and [`Hearing`] asks them for what this node missed before it lets anybody in.
//!
//! **Never in here**: a change of the replicated state (the log records a directive later, by a command like any other); a
//! directive that acts before it is durable; a receipt before everything is closed.

mod depot;
mod file;
mod hear;
mod marshal;
mod message;
mod node;
mod refused;
mod spread;

pub use depot::HeldDirective;
pub use marshal::Taken;
pub use refused::NotTaken;

pub(crate) use depot::Depot;
pub(crate) use hear::Hearing;
pub(crate) use marshal::Marshal;
pub(crate) use message::{MAX_EXCHANGE, answering};
pub(crate) use spread::Spread;
