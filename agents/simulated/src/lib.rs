//! An embedded cluster for the demo and for simulations: it takes what an agent applies, and its pods start, become ready,
//! fail and stop, so that nothing needs to be installed (design 6).
//!
//! Time is virtual: nothing happens but in [`Simulated::advance`], and the same calls give the same cluster.
//! [`Simulated::follow_clock`] lets it follow real time. What a pod does, its template's annotation
//! `verbund.de/simulate` says (see [`Script`]).
//!
//! It is a cluster as an agent sees it, not a Kubernetes: no API server, no admission but the quota on pods, no scheduling but by
//! sums.
//!
//! **Never in this crate**: randomness, clocks in the cluster itself, decisions of the agent.

mod controllers;
mod driver;
mod pod;
mod script;
mod space;
mod world;

pub use driver::{ApiError, Simulated};
pub use script::Script;
pub use world::Shape;

#[cfg(test)]
mod tests;
